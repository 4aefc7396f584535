use std::process::Command;

use serde_json::Value;

use super::rig::{Rig, curl};

/// One request that came through the fault proxy.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// When it arrived, in seconds.
    pub(crate) at: f64,
    /// Which connection it came on, from 1.
    pub(crate) connection: u64,
    pub(crate) method: String,
    pub(crate) path: String,
    /// `newOrder`, `challenge` …: see `tests/rig/faults.py`.
    pub(crate) kind: String,
    /// `None`: the client did not get the answer.
    pub(crate) status: Option<u64>,
    /// What the proxy did to it.
    pub(crate) fault: Option<String>,
}

/// What only a rig with the fault proxy can do.
impl Rig {
    /// Puts rules in force instead of the former ones: a JSON list, as `tests/rig/faults.py` explains.
    #[track_caller]
    pub(crate) fn faults(&self, rules: &Value) {
        curl(
            Command::new("curl")
                .args(["-X", "PUT", "--data-binary", &rules.to_string()])
                .arg(self.control("rules")),
        );
    }

    /// All requests so far, in the order of their arrival.
    #[track_caller]
    pub(crate) fn requests(&self) -> Vec<Request> {
        let list: Vec<Value> =
            serde_json::from_str(&curl(Command::new("curl").arg(self.control("requests")))).unwrap();
        list.iter().map(Request::of).collect()
    }

    /// Forgets the requests so far.
    #[track_caller]
    pub(crate) fn forget_requests(&self) {
        curl(Command::new("curl").args(["-X", "DELETE"]).arg(self.control("requests")));
    }

    #[track_caller]
    fn control(&self, path: &str) -> String {
        let control = self.environment().get("RIG_FAULTS").expect("the rig was started with faults");
        format!("{control}/{path}")
    }
}

impl Request {
    pub(super) fn of(entry: &Value) -> Request {
        let text = |member: &str| entry[member].as_str().map(str::to_owned);
        Request {
            at: entry["at"].as_f64().unwrap(),
            connection: entry["connection"].as_u64().unwrap(),
            method: text("method").unwrap(),
            path: text("path").unwrap(),
            kind: text("kind").unwrap(),
            status: entry["status"].as_u64(),
            fault: text("fault"),
        }
    }
}
