//! A plot over time, as SVG.

use super::clock::Micros;
use super::told::grouped;
use core::fmt::Write as _;

const WIDTH: u64 = 1_000;
const HEIGHT: u64 = 240;
const LEFT: u64 = 64;
const RIGHT: u64 = 12;
/// Room for the title and the names of what was killed.
const TOP: u64 = 44;
const BOTTOM: u64 = 26;

/// Where a value is in the plot's height. In thousandths of it.
pub(super) struct Scale {
    is_logarithmic: bool,
    /// The highest value that is shown.
    top: u64,
}

impl Scale {
    /// From 0 to a round number above `most`.
    pub(super) fn linear(most: u64) -> Self {
        let mut top = 10;
        while top < most {
            // 10, 20, 50, 100, …
            top = if top.to_string().starts_with('2') { top / 2 * 5 } else { top * 2 };
        }
        Self { is_logarithmic: false, top }
    }

    /// From 1 ms to a power of ten above `most`, in microseconds.
    pub(super) fn logarithmic(most: u64) -> Self {
        let mut top = 100_000;
        while top < most {
            top *= 10;
        }
        Self { is_logarithmic: true, top }
    }

    /// The values with a line, and their names.
    fn ticks(&self) -> Vec<(u64, String)> {
        if self.is_logarithmic {
            let powers = (0..).map(|power| 1_000 * 10_u64.pow(power)).take_while(|value| *value <= self.top);
            return powers.map(|value| (value, grouped(value / 1_000))).collect();
        }
        (0..=4).map(|quarter| self.top * quarter / 4).map(|value| (value, grouped(value))).collect()
    }

    fn thousandths(&self, value: u64) -> u64 {
        if !self.is_logarithmic {
            return value * 1_000 / self.top.max(1);
        }
        let decades = u64::from(self.top.ilog10() - 3);
        let value = value.max(1_000);
        let power = value.ilog10();
        // Between two powers of ten, by a table of the logarithms of 1.0 to 9.9.
        let tenths = value * 10 / 10_u64.pow(power);
        let within = MANTISSA
            .get(usize::try_from(tenths / 10).unwrap_or(1))
            .zip(MANTISSA.get(usize::try_from(tenths / 10 + 1).unwrap_or(1)));
        let within = within.map_or(0, |(low, high)| low + (high - low) * (tenths % 10) / 10);
        (u64::from(power - 3) * 1_000 + within) / decades.max(1)
    }
}

/// Thousandths of the decimal logarithm of 0 (as 1) to 10.
const MANTISSA: [u64; 11] = [0, 0, 301, 477, 602, 699, 778, 845, 903, 954, 1_000];

/// A plot that is being drawn.
pub(super) struct Plot {
    title: &'static str,
    end: Micros,
    scale: Scale,
    behind: String,
    front: String,
    /// The end of the text that was written last in each line of names.
    names: [u64; 2],
}

impl Plot {
    pub(super) fn new(title: &'static str, end: Micros, scale: Scale) -> Self {
        Self { title, end, scale, behind: String::new(), front: String::new(), names: [0; 2] }
    }

    /// The place of a moment, in tenths of a unit.
    fn x(&self, time: Micros) -> u64 {
        LEFT * 10 + time.min(self.end) * (WIDTH - LEFT - RIGHT) * 10 / self.end.max(1)
    }

    fn y(&self, value: u64) -> u64 {
        let height = (HEIGHT - TOP - BOTTOM) * 10;
        (HEIGHT - BOTTOM) * 10 - self.scale.thousandths(value).min(1_000) * height / 1_000
    }

    /// A part of the time.
    pub(super) fn band(&mut self, class: &str, (from, to): (Micros, Micros), name: &str) {
        let x = self.x(from);
        // Even the shortest one is seen.
        let width = self.x(to).saturating_sub(x).max(15);
        let took = (to - from).div_ceil(1_000);
        let _ = writeln!(
            self.behind,
            "<rect class=\"{class}\" x=\"{}\" y=\"{TOP}\" width=\"{}\" height=\"{}\"><title>{name}, {} ms</title></rect>",
            tenths(x),
            tenths(width),
            HEIGHT - TOP - BOTTOM,
            grouped(took)
        );
    }

    /// A moment with a name.
    pub(super) fn mark(&mut self, time: Micros, name: &str) {
        let x = self.x(time);
        let _ = writeln!(
            self.front,
            "<path class=\"kill\" d=\"M{0} {1}V{2}\"><title>kill -9 {name}</title></path>",
            tenths(x),
            TOP - 4,
            HEIGHT - BOTTOM
        );
        // The name is left out where it would be over another.
        let width = 70 * name.len() as u64 + 40;
        let free = self.names.iter_mut().zip([TOP - 8, TOP - 20]).find(|(end, _)| **end <= x);
        if let Some((end, y)) = free {
            *end = x + width;
            let _ = writeln!(self.front, "<text class=\"name\" x=\"{}\" y=\"{y}\">{name}</text>", tenths(x));
        }
    }

