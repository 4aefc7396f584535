//! `CURL_OPTS`: options of curl, which dehydrated speaks HTTP with, in our words.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use crate::config::{IpVersion, Network, Proxy, Source};

/// Takes over what `options` say, split at blanks as dehydrated does. Gives those that mean nothing here.
pub(super) fn apply(options: &str, network: &mut Network) -> Vec<String> {
    let mut unknown = Vec::new();
    let mut words = options.split_ascii_whitespace();
    while let Some(word) = words.next() {
        if let Some(long) = word.strip_prefix("--") {
            let Some(option) = LONG.iter().find(|(name, _)| *name == long) else {
                unknown.push(word.to_owned());
                continue;
            };
            let value = if option.1.has_value() { words.next().unwrap_or_default() } else { "" };
            if !option.1.apply(value, network) {
                unknown.push([word, value].join(" ").trim_end().to_owned());
            }
        } else if let Some(short) = word.strip_prefix('-').filter(|short| !short.is_empty()) {
            bundle(short, &mut words, network, &mut unknown);
        } else {
            unknown.push(word.to_owned());
        }
    }
    unknown
}

/// `-sk4m 10`: options of one letter; the value of the last one may follow at once.
fn bundle<'a>(
    letters: &'a str,
    words: &mut impl Iterator<Item = &'a str>,
    network: &mut Network,
    unknown: &mut Vec<String>,
) {
    for (at, letter) in letters.char_indices() {
        let rest = &letters[at + letter.len_utf8()..];
        let Some((_, option)) = SHORT.iter().find(|(name, _)| *name == letter) else {
            // Whether it has a value is not known, so that nothing behind it can be understood.
            unknown.push(format!("-{letter}{rest}"));
            return;
        };
        let value = match (option.has_value(), rest) {
            (false, _) => "",
            (true, "") => words.next().unwrap_or_default(),
            (true, rest) => rest,
        };
        if !option.apply(value, network) {
            unknown.push(format!("-{letter} {value}").trim_end().to_owned());
        }
        if option.has_value() {
            return;
        }
    }
}

#[derive(Clone, Copy)]
enum Curl {
    CaFile,
    CaPath,
    ConnectTimeout,
    ConnectTo,
    /// Means nothing here, and need not: it only changes what curl prints or what dehydrated asks it for.
    Idle,
    Insecure,
    Interface,
    Ipv4,
    Ipv6,
    MaxTime,
    NoProxy,
    Proxy,
    Resolve,
    /// Has a value, and means nothing here: we repeat requests by rules of our own.
    Retry,
}

const LONG: [(&str, Curl); 28] = [
    ("cacert", Curl::CaFile),
    ("capath", Curl::CaPath),
    ("compressed", Curl::Idle),
    ("connect-timeout", Curl::ConnectTimeout),
    ("connect-to", Curl::ConnectTo),
    ("fail", Curl::Idle),
    ("http1.1", Curl::Idle),
    ("http2", Curl::Idle),
    ("insecure", Curl::Insecure),
    ("interface", Curl::Interface),
    ("ipv4", Curl::Ipv4),
    ("ipv6", Curl::Ipv6),
    ("location", Curl::Idle),
    ("max-time", Curl::MaxTime),
    ("no-progress-meter", Curl::Idle),
    ("noproxy", Curl::NoProxy),
    ("progress-bar", Curl::Idle),
    ("proxy", Curl::Proxy),
    ("resolve", Curl::Resolve),
    ("retry", Curl::Retry),
    ("retry-all-errors", Curl::Idle),
    ("retry-connrefused", Curl::Idle),
    ("retry-delay", Curl::Retry),
    ("retry-max-time", Curl::Retry),
    ("show-error", Curl::Idle),
    ("silent", Curl::Idle),
    ("tcp-nodelay", Curl::Idle),
    ("tlsv1.2", Curl::Idle),
];

const SHORT: [(char, Curl); 10] = [
    ('k', Curl::Insecure),
    ('x', Curl::Proxy),
    ('4', Curl::Ipv4),
    ('6', Curl::Ipv6),
    ('m', Curl::MaxTime),
    ('s', Curl::Idle),
    ('S', Curl::Idle),
    ('L', Curl::Idle),
    ('f', Curl::Idle),
    ('#', Curl::Idle),
];

impl Curl {
    fn has_value(self) -> bool {
        !matches!(self, Self::Idle | Self::Insecure | Self::Ipv4 | Self::Ipv6)
    }

    /// Whether it could be made sense of.
    fn apply(self, value: &str, network: &mut Network) -> bool {
        if self.has_value() && value.is_empty() && !matches!(self, Self::NoProxy | Self::Proxy) {
            return false;
        }
        match self {
            Self::CaFile => {
                // curl trusts no others then.
                network.roots = vec![PathBuf::from(value)];
                network.roots_only = true;
            }
            Self::CaPath => network.roots.push(PathBuf::from(value)),
            Self::ConnectTimeout => return seconds(value, &mut network.connect_timeout),
            Self::MaxTime => return seconds(value, &mut network.request_timeout),
            Self::ConnectTo => return connect_to(value, network),
            Self::Idle | Self::Retry => {}
            Self::Insecure => network.insecure = true,
            Self::Interface => {
                let name = value.trim_start_matches("if!").trim_start_matches("host!");
                network.source = Some(match name.parse::<IpAddr>() {
                    Ok(address) => Source::Address(address),
                    Err(_) => Source::Interface(name.to_owned()),
                });
            }
            Self::Ipv4 => network.family = Some(IpVersion::V4),
            Self::Ipv6 => network.family = Some(IpVersion::V6),
            Self::NoProxy if value == "*" => network.proxy = Proxy::None,
            Self::NoProxy => network.no_proxy = Some(value.to_owned()),
            Self::Proxy if value.is_empty() => network.proxy = Proxy::None,
            // curl takes a bare host for an HTTP proxy at port 1080.
            Self::Proxy => {
                let url = if value.contains("://") { value.to_owned() } else { format!("http://{value}") };
                let Ok(mut parsed) = url::Url::parse(&url) else { return false };
                if parsed.port().is_none() && parsed.scheme() == "http" && !has_port(&url) {
                    // Fails only for URLs without a host.
                    let _ = parsed.set_port(Some(1080));
                }
                network.proxy = Proxy::Url(parsed.to_string());
            }
            Self::Resolve => return resolve(value, network),
        }
        true
    }
}

