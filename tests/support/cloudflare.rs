use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Once;

use serde_json::{Value, json};

use super::rig::{Rig, curl};
use super::test::{Test, bundled_hook};

/// Where the rig says what Prism has found.
const PRISM: &str = "RIG_CLOUDFLARE_PRISM";

/// The zones of a rig with Cloudflare. When it is dropped it holds all requests so far to the table of the five requests,
/// and to Cloudflare's own description where that is at hand.
pub(crate) struct Cloudflare<'r> {
    rig: &'r Rig,
}

/// The tokens of the rig: see `tests/rig/cloudflare.py`.
#[derive(Clone, Copy)]
pub(crate) enum Token {
    /// What the README of the hook asks for.
    Hook,
    /// Records of `example.com`, and no list of zones.
    Narrow,
    /// The list of zones alone.
    Reader,
    /// For programs of others.
    Stranger,
}

/// A request that the double has had.
#[derive(Debug)]
pub(crate) struct CloudflareRequest {
    /// `zones`, `records`, `create`, `delete` or `batch`; `?` for those of others.
    pub(crate) call: String,
    pub(crate) status: u64,
    /// The codes of its errors.
    pub(crate) codes: Vec<u64>,
    /// Records in a batch, else 1.
    pub(crate) records: usize,
    pub(crate) is_ours: bool,
}

impl<'r> Cloudflare<'r> {
    /// Makes active zones.
    #[track_caller]
    pub(crate) fn with_zones(rig: &'r Rig, names: &[&str]) -> Cloudflare<'r> {
        say_what_is_checked(rig);
        let cloudflare = Cloudflare { rig };
        cloudflare.zones(names);
        cloudflare
    }

    /// Makes active zones; gives their ids.
    #[track_caller]
    pub(crate) fn zones(&self, names: &[&str]) -> Vec<String> {
        self.zones_as(names, "active")
    }

    /// Makes zones with a status; gives their ids.
    #[track_caller]
    pub(crate) fn zones_as(&self, names: &[&str], status: &str) -> Vec<String> {
        let zones: Vec<_> = names.iter().map(|name| json!([name, status])).collect();
        serde_json::from_value(self.order("zones", &Value::Array(zones))).unwrap()
    }

    /// Answers that the double gives instead of its own: `call`, `status`, and `headers`, `body`, `times`, `act` (to do
    /// what was asked for all the same).
    #[track_caller]
    pub(crate) fn prepare(&self, answers: &Value) {
        self.order("answers", answers);
    }

    /// Has others delete records with these names: `call`, `nth` (just before that one of such calls), `delete`.
    #[track_caller]
    pub(crate) fn let_others(&self, deletions: &Value) {
        self.order("others", deletions);
    }

    /// All records: `NAME TTL TYPE CONTENT`, sorted.
    #[track_caller]
    pub(crate) fn records(&self) -> Vec<String> {
        serde_json::from_value(self.order("records", &Value::Null)).unwrap()
    }

    /// Creates a record as somebody else.
    #[track_caller]
    pub(crate) fn set(&self, zone: &str, name: &str, kind: &str, content: &str) {
        let record = json!({ "type": kind, "name": name, "content": content, "ttl": 300 }).to_string();
        let url = format!("{}/client/v4/zones/{zone}/dns_records", self.fact("DIRECT"));
        let token = format!("Authorization: Bearer {}", self.token(Token::Stranger));
        curl(Command::new("curl").args(["--header", &token, "--data-binary", &record, &url]));
    }

    /// The text of a token.
    pub(crate) fn token(&self, token: Token) -> &str {
        self.fact(match token {
            Token::Hook => "HOOK",
            Token::Narrow => "NARROW",
            Token::Reader => "READER",
            Token::Stranger => "STRANGER",
        })
    }

    /// Where its API is.
    pub(crate) fn base_url(&self) -> &str {
        &self.rig.environment()["RIG_CLOUDFLARE"]
    }

    /// The requests so far.
    #[track_caller]
    pub(crate) fn requests(&self) -> Vec<CloudflareRequest> {
        self.calls().iter().map(CloudflareRequest::of).collect()
    }

    /// How many of the requests of ours were of this kind.
    #[track_caller]
    pub(crate) fn count(&self, call: &str) -> usize {
        self.requests().iter().filter(|request| request.is_ours && request.call == call).count()
    }

    fn calls(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.rig.directory().join("cloudflare-calls.json")).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn fact(&self, name: &str) -> &str {
        &self.rig.environment()[&format!("RIG_CLOUDFLARE_{name}")]
    }

    #[track_caller]
    fn order(&self, what: &str, document: &Value) -> Value {
        let url = format!("{}/rig/{what}", self.fact("DIRECT"));
        let answer = curl(Command::new("curl").args(["--data-binary", &document.to_string(), &url]));
        serde_json::from_str(&answer).unwrap()
    }
}

impl CloudflareRequest {
    fn of(call: &Value) -> CloudflareRequest {
        let body = call["body"].as_object();
        let lists = body.into_iter().flat_map(|body| body.values()).filter_map(Value::as_array);
        CloudflareRequest {
            call: call["call"].as_str().unwrap().to_owned(),
            status: call["status"].as_u64().unwrap(),
            codes: call["codes"].as_array().unwrap().iter().filter_map(Value::as_u64).collect(),
            records: lists.map(Vec::len).max().unwrap_or(1),
            is_ours: call["ours"].as_bool().unwrap(),
        }
    }
}

impl Drop for Cloudflare<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        for call in self.calls() {
            assert_eq!(call["violation"], "", "{call}");
        }
        if let Some(log) = self.rig.environment().get(PRISM) {
            let log = fs::read_to_string(log).unwrap();
            let broken: Vec<_> = log.lines().filter(|line| line.contains("error ")).collect();
            assert!(log.contains("Prism is listening") && broken.is_empty(), "{broken:#?}");
        }
    }
}

