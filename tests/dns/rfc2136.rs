//! The hook for dynamic updates, against a name server that takes them.

use crate::support::{NSUPDATE_HOOK, Nameserver, Test, assert_good_pair, dehydrated};

const NAMES: [&str; 3] = ["*.a.example", "a.example", "www.a.example"];
const LIST: &str = "a.example *.a.example www.a.example\n";

#[test]
fn hydrant_proves_names_by_dynamic_updates_and_leaves_what_others_wrote() {
    let rig = Nameserver::alone();
    let servers = Nameserver::of(&rig);
    servers.update("update add _acme-challenge.a.example 60 TXT \"of another machine\"");
    servers.update("update add _acme-challenge.www.a.example 60 CNAME www.validation.example");
    let test = servers.test(LIST, "challenge: dns-01\npropagation: authoritative");
    test.run().code(0).stderr("");
    assert_good_pair(&rig, &test.path("certs/a.example"), &NAMES);
    assert_eq!(rig.challenges("a.example"), ["of another machine"]);
    assert!(rig.challenges("www.a.example").is_empty());
}

#[test]
fn the_real_dehydrated_proves_names_with_the_same_hook_chained_or_not() {
    for chain in ["no", "yes"] {
        let rig = Nameserver::alone();
        let (ca, roots) = (rig.ca(), &rig.environment()["HYDRANT_CA_ROOTS"]);
        let config = format!(
            "CA={ca}\nCURL_OPTS='--cacert {roots} --noproxy *'\nKEY_ALGO=prime256v1\nACCOUNT_KEY_ALGO=rsa\n\
             ACCOUNT_KEYSIZE=2048\nCHALLENGETYPE=dns-01\nHOOK={NSUPDATE_HOOK}\nHOOK_CHAIN={chain}\n"
        );
        let test = Test::new().rig(&rig).domains(LIST).write("config", config);
        let test = Nameserver::of(&rig).hook_settings(test);
        test.program(dehydrated(), &["--config", "config", "--register", "--accept-terms"]).code(0);
        test.program(dehydrated(), &["--config", "config", "--cron"]).code(0);
        assert_good_pair(&rig, &test.path("certs/a.example"), &NAMES);
        for name in ["a.example", "www.a.example"] {
            assert!(rig.challenges(name).is_empty(), "{name}");
        }
    }
}

#[test]
fn the_hook_passes_the_test_of_hooks() {
    let rig = Nameserver::alone();
    let test = Nameserver::of(&rig).test(LIST, "challenge: dns-01");
    let tested = test.hydrant(&["hook", "test", NSUPDATE_HOOK, "--domain", "a.example", "--chain"]).code(0);
    assert!(!tested.stdout.contains("FAILED"), "{}", tested.stdout);
    assert!(rig.challenges("a.example").is_empty());
}

#[test]
fn an_update_that_the_server_refuses_fails_the_certificate() {
    let rig = Nameserver::alone();
    let test = Nameserver::of(&rig).test("a.example\n", "challenge: dns-01");
    let test = test.write("other.key", "key \"other\" { algorithm hmac-sha256; secret \"b3RoZXI=\"; };\n");
    let key = test.path("other.key");
    let test = test.env("NSUPDATE_KEY_FILE", key);
    test.run().code(1).stderr_contains(
        "hook `nsupdate.sh` ended with exit code 1 at `deploy_challenge`: update failed: NOTAUTH(BADKEY)\n",
    );
    assert!(rig.challenges("a.example").is_empty());
}
