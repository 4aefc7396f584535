//! What is in Vault: teams, zones and the certificates in them.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::rc::Rc;

use futures_util::StreamExt;
use futures_util::stream;

use super::vault_error;
use crate::chain::{ChainError, Leaf};
use crate::cli::lecertvend::Arguments;
use crate::config::lecertvend::{BadTeam, CERT, TEAM, Team, Wanted, Zone, is_ours};
use crate::error::Error;
use crate::identifier::Identifier;
use crate::report::words::List;
use crate::report::{Event, Reporter};
use crate::vault::{self, Found as Secret, Kv};

/// The certificates of one team.
pub(super) struct Found {
    pub(super) team: Rc<Team>,
    pub(super) wanted: Vec<Wanted>,
}

/// A look at a mount.
pub(super) struct Survey<'a> {
    kv: &'a Kv,
    /// Nobody, where only the outcome counts.
    reporter: Option<&'a Reporter>,
    arguments: &'a Arguments,
    /// What is known of folders: the team whose secret is in them.
    teams: BTreeMap<String, Option<Rc<Team>>>,
    /// Folders whose secret may not be read.
    denied: Vec<vault::Error>,
    /// What could not be looked at.
    pub(super) problems: Vec<Error>,
}

/// A secret that may be a certificate.
struct Candidate {
    zone: Zone,
    path: String,
}

impl<'a> Survey<'a> {
    pub(super) fn new(kv: &'a Kv, reporter: Option<&'a Reporter>, arguments: &'a Arguments) -> Self {
        let (teams, denied, problems) = (BTreeMap::new(), Vec::new(), Vec::new());
        Self { kv, reporter, arguments, teams, denied, problems }
    }

    /// The one certificate that was asked for.
    pub(super) async fn one(&mut self, secret: &str, names: &[String]) -> Result<Found, Error> {
        let zone = Zone::of(&self.arguments.prefix).map_err(Error::config)?;
        let path = zone.secret(secret).map_err(Error::config)?;
        let mut whole: Vec<Identifier> = Vec::new();
        for name in names {
            let name = zone.name(name).map_err(Error::config)?;
            if !whole.contains(&name) {
                whole.push(name);
            }
        }
        let shown: Vec<String> = whole.iter().map(ToString::to_string).collect();
        self.say(&format!("Vending cert for {}", shown.join(", ")));
        let team = self.team(&zone.prefix).await?;
        let leaf = match self.kv.find(&path).await.map_err(vault_error)? {
            Secret::Absent | Secret::Deleted { .. } => None,
            Secret::Version(version) => {
                if version.data.fields().next().is_some() && !version.data.has(CERT) {
                    return Err(Error::config(Unlike { path: self.shown(&path) })
                        .hint("nothing is written over what is no certificate: choose another -secret"));
                }
                version.data.text(CERT).and_then(|pem| Leaf::parse_first(pem.as_bytes()).ok())
            }
        };
        Ok(Found { team, wanted: vec![Wanted { path, names: whole, leaf }] })
    }

    /// All certificates below the prefix, by team.
    pub(super) async fn all(&mut self) -> Result<Vec<Found>, Error> {
        let prefix = self.arguments.prefix.clone();
        let mut candidates = Vec::new();
        self.walk(&prefix, &mut candidates).await;
        let mut by_team: Vec<Found> = Vec::new();
        for (candidate, found) in self.read(candidates).await {
            let Some(wanted) = self.certificate(&candidate, found) else { continue };
            let team = self.team(&candidate.zone.prefix).await?;
            match by_team.iter_mut().find(|found| Rc::ptr_eq(&found.team, &team)) {
                Some(found) => found.wanted.push(wanted),
                None => by_team.push(Found { team, wanted: vec![wanted] }),
            }
        }
        if by_team.is_empty() && self.problems.is_empty() {
            // A prefix with a slip in it is not one where all is well.
            self.team(&prefix).await?;
        }
        Ok(by_team)
    }

