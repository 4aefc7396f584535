//! Which calls a hook gets, in which order, with what around them.

use std::fs;
use std::process::Command;

use super::pair::Pair;
use super::place::{cron, link, place, run, told};
use crate::support::{CertificateFacts, DNS_HOOK, RECORD_HOOK, Rig, openssl};

const LIST: &str = "a.example\n*.b.example b.example > both\nC.example www.c.example\n";

#[test]
fn a_hook_gets_the_calls_of_a_first_pass_and_of_one_with_nothing_due() {
    for chain in ["no", "yes"] {
        let rig = Rig::start();
        let pair = Pair::new(&rig, LIST, &format!("HOOK_CHAIN={chain}\nexport MY_KEY=secret")).registered();
        pair.both(&["--cron"], 0);
        let calls = pair.same_calls(&format!("a first pass, chain {chain}"));
        assert_eq!(calls.iter().filter(|call| *call == "deploy_cert").count(), 3);
        pair.same_files("a first pass");
        pair.both(&["--cron"], 0);
        let calls = pair.same_calls("nothing due");
        assert_eq!(calls.iter().filter(|call| *call == "unchanged_cert").count(), 3);
        pair.both(&["--cron", "--force", "--keep-going"], 0);
        pair.same_calls_but_challenges("forced");
    }
}

#[test]
fn names_that_changed_are_issued_again_and_those_in_another_order_are_not() {
    let rig = Rig::start();
    let pair = Pair::new(&rig, "a.example b.example > kept\n", "").registered();
    pair.both(&["--cron"], 0);
    pair.same_calls("a first pass");
    pair.put("domains.txt", "b.example a.example > kept\n");
    pair.both(&["--cron"], 0);
    assert!(pair.same_calls("another order").contains(&"unchanged_cert".to_owned()));
    pair.put("domains.txt", "b.example > kept\n");
    pair.both(&["--cron"], 0);
    assert!(pair.same_calls_but_challenges("a name less").contains(&"deploy_cert".to_owned()));
}

/// Writes down which answers are there, then does what a hook does.
const WATCH: &str = r#"
{ echo "$1"; find www alpn-certs -type f -printf '%m %p\n' | sed -E 's/[A-Za-z0-9_-]{43}/TOKEN/' | sort; } >>seen
"#;

#[test]
fn challenge_files_are_there_while_the_hook_deploys_and_gone_before_it_cleans() {
    let rig = Rig::with(&["--nonce-reject", "0", "--always-valid"]);
    for (challenge, file) in
        [("http-01", "644 www/TOKEN"), ("tls-alpn-01", "640 alpn-certs/a.example.crt.pem")]
    {
        let settings = format!("CHALLENGETYPE={challenge}\nWELLKNOWN=$BASEDIR/www");
        let pair = Pair::new(&rig, "a.example\n", &settings)
            .hook_script("watch", WATCH)
            .write("www/none", "")
            .write("alpn-certs/none", "")
            .env("RECORD_THEN", "./watch")
            .registered();
        pair.both(&["--cron"], 0);
        pair.same_calls(challenge);
        let seen = pair.same_file("seen");
        let calls: Vec<&str> = seen.split("_challenge\n").collect();
        assert_eq!(calls.len(), 3, "{seen}");
        assert!(calls[1].contains(file) && !calls[2].contains(file), "{seen}");
        pair.same_files(challenge);
    }
}

#[test]
fn names_that_are_still_proven_are_neither_deployed_nor_cleaned() {
    let rig = Rig::with(&["--nonce-reject", "0", "--authorization-reuse", "100"]);
    let pair = Pair::new(&rig, "a.example\n", "").registered();
    pair.both(&["--cron"], 0);
    pair.same_calls("a first pass");
    pair.both(&["--cron", "--force"], 0);
    let calls = pair.same_calls("forced");
    assert_eq!(
        calls,
        ["probe", "startup_hook", "probe", "generate_csr", "sync_cert", "deploy_cert", "exit_hook"]
    );
}

