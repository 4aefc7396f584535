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
