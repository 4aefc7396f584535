use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::rig::{Rig, curl};
use super::test::{Test, bundled_hook};

/// The zones of a rig with Route 53, and a key to them.
pub(crate) struct Route53<'r> {
    rig: &'r Rig,
    key: (String, String),
}

impl<'r> Route53<'r> {
    /// A key that may do what the README of the hook asks for.
    #[track_caller]
    pub(crate) fn new(rig: &'r Rig) -> Route53<'r> {
        Route53::allowed(
            rig,
            "hook",
            &json!([
                { "Effect": "Allow", "Action": ["route53:ListHostedZones", "route53:GetChange"], "Resource": "*" },
                {
                    "Effect": "Allow",
                    "Action": ["route53:ChangeResourceRecordSets", "route53:ListResourceRecordSets"],
                    "Resource": "arn:aws:route53:::hostedzone/*",
                },
            ]),
        )
    }

    /// A key that may do this much.
    #[track_caller]
    pub(crate) fn allowed(rig: &'r Rig, user: &str, statements: &Value) -> Route53<'r> {
        let policy = json!({ "Version": "2012-10-17", "Statement": statements }).to_string();
        let answers = aws(
            rig,
            &json!([
                ["iam", "create_user", { "UserName": user }],
                ["iam", "put_user_policy", { "UserName": user, "PolicyName": "policy", "PolicyDocument": policy }],
                ["iam", "create_access_key", { "UserName": user }],
            ]),
        );
        let text = |member: &str| answers[2]["AccessKey"][member].as_str().unwrap().to_owned();
        Route53 { rig, key: (text("AccessKeyId"), text("SecretAccessKey")) }
    }

    /// Its id and its secret.
    pub(crate) fn key(&self) -> (&str, &str) {
        (&self.key.0, &self.key.1)
    }

    /// Makes public zones; gives their ids.
    #[track_caller]
    pub(crate) fn zones(&self, names: &[&str]) -> Vec<String> {
        let call =
            |name: &&str| json!(["route53", "create_hosted_zone", { "Name": name, "CallerReference": name }]);
        let answers = self.aws(&Value::Array(names.iter().map(call).collect()));
        let id = |answer: &Value| answer["HostedZone"]["Id"].as_str().unwrap().replace("/hostedzone/", "");
        answers.as_array().unwrap().iter().map(id).collect()
    }

    /// Sets a record, with a TTL of 300.
    #[track_caller]
    pub(crate) fn set(&self, zone: &str, name: &str, kind: &str, values: &[&str]) {
        self.set_all(zone, &[(name, kind, values)]);
    }

    /// Sets many records.
    #[track_caller]
    pub(crate) fn set_all(&self, zone: &str, sets: &[(&str, &str, &[&str])]) {
        let change = |(name, kind, values): &(&str, &str, &[&str])| {
            let records: Vec<_> = values.iter().map(|value| json!({ "Value": value })).collect();
            let set = json!({ "Name": name, "Type": kind, "TTL": 300, "ResourceRecords": records });
            json!({ "Action": "UPSERT", "ResourceRecordSet": set })
        };
        let changes = json!({ "Changes": sets.iter().map(change).collect::<Vec<_>>() });
        let arguments = json!({ "HostedZoneId": zone, "ChangeBatch": changes });
        self.aws(&json!([["route53", "change_resource_record_sets", arguments]]));
    }

    /// What is in a zone besides its own NS and SOA: `NAME TTL TYPE VALUE…`, values sorted.
    #[track_caller]
    pub(crate) fn records(&self, zone: &str) -> Vec<String> {
        let answers = self.aws(&json!([["route53", "list_resource_record_sets", { "HostedZoneId": zone }]]));
        let mut records = Vec::new();
        for set in answers[0]["ResourceRecordSets"].as_array().unwrap() {
            let text = |member: &str| set[member].as_str().unwrap();
            let records_of = set["ResourceRecords"].as_array().unwrap();
            let mut values: Vec<_> =
                records_of.iter().map(|record| record["Value"].as_str().unwrap()).collect();
            values.sort_unstable();
            if !["NS", "SOA"].contains(&text("Type")) {
                let values = values.join(" ");
                records.push(format!("{} {} {} {values}", text("Name"), set["TTL"], text("Type")));
            }
        }
        records
    }

    /// Calls of the API with the key to everything: see `tests/rig/aws.py`.
    #[track_caller]
    pub(crate) fn aws(&self, calls: &Value) -> Value {
        aws(self.rig, calls)
    }

    /// Has the client of a request to come killed (-9): as `tests/rig/route53_guard.py` explains.
    #[track_caller]
    pub(crate) fn kill(&self, rule: &Value) {
        let url = format!("{}/kill", self.rig.environment()["RIG_ROUTE53"]);
        curl(Command::new("curl").args(["-X", "PUT", "--data-binary", &rule.to_string()]).arg(url));
    }

    /// How many requests about each zone there were.
    pub(crate) fn requests_by_zone(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for line in self.log().lines() {
            let zone = line.split_once("/hostedzone/").and_then(|(_, path)| path.split_once("/rrset"));
            if let Some((zone, _)) = zone {
                *counts.entry(zone.to_owned()).or_default() += 1;
            }
        }
        counts
    }

    fn log(&self) -> String {
        fs::read_to_string(self.rig.directory().join("guard.log")).unwrap()
    }

    /// The requests so far: `zones`, `change`, `read` or `status`, with the code of an error behind it.
    #[track_caller]
    pub(crate) fn requests(&self) -> Vec<String> {
        let named = |line: &str| {
            let [method, path, _, code] = line.split(' ').collect::<Vec<_>>().try_into().ok()?;
            let what = match (method, path.split('?').next()?.trim_start_matches("/2013-04-01/")) {
                ("GET", "hostedzone") => "zones",
                ("KILL", _) => "killed",
                ("POST", _) => "change",
                ("GET", path) if path.ends_with("/rrset") => "read",
                ("GET", path) if path.starts_with("change/") => "status",
                _ => "other",
            };
            Some(if code == "-" { what.to_owned() } else { format!("{what} {code}") })
        };
        self.log().lines().filter_map(named).collect()
    }
}

#[track_caller]
fn aws(rig: &Rig, calls: &Value) -> Value {
    let mut python = Command::new(&rig.environment()["RIG_PYTHON"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/rig/aws.py"))
        .envs(rig.environment())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("tests/rig/install installs it");
    python.stdin.take().unwrap().write_all(calls.to_string().as_bytes()).unwrap();
    let output = python.wait_with_output().unwrap();
    assert!(output.status.success(), "{calls}");
    serde_json::from_slice(&output.stdout).unwrap()
}

impl Test {
    /// Gives the hook for Route 53 its environment: the key, the rig's addresses, and short pauses.
    pub(crate) fn route53(self, route53: &Route53) -> Test {
        let rig = route53.rig.environment();
        self.rig(route53.rig)
            .env("AWS_ACCESS_KEY_ID", &route53.key.0)
            .env("AWS_SECRET_ACCESS_KEY", &route53.key.1)
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_ENDPOINT_URL_ROUTE_53", &rig["RIG_ROUTE53"])
            .env("AWS_ENDPOINT_URL_STS", &rig["RIG_ROUTE53_DIRECT"])
            .env("AWS_POLLING_INTERVAL", "0.3")
            .env("HYDRANT_ROUTE53_NAMESERVER", &rig["RIG_ROUTE53_DNS"])
    }
}

/// The hook, which is built with the workspace.
#[track_caller]
pub(crate) fn route53_hook() -> PathBuf {
    bundled_hook("hydrant-hook-route53")
}