    /// The points of a series, one for each bin. `None` where nothing was measured.
    fn points(&self, values: &[u64], with_nothing: bool) -> Vec<Option<(u64, u64)>> {
        let bins = values.len().max(1) as u64;
        let point = |(at, value): (u64, &u64)| {
            let middle = self.end / bins * at + self.end / bins / 2;
            (with_nothing || *value > 0).then(|| (self.x(middle), self.y(*value)))
        };
        (0..).zip(values).map(point).collect()
    }

    /// A line, with gaps where nothing was measured.
    pub(super) fn line(&mut self, class: &str, values: &[u64]) {
        let mut path = String::new();
        let mut is_open = false;
        for point in self.points(values, false) {
            if let Some((x, y)) = point {
                let step = if is_open { 'L' } else { 'M' };
                let _ = write!(path, "{step}{} {}", tenths(x), tenths(y));
                if !is_open {
                    // A point alone is seen as well.
                    path.push_str("h.1");
                }
            }
            is_open = point.is_some();
        }
        let _ = writeln!(self.front, "<path class=\"series {class}\" d=\"{path}\"/>");
    }

    /// A line with the area below it.
    pub(super) fn area(&mut self, class: &str, values: &[u64]) {
        let points: Vec<(u64, u64)> = self.points(values, true).into_iter().flatten().collect();
        let (Some((first, _)), Some((last, _))) = (points.first(), points.last()) else { return };
        let line: Vec<String> =
            points.iter().map(|(x, y)| format!("{} {}", tenths(*x), tenths(*y))).collect();
        let (line, floor) = (line.join("L"), HEIGHT - BOTTOM);
        let _ = writeln!(
            self.front,
            "<path class=\"below {class}\" d=\"M{} {floor}L{line}L{} {floor}Z\"/>\n<path class=\"series {class}\" d=\"M{line}\"/>",
            tenths(*first),
            tenths(*last)
        );
    }

    /// The plot as an element.
    pub(super) fn svg(&self) -> String {
        let mut text = format!(
            "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{0}\">\n<text class=\"title\" x=\"{LEFT}\" y=\"14\">{0}</text>\n{1}",
            self.title, self.behind
        );
        for (value, name) in self.scale.ticks() {
            let y = self.y(value);
            let _ = writeln!(
                text,
                "<path class=\"grid\" d=\"M{LEFT} {0}H{1}\"/><text class=\"y\" x=\"{2}\" y=\"{3}\">{name}</text>",
                tenths(y),
                WIDTH - RIGHT,
                LEFT - 8,
                tenths(y + 40)
            );
        }
        let seconds = self.end / 1_000_000;
        let each = [1, 2, 5, 10, 20, 50, 100, 200, 500].into_iter().find(|each| seconds / each <= 12);
        let mut second = 0;
        while second <= seconds {
            let x = tenths(self.x(second * 1_000_000));
            let _ = writeln!(text, "<text class=\"x\" x=\"{x}\" y=\"{}\">{second} s</text>", HEIGHT - 8);
            second += each.unwrap_or(1_000);
        }
        text + &self.front + "</svg>\n"
    }
}

fn tenths(number: u64) -> String {
    if number.is_multiple_of(10) {
        (number / 10).to_string()
    } else {
        format!("{}.{}", number / 10, number % 10)
    }
}

#[cfg(test)]
mod tests {
    use super::{Plot, Scale};

    #[test]
    fn scales_end_at_round_numbers() {
        assert_eq!([0, 11, 21, 51, 3_700].map(|most| Scale::linear(most).top), [10, 20, 50, 100, 5_000]);
        let scale = Scale::logarithmic(100_000);
        let places = [1_000, 2_000, 10_000, 100_000].map(|value| scale.thousandths(value));
        assert_eq!(places, [0, 150, 500, 1_000]);
        let names: Vec<_> = scale.ticks().into_iter().map(|(_, name)| name).collect();
        assert_eq!(names, ["1", "10", "100"]);
    }

    #[test]
    fn a_line_has_gaps_where_nothing_was_measured() {
        let mut plot = Plot::new("t", 400_000, Scale::linear(10));
        plot.line("p50", &[1, 2, 0, 3]);
        assert_eq!(plot.svg().matches('M').count() - 5, 2, "five lines of the grid, and two of the series");
    }
}