#[test]
fn a_certificate_with_settings_of_its_own_is_seen_so_and_the_next_one_is_not() {
    let rig = Rig::start();
    let config = "KEY_ALGO=secp384r1\nPRIVATE_KEY_ROLLOVER=yes\nWELLKNOWN=/own/place\nHOOK=$BASEDIR/other\n\
                  HOOK_CHAIN=yes\nRENEW_DAYS=$((RENEW_DAYS+5))\n";
    let other = format!("MY_NAME=other exec {RECORD_HOOK} \"$@\"");
    let pair = Pair::new(&rig, "a.example www.a.example\nb.example\n", "WELLKNOWN=/common/place")
        .hook_script("other", &other)
        .write("certs/a.example/config", config)
        .registered();
    pair.both(&["--cron"], 0);
    let calls = pair.same_calls("settings of its own");
    assert_eq!(calls.iter().filter(|call| *call == "deploy_challenge").count(), 2);
    pair.same_files("settings of its own");
    pair.both(&["--cron"], 0);
    pair.same_calls("nothing due");
}

#[test]
fn a_hook_of_a_single_certificate_alone_is_called_for_it() {
    let rig = Rig::with(&["--nonce-reject", "0", "--always-valid"]);
    let settings = "HOOK=\nCHALLENGETYPE=http-01\nWELLKNOWN=$BASEDIR";
    let test = place(&rig, "a.example\nb.example\n", settings)
        .write("certs/b.example/config", format!("HOOK={RECORD_HOOK}\n"))
        .env("RECORD_ENVIRONMENT", "alias|altnames")
        .stdin("four");
    cron(&test, &[]).code(0);
    let calls = test.calls("record");
    assert!(calls.iter().all(|call| call.environment["alias"] == "b.example"), "{calls:?}");
    assert_eq!(calls[0].stdin, "4 bytes", "dehydrated's hooks can read");
    assert_eq!(
        told(&test),
        [
            "probe",
            "generate_csr b.example",
            "deploy_challenge b.example",
            "clean_challenge b.example",
            "sync_cert",
            "deploy_cert b.example"
        ]
    );
}

#[test]
fn the_names_of_one_line_are_not_left_over_for_the_next_with_keep_going() {
    let rig = Rig::start();
    let pair = Pair::new(&rig, "a.example\n", "").registered();
    pair.both(&["--cron"], 0);
    pair.calls();
    pair.put("domains.txt", "b.example\na.example\n");
    pair.both(&["--cron", "--keep-going"], 0);
    pair.same_calls("the second line is unchanged");
}

#[test]
fn a_hook_can_read_the_standard_input_of_the_run() {
    let rig = Rig::start();
    let pair = Pair::new(&rig, "# nothing\n", "").registered().stdin("for the first hook");
    pair.both(&["--cron"], 0);
    let (_, ours) = (pair.theirs.calls("record"), pair.ours.calls("record"));
    assert_eq!(ours[0].stdin, "18 bytes");
    assert_eq!(pair.same_calls("stdin"), ["probe", "startup_hook", "exit_hook"]);
}

#[test]
fn a_function_of_the_configuration_can_be_the_hook() {
    let rig = Rig::start();
    let function =
        format!("my_hook() {{ echo \"in a function: $1\" >>said; {RECORD_HOOK} \"$@\"; }}\nHOOK=my_hook");
    let pair = Pair::new(&rig, "a.example\n", &function).registered();
    pair.both(&["--cron"], 0);
    pair.same_calls("a function");
    pair.same_file("said");
}