    /// Lists a folder and those below it.
    fn walk<'s>(
        &'s mut self,
        prefix: &'s str,
        candidates: &'s mut Vec<Candidate>,
    ) -> Pin<Box<dyn Future<Output = ()> + 's>> {
        Box::pin(async move {
            let when = match self.arguments.min_days {
                Some(days) => format!("if less than {days} days validity remain."),
                None => "when they are due.".to_owned(),
            };
            self.say(&format!("Renewing certs in prefix {prefix} {when}"));
            let zone = Zone::of(prefix).ok();
            if zone.is_none() {
                self.say(&format!("{prefix} does not end in zone, looking for zones within..."));
            }
            let names = match self.kv.list(prefix).await {
                Ok(names) => names,
                Err(error) => return self.problem(vault_error(error)),
            };
            for name in names {
                match (name.strip_suffix('/'), &zone) {
                    (Some(folder), _) if is_ours(folder) => {}
                    (Some(folder), _) => self.walk(&format!("{prefix}/{folder}"), candidates).await,
                    (None, Some(_)) if is_ours(&name) => {}
                    (None, Some(zone)) => {
                        candidates.push(Candidate { zone: zone.clone(), path: format!("{prefix}/{name}") });
                    }
                    (None, None) => self.say(&format!("ignoring secret {name} in non-zone prefix {prefix}")),
                }
            }
        })
    }

    /// Reads secrets, some at once, in their order.
    async fn read(&self, candidates: Vec<Candidate>) -> Vec<(Candidate, Result<Secret, vault::Error>)> {
        let read = |candidate: Candidate| async move {
            let found = self.kv.find(&candidate.path).await;
            (candidate, found)
        };
        stream::iter(candidates.into_iter().map(read)).buffered(READ_AT_ONCE).collect().await
    }

    /// The certificate in a secret, if that is one of the zone.
    fn certificate(&mut self, candidate: &Candidate, found: Result<Secret, vault::Error>) -> Option<Wanted> {
        let path = &candidate.path;
        let version = match found {
            Ok(Secret::Version(version)) => version,
            Ok(Secret::Absent | Secret::Deleted { .. }) => {
                self.say(&format!("secret {path} is deleted"));
                return None;
            }
            Err(error) => {
                self.problem(vault_error(error));
                return None;
            }
        };
        let leaf = match version.data.text(CERT).map(|pem| Leaf::parse_first(pem.as_bytes())) {
            Some(Ok(leaf)) => leaf,
            None | Some(Err(ChainError::Empty)) => {
                self.say(&format!("ignoring secret {path}: there is no certificate in it"));
                return None;
            }
            Some(Err(error)) => {
                // Nobody knows what is to become of it, and nobody should believe that it is renewed.
                self.problem(Error::failed(Unreadable { path: self.shown(path), source: error }));
                return None;
            }
        };
        let strange: Vec<_> = leaf.names.iter().filter(|name| !candidate.zone.has(name)).collect();
        if !strange.is_empty() || leaf.names.is_empty() {
            let what = if strange.is_empty() {
                "names nothing".to_owned()
            } else {
                format!("is for {}, outside its zone", List(&strange))
            };
            self.say(&format!("ignoring secret {path}: the certificate in it {what}"));
            return None;
        }
        Some(Wanted { path: path.clone(), names: leaf.names.clone(), leaf: Some(leaf) })
    }

    /// The team that a folder belongs to: whose secret is in it or right above it, else for the prefix that was typed.
    async fn team(&mut self, folder: &str) -> Result<Rc<Team>, Error> {
        let prefix = self.arguments.prefix.clone();
        let mut places: Vec<&str> = Vec::new();
        for place in [Some(folder), above(folder), Some(&prefix), above(&prefix)].into_iter().flatten() {
            if !places.contains(&place) {
                places.push(place);
            }
        }
        for place in &places {
            if let Some(team) = self.team_in(place).await? {
                return Ok(team);
            }
        }
        let looked_at: Vec<String> =
            places.iter().map(|place| self.shown(&format!("{place}/{TEAM}"))).collect();
        let error = match self.denied.pop() {
            Some(denied) => vault_error(denied),
            None => Error::config(NoTeam(looked_at)),
        };
        Err(error.hint("it holds cfToken, contact and leKey; see -help"))
    }

    async fn team_in(&mut self, folder: &str) -> Result<Option<Rc<Team>>, Error> {
        if let Some(known) = self.teams.get(folder) {
            return Ok(known.clone());
        }
        let path = format!("{folder}/{TEAM}");
        let team = match self.kv.find(&path).await {
            Ok(Secret::Version(version)) => {
                let team = Team::read(folder, &self.shown(&path), &version.data);
                Some(Rc::new(team.map_err(|error: BadTeam| Error::config(error))?))
            }
            Ok(Secret::Absent | Secret::Deleted { .. }) => None,
            // Policies may leave it out where it is not.
            Err(denied @ vault::Error::Denied { .. }) => {
                self.denied.push(denied);
                None
            }
            Err(error) => return Err(vault_error(error)),
        };
        self.teams.insert(folder.to_owned(), team.clone());
        Ok(team)
    }

    fn say(&self, line: &str) {
        if let Some(reporter) = self.reporter {
            reporter.event(&Event::Notice(line));
        }
    }

    fn problem(&mut self, error: Error) {
        if let Some(reporter) = self.reporter {
            reporter.error(&error);
        }
        self.problems.push(error);
    }

    fn shown(&self, path: &str) -> String {
        format!("{}/{path}", self.kv.mount())
    }
}

/// The folder above a folder.
fn above(folder: &str) -> Option<&str> {
    folder.rsplit_once('/').map(|(above, _)| above)
}

/// So many secrets are read at once; how many requests that are is the client's to limit.
const READ_AT_ONCE: usize = 32;

/// No secret with what a team has.
#[derive(Debug, thiserror::Error)]
#[error("there is no secret {}", .0.iter().map(|path| format!("`{path}`")).collect::<Vec<_>>().join(" and no "))]
struct NoTeam(Vec<String>);

/// A secret that a certificate does not belong into.
#[derive(Debug, thiserror::Error)]
#[error("`{path}` holds something else than a certificate: it has no field `{CERT}`")]
struct Unlike {
    path: String,
}

/// A damaged certificate.
#[derive(Debug, thiserror::Error)]
#[error("the certificate in `{path}` cannot be read")]
struct Unreadable {
    path: String,
    source: ChainError,
}
