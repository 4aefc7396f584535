//! What a person can set: variables of the environment, read once.

use std::net::SocketAddr;
use std::time::Duration;

use thiserror::Error;

/// A variable that holds what it cannot hold.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{name}: {reason}")]
pub struct BadSetting {
    /// The variable.
    pub name: &'static str,
    /// What is wrong with it.
    pub reason: String,
}

impl BadSetting {
    /// Says what is wrong with a variable.
    #[must_use]
    pub fn new(name: &'static str, reason: String) -> Self {
        Self { name, reason }
    }
}

/// Where variables come from.
pub struct Variables<F>(pub F);

/// The variables of this process.
#[must_use]
pub fn environment() -> Variables<impl Fn(&str) -> Option<String>> {
    Variables(|name: &str| std::env::var(name).ok())
}

impl<F: Fn(&str) -> Option<String>> Variables<F> {
    /// A text without blanks around it. One that is empty is not set.
    pub fn text(&self, name: &str) -> Option<String> {
        self.0(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
    }

    /// The entries of a list, separated by blanks, commas or line ends.
    pub fn list(&self, name: &str) -> Vec<String> {
        let text = self.text(name).unwrap_or_default();
        text.split([' ', ',', '\n']).filter(|entry| !entry.is_empty()).map(str::to_owned).collect()
    }

    /// A number of seconds, with or without a fraction.
    ///
    /// # Errors
    /// When it is none.
    pub fn seconds(&self, name: &'static str, otherwise: f64) -> Result<Duration, BadSetting> {
        let Some(text) = self.text(name) else { return Ok(Duration::from_secs_f64(otherwise)) };
        let seconds = text.parse().ok().and_then(|number| Duration::try_from_secs_f64(number).ok());
        seconds.ok_or_else(|| BadSetting::new(name, format!("`{text}` is no number of seconds")))
    }

    /// Yes or no.
    ///
    /// # Errors
    /// When it is neither.
    pub fn flag(&self, name: &'static str, otherwise: bool) -> Result<bool, BadSetting> {
        match self.text(name).as_deref() {
            None => Ok(otherwise),
            Some("1" | "true" | "yes") => Ok(true),
            Some("0" | "false" | "no") => Ok(false),
            Some(other) => Err(BadSetting::new(name, format!("`{other}` is neither true nor false"))),
        }
    }

    /// The address of a name server, on port 53 unless it says so.
    ///
    /// # Errors
    /// When it is none.
    pub fn nameserver(&self, name: &'static str) -> Result<Option<SocketAddr>, BadSetting> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let address = text.parse().or_else(|_| text.parse().map(|ip| SocketAddr::new(ip, 53)));
        address.map(Some).map_err(|_| BadSetting::new(name, format!("`{text}` is no address")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(value: &str) -> Variables<impl Fn(&str) -> Option<String>> {
        Variables(move |name: &str| (name == "X").then(|| value.to_owned()))
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        assert_eq!(with("-1").seconds("X", 1.0).unwrap_err().to_string(), "X: `-1` is no number of seconds");
        assert_eq!(with("ns1").nameserver("X").unwrap_err().to_string(), "X: `ns1` is no address");
        assert_eq!(with("on").flag("X", true).unwrap_err().to_string(), "X: `on` is neither true nor false");
        assert_eq!(with(" ").flag("X", true), Ok(true));
    }

    #[test]
    fn an_address_has_port_53_unless_it_says_so() {
        let address = |text| with(text).nameserver("X").unwrap().unwrap().to_string();
        assert_eq!(address("127.0.0.2"), "127.0.0.2:53");
        assert_eq!(address("[::1]:5353"), "[::1]:5353");
    }

    #[test]
    fn a_list_is_separated_by_blanks_and_commas() {
        assert_eq!(with("a, b\nc").list("X"), ["a", "b", "c"]);
    }
}
