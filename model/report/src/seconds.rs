//! Durations as seconds in JSON.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::time::Duration;

/// A duration that is a number of seconds with three decimals in JSON. Reads the text form of older simulator runs,
/// too.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Seconds(
    /// The duration itself.
    pub Duration,
);

impl From<Duration> for Seconds {
    fn from(duration: Duration) -> Self {
        Self(duration)
    }
}

impl core::fmt::Display for Seconds {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}.{:03}", self.0.as_secs(), self.0.subsec_millis())
    }
}

impl Serialize for Seconds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.to_string().parse() {
            Ok(number) => serializer.serialize_f64(number),
            Err(_) => serializer.serialize_none(),
        }
    }
}

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Text {
            Number(f64),
            Text(String),
        }
        let number = match Text::deserialize(deserializer)? {
            Text::Number(number) => number,
            Text::Text(text) => text.parse().map_err(de::Error::custom)?,
        };
        Duration::try_from_secs_f64(number).map(Self).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::Seconds;
    use std::time::Duration;

    #[test]
    fn a_number_with_three_decimals() {
        let text = |millis| serde_json::to_string(&Seconds(Duration::from_millis(millis))).unwrap();
        assert_eq!([text(59_526), text(500), text(0)], ["59.526", "0.5", "0.0"]);
        let read = |text: &str| serde_json::from_str::<Seconds>(text).ok().map(|it| it.0.as_millis());
        assert_eq!([read("59.526"), read("\"59.526\""), read("2")], [Some(59_526), Some(59_526), Some(2000)]);
        assert_eq!([read("-1"), read("\"soon\"")], [None; 2]);
    }
}
