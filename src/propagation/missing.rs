//! What was looked for and not found, in words.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use thiserror::Error;

use super::Record;
use super::dns::{DNS_PORT, DnsError, Server};

/// Of very many records the first few say enough.
const TOLD: usize = 3;

/// Records that did not become visible in time.
#[derive(Clone, Debug, Error)]
#[error("not visible in DNS after {} s: {}", waited.as_secs(), Told(missing))]
pub struct NotVisible {
    /// How long it was waited.
    pub waited: Duration,
    /// What is missing, and where.
    pub missing: Vec<Missing>,
}

impl NotVisible {
    /// What to do about it, a line each.
    #[must_use]
    pub fn hints(&self) -> Vec<String> {
        let is_unknown = |missing: &Missing| !matches!(missing.servers, Servers::Seen(_));
        let is_silent = |missing: &Missing| match &missing.servers {
            Servers::Seen(seen) => seen.iter().all(|seen| !seen.is_lacking()),
            _ => false,
        };
        if self.missing.iter().any(is_unknown) {
            return vec!["name resolvers that can be asked from here with `resolvers:`".to_owned()];
        }
        if self.missing.iter().any(is_silent) {
            return vec![
                "where port 53 is blocked, set `propagation: resolvers` and name them with `resolvers:`"
                    .to_owned(),
            ];
        }
        vec!["raise `propagation_timeout:` if the name servers are known to be slow".to_owned()]
    }
}

/// A record that is not visible everywhere.
#[derive(Clone, Debug)]
pub struct Missing {
    /// What is looked for.
    pub record: Record,
    /// Where it really is, if CNAMEs lead there.
    pub behind: Option<String>,
    servers: Servers,
}

#[derive(Clone, Debug)]
enum Servers {
    NotAsked,
    Unknown(DnsError),
    Seen(Vec<Seen>),
}

impl Missing {
    pub(super) fn not_asked(record: &Record) -> Self {
        Self { record: record.clone(), behind: None, servers: Servers::NotAsked }
    }

    pub(super) fn unknown_zone(record: &Record, error: DnsError) -> Self {
        Self { record: record.clone(), behind: None, servers: Servers::Unknown(error) }
    }

    pub(super) fn seen(record: &Record, name: String, seen: Vec<Seen>) -> Self {
        let behind = (name != record.name).then_some(name);
        Self { record: record.clone(), behind, servers: Servers::Seen(seen) }
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.record.name)?;
        if let Some(behind) = &self.behind {
            write!(f, " (by CNAME `{behind}`)")?;
        }
        match &self.servers {
            Servers::NotAsked => f.write_str(": nobody answered"),
            Servers::Unknown(error) => write!(f, ": {error}"),
            Servers::Seen(seen) => {
                let lacking = seen.iter().filter(|seen| !seen.has_it());
                for (index, seen) in lacking.enumerate() {
                    write!(f, "{} {seen}", if index == 0 { "" } else { "," })?;
                }
                Ok(())
            }
        }
    }
}

/// Several of them in one line.
struct Told<'a>(&'a [Missing]);

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, missing) in self.0.iter().take(TOLD).enumerate() {
            write!(f, "{}{missing}", if index == 0 { "" } else { "; " })?;
        }
        match self.0.len().saturating_sub(TOLD) {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

/// What one server has of a record.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Its name, where it has one.
    pub server: Option<String>,
    state: State,
}

#[derive(Clone, Debug)]
enum State {
    Has,
    Lacks { address: SocketAddr, others: usize },
    Silent(Vec<Silence>),
}

/// An address that gave no answer.
#[derive(Clone, Debug)]
pub struct Silence {
    /// Which.
    pub address: SocketAddr,
    /// Why.
    pub error: DnsError,
}

impl Seen {
    pub(super) fn silent(server: &Server) -> Self {
        Self { server: server.name.clone(), state: State::Silent(Vec::new()) }
    }

    pub(super) fn lacking(server: &Server, address: SocketAddr, others: usize) -> Self {
        Self { server: server.name.clone(), state: State::Lacks { address, others } }
    }

    pub(super) fn has(&mut self) {
        self.state = State::Has;
    }

    pub(super) fn fails(&mut self, address: SocketAddr, error: DnsError) {
        if let State::Silent(silent) = &mut self.state {
            silent.push(Silence { address, error });
        }
    }

    fn has_it(&self) -> bool {
        matches!(self.state, State::Has)
    }

    /// Whether it answers and does not have the value.
    pub(super) fn is_lacking(&self) -> bool {
        matches!(self.state, State::Lacks { .. })
    }

    /// Whether none of its addresses answers.
    pub(super) fn is_silent(&self) -> bool {
        matches!(self.state, State::Silent(_))
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = |f: &mut fmt::Formatter<'_>, address: &SocketAddr| match (&self.server, address.port()) {
            (Some(name), DNS_PORT) => write!(f, "`{name}` ({})", address.ip()),
            (Some(name), _) => write!(f, "`{name}` ({address})"),
            (None, DNS_PORT) => write!(f, "`{}`", address.ip()),
            (None, _) => write!(f, "`{address}`"),
        };
        match &self.state {
            State::Has => f.write_str("everywhere"),
            State::Lacks { address, others } => {
                f.write_str("is not at ")?;
                place(f, address)?;
                match others {
                    0 => Ok(()),
                    1 => f.write_str(", which has another value"),
                    others => write!(f, ", which has {others} other values"),
                }
            }
            State::Silent(silent) => {
                let Some(Silence { address, error }) = silent.first() else {
                    return write!(
                        f,
                        "is unknown at `{}`, which has no address",
                        self.server.as_deref().unwrap_or("-")
                    );
                };
                f.write_str("is unknown at ")?;
                place(f, address)?;
                write!(f, ": {error}")
            }
        }
    }
}
