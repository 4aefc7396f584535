//! The HTTP client: whom to trust, which way to go.

use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::{Certificate, ClientBuilder, Identity, Proxy, redirect};
use url::Url;

use super::{Error, Options};
use crate::acme::system_roots;

/// A client that follows nothing and sends what every request has.
pub(super) fn client(options: &Options) -> Result<reqwest::Client, Error> {
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("hydrant/", env!("CARGO_PKG_VERSION")))
        .default_headers(headers(options)?)
        .timeout(options.request_timeout)
        .tcp_nodelay(true)
        // The library takes only its own credentials off a request to another host, not Vault's token.
        .redirect(redirect::Policy::none())
        .referer(false)
        .tls_danger_accept_invalid_certs(options.tls.skip_verify);
    builder = trust(builder, options)?;
    if let Some(pem) = &options.tls.identity {
        let identity = Identity::from_pem(pem.expose().as_bytes()).map_err(|_| {
            setting("VAULT_CLIENT_CERT", "it and VAULT_CLIENT_KEY are no certificate and its key")
        })?;
        builder = builder.identity(identity);
    }
    if let Some(proxy) = &options.proxy {
        let proxy =
            Proxy::all(proxy.expose()).map_err(|_| setting("VAULT_PROXY_ADDR", "it is no URL of a proxy"))?;
        builder = builder.proxy(proxy);
    }
    if let Some(name) = &options.tls.server_name {
        let host = options.address.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        builder = builder.dns_resolver(Arc::new(Elsewhere { name: name.clone(), host }));
    }
    builder.build().map_err(|cause| Error::NoClient { cause: Arc::new(cause) })
}

/// The address to ask: where the certificate has another name, that name, which [`Elsewhere`] leads to the host.
pub(super) fn address(options: &Options) -> Result<Url, Error> {
    let mut address = options.address.clone();
    address.set_query(None);
    address.set_fragment(None);
    if let Some(name) = &options.tls.server_name {
        address
            .set_host(Some(name))
            .map_err(|_| setting("VAULT_TLS_SERVER_NAME", "it is no name of a server"))?;
    }
    Ok(address)
}

fn trust(builder: ClientBuilder, options: &Options) -> Result<ClientBuilder, Error> {
    let mut roots = Vec::new();
    for pem in &options.tls.roots_pem {
        let found = Certificate::from_pem_bundle(pem).unwrap_or_default();
        if found.is_empty() {
            return Err(setting("VAULT_CACERT", "it holds no certificate"));
        }
        roots.extend(found);
    }
    if options.address.scheme() == "http" {
        return Ok(builder.tls_certs_only(roots));
    }
    Ok(match (roots.is_empty(), system_roots()) {
        (false, _) => builder.tls_certs_only(roots),
        (true, Some(system)) => builder.tls_certs_only(system),
        (true, None) => builder,
    })
}

fn headers(options: &Options) -> Result<HeaderMap, Error> {
    let mut headers = HeaderMap::new();
    // Vault's agents and proxies ask for it, as a guard against requests that were forged through another server.
    headers.insert("x-vault-request", HeaderValue::from_static("true"));
    if let Some(namespace) = &options.namespace {
        let value = HeaderValue::from_str(namespace);
        let value =
            value.map_err(|_| setting("VAULT_NAMESPACE", "it holds a character that no header can"))?;
        headers.insert("x-vault-namespace", value);
    }
    Ok(headers)
}

/// Looks up one name as another.
struct Elsewhere {
    name: String,
    host: String,
}

impl Resolve for Elsewhere {
    fn resolve(&self, name: Name) -> Resolving {
        let is_own = name.as_str().eq_ignore_ascii_case(&self.name);
        let host = if is_own { self.host.clone() } else { name.as_str().to_owned() };
        Box::pin(async move {
            // The port of the URL replaces this one.
            let found: Vec<_> = tokio::net::lookup_host((host, 0)).await?.collect();
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

fn setting(name: &str, reason: &str) -> Error {
    Error::Setting { name: name.to_owned(), reason: reason.to_owned() }
}