/// On the real standard error, which the test runner does not swallow.
fn say_what_is_checked(rig: &Rig) {
    static ONCE: Once = Once::new();
    let is_described = rig.environment().contains_key(PRISM);
    if is_described || std::env::var_os("CLOUDFLARE_OPENAPI").is_none() {
        ONCE.call_once(|| {
            let text = if is_described {
                "Cloudflare: every request and answer is held to the description in CLOUDFLARE_OPENAPI."
            } else {
                "CLOUDFLARE IS CHECKED BY OUR OWN TABLE OF ITS FIVE REQUESTS ALONE: set CLOUDFLARE_OPENAPI to the \
                 path of its OpenAPI description, and run tests/rig/install, to hold them to that as well."
            };
            io::stderr().write_all(format!("\n{text}\n").as_bytes()).unwrap();
        });
    }
}

impl Test {
    /// Gives the hook for Cloudflare its environment: a token, the rig's addresses, and no pause.
    pub(crate) fn cloudflare(self, cloudflare: &Cloudflare) -> Test {
        let token = cloudflare.token(Token::Hook);
        self.without_token(cloudflare).env("CLOUDFLARE_API_TOKEN", token)
    }

    /// The same without a token.
    pub(crate) fn without_token(self, cloudflare: &Cloudflare) -> Test {
        self.rig(cloudflare.rig)
            .env("CLOUDFLARE_BASE_URL", cloudflare.base_url())
            .env("HYDRANT_CLOUDFLARE_NAMESERVER", &cloudflare.rig.environment()["RIG_CLOUDFLARE_DNS"])
            .env("HYDRANT_CLOUDFLARE_WAIT", "0")
    }
}

/// The hook, which is built with the workspace.
#[track_caller]
pub(crate) fn cloudflare_hook() -> PathBuf {
    bundled_hook("hydrant-hook-cloudflare")
}
