//! The network as it is configured, in the words of the ACME client, which knows no settings.

use crate::acme::{ClientOptions, Family, Source};
use crate::config::{self, IpVersion, Network, Proxy};

/// The way to a CA and to OCSP responders; whom to trust there is left out.
pub(super) fn way_to(network: &Network) -> ClientOptions {
    ClientOptions {
        family: network.family.map(|version| match version {
            IpVersion::V4 => Family::V4,
            IpVersion::V6 => Family::V6,
        }),
        proxy: match &network.proxy {
            Proxy::Url(url) => Some(url.clone()),
            Proxy::Environment | Proxy::None => None,
        },
        no_proxy: network.proxy == Proxy::None,
        no_proxy_for: network.no_proxy.clone(),
        source: network.source.as_ref().map(|source| match source {
            config::Source::Address(address) => Source::Address(*address),
            config::Source::Interface(name) => Source::Interface(name.clone()),
        }),
        resolve: network.resolve.clone(),
        request_timeout: network.request_timeout,
        connect_timeout: network.connect_timeout,
        in_flight: network.in_flight,
        ..ClientOptions::default()
    }
}
