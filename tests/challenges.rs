//! Every way to prove a name, with a hook and without.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::{Rig, Test, assert_good_pair, rig_hook};

/// `hydrant run` with these settings.
fn prepared(rig: &Rig, list: &str, settings: &str) -> Test {
    Test::new().rig(rig).domains(list).config(&format!("accept_terms: true\n{settings}")).args(["run"])
}

/// What is in a directory; nothing where there is none.
fn files(directory: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// A web server's directory, and the rig that looks for answers there; gives also where they belong.
fn served() -> (Rig, Test, String) {
    let test = Test::new().write("served/.well-known/acme-challenge/other", "not ours");
    let rig = Rig::with(&["--nonce-reject", "0", "--webroot", &test.path("served").display().to_string()]);
    let webroot = test.path("served/.well-known/acme-challenge").display().to_string();
    (rig, test, webroot)
}

#[test]
fn http_01_is_answered_by_files_for_a_web_server_that_are_gone_afterwards() {
    let (rig, server, webroot) = served();
    let settings = format!("challenge: http-01\nwebroot: {webroot}\nhooks: [{{command: ./watcher}}]\n");
    // Written before hooks are called, as dehydrated does.
    let watcher = r#"[ "$1" != deploy_challenge ] || stat -c '%a' "$WEBROOT/$3" >>modes"#;
    let test = prepared(&rig, "a.example www.a.example\nb.example\n", &settings)
        .hook_script("watcher", watcher)
        .env("WEBROOT", &webroot);
    test.run().code(0).stderr("");
    assert_eq!(test.read("modes"), "644\n".repeat(3));
    assert_eq!(files(&server.path("served/.well-known/acme-challenge")), ["other"]);
    assert_good_pair(&rig, &test.path("certs/a.example"), &["a.example", "www.a.example"]);
    assert_good_pair(&rig, &test.path("certs/b.example"), &["b.example"]);
}

#[test]
fn http_01_is_answered_by_the_built_in_listener_for_names_and_addresses() {
    let rig = Rig::start();
    let address = rig.address();
    let settings = format!("challenge: http-01\nhttp_listen: {}\n", rig.environment()["RIG_HTTP_ADDRESS"]);
    let list = format!("a.example www.a.example ip:{address}\nb.example\nip:{address} > address\n");
    let test = prepared(&rig, &list, &settings);
    test.run().code(0).stderr("");
    assert_good_pair(&rig, &test.path("certs/a.example"), &["a.example", "www.a.example", address]);
    assert_good_pair(&rig, &test.path("certs/b.example"), &["b.example"]);
    assert_good_pair(&rig, &test.path("certs/address"), &[address]);
    test.run().code(0).stdout("3 certificates: 3 unchanged\n");
}

#[test]
fn http_01_is_answered_by_a_hook_with_the_content_of_the_file() {
    let rig = Rig::with(&["--nonce-reject", "0", "--challenge-responders"]);
    let hook = r#"
api() { curl --silent --show-error --fail --noproxy '*' --max-time 10 --data "$2" "$RIG_DNS_API/$1"; }
case $1 in
deploy_challenge) api add-http01 "{\"token\": \"$3\", \"content\": \"$4\"}" ;;
clean_challenge) api del-http01 "{\"token\": \"$3\"}" && echo "$2" >>cleaned ;;
esac
"#;
    let test = prepared(&rig, "a.example www.a.example\n", "challenge: http-01\nhooks: [{command: ./web}]\n");
    let test = test.hook_script("web", hook);
    test.run().code(0).stderr("");
    assert_good_pair(&rig, &test.path("certs/a.example"), &["a.example", "www.a.example"]);
    let mut cleaned: Vec<String> = test.read("cleaned").lines().map(str::to_owned).collect();
    cleaned.sort();
    assert_eq!(cleaned, ["a.example", "www.a.example"]);
}

#[test]
fn tls_alpn_01_is_answered_by_the_built_in_responder_for_names_and_addresses() {
    let rig = Rig::start();
    let address = rig.address();
    let settings =
        format!("challenge: tls-alpn-01\ntls_alpn_listen: {}\n", rig.environment()["RIG_TLS_ADDRESS"]);
    let list = format!("a.example www.a.example ip:{address}\nb.example\n");
    let test = prepared(&rig, &list, &settings);
    test.run().code(0).stderr("");
    assert_good_pair(&rig, &test.path("certs/a.example"), &["a.example", "www.a.example", address]);
    assert_good_pair(&rig, &test.path("certs/b.example"), &["b.example"]);
    assert_eq!(files(&test.path("alpn-certs")), [""; 0]);
}

#[test]
fn certificates_that_share_a_name_take_turns_at_tls_alpn_01() {
    let rig = Rig::start();
    let settings =
        format!("challenge: tls-alpn-01\ntls_alpn_listen: {}\n", rig.environment()["RIG_TLS_ADDRESS"]);
    let list =
        "shared.example\na.example shared.example\nb.example shared.example\nshared.example a.example > c\n";
    let test = prepared(&rig, list, &settings);
    test.run().code(0).stderr("").stdout_contains("4 certificates: 4 issued\n");
    assert_eq!((rig.orders_made(), rig.certificates_issued()), (4, 4));
}

/// Starts openssl as the TLS server that the CA asks: `$CERTIFICATE` and `$KEY` are its files.
const TLS_SERVER: &str = r#"
serve() {
    openssl s_server -accept "$RIG_TLS_ADDRESS" -alpn acme-tls/1 -cert "$CERTIFICATE" -key "$KEY" \
        </dev/null >/dev/null 2>&1 &
    echo $! >server.pid
    until (exec 3<>"/dev/tcp/${RIG_TLS_ADDRESS%:*}/${RIG_TLS_ADDRESS#*:}") 2>/dev/null; do
        kill -0 $! || exit 1
    done
}
case $1 in
clean_challenge) kill "$(cat server.pid)" && rm server.pid ;;
"#;

