use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::rig::Rig;
use super::vault::Vault;

/// The three nodes of a rig with `--vault-cluster`, numbered from 1. The second is the one that `VAULT_ADDR` leads to.
pub(crate) struct VaultCluster<'r> {
    rig: &'r Rig,
    /// Where each answers without TLS.
    nodes: Vec<String>,
}

impl<'r> VaultCluster<'r> {
    #[track_caller]
    pub(crate) fn new(rig: &'r Rig) -> VaultCluster<'r> {
        let nodes =
            rig.environment().get("RIG_VAULT_NODES").expect("the rig was started with --vault-cluster");
        VaultCluster { rig, nodes: nodes.split(',').map(str::to_owned).collect() }
    }

    /// The leader, asked with the root token: what it says is never behind.
    #[track_caller]
    pub(crate) fn vault(&self) -> Vault<'r> {
        Vault { rig: self.rig, address: self.nodes[self.leader() - 1].clone() }
    }

    /// Which node leads, which after an election takes a moment to be known.
    #[track_caller]
    pub(crate) fn leader(&self) -> usize {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = (1..=self.nodes.len()).find(|node| self.is_leader(*node)) {
                return found;
            }
            assert!(Instant::now() < deadline, "no node leads");
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// A standby says 429.
    fn is_leader(&self, node: usize) -> bool {
        let url = format!("{}/v1/sys/health", self.nodes[node - 1]);
        let quiet = ["--silent", "--fail", "--noproxy", "*", "--max-time", "5", "--output", "/dev/null"];
        Command::new("curl").args(quiet).arg(url).status().unwrap().success()
    }

    /// Waits until every node knows what has been written so far.
    #[track_caller]
    pub(crate) fn wait_for_standbys(&self) {
        let index = |node: usize, name: &str| {
            let vault = Vault { rig: self.rig, address: self.nodes[node - 1].clone() };
            vault.ask("GET", "sys/leader", None)[name].as_u64().unwrap()
        };
        let written = index(self.leader(), "raft_committed_index");
        let deadline = Instant::now() + PATIENCE;
        while !(1..=self.nodes.len()).all(|node| index(node, "raft_applied_index") >= written) {
            assert!(Instant::now() < deadline, "a standby stays behind");
            thread::sleep(POLL);
        }
    }

    /// Kills a node (-9), and listens where it served its clients.
    #[track_caller]
    pub(crate) fn kill(&self, node: usize) -> Trap {
        let file = self.rig.directory().join(format!("vault-{node}.pid"));
        let pid = fs::read_to_string(file).unwrap().split_whitespace().next().unwrap().to_owned();
        assert!(Command::new("kill").args(["-KILL", &pid]).status().unwrap().success());
        let config = fs::read_to_string(self.rig.directory().join(format!("vault-{node}.hcl"))).unwrap();
        let api = config.lines().find_map(|line| line.strip_prefix("api_addr = \"https://")).unwrap();
        Trap::on(api.trim_end_matches('"').parse().unwrap())
    }

    /// Starts a node again.
    #[track_caller]
    pub(crate) fn start(&self, node: usize) {
        let program = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/rig/vault_cluster.py");
        let mut command = Command::new(program);
        command.arg(self.rig.directory()).arg(self.rig.address()).arg(node.to_string());
        assert!(command.status().unwrap().success());
    }
}

const PATIENCE: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(5);

/// Takes the connections of those who should not come.
pub(crate) struct Trap {
    visitors: Arc<Mutex<Vec<SocketAddr>>>,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Trap {
    #[track_caller]
    fn on(address: SocketAddr) -> Trap {
        let deadline = Instant::now() + PATIENCE;
        let listener = loop {
            match TcpListener::bind(address) {
                Ok(listener) => break listener,
                // It takes a moment to die.
                Err(error) => assert!(Instant::now() < deadline, "{address}: {error}"),
            }
            thread::sleep(POLL);
        };
        listener.set_nonblocking(true).unwrap();
        let (visitors, is_over) = (Arc::<Mutex<Vec<_>>>::default(), Arc::<AtomicBool>::default());
        let (seen, over) = (Arc::clone(&visitors), Arc::clone(&is_over));
        let thread = thread::spawn(move || {
            while !over.load(Ordering::Relaxed) {
                match listener.accept() {
                    Ok((_, visitor)) => seen.lock().unwrap().push(visitor),
                    Err(_) => thread::sleep(POLL),
                }
            }
        });
        Trap { visitors, is_over, thread: Some(thread) }
    }

    /// Nobody has come so far.
    #[track_caller]
    pub(crate) fn assert_untouched(&self) {
        let visitors = self.visitors.lock().unwrap();
        assert!(visitors.is_empty(), "somebody was led astray: {visitors:?}");
    }
}

impl Drop for Trap {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        drop(self.thread.take().map(JoinHandle::join));
    }
}
