//! Questions to name servers: who has a zone, where CNAMEs lead, what is at a name.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use futures_util::future::join_all;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError as Refusal, NetError};
use hickory_resolver::proto::rr::{RData, RecordType};
use hickory_resolver::system_conf::read_system_conf;
use thiserror::Error;
use tokio::sync::{OnceCell, Semaphore};

use super::Witnesses;

/// Where name servers listen (RFC 1035 §4.2).
pub(super) const DNS_PORT: u16 = 53;
/// As many CNAMEs as resolvers commonly follow.
const HOPS: usize = 16;
/// How many questions are on their way at once.
const AT_ONCE: usize = 64;
const TIMEOUT: Duration = Duration::from_secs(3);
const ATTEMPTS: usize = 2;

/// Why a question has no answer.
#[derive(Clone, Debug, Error)]
pub enum DnsError {
    /// CNAMEs that do not end.
    #[error("more than {HOPS} CNAMEs follow each other from `{0}`")]
    Cnames(String),
    /// A zone whose name servers nobody knows.
    #[error("no name server of `{0}` has an address")]
    NoNameServer(String),
    /// There is nobody to ask.
    #[error("there is no resolver to ask")]
    NoResolver,
    /// A resolver does not say in which zone a name is.
    #[error("the zone of `{0}` is not known to the resolver")]
    NoZone(String),
    /// A server that does not answer, or not as it should.
    #[error("{error} (asked for {question})")]
    Query {
        /// What was asked.
        question: String,
        /// What came of it.
        error: Box<NetError>,
    },
    /// The system's resolvers are not known.
    #[error("the system's resolvers are not known: {0}")]
    System(Box<NetError>),
}

/// Who can be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Server {
    /// A resolver has none.
    pub(super) name: Option<String>,
    pub(super) addresses: Vec<SocketAddr>,
}

/// All that a run knows of the DNS. Nothing that servers say about records is kept; who has a zone is.
#[derive(Debug)]
pub(super) struct Dns {
    configured: Vec<SocketAddr>,
    /// The resolvers together.
    recursive: RefCell<Option<TokioResolver>>,
    /// Each server alone.
    single: RefCell<BTreeMap<(SocketAddr, bool), TokioResolver>>,
    zones: RefCell<BTreeMap<String, Rc<OnceCell<Vec<Server>>>>>,
    slots: Semaphore,
}

impl Dns {
    pub(super) fn new(resolvers: &[SocketAddr]) -> Self {
        Self {
            configured: resolvers.to_vec(),
            recursive: RefCell::default(),
            single: RefCell::default(),
            zones: RefCell::default(),
            slots: Semaphore::new(AT_ONCE),
        }
    }

    /// The resolvers, each as a server of its own.
    pub(super) fn resolvers(&self) -> Result<Vec<Server>, DnsError> {
        let alone = |address| Server { name: None, addresses: vec![address] };
        Ok(self.resolver_addresses()?.into_iter().map(alone).collect())
    }

    fn resolver_addresses(&self) -> Result<Vec<SocketAddr>, DnsError> {
        if !self.configured.is_empty() {
            return Ok(self.configured.clone());
        }
        let (system, _) = read_system_conf().map_err(|error| DnsError::System(Box::new(error)))?;
        let address = |server: &NameServerConfig| {
            let port = server.connections.first().map_or(DNS_PORT, |connection| connection.port);
            SocketAddr::new(server.ip, port)
        };
        let mut addresses: Vec<SocketAddr> = system.name_servers().iter().map(address).collect();
        addresses.dedup();
        if addresses.is_empty() { Err(DnsError::NoResolver) } else { Ok(addresses) }
    }

    /// The TXT values at a name, each with its strings joined, as one server has them.
    pub(super) async fn txt(
        &self,
        server: SocketAddr,
        name: &str,
        witnesses: Witnesses,
    ) -> Result<Vec<String>, DnsError> {
        let resolver = self.alone(server, witnesses == Witnesses::Resolvers)?;
        let answer = match self.ask(&resolver, name, RecordType::TXT).await {
            Ok(answer) => answer,
            Err(Nothing::Yes { .. }) => return Ok(Vec::new()),
            Err(Nothing::Error(error)) => return Err(error),
        };
        let values = answer.into_iter().filter_map(|data| match data {
            RData::TXT(txt) => {
                let octets: Vec<u8> = txt.txt_data.iter().flat_map(|string| string.iter().copied()).collect();
                Some(String::from_utf8_lossy(&octets).into_owned())
            }
            _ => None,
        });
        Ok(values.collect())
    }

    /// The name at the end of the CNAMEs that begin at `name`, and the zone that it is in.
    pub(super) async fn behind_cnames(&self, name: &str) -> Result<(String, String), DnsError> {
        let resolver = self.recursive()?;
        let mut current = name.to_owned();
        for _ in 0..HOPS {
            match self.ask(&resolver, &current, RecordType::CNAME).await {
                Ok(answer) => {
                    let target = answer.into_iter().find_map(|data| match data {
                        RData::CNAME(target) => Some(written(&target.0.to_ascii())),
                        _ => None,
                    });
                    current = target.ok_or_else(|| DnsError::NoZone(current.clone()))?;
                }
                // RFC 2308 §3: an answer without records carries the SOA of the zone.
                Err(Nothing::Yes { zone: Some(zone) }) => return Ok((current, zone)),
                Err(Nothing::Yes { zone: None }) => return Err(DnsError::NoZone(current)),
                Err(Nothing::Error(error)) => return Err(error),
            }
        }
        Err(DnsError::Cnames(name.to_owned()))
    }

