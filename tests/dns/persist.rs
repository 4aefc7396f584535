//! dns-persist-01: records that stand for good.

use serde_json::json;

use crate::support::{NSUPDATE_HOOK, Nameserver, Rig, Test, assert_good_pair};

const LIST: &str = "a.example *.a.example www.a.example\n";

/// A place whose account is registered; nothing answers challenges.
fn registered(rig: &Rig, list: &str, settings: &str) -> Test {
    let address = rig.address();
    let config = format!("accept_terms: true\nchallenge: dns-persist-01\nresolvers: {address}\n{settings}");
    let test = Test::new().rig(rig).domains(list).config(&config).args(["run"]);
    test.hydrant(&["account", "register"]).code(0);
    test
}

/// Sets what `dns persist` printed, which is how a person would do it.
fn set_printed(servers: &Nameserver<'_>, printed: &str) {
    let lines = printed.lines().map(|line| format!("update add {}\n", line.replacen(" IN ", " 60 IN ", 1)));
    servers.update(&lines.collect::<String>());
}

fn account(test: &Test) -> String {
    test.hydrant(&["account", "show", "--format", "json"]).code(0).json()["url"].as_str().unwrap().to_owned()
}

#[test]
fn names_with_a_record_that_stands_are_proved_again_and_again_without_a_hook() {
    let rig = Nameserver::alone();
    let servers = Nameserver::of(&rig);
    let test = registered(&rig, LIST, "");
    let shown = account(&test).replace(rig.address(), "[ADDRESS]");
    let printed = test.hydrant(&["dns", "persist"]).code(0).stderr("").stdout(&format!(
        "_validation-persist.a.example. IN TXT \"pebble.letsencrypt.org; accounturi={shown}; policy=wildcard\"\n\
         _validation-persist.www.a.example. IN TXT \"pebble.letsencrypt.org; accounturi={shown}\"\n"
    ));
    let missing = "there is none; set it to ";
    test.hydrant(&["dns", "persist", "--check"]).code(1).stdout_contains(missing);

    set_printed(&servers, &printed.stdout);
    test.hydrant(&["dns", "persist", "--check"]).code(0).stdout(
        "_validation-persist.a.example: proves `a.example` and `*.a.example`\n\
         _validation-persist.www.a.example: proves `www.a.example`\n2 records: 2 good\n",
    );
    test.run().code(0).stderr("");
    test.hydrant(&["run", "--force"]).code(0).stderr("");
    assert_eq!(rig.certificates_issued(), 2);
    assert_good_pair(&rig, &test.path("certs/a.example"), &["*.a.example", "a.example", "www.a.example"]);
}

#[test]
fn a_missing_or_wrong_record_is_told_and_spends_nothing() {
    let rig = Nameserver::alone();
    let servers = Nameserver::of(&rig);
    let test = registered(&rig, "*.a.example > a\n", "");
    let account = account(&test);
    let shown = account.replace(rig.address(), "[ADDRESS]");
    let failed = |test: &Test, unfit: &str| {
        test.hydrant(&["run", "--ignore-backoff"]).code(1).stderr(&format!(
            "error: a: no record at `_validation-persist.a.example` proves `*.a.example`: {unfit}\n\
             hint: set once: _validation-persist.a.example TXT \"pebble.letsencrypt.org; accounturi={shown}; \
             policy=wildcard\"\n\
             hint: `hydrant dns persist` prints all of them\n"
        ));
    };
    failed(&test, "there is none");
    let value = format!("pebble.letsencrypt.org; accounturi={account}");
    servers.update(&format!("update add _validation-persist.a.example 60 TXT \"{value}\""));
    failed(&test, "it does not say `policy=wildcard`");
    let found = test.hydrant(&["dns", "persist", "--check", "--format", "json"]).code(1).json();
    assert_eq!(
        found,
        json!({ "version": 1, "records": [{
            "name": "_validation-persist.a.example",
            "type": "TXT",
            "value": format!("{value}; policy=wildcard"),
            "proves": ["*.a.example"],
            "found": [value],
            "problem": "it does not say `policy=wildcard`",
        }]})
    );
    assert!(!rig.requests_at_ca().iter().any(|request| request.starts_with("POST /chalZ/")));

    let good = format!("{value}; policy=wildcard; persistUntil=4102444800");
    servers.update(&format!("update add _validation-persist.a.example 60 TXT \"{good}\""));
    test.hydrant(&["run", "--ignore-backoff"]).code(0);
    assert_eq!(rig.orders_made(), 1);
    assert_good_pair(&rig, &test.path("certs/a"), &["*.a.example"]);
}

#[test]
fn addresses_have_no_such_record() {
    let rig = Rig::start();
    let test = Test::new().rig(&rig).domains("ip:192.0.2.1\n").args(["run"]);
    test.hydrant(&["account", "register", "--accept-terms"]).code(0);
    test.hydrant(&["dns", "persist"]).code(0).stdout("").stderr("");
    test.hydrant(&["dns", "persist", "a.example", "ip:192.0.2.1"]).code(2).stdout("").stderr(
        "error: `ip:192.0.2.1` has no place in DNS: an address is proved with http-01 or tls-alpn-01\n",
    );
}

#[test]
fn names_without_a_record_are_proved_by_the_hook() {
    let rig = Nameserver::alone();
    let servers = Nameserver::of(&rig);
    let hooks = "hooks: [{command: ./hook, operations: [deploy_challenge, clean_challenge]}]\n";
    let hook = format!("echo \"$1 $2 $CHALLENGETYPE\" >>calls\nexec {NSUPDATE_HOOK} \"$@\"");
    let test = registered(&rig, "a.example www.a.example\n", hooks);
    let test = servers.hook_settings(test.hook_script("hook", &hook));
    let printed = test.hydrant(&["dns", "persist", "www.a.example"]).code(0);
    set_printed(&servers, &printed.stdout);
    test.run().code(0).stderr("");
    assert_good_pair(&rig, &test.path("certs/a.example"), &["a.example", "www.a.example"]);
    let calls = test.read("calls");
    let calls: Vec<&str> = calls.lines().filter(|call| call.contains("_challenge ")).collect();
    assert_eq!(calls, ["deploy_challenge a.example dns-01", "clean_challenge a.example dns-01"]);
}

#[test]
fn records_may_be_good_for_a_time_only() {
    let rig = Rig::start();
    let test = registered(&rig, LIST, "");
    let printed =
        test.hydrant(&["dns", "persist", "b.example", "--valid-for", "30d", "--format", "json"]).json();
    let value = printed["records"][0]["value"].as_str().unwrap();
    let (rest, until) = value.rsplit_once("; persistUntil=").unwrap();
    assert_eq!(rest, format!("pebble.letsencrypt.org; accounturi={}", account(&test)));
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    assert!(until.parse::<u64>().unwrap().abs_diff(now + 30 * 24 * 60 * 60) < 600, "{until}");
}

#[test]
fn without_an_account_there_is_no_record_to_print() {
    let rig = Rig::start();
    let test = Test::new().rig(&rig).domains(LIST).config("accept_terms: true\n");
    test.hydrant(&["dns", "persist"]).code(2).stderr(
        "error: there is no account at [CA]\nhint: register one: `hydrant account register --accept-terms`\n",
    );
}
