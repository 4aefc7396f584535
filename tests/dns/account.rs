//! dns-account-01: records that belong to one account.

use crate::support::{NSUPDATE_HOOK, Nameserver, Rig, Test, assert_good_pair};

const NAMES: [&str; 3] = ["*.a.example", "a.example", "www.a.example"];
const LIST: &str = "a.example *.a.example www.a.example\n";

#[test]
fn names_are_proved_at_the_records_of_the_account() {
    for chain in ["no", "yes"] {
        let rig = Nameserver::alone();
        let servers = Nameserver::of(&rig);
        let test = servers.test(LIST, "challenge: dns-account-01\npropagation: authoritative");
        // What the hook is told, beside what it does.
        let hook = format!(
            "echo \"$1 $HYDRANT_CHALLENGE $HYDRANT_RECORD_NAMES\" >>told\nexec {NSUPDATE_HOOK} \"$@\""
        );
        let config = test.read("hydrant.yml").replace(NSUPDATE_HOOK, &format!("./hook, chain: {chain}"));
        let test = test.config(&config).hook_script("hook", &hook);
        test.run().code(0).stderr("");
        assert_good_pair(&rig, &test.path("certs/a.example"), &NAMES);
        let told = test.read("told");
        let record =
            |line: &str| line.split(' ').nth(2).is_some_and(|name| name.contains("._acme-challenge."));
        let calls: Vec<&str> = told.lines().filter(|line| line.contains("_challenge ")).collect();
        assert_eq!(calls.len(), if chain == "no" { 6 } else { 2 }, "{told}");
        assert!(calls.iter().all(|line| line.contains(" dns-account-01 _") && record(line)), "{told}");
        let of_account = record_of_account(&told);
        assert!(rig.dns().values(&of_account).unwrap().is_empty(), "{of_account}");
    }
}

/// The first record that a hook was told of.
fn record_of_account(told: &str) -> String {
    let call = told.lines().find(|line| line.starts_with("deploy_challenge")).unwrap();
    call.split(' ').nth(2).unwrap().to_owned()
}

#[test]
fn a_hook_that_would_write_elsewhere_is_refused_before_anything_is_ordered() {
    let rig = Rig::start();
    let settings = "accept_terms: true\nchallenge: dns-account-01\nhooks: [{command: ./old}]\n";
    let test = Test::new().rig(&rig).domains("a.example\n").config(settings).hook_script("old", "exit 0");
    test.args(["run"]).run().code(1).stderr(
        "error: a.example: dns-account-01 has a record name of its own, and `old` does not announce `record_names`\n\
         hint: use dns-01, or a hook that writes at HYDRANT_RECORD_NAMES and announces so\n",
    );
    assert_eq!(rig.orders_made(), 0);
}
