//! What is in Vault: teams, zones and the certificates in them.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::rc::Rc;

use futures_util::StreamExt;
use futures_util::stream;

use super::vault_error;
use crate::chain::{ChainError, Leaf};
use crate::cli::lecertvend::Arguments;
use crate::config::lecertvend::{BadTeam, CERT, TEAM, Team, Wanted, Zone, is_ours};
use crate::error::{Error, ErrorKind};
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
    /// What is known of folders.
    folders: BTreeMap<String, Known>,
    /// What could not be looked at.
    pub(super) problems: Vec<Error>,
    /// The texts of those that several certificates may share.
    told: BTreeSet<String>,
}

/// What there is of a team in a folder.
#[derive(Clone)]
enum Known {
    Nothing,
    Team(Rc<Team>),
    /// A secret that says what cannot be.
    Bad(BadTeam),
    /// A policy leaves it out, perhaps because it is not there.
    Denied(vault::Error),
    /// It cannot be read.
    Lost(vault::Error),
}

/// A secret that may be a certificate.
struct Candidate {
    zone: Zone,
    path: String,
}

impl<'a> Survey<'a> {
    pub(super) fn new(kv: &'a Kv, reporter: Option<&'a Reporter>, arguments: &'a Arguments) -> Self {
        let (folders, problems, told) = (BTreeMap::new(), Vec::new(), BTreeSet::new());
        Self { kv, reporter, arguments, folders, problems, told }
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
            let team = match self.team(&candidate.zone.prefix).await {
                Ok(team) => team,
                // The other teams and zones have their own.
                Err(error) if matches!(error.kind, ErrorKind::Config | ErrorKind::Failed) => {
                    if self.told.insert(error.to_string()) {
                        self.problem(error);
                    }
                    continue;
                }
                Err(error) => return Err(error),
            };
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
        let mut denied = None;
        for place in &places {
            match self.folder(place).await {
                Known::Nothing => {}
                Known::Team(team) => return Ok(team),
                Known::Bad(error) => return Err(Error::config(error)),
                Known::Denied(error) => denied = Some(error),
                Known::Lost(error) => return Err(vault_error(error)),
            }
        }
        let looked_at: Vec<String> =
            places.iter().map(|place| self.shown(&format!("{place}/{TEAM}"))).collect();
        let error = denied.map_or_else(|| Error::config(NoTeam(looked_at)), vault_error);
        Err(error.hint("it holds cfToken, contact and leKey; see -help"))
    }

    /// What is in a folder, which is read once.
    async fn folder(&mut self, folder: &str) -> Known {
        if let Some(known) = self.folders.get(folder) {
            return known.clone();
        }
        let path = format!("{folder}/{TEAM}");
        let known = match self.kv.find(&path).await {
            Ok(Secret::Version(version)) => match Team::read(folder, &self.shown(&path), &version.data) {
                Ok(team) => Known::Team(Rc::new(team)),
                Err(error) => Known::Bad(error),
            },
            Ok(Secret::Absent | Secret::Deleted { .. }) => Known::Nothing,
            Err(denied @ vault::Error::Denied { .. }) => Known::Denied(denied),
            Err(error) => Known::Lost(error),
        };
        self.folders.insert(folder.to_owned(), known.clone());
        known
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