    /// All name servers of a zone, with their addresses. Found out once; a failure is not kept.
    pub(super) async fn name_servers(&self, zone: &str) -> Result<Vec<Server>, DnsError> {
        let known = Rc::clone(self.zones.borrow_mut().entry(zone.to_owned()).or_default());
        known.get_or_try_init(|| self.look_up_name_servers(zone)).await.cloned()
    }

    async fn look_up_name_servers(&self, zone: &str) -> Result<Vec<Server>, DnsError> {
        let resolver = self.recursive()?;
        let answer = match self.ask(&resolver, zone, RecordType::NS).await {
            Ok(answer) => answer,
            Err(Nothing::Yes { .. }) => return Err(DnsError::NoNameServer(zone.to_owned())),
            Err(Nothing::Error(error)) => return Err(error),
        };
        let names = answer.into_iter().filter_map(|data| match data {
            RData::NS(server) => Some(written(&server.0.to_ascii())),
            _ => None,
        });
        let servers = join_all(names.map(|name| self.server(&resolver, name))).await;
        if servers.iter().all(|server| server.addresses.is_empty()) {
            return Err(DnsError::NoNameServer(zone.to_owned()));
        }
        Ok(servers)
    }

    /// A name server; one whose address nobody knows has none.
    async fn server(&self, resolver: &TokioResolver, name: String) -> Server {
        let kinds = [RecordType::A, RecordType::AAAA];
        let answers = join_all(kinds.map(|kind| self.ask(resolver, &name, kind))).await;
        let address = |data: RData| match data {
            RData::A(address) => Some(SocketAddr::new(IpAddr::V4(address.0), DNS_PORT)),
            RData::AAAA(address) => Some(SocketAddr::new(IpAddr::V6(address.0), DNS_PORT)),
            _ => None,
        };
        let addresses = answers.into_iter().flatten().flatten().filter_map(address).collect();
        Server { name: Some(name), addresses }
    }

    async fn ask(
        &self,
        resolver: &TokioResolver,
        name: &str,
        kind: RecordType,
    ) -> Result<Vec<RData>, Nothing> {
        // Never closed, so that it always gives.
        let _slot = self.slots.acquire().await.ok();
        match resolver.lookup(format!("{name}."), kind).await {
            Ok(answer) => Ok(answer.answers().iter().map(|record| record.data.clone()).collect()),
            Err(NetError::Dns(Refusal::NoRecordsFound(nothing))) => {
                let zone = nothing.soa.map(|soa| written(&soa.name.to_ascii()));
                Err(Nothing::Yes { zone })
            }
            Err(error) => {
                let question = format!("{kind} of `{name}`");
                Err(Nothing::Error(DnsError::Query { question, error: Box::new(error) }))
            }
        }
    }

    /// All resolvers together, whichever answers.
    fn recursive(&self) -> Result<TokioResolver, DnsError> {
        if let Some(resolver) = &*self.recursive.borrow() {
            return Ok(resolver.clone());
        }
        let resolver = built(&self.resolver_addresses()?, true)?;
        *self.recursive.borrow_mut() = Some(resolver.clone());
        Ok(resolver)
    }

    fn alone(&self, server: SocketAddr, recurses: bool) -> Result<TokioResolver, DnsError> {
        let key = (server, recurses);
        if let Some(resolver) = self.single.borrow().get(&key) {
            return Ok(resolver.clone());
        }
        let resolver = built(&[server], recurses)?;
        self.single.borrow_mut().insert(key, resolver.clone());
        Ok(resolver)
    }
}

/// That there is nothing at a name, or that this is not known.
enum Nothing {
    Yes { zone: Option<String> },
    Error(DnsError),
}

fn built(servers: &[SocketAddr], recurses: bool) -> Result<TokioResolver, DnsError> {
    let server = |address: &SocketAddr| {
        let mut connections = vec![ConnectionConfig::udp(), ConnectionConfig::tcp()];
        for connection in &mut connections {
            connection.port = address.port();
        }
        NameServerConfig::new(address.ip(), true, connections)
    };
    let config = ResolverConfig::from_name_servers(servers.iter().map(server).collect());
    let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
    *builder.options_mut() = options(recurses);
    builder.build().map_err(|error| DnsError::System(Box::new(error)))
}

fn options(recurses: bool) -> ResolverOpts {
    let mut options = ResolverOpts::default();
    options.timeout = TIMEOUT;
    options.attempts = ATTEMPTS;
    // A record that appears is to be seen at once.
    options.cache_size = 0;
    options.use_hosts_file = ResolveHosts::Never;
    options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
    options.preserve_intermediates = true;
    options.try_tcp_on_error = true;
    options.recursion_desired = recurses;
    options
}

/// A name as people write it.
fn written(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}
