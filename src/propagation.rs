//! Is the record visible where the CA will look?
//!
//! A hook that has handed a record to a provider may return long before every name server has it, and a CA that looks
//! too early spends a failed authorization. So every name server of the zone is asked, since the CA looks from several
//! places and each may reach another one; or the resolvers that a person names. All waits of a run go through one
//! [`Propagation`]: they share what was found out about zones and a bound on queries, and run side by side, so that a
//! thousand certificates wait as long as one.

mod dns;
mod missing;

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{Instant, sleep_until, timeout_at};

pub use dns::DnsError;
pub use missing::{Missing, NotVisible, Seen, Silence};

use dns::{Dns, Server};

/// Between the first look and the second; each pause after it is half as long again, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// A TXT record with a value that is to be visible.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its name, such as `_acme-challenge.a.example`.
    pub name: String,
    /// The value among those at that name.
    pub value: String,
}

/// Who is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Witnesses {
    /// Every name server of the zone in which the record is, behind its CNAMEs.
    Authoritative,
    /// The resolvers that are configured, else the system's.
    Resolvers,
}

/// How the DNS is asked in a run.
#[derive(Debug)]
pub struct Propagation {
    dns: Dns,
}

impl Propagation {
    /// Asks these resolvers where zones are, and for records where that is wanted; the system's when there are none.
    #[must_use]
    pub fn new(resolvers: &[SocketAddr]) -> Self {
        Self { dns: Dns::new(resolvers) }
    }

    /// Waits until all records are visible, and tells of each look that did not find them so.
    ///
    /// # Errors
    /// They are not within `patience`.
    pub async fn wait(
        &self,
        records: &[Record],
        witnesses: Witnesses,
        patience: Duration,
        told: impl Fn(&[Missing]),
    ) -> Result<(), NotVisible> {
        let deadline = Instant::now() + patience;
        let mut pause = FIRST_PAUSE;
        let mut missing: Vec<Missing> = records.iter().map(Missing::not_asked).collect();
        loop {
            let looks = missing.iter().map(|missing| self.look(&missing.record, witnesses));
            // Late answers are of no use, and what was seen before says more than none.
            let Ok(seen) = timeout_at(deadline, join_all(looks)).await else { break };
            missing = seen.into_iter().flatten().collect();
            if missing.is_empty() {
                return Ok(());
            }
            told(&missing);
            let next = Instant::now() + pause;
            if next >= deadline {
                break;
            }
            sleep_until(next).await;
            pause = (pause + pause / 2).min(LONGEST_PAUSE);
        }
        Err(NotVisible { waited: patience, missing })
    }

    /// The values at a name, as the resolvers see them: the first that answers is believed.
    ///
    /// # Errors
    /// No resolver answers.
    pub async fn values(&self, name: &str) -> Result<Vec<String>, DnsError> {
        let mut silence = None;
        for server in self.dns.resolvers()? {
            for address in server.addresses {
                match self.dns.txt(address, name, Witnesses::Resolvers).await {
                    Ok(values) => return Ok(values),
                    Err(error) => silence = Some(error),
                }
            }
        }
        Err(silence.unwrap_or(DnsError::NoResolver))
    }

    /// What is missing of one record, if anything is.
    async fn look(&self, record: &Record, witnesses: Witnesses) -> Option<Missing> {
        let (name, servers) = match self.servers(&record.name, witnesses).await {
            Ok(found) => found,
            Err(error) => return Some(Missing::unknown_zone(record, error)),
        };
        let asked = servers.iter().map(|server| self.ask(server, &name, &record.value, witnesses));
        let seen: Vec<Seen> = join_all(asked).await;
        // A name server that cannot be reached from here may be up for the CA; too many of them, and nothing is proven.
        let silent = seen.iter().filter(|seen| seen.is_silent()).count();
        let is_lacking = seen.iter().any(Seen::is_lacking);
        (is_lacking || silent * 2 >= seen.len()).then(|| Missing::seen(record, name, seen))
    }

    /// Where the record really is, and who is to be asked for it.
    async fn servers(&self, name: &str, witnesses: Witnesses) -> Result<(String, Vec<Server>), DnsError> {
        match witnesses {
            Witnesses::Resolvers => Ok((name.to_owned(), self.dns.resolvers()?)),
            Witnesses::Authoritative => {
                let (name, zone) = self.dns.behind_cnames(name).await?;
                Ok((name, self.dns.name_servers(&zone).await?))
            }
        }
    }

    /// What one server has, by all its addresses: it has the value only if all that answer do.
    async fn ask(&self, server: &Server, name: &str, value: &str, witnesses: Witnesses) -> Seen {
        let asked = server.addresses.iter().map(|address| self.dns.txt(*address, name, witnesses));
        let answers = join_all(asked).await;
        let mut seen = Seen::silent(server);
        for (address, answer) in server.addresses.iter().zip(answers) {
            match answer {
                Ok(values) if values.iter().any(|found| found == value) => seen.has(),
                Ok(values) => return Seen::lacking(server, *address, values.len()),
                Err(error) => seen.fails(*address, error),
            }
        }
        seen
    }
}
