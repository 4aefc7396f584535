use serde_json::json;

use super::{dns_01, place};
use crate::support::{Rig, rig_hook};

#[test]
fn makes_only_the_deliveries_that_are_owed() {
    let rig = Rig::start();
    let test = place(&rig, "a.example\nb.example\n")
        .hook_script("web.sh", "[ \"$1\" != deploy_cert ] || { echo \"$2\" >>delivered; [ ! -e broken ]; }")
        .config(&format!("accept_terms: true\n{}  - ./web.sh\n", dns_01("")))
        .write("broken", "");
    test.hydrant(&["run", "--only", "a.example"]).code(1).stdout_contains("1 certificate: 1 issued\n");
    test.hydrant(&["status"])
        .code(0)
        .stdout_contains("deliver: not yet delivered to `web.sh`\n")
        .stdout_contains("b.example    -                     -          issue: nothing is stored\n");
    let requests = rig.requests_at_ca().len();
    let error = "error: a.example: hook `web.sh` ended with exit code 1 at `deploy_cert`\n";
    test.hydrant(&["deliver"]).code(1).stderr(error);

    std::fs::remove_file(test.path("broken")).unwrap();
    test.hydrant(&["deliver"])
        .code(0)
        .stderr("")
        .stdout("a.example: delivered to `web.sh`\n2 certificates: 1 delivered, 1 unchanged\n");
    let document = test.hydrant(&["deliver", "--only", "a.example", "--format", "json"]).code(0).json();
    assert_eq!((&document["version"], &document["exit_code"]), (&json!(1), &json!(0)));
    assert_eq!(test.read("delivered"), "a.example\na.example\na.example\n");
    assert_eq!(rig.requests_at_ca().len(), requests, "no CA is asked");
}

#[test]
fn cleans_what_could_not_be_cleaned() {
    let rig = Rig::start();
    let body =
        format!("[ \"$1\" = clean_challenge ] && [ -e broken ] && exit 1; {} \"$@\"", rig_hook().display());
    let test = place(&rig, "a.example\n")
        .hook_script("dns.sh", &body)
        .env("RIG_HOOK_CAPABILITIES", "none")
        .config("accept_terms: true\nchallenge: dns-01\nhooks: [./dns.sh]\n")
        .write("broken", "");
    test.hydrant(&["run"]).code(1).stdout_contains("a.example: issued, valid until [WHEN]\n").stderr(
        "error: a.example: hook `dns.sh` ended with exit code 1 at `clean_challenge`\n\
         hint: the next run, or `hydrant deliver`, cleans it\n",
    );
    assert_eq!(rig.challenges("a.example").len(), 1);
    test.hydrant(&["status"]).code(0).stdout_contains("; challenges to clean: `a.example`\n");
    let requests = rig.requests_at_ca().len();
    std::fs::remove_file(test.path("broken")).unwrap();
    test.hydrant(&["deliver"]).code(0).stderr("");
    assert!(rig.challenges("a.example").is_empty());
    assert_eq!(rig.requests_at_ca().len(), requests);
    test.hydrant(&["status"]).code(0).stdout_contains("keep: a renewal is due [WHEN]\n");
}

#[test]
fn what_is_owed_to_hooks_that_are_not_called_any_more_is_named_in_one_line() {
    let rig = Rig::start();
    let hooks = |more: &str| format!("accept_terms: true\n{}{more}", dns_01(""));
    let names = "a.example\nb.example\nc.example\nd.example\ne.example\nf.example\ng.example\n";
    let test = place(&rig, names)
        .hook_script("del.sh", "[ \"$1\" != deploy_cert ]")
        .hook_script("other.sh", "[ \"$1\" != deploy_cert ]")
        .hook_script("fixed.sh", "echo \"$1\" >>calls")
        .config(&hooks("  - ./del.sh\n"));
    test.hydrant(&["run", "--only", "a.example"]).code(1);
    let test = test.config(&hooks("  - ./fixed.sh\n"));
    let note = "note: not delivered to `del.sh`, which takes no deliveries in this run: `a.example`\n";
    for command in ["run", "deliver"] {
        let ran = test.hydrant(&[command, "--only", "a.example"]).code(0).stderr(note);
        ran.stdout("1 certificate: 1 unchanged\n");
    }
    test.hydrant(&["deliver", "--only", "a.example", "-q"]).code(0).stderr("").stdout("");
    test.hydrant(&["status"])
        .code(0)
        .stdout_contains("; not delivered to `del.sh`, which takes no deliveries here\n");

    let test = test.config(&hooks("  - ./del.sh\n  - ./other.sh\n"));
    test.hydrant(&["run"]).code(1);
    let test = test.config(&hooks("  - ./fixed.sh\n"));
    let ran = test.hydrant(&["deliver", "--format", "json"]).code(0).stderr(
        "note: not delivered to `del.sh` and `other.sh`, which take no deliveries in this run: `a.example`, \
         `b.example`, `c.example`, `d.example`, `e.example` and 2 others\n",
    );
    assert_eq!(ran.json()["exit_code"], 0);

    // Whoever takes the successor, nobody is owed what is no longer in use.
    test.hydrant(&["run", "--force", "--only", "a.example"]).code(0).stderr("");
    test.hydrant(&["status", "a.example"]).code(0).stdout_contains("keep: a renewal is due [WHEN]\n");
}
