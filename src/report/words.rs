//! How things are put into words: lists, counts and instants.

use std::fmt;

use time::OffsetDateTime;
use time::macros::format_description;

/// Names in backticks: `` `a`, `b` and `c` ``.
#[derive(Debug)]
pub struct List<'a, T>(pub &'a [T]);

impl<T: fmt::Display> fmt::Display for List<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, item) in self.0.iter().enumerate() {
            match index {
                0 => {}
                _ if index + 1 == self.0.len() => f.write_str(" and ")?,
                _ => f.write_str(", ")?,
            }
            write!(f, "`{item}`")?;
        }
        Ok(())
    }
}

/// A number and its noun: `1 certificate`, `2 certificates`.
#[derive(Debug)]
pub struct Count(pub usize, pub &'static str);

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.0, self.1)?;
        if self.0 == 1 { Ok(()) } else { f.write_str("s") }
    }
}

/// An instant in UTC, to the second: `2027-02-10 09:30:00Z`.
#[derive(Debug)]
pub struct When(pub OffsetDateTime);

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let form = format_description!("[year]-[month]-[day] [hour]:[minute]:[second]Z");
        match self.0.to_offset(time::UtcOffset::UTC).format(form) {
            Ok(text) => f.write_str(&text),
            // Years beyond 9999 have no form in this description.
            Err(_) => write!(f, "@{}", self.0.unix_timestamp()),
        }
    }
}

/// An instant in the form of RFC 3339, for machines.
#[must_use]
pub fn rfc3339(at: OffsetDateTime) -> String {
    let seconds = at.replace_nanosecond(0).unwrap_or(at);
    seconds.format(&time::format_description::well_known::Rfc3339).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_counts_read_as_sentences() {
        assert_eq!(List(&["a"]).to_string(), "`a`");
        assert_eq!(List(&["a", "b", "c"]).to_string(), "`a`, `b` and `c`");
        assert_eq!(Count(1, "certificate").to_string(), "1 certificate");
        assert_eq!(Count(0, "certificate").to_string(), "0 certificates");
        assert_eq!(When(OffsetDateTime::UNIX_EPOCH).to_string(), "1970-01-01 00:00:00Z");
    }
}