fn has_port(url: &str) -> bool {
    url.trim_end_matches('/').rsplit(':').next().is_some_and(|port| port.parse::<u16>().is_ok())
}

fn seconds(value: &str, place: &mut Duration) -> bool {
    match value.parse::<f64>().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()) {
        // curl's word for its default.
        Some(Duration::ZERO) => true,
        Some(duration) => {
            *place = duration;
            true
        }
        None => false,
    }
}

/// `[+]HOST:PORT:ADDRESS[,ADDRESS]…`
fn resolve(value: &str, network: &mut Network) -> bool {
    let mut parts = value.trim_start_matches('+').splitn(3, ':');
    let (Some(host), Some(port), Some(addresses)) = (parts.next(), parts.next(), parts.next()) else {
        return false;
    };
    let Ok(port) = port.parse::<u16>() else { return false };
    let address = |text: &str| {
        let address: IpAddr = text.trim_matches(['[', ']']).parse().ok()?;
        Some(SocketAddr::new(address, port))
    };
    match addresses.split(',').map(address).collect::<Option<Vec<_>>>() {
        Some(addresses) if !host.is_empty() && host != "*" => {
            network.resolve.push((host.to_owned(), addresses));
            true
        }
        _ => false,
    }
}

/// `HOST1:PORT1:HOST2:PORT2`, where the second host is an address.
fn connect_to(value: &str, network: &mut Network) -> bool {
    let Some((host, rest)) = value.split_once(':') else { return false };
    let Some((from_port, to)) = rest.split_once(':') else { return false };
    let Some((address, port)) = to.rsplit_once(':') else { return false };
    let port = if port.is_empty() { from_port } else { port };
    // The HTTP library always keeps to a port that is in the URL.
    let is_kept = from_port == port || matches!(from_port, "" | "443");
    let address = address.trim_matches(['[', ']']).parse::<IpAddr>();
    match (address, port.parse::<u16>()) {
        (Ok(address), Ok(port)) if !host.is_empty() && is_kept => {
            network.resolve.push((host.to_owned(), vec![SocketAddr::new(address, port)]));
            true
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;
    use crate::config::Config;

    fn read(options: &str) -> (Network, Vec<String>) {
        let mut network = Config::in_directory(Path::new("/base")).network;
        let unknown = apply(options, &mut network);
        (network, unknown)
    }

    #[test]
    fn what_reaches_the_ca_differently_is_taken_over() {
        let (network, unknown) = read(
            "-sk4 --cacert /ca.pem --capath /certs --noproxy a,b -xproxy.example --interface eth0 -m 20 \
             --connect-timeout 2.5 --resolve ca.example:443:192.0.2.1,[2001:db8::1] \
             --connect-to b.example:443:192.0.2.2:14000 --retry 3 -L",
        );
        assert_eq!(unknown, Vec::<String>::new());
        assert!(network.insecure && network.roots_only);
        assert_eq!(network.family, Some(IpVersion::V4));
        assert_eq!(network.roots, [Path::new("/ca.pem"), Path::new("/certs")]);
        assert_eq!(network.no_proxy.as_deref(), Some("a,b"));
        assert_eq!(network.proxy, Proxy::Url("http://proxy.example:1080/".to_owned()));
        assert_eq!(network.source, Some(Source::Interface("eth0".to_owned())));
        assert_eq!(network.request_timeout, Duration::from_secs(20));
        assert_eq!(network.connect_timeout, Duration::from_millis(2500));
        let addresses =
            |all: &[&str]| all.iter().map(|one| one.parse().unwrap()).collect::<Vec<SocketAddr>>();
        let expected = [
            ("ca.example".to_owned(), addresses(&["192.0.2.1:443", "[2001:db8::1]:443"])),
            ("b.example".to_owned(), addresses(&["192.0.2.2:14000"])),
        ];
        assert_eq!(network.resolve, expected);
    }

    #[test]
    fn what_means_nothing_here_is_named() {
        let (_, unknown) = read("-H X:y --resolve nonsense -k --crlfile /x --max-time soon -x");
        assert_eq!(unknown, ["-H", "X:y", "--resolve nonsense", "--crlfile", "/x", "--max-time soon"]);
        assert_eq!(read("--connect-to a:1:192.0.2.1:2").1, ["--connect-to a:1:192.0.2.1:2"]);
        assert_eq!(read("--noproxy *").0.proxy, Proxy::None);
        assert_eq!(read("--proxy http://p:80").0.proxy, Proxy::Url("http://p/".to_owned()));
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "(-{0,2}[kx46msSLH]{0,3}|--(resolve|connect-to|proxy|max-time) |[a-z0-9.:,\\[\\] +]|\\PC){0,20}") {
            let _ = read(&text);
        }
    }
}
