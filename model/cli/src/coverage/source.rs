//! The function to which each line of a source file belongs, read from the text as rustfmt lays it out.
//!
//! A name such as `Leader::advance` does not depend on the compiler's mangling and stays when lines above it change.

/// An item that contains functions, or a function.
struct Frame {
    indent: usize,
    name: String,
    kind: Kind,
    /// Whether its `{` was seen.
    open: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Function,
    Container,
}

/// A source file: its lines, and the function of each.
#[derive(Debug, Default)]
pub(super) struct Source {
    raw: Vec<String>,
    places: Vec<Option<String>>,
}

impl Source {
    pub(super) fn parse(text: &str) -> Self {
        let mut stack: Vec<Frame> = Vec::new();
        let mut source = Self::default();
        for line in text.lines() {
            let code = line.trim();
            let indent = line.len() - line.trim_start().len();
            let inside = |stack: &[Frame]| stack.last().is_some_and(|frame| frame.kind == Kind::Function);
            if let Some(frame) =
                frame(code, indent).filter(|frame| !inside(&stack) || frame.kind == Kind::Function)
            {
                stack.push(frame);
            }
            source.places.push(place(&stack));
            source.raw.push(line.to_owned());
            close(&mut stack, code, indent);
        }
        source
    }

    /// All lines, as they are in the file.
    pub(super) fn raw(&self) -> impl Iterator<Item = &str> {
        self.raw.iter().map(String::as_str)
    }

    /// The text of a line, by its number from 1, without the space around it.
    pub(super) fn text(&self, line: u32) -> &str {
        self.at(line).and_then(|at| self.raw.get(at)).map_or("", |line| line.trim())
    }

    /// The function of a line; `-` outside of functions.
    pub(super) fn place(&self, line: u32) -> &str {
        self.at(line).and_then(|at| self.places.get(at)?.as_deref()).unwrap_or("-")
    }

    /// Whether the file has a function of that name.
    pub(super) fn has(&self, place: &str) -> bool {
        self.places.iter().flatten().any(|other| other == place)
    }

    fn at(&self, line: u32) -> Option<usize> {
        usize::try_from(line).ok()?.checked_sub(1)
    }
}

/// The item that begins on a line.
fn frame(code: &str, indent: usize) -> Option<Frame> {
    let item = without_qualifiers(code);
    let word = |rest: &str| {
        let name: String = rest.chars().take_while(|&c| c.is_alphanumeric() || "_$".contains(c)).collect();
        (!name.is_empty()).then_some(name)
    };
    let of = |name: String, kind| Some(Frame { indent, name, kind, open: false });
    if let Some(rest) = item.strip_prefix("fn ") {
        return of(word(rest)?, Kind::Function);
    }
    if let Some(rest) = item.strip_prefix("trait ").or_else(|| item.strip_prefix("mod ")) {
        return of(word(rest)?, Kind::Container);
    }
    if let Some(rest) = item.strip_prefix("macro_rules! ") {
        return of(format!("{}!", word(rest)?), Kind::Container);
    }
    let rest = item.strip_prefix("impl").filter(|rest| rest.starts_with([' ', '<']))?;
    of(implemented(rest), Kind::Container)
}

fn without_qualifiers(code: &str) -> &str {
    let mut item = code;
    loop {
        let shorter = ["pub ", "const ", "unsafe ", "async ", "default "]
            .iter()
            .find_map(|word| item.strip_prefix(word));
        let shorter = shorter.or_else(|| item.strip_prefix("pub(")?.split_once(") ").map(|(_, rest)| rest));
        match shorter {
            Some(shorter) => item = shorter,
            None => return item,
        }
    }
}

/// `Type` or `Type::Trait` of what follows `impl`, without generic arguments.
fn implemented(header: &str) -> String {
    let mut depth = 0_u32;
    let mut flat = String::new();
    let mut before = ' ';
    for c in header.chars() {
        match c {
            '<' => depth += 1,
            // Not the end of generic arguments, but the arrow of a function type.
            '>' if before == '-' => {}
            '>' => depth = depth.saturating_sub(1),
            _ if depth == 0 => flat.push(c),
            _ => {}
        }
        before = c;
    }
    let flat = flat.split(" where").next().unwrap_or_default().trim_end_matches('{').trim();
    let last =
        |path: &str| path.trim().trim_start_matches('&').rsplit("::").next().unwrap_or_default().to_owned();
    match flat.split_once(" for ") {
        Some((implemented, target)) => format!("{}::{}", last(target), last(implemented)),
        None => last(flat),
    }
}

/// The names of the items around a line, down to its function.
fn place(stack: &[Frame]) -> Option<String> {
    stack.last().filter(|frame| frame.kind == Kind::Function)?;
    Some(stack.iter().map(|frame| frame.name.as_str()).collect::<Vec<_>>().join("::"))
}

/// Removes the items that end on a line.
fn close(stack: &mut Vec<Frame>, code: &str, indent: usize) {
    let Some(frame) = stack.last_mut() else { return };
    if !frame.open {
        let whole_on_a_line = code.ends_with('}') && code.contains('{');
        if whole_on_a_line || code.ends_with(';') {
            stack.pop();
        } else if code.ends_with('{') && indent == frame.indent {
            frame.open = true;
        }
        return;
    }
    if indent == frame.indent && code.starts_with('}') {
        stack.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::Source;

    const TEXT: &str = "\
use x::y;

impl<T: Ord> Log<T> {
    pub(super) const fn base(&self) -> u64 {
        self.base
    }

    fn long(
        &self,
        of: impl Fn(u64) -> u64,
    ) -> u64 {
        fn inner() -> u64 {
            1
        }
        of(inner())
    }
}

impl<T> fmt::Display for Log<T>
where
    T: Ord,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(\"x\")
    }
}

trait Machine {
    fn step(&self);
    fn steps(&self) {}
    fn all(&self) {
        self.step();
    }
}

const fn free() -> u8 {
    7
}

macro_rules! number {
    ($name:ident) => {
        impl $name {
            pub const fn get(self) -> u64 {
                self.0
            }
        }
    };
}
";

    fn of(text: &str) -> String {
        let source = Source::parse(TEXT);
        let at = TEXT.lines().position(|line| line.trim() == text).unwrap();
        source.place(u32::try_from(at).unwrap() + 1).to_owned()
    }

    #[test]
    fn each_line_knows_its_function() {
        for (text, place) in [
            ("use x::y;", "-"),
            ("self.base", "Log::base"),
            ("&self,", "Log::long"),
            ("1", "Log::long::inner"),
            ("of(inner())", "Log::long"),
            ("f.write_str(\"x\")", "Log::Display::fmt"),
            ("fn steps(&self) {}", "Machine::steps"),
            ("self.step();", "Machine::all"),
            ("7", "free"),
            ("self.0", "number!::$name::get"),
        ] {
            assert_eq!(of(text), place, "{text}");
        }
    }

    #[test]
    fn lines_are_counted_from_one() {
        let source = Source::parse(TEXT);
        assert_eq!((source.text(1), source.text(0), source.place(5_000)), ("use x::y;", "", "-"));
        assert!(source.has("Log::base") && !source.has("Log::nothing"));
    }
}
