use std::fs;

use serde_json::json;

use super::place;
use crate::support::{Rig, assert_good_pair};

const KINDS: [&str; 5] = ["cert.csr", "cert.pem", "chain.pem", "fullchain.pem", "privkey.pem"];

#[test]
fn moves_superseded_files_to_the_archive_or_deletes_them() {
    let rig = Rig::start();
    let test = place(&rig, "a.example\n").filter("0000000000", "[STAMP]");
    test.hydrant(&["cleanup"]).code(0).stdout("").stderr("");
    test.hydrant(&["run"]).code(0);
    test.hydrant(&["cleanup"]).code(0).stdout("").stderr("");
    test.hydrant(&["run", "--force"]).code(0);

    let lines = |done: &str| {
        let line = |kind: &&str| format!("a.example: {done}: {}\n", kind.replace('.', "-[STAMP]."));
        KINDS.iter().map(line).collect::<String>()
    };
    test.hydrant(&["cleanup"]).code(0).stdout(&lines("archived")).stderr("");
    let count = |directory: &str| fs::read_dir(test.path(directory)).unwrap().count();
    assert_eq!((count("archive/a.example"), count("certs/a.example")), (5, 10));
    test.hydrant(&["run", "--force"]).code(0);
    test.hydrant(&["cleanup", "--delete"]).code(0).stdout(&lines("deleted")).stderr("");
    assert_eq!((count("archive/a.example"), count("certs/a.example")), (5, 10));
    assert_good_pair(&rig, &test.path("certs/a.example"), &["a.example"]);

    test.hydrant(&["run", "--force"]).code(0);
    let document = test.hydrant(&["cleanup", "--format", "json"]).code(0).json();
    assert_eq!((&document["version"], &document["failed"]), (&json!(1), &json!([])));
    assert_eq!(document["done"][0]["done"], "archived");
    assert_eq!(document["done"].as_array().unwrap().len(), 5);
}

#[test]
fn a_run_over_the_whole_list_tidies_up_where_that_is_wished_for() {
    let rig = Rig::start();
    let test =
        place(&rig, "a.example\n").env("HYDRANT_AUTO_CLEANUP", "delete").env("HYDRANT_KEY_ROLLOVER", "true");
    let names = || {
        let entries = fs::read_dir(test.path("certs/a.example")).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect::<Vec<_>>()
    };
    test.hydrant(&["run"]).code(0);
    let next_key = test.read("certs/a.example/privkey.roll.pem");
    test.hydrant(&["run", "--force", "--only", "a.example"]).code(0);
    assert_eq!(names().len(), 16, "only a run over the whole list tidies up");
    test.hydrant(&["run", "--force"]).code(0).stdout_contains("a.example: deleted: privkey-");
    assert_eq!(names().len(), 11);
    assert_ne!(test.read("certs/a.example/privkey.roll.pem"), next_key, "it became the key");
}