#[test]
fn a_hook_is_found_on_path_and_needs_no_first_line() {
    let rig = Rig::with(&["--nonce-reject", "0", "--always-valid"]);
    let test = place(&rig, "a.example\n", "PATH=$BASEDIR/bin:$PATH\nHOOK=my-hook")
        .hook_script("bin/my-hook", &format!("exec {RECORD_HOOK} \"$@\""));
    cron(&test, &[]).code(0);
    assert_eq!(told(&test).len(), 9);
    // The same without `#!`, by its path.
    let script = test.path("bin/bare");
    Command::new("cp").arg(test.path("bin/my-hook")).arg(&script).status().unwrap();
    openssl(Command::new("sed").args(["-i", "1d"]).arg(&script));
    assert!(!test.read("bin/bare").contains("#!"));
    let config = test.read("config") + "HOOK=$BASEDIR/bin/bare\n";
    test.put("config", &config);
    test.put("domains.txt", "b.example\n");
    cron(&test, &[]).code(0);
    assert_eq!(told(&test).len(), 9);
}

#[test]
fn a_hook_that_is_not_there_ends_the_run_before_it_begins() {
    let rig = Rig::start();
    let test = place(&rig, "a.example\n", "");
    let config = test.read("config");
    for hook in ["$BASEDIR/nowhere", "no-such-program", "$BASEDIR", "$BASEDIR/config"] {
        test.put("config", &format!("{config}HOOK={hook}\n"));
        cron(&test, &[]).code(1).stderr_contains("ERROR: ");
        assert!(!test.path("lock").exists() && !test.path("certs").exists());
        // Who has it put in place later can have an account before.
        run(&test, &["--register"]).code(0);
    }
    assert_eq!(rig.orders_made(), 0);
}

#[test]
fn a_request_that_the_hook_makes_decides_the_names_and_no_key_is_made() {
    let rig = Rig::start();
    let script =
        r#"if [ "$1" = generate_csr ]; then echo "made by hand"; cat request.pem; fi; exec "$DNS_HOOK" "$@""#;
    let pair = Pair::new(&rig, "a.example\n", "")
        .hook_script("requests", script)
        .env("RECORD_THEN", "./requests")
        .env("DNS_HOOK", DNS_HOOK)
        .registered();
    for test in [&pair.theirs, &pair.ours] {
        openssl(
            Command::new("openssl")
                .args(
                    "req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=b.example"
                        .split(' '),
                )
                .args(["-addext", "subjectAltName=DNS:b.example,DNS:www.b.example"])
                .arg("-keyout")
                .arg(test.path("own.key"))
                .arg("-out")
                .arg(test.path("request.pem")),
        );
    }
    pair.both(&["--cron"], 0);
    pair.same_calls("a request of the hook's");
    assert!(!pair.ours.path("certs/a.example/privkey.pem").exists());
    let facts = CertificateFacts::of(&pair.ours.path("certs/a.example/cert.pem"));
    assert_eq!(facts.names, ["b.example", "www.b.example"].map(str::to_owned).into());
    pair.both(&["--cron"], 0);
    assert!(pair.same_calls("the same request").contains(&"unchanged_cert".to_owned()));
}

#[test]
fn only_the_exact_word_yes_chains() {
    let rig = Rig::with(&["--nonce-reject", "0", "--always-valid"]);
    for (word, calls) in [("YES", 2), ("1", 2), ("yes", 1)] {
        let test = place(&rig, "a.example www.a.example\n", &format!("HOOK_CHAIN={word}"));
        cron(&test, &[]).code(0);
        let deployed = told(&test).iter().filter(|call| call.starts_with("deploy_challenge")).count();
        assert_eq!(deployed, calls, "{word}");
    }
}

#[test]
fn without_a_hook_files_are_all_that_happens() {
    let rig = Rig::with(&["--nonce-reject", "0", "--always-valid"]);
    let settings = "HOOK=\nCHALLENGETYPE=http-01\nWELLKNOWN=$BASEDIR/www";
    let pair = Pair::new(&rig, "a.example\n", settings).write("www/none", "").registered();
    pair.both(&["--cron"], 0);
    pair.same_files("no hook");
    assert_eq!(pair.calls(), (vec![], vec![]));
    assert!(link(&pair.ours, "a.example", "cert.pem").is_relative());
    drop(fs::remove_file(pair.ours.path("lock")));
}
