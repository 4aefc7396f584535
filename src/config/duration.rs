//! Durations as people write them: `30s`, `5m`, `1h30m`, `30d`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use thiserror::Error;

/// A duration longer than zero, in whole seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Humane(Duration);

impl Humane {
    /// A duration known when the program is built.
    ///
    /// # Panics
    ///
    /// At compile time, when `seconds` is zero.
    #[must_use]
    pub const fn seconds(seconds: u64) -> Self {
        assert!(seconds > 0);
        Self(Duration::from_secs(seconds))
    }

    /// The whole seconds of `duration`, if there are any.
    #[must_use]
    pub fn new(duration: Duration) -> Option<Self> {
        let seconds = duration.as_secs();
        (seconds > 0).then_some(Self(Duration::from_secs(seconds)))
    }

    /// The same as the standard library has it.
    #[must_use]
    pub const fn get(self) -> Duration {
        self.0
    }
}

impl FromStr for Humane {
    type Err = DurationError;

    fn from_str(text: &str) -> Result<Self, DurationError> {
        let mut rest = text.trim();
        let mut total = 0_u64;
        let mut smallest = u64::MAX;
        while !rest.is_empty() || total == 0 && smallest == u64::MAX {
            let (digits, behind) = rest.split_at(span_of(rest, |c| c.is_ascii_digit()));
            let (unit, behind) = behind.split_at(span_of(behind, |c| c.is_ascii_alphabetic()));
            let number: u64 = match digits.parse() {
                Ok(number) => number,
                Err(_) if digits.is_empty() => return Err(DurationError::NotOne { text: text.into() }),
                Err(_) => return Err(DurationError::TooLong { text: text.into() }),
            };
            let seconds = match UNITS.iter().find(|(name, _)| *name == unit) {
                Some((_, seconds)) => *seconds,
                None if unit.is_empty() && behind.is_empty() => {
                    return Err(DurationError::NoUnit { text: text.into() });
                }
                None => return Err(DurationError::NotOne { text: text.into() }),
            };
            // `30m1h` and `1h1h` are slips, not sums.
            if seconds >= smallest {
                return Err(DurationError::NotOne { text: text.into() });
            }
            smallest = seconds;
            total = number
                .checked_mul(seconds)
                .and_then(|seconds| total.checked_add(seconds))
                .filter(|total| *total <= LONGEST)
                .ok_or_else(|| DurationError::TooLong { text: text.into() })?;
            rest = behind.trim_start();
        }
        if total == 0 {
            return Err(DurationError::Zero { text: text.into() });
        }
        Ok(Self(Duration::from_secs(total)))
    }
}

/// The largest units that say it exactly: `90m` is shown as `1h30m`, 36 hours as `1d12h`.
impl fmt::Display for Humane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut left = self.0.as_secs();
        // Weeks are read, but nobody says four weeks and two days.
        for (unit, seconds) in UNITS.iter().filter(|(unit, _)| *unit != "w") {
            if left >= *seconds {
                write!(f, "{}{unit}", left / seconds)?;
                left %= seconds;
            }
        }
        Ok(())
    }
}

/// Why a text is no duration.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum DurationError {
    /// `30`.
    #[error("`{text}` has no unit: write `{text}s`, `{text}m`, `{text}h`, or `{text}d`")]
    NoUnit {
        /// What was written.
        text: String,
    },
    /// Anything else.
    #[error("`{text}` is not a duration such as `30s`, `5m`, `1h30m`, or `30d`")]
    NotOne {
        /// What was written.
        text: String,
    },
    /// More than a century.
    #[error("`{text}` is longer than a hundred years")]
    TooLong {
        /// What was written.
        text: String,
    },
    /// `0s`.
    #[error("`{text}` is no time at all")]
    Zero {
        /// What was written.
        text: String,
    },
}

fn span_of(text: &str, wanted: impl Fn(char) -> bool) -> usize {
    text.find(|c| !wanted(c)).unwrap_or(text.len())
}

/// From long to short, in seconds.
const UNITS: [(&str, u64); 5] = [("w", 604_800), ("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)];

/// So that adding one to any time we meet cannot overflow.
const LONGEST: u64 = 100 * 366 * 86_400;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_what_people_write() {
        let seconds = |text: &str| text.parse::<Humane>().unwrap().get().as_secs();
        assert_eq!(seconds("30s"), 30);
        assert_eq!(seconds("5m"), 300);
        assert_eq!(seconds("2h"), 7_200);
        assert_eq!(seconds("1d"), 86_400);
        assert_eq!(seconds("2w"), 1_209_600);
        assert_eq!(seconds("1h30m"), 5_400);
        assert_eq!(seconds(" 1h 30m "), 5_400);
    }

    #[test]
    fn refuses_what_could_mean_two_things() {
        let error = |text: &str| text.parse::<Humane>().unwrap_err().to_string();
        assert_eq!(error("30"), "`30` has no unit: write `30s`, `30m`, `30h`, or `30d`");
        assert_eq!(error("0s"), "`0s` is no time at all");
        assert_eq!(error("99999d"), "`99999d` is longer than a hundred years");
        assert_eq!(error("99999999999999999999d"), "`99999999999999999999d` is longer than a hundred years");
        for text in ["", "s", "-5m", "5 minutes", "1.5h", "30m1h", "1h1h", "5M", "1h,", "５m"] {
            let expected = format!("`{text}` is not a duration such as `30s`, `5m`, `1h30m`, or `30d`");
            assert_eq!(error(text), expected);
        }
    }

    proptest! {
        #[test]
        fn display_and_parse_are_inverse(seconds in 1..LONGEST) {
            let duration = Humane::seconds(seconds);
            prop_assert_eq!(duration.to_string().parse(), Ok(duration));
        }

        #[test]
        fn never_panics(text in "[0-9wdhms. -]{0,30}") {
            let _ = text.parse::<Humane>();
        }
    }
}
