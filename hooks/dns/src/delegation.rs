//! Where a record really has to be written: `_acme-challenge` names may be CNAMEs to another zone.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{RData, RecordType};
use thiserror::Error;

use crate::name::normalized;

/// Follows CNAMEs.
#[derive(Debug)]
pub struct Delegation {
    resolver: Option<TokioResolver>,
}

/// Why nobody knows where a record has to be written.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Lost {
    /// CNAMEs lead to each other, or too far.
    #[error("the CNAMEs at `{record}` do not end")]
    Loop {
        /// The name that was followed.
        record: String,
    },
    /// The resolver gave no answer.
    #[error("the DNS query for a CNAME did not succeed in time: {message}")]
    Unanswered {
        /// What was heard instead.
        message: String,
    },
}

/// As many as resolvers commonly follow.
const HOPS: usize = 16;
const LOOKUPS_AT_ONCE: usize = 32;

impl Delegation {
    /// Asks the system's resolver, or the one at `nameserver`; nobody where CNAMEs are not to be followed.
    ///
    /// # Errors
    /// When the system's settings cannot be read.
    pub fn new(follow: bool, nameserver: Option<SocketAddr>) -> Result<Self, Lost> {
        if !follow {
            return Ok(Self { resolver: None });
        }
        let build = || {
            let mut builder = match nameserver {
                None => TokioResolver::builder_tokio()?,
                Some(address) => {
                    let mut connections = vec![ConnectionConfig::udp(), ConnectionConfig::tcp()];
                    for connection in &mut connections {
                        connection.port = address.port();
                    }
                    let server = NameServerConfig::new(address.ip(), true, connections);
                    let config = ResolverConfig::from_name_servers(vec![server]);
                    TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
                }
            };
            let options = builder.options_mut();
            options.timeout = Duration::from_secs(3);
            options.attempts = 2;
            options.use_hosts_file = ResolveHosts::Never;
            builder.build()
        };
        let resolver = build().map_err(|error| unanswered(error.to_string()))?;
        Ok(Self { resolver: Some(resolver) })
    }

    /// The name at the end of the CNAMEs that begin at `record`; `record` itself where there are none.
    ///
    /// # Errors
    /// When the resolver gives no answer, or the CNAMEs do not end. Without an answer nothing may be written: a value
    /// beside a CNAME helps nobody, and one that was written behind it would not be cleaned.
    pub async fn target(&self, record: &str) -> Result<String, Lost> {
        let mut name = record.to_owned();
        let Some(resolver) = &self.resolver else { return Ok(name) };
        for _ in 0..HOPS {
            let answer = match resolver.lookup(format!("{name}."), RecordType::CNAME).await {
                Ok(answer) => answer,
                Err(error) if error.is_no_records_found() || error.is_nx_domain() => return Ok(name),
                Err(error) => return Err(unanswered(format!("`{name}`: {error}"))),
            };
            let target = answer.answers().iter().find_map(|record| match &record.data {
                RData::CNAME(target) => Some(normalized(&target.0.to_ascii())),
                _ => None,
            });
            match target {
                Some(target) => name = target,
                None => return Ok(name),
            }
        }
        Err(Lost::Loop { record: record.to_owned() })
    }

    /// The same for many names at once.
    pub async fn targets(&self, records: BTreeSet<String>) -> BTreeMap<String, Result<String, Lost>> {
        let followed = stream::iter(records).map(async |record| {
            let target = self.target(&record).await;
            (record, target)
        });
        followed.buffered(LOOKUPS_AT_ONCE).collect().await
    }
}

fn unanswered(message: String) -> Lost {
    Lost::Unanswered { message }
}
