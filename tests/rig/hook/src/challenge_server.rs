//! Pebble's challenge test server, through its management interface.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::env;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::dns::txt_values;

/// The rig's DNS, on one connection to its management interface.
#[derive(Debug)]
pub struct ChallengeServer {
    management: BufReader<TcpStream>,
    dns: SocketAddr,
    lock: PathBuf,
}

impl ChallengeServer {
    /// Connects to the rig that `RIG_DNS_API`, `RIG_DNS` and `RIG_DIR` name.
    ///
    /// # Errors
    /// When one of them is missing, or nothing listens there.
    pub fn of_environment() -> io::Result<ChallengeServer> {
        ChallengeServer::connect(
            &variable("RIG_DNS_API")?,
            &variable("RIG_DNS")?,
            variable("RIG_DIR")?.as_ref(),
        )
    }

    /// Connects to a rig: `api` is its `RIG_DNS_API`, `dns` its `RIG_DNS`, `directory` its `RIG_DIR`.
    ///
    /// # Errors
    /// When an address is not one, or nothing listens there.
    pub fn connect(api: &str, dns: &str, directory: &Path) -> io::Result<ChallengeServer> {
        let management = TcpStream::connect(api.trim_start_matches("http://"))?;
        management.set_nodelay(true)?;
        let dns = dns.parse().map_err(|_| io::Error::other(format!("{dns} is no address")))?;
        Ok(ChallengeServer { management: BufReader::new(management), dns, lock: directory.join("dns.lock") })
    }

    /// The TXT values of a name.
    ///
    /// # Errors
    /// When the server does not answer.
    pub fn values(&self, name: &str) -> io::Result<Vec<String>> {
        txt_values(self.dns, name)
    }

    /// Adds TXT values, beside those that their names have already.
    ///
    /// # Errors
    /// When the server cannot be reached, or refuses.
    pub fn add<'a>(&mut self, records: impl IntoIterator<Item = (String, &'a str)>) -> io::Result<()> {
        let _held = self.held()?;
        let change =
            |(name, value): (String, &str)| ("/set-txt", json!({ "host": absolute(&name), "value": value }));
        self.post_all(&records.into_iter().map(change).collect::<Vec<_>>())
    }

    /// Removes TXT values and leaves the others of their names. The server can only forget a whole name:
    /// what another certificate has there is put back at once.
    ///
    /// # Errors
    /// When the server cannot be reached, or refuses.
    pub fn remove<'a>(&mut self, records: impl IntoIterator<Item = (String, &'a str)>) -> io::Result<()> {
        let _held = self.held()?;
        // What stays of each name: it may be that of several records.
        let mut left: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, value) in records {
            let values = match left.entry(name) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(new) => {
                    let values = txt_values(self.dns, new.key())?;
                    new.insert(values)
                }
            };
            if let Some(ours) = values.iter().position(|other| other == value) {
                values.remove(ours);
            }
        }
        let mut changes = Vec::new();
        for (name, values) in left {
            let host = absolute(&name);
            changes.push(("/clear-txt", json!({ "host": host })));
            changes.extend(
                values.into_iter().map(|value| ("/set-txt", json!({ "host": host, "value": value }))),
            );
        }
        self.post_all(&changes)
    }

    /// Makes one change at a time, whichever process makes it; ends when the file is dropped.
    fn held(&self) -> io::Result<File> {
        let file = File::create(&self.lock)?;
        file.lock()?;
        Ok(file)
    }

    /// Makes changes in their order, many on their way at once.
    fn post_all(&mut self, changes: &[(&str, serde_json::Value)]) -> io::Result<()> {
        // Few enough that the answers to them fit into the connection's buffers while all are still being sent.
        for changes in changes.chunks(100) {
            let request = |(path, body): &(&str, serde_json::Value)| {
                let body = body.to_string();
                format!("POST {path} HTTP/1.1\r\nHost: rig\r\nContent-Length: {}\r\n\r\n{body}", body.len())
            };
            let requests: String = changes.iter().map(request).collect();
            self.management.get_mut().write_all(requests.as_bytes())?;
            for (path, _) in changes {
                self.answer(path)?;
            }
        }
        Ok(())
    }

    fn answer(&mut self, path: &str) -> io::Result<()> {
        let (mut status, mut length) = (String::new(), 0);
        self.management.read_line(&mut status)?;
        loop {
            let mut header = String::new();
            self.management.read_line(&mut header)?;
            let header = header.trim_end().to_ascii_lowercase();
            if header.is_empty() {
                break;
            }
            if let Some(value) = header.strip_prefix("content-length:") {
                length = value.trim().parse().map_err(io::Error::other)?;
            }
        }
        io::copy(&mut self.management.by_ref().take(length), &mut io::sink())?;
        if status.contains(" 200 ") {
            Ok(())
        } else {
            Err(io::Error::other(format!("{path}: {}", status.trim_end())))
        }
    }
}

fn variable(name: &str) -> io::Result<String> {
    env::var(name).map_err(|_| io::Error::other(format!("{name} is not set: is this a rig?")))
}

fn absolute(name: &str) -> String {
    format!("{}.", name.trim_end_matches('.'))
}