#[test]
fn a_tls_server_answers_tls_alpn_01_with_the_files_made_for_it() {
    let rig = Rig::start();
    let hook = format!(
        "{TLS_SERVER}deploy_challenge)\n    stat -c '%a' \"$ALPNCERTDIR\" \"$ALPNCERTDIR/$2\".*.pem >modes\n    \
         CERTIFICATE=$ALPNCERTDIR/$2.crt.pem KEY=$ALPNCERTDIR/$2.key.pem\n    serve ;;\nesac"
    );
    let test = prepared(&rig, "a.example\n", "challenge: tls-alpn-01\nhooks: [{command: ./server}]\n");
    let test = test.hook_script("server", &hook);
    test.run().code(0).stderr("");
    assert_eq!(test.read("modes"), "700\n640\n640\n");
    assert_eq!(files(&test.path("alpn-certs")), [""; 0]);
    assert!(!test.path("server.pid").exists());
    assert_good_pair(&rig, &test.path("certs/a.example"), &["a.example"]);
}

#[test]
fn a_hook_makes_the_certificate_for_tls_alpn_01_from_the_value_it_is_given() {
    let rig = Rig::start();
    let hook = format!(
        "{TLS_SERVER}deploy_challenge)\n    CERTIFICATE=own.crt KEY=own.key\n    \
         openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout own.key -out own.crt \\\n        \
         -subj /CN=challenge -addext \"subjectAltName=DNS:$2\" \\\n        \
         -addext \"1.3.6.1.5.5.7.1.31=critical,DER:04:20:$4\" 2>/dev/null\n    serve ;;\nesac"
    );
    let test = prepared(&rig, "a.example\n", "challenge: tls-alpn-01\nhooks: [{command: ./server}]\n");
    let test = test.hook_script("server", &hook);
    test.run().code(0).stderr("");
    assert_good_pair(&rig, &test.path("certs/a.example"), &["a.example"]);
}

#[test]
fn dns_01_proves_an_apex_its_wildcard_and_other_names_at_once() {
    let rig = Rig::start();
    let settings = format!("challenge: dns-01\nhooks: [{{command: {}}}]\n", rig_hook().display());
    let list = "a.example *.a.example www.b.example *.deep.www.b.example\n*.a.example a.example > again\n";
    let test = prepared(&rig, list, &settings).env("RIG_HOOK_LOG", "calls");
    test.run().code(0).stderr("");
    let names = ["a.example", "*.a.example", "www.b.example", "*.deep.www.b.example"];
    assert_good_pair(&rig, &test.path("certs/a.example"), &names);
    assert_good_pair(&rig, &test.path("certs/again"), &names[..2]);
    for name in ["a.example", "www.b.example", "deep.www.b.example"] {
        assert!(rig.challenges(name).is_empty(), "{name}");
    }
    // Six answers, two of them each for an apex and for its wildcard.
    let calls = test.read("calls");
    let answers = |operation: &str| {
        let calls = calls.lines().map(|line| serde_json::from_str::<Vec<Value>>(line).unwrap());
        calls.filter(|call| call[0] == operation).map(|call| call.len() / 3).sum::<usize>()
    };
    assert_eq!((answers("deploy_challenge"), answers("clean_challenge")), (6, 6));
}

#[test]
fn what_was_deployed_is_gone_after_a_failing_validation_too() {
    // The web server hands out another directory.
    let (rig, _server, _) = served();
    let test = prepared(&rig, "a.example www.a.example\n", "challenge: http-01\nwebroot: answers\n");
    let test = test.write("answers/other", "not ours");
    let output = test.run().code(1);
    for name in ["a.example", "www.a.example"] {
        let expected = format!("`{name}` could not be validated: unauthorized: ");
        assert!(output.stderr.contains(&expected), "{}", output.stderr);
    }
    assert_eq!(files(&test.path("answers")), ["other"]);

    // Nobody speaks TLS there.
    let test = prepared(&rig, "b.example\n", "challenge: tls-alpn-01\n");
    test.run().code(1).stderr_contains("error: b.example: `b.example` could not be validated: connection: ");
    assert_eq!(files(&test.path("alpn-certs")), [""; 0]);
}

#[test]
fn a_challenge_that_a_name_cannot_be_proven_by_is_said_to_be_with_those_it_can() {
    let rig = Rig::start();
    let listen = &rig.environment()["RIG_HTTP_ADDRESS"];
    let test = prepared(&rig, "*.a.example > a\n", &format!("challenge: http-01\nhttp_listen: {listen}\n"));
    let output = test.run().code(1);
    let said = output.stderr.lines().collect::<Vec<_>>();
    assert!(
        said[0].starts_with("error: a: the CA offers no http-01 challenge for `*.a.example`, only `"),
        "{said:?}"
    );
    assert_eq!(said[1..], ["hint: a wildcard can only be validated by dns-01"]);

    let address = rig.address();
    let settings = format!("challenge: dns-01\nhooks: [{{command: {}}}]\n", rig_hook().display());
    let test = prepared(&rig, &format!("ip:{address} > address\n"), &settings);
    let output = test.run().code(1);
    let expected = format!("error: address: the CA offers no dns-01 challenge for `ip:{address}`, only `");
    assert!(output.stderr.starts_with(&expected), "{}", output.stderr);
    assert!(output.stderr.contains("\nhint: set `challenge:` to one of `"), "{}", output.stderr);
}
