//! Where a record really has to be written: `_acme-challenge` names may be CNAMEs to another zone.

use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{RData, RecordType};

use crate::error::Fault;
use crate::settings::Settings;
use crate::zone::normalized;

/// Follows CNAMEs.
#[derive(Debug)]
pub struct Delegation {
    resolver: Option<TokioResolver>,
}

/// As many as resolvers commonly follow.
const HOPS: usize = 16;

impl Delegation {
    /// Asks the system's resolver, or the one that the settings name; nobody where CNAMEs are not to be followed.
    ///
    /// # Errors
    /// When the system's settings cannot be read.
    pub fn of(settings: &Settings) -> Result<Self, Fault> {
        if !settings.follow {
            return Ok(Self { resolver: None });
        }
        let build = || {
            let mut builder = match settings.nameserver {
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
        let resolver = build().map_err(|error| unanswered(&error.to_string()))?;
        Ok(Self { resolver: Some(resolver) })
    }

    /// The name at the end of the CNAMEs that begin at `record`; `record` itself where there are none.
    ///
    /// # Errors
    /// When the resolver gives no answer, or the CNAMEs do not end. Without an answer nothing may be written: a value
    /// beside a CNAME helps nobody, and one that was written behind it would not be cleaned.
    pub async fn target(&self, record: &str) -> Result<String, Fault> {
        let mut name = record.to_owned();
        let Some(resolver) = &self.resolver else { return Ok(name) };
        for _ in 0..HOPS {
            let answer = match resolver.lookup(format!("{name}."), RecordType::CNAME).await {
                Ok(answer) => answer,
                Err(error) if error.is_no_records_found() || error.is_nx_domain() => return Ok(name),
                Err(error) => return Err(unanswered(&format!("`{name}`: {error}"))),
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
        Err(Fault::CnameLoop { record: record.to_owned() })
    }
}

fn unanswered(message: &str) -> Fault {
    Fault::Unanswered { action: "the DNS query for a CNAME", message: message.to_owned() }
}
