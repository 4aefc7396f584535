//! Two passes over one list, as a pipeline makes them: a hook that proves names, then a hook that stores certificates.

use std::fs;

use super::installed::Installed;
use crate::support::{Output, RECORD_HOOK, Rig, assert_good_pair};

const PIPELINE: &str = include_str!("../../examples/gitlab-ci-dehydrated.yml");
const DNS: &str = "var/lib/dehydrated/dehydrated-route53-hook-script/hook.sh";
const STORE: &str = "var/lib/dehydrated/dehydrated-vault-hook/vault-hook.sh";

/// Proves names one by one, and knows nothing else.
const DNS_SCRIPT: &str = r#"
set -e -u -o pipefail
RECORD=$RECORD.dns RECORD_THEN= "$RECORDER" "$@"

deploy_challenge() {
    local DOMAIN="$1" TOKEN_FILENAME="$2" TOKEN_VALUE="$3"
    echo "Creating challenge record for $DOMAIN"
    curl -sS --fail --noproxy '*' --data "{\"host\": \"_acme-challenge.$DOMAIN.\", \"value\": \"$TOKEN_VALUE\"}" "$RIG_DNS_API/set-txt"
}

clean_challenge() {
    local DOMAIN="$1" TOKEN_FILENAME="$2" TOKEN_VALUE="$3"
    curl -sS --fail --noproxy '*' --data "{\"host\": \"_acme-challenge.$DOMAIN.\"}" "$RIG_DNS_API/clear-txt"
}

HANDLER="$1"; shift
if [[ $HANDLER =~ ^(deploy_challenge|clean_challenge)$ ]]; then "$HANDLER" "$@"; fi"#;

/// Stores certificates. A file with its settings is sourced at every call; `deploy_cert` is taken with exactly six
/// arguments, `unchanged_cert` with exactly five, and then what is stored is replaced when it is another one.
const STORE_SCRIPT: &str = r#"
RECORD=$RECORD.store RECORD_THEN= "$RECORDER" "$@"
source "${BASH_SOURCE%/var/lib/*}/etc/dehydrated/vault.inc"

write() {
    local DOMAIN="$1" KEYFILE="$2" CERTFILE="$3" FULLCHAINFILE="$4" CHAINFILE="$5" TIMESTAMP="${6:-}"
    mkdir -p "$SECRET_BASE/$DOMAIN"
    cp "$KEYFILE" "$SECRET_BASE/$DOMAIN/key"
    cp "$CERTFILE" "$SECRET_BASE/$DOMAIN/cert"
    cp "$FULLCHAINFILE" "$SECRET_BASE/$DOMAIN/fullchain"
    cp "$CHAINFILE" "$SECRET_BASE/$DOMAIN/chain"
    echo "$TIMESTAMP" > "$SECRET_BASE/$DOMAIN/timestamp"
}

deploy_cert() {
    [ $# = 6 ] || exit 1
    write "$@"
}

unchanged_cert() {
    [ $# = 5 ] || exit 1
    if cmp -s "$3" "$SECRET_BASE/$1/cert"; then
        echo "$1 is up to date"
    else
        echo "uploading $1"
        write "$@"
    fi
}

HANDLER=$1; shift
case "$HANDLER" in deploy_cert|unchanged_cert) "$HANDLER" "$@" ;; esac
exit 0"#;

/// The command lines of the pipeline, which is there to be copied.
fn passes() -> [&'static str; 2] {
    let lines: Vec<_> =
        PIPELINE.lines().filter_map(|line| line.trim().strip_prefix("- dehydrated ")).collect();
    lines.try_into().unwrap()
}

fn place(rig: &Rig, domains: &str) -> Installed {
    let installed = Installed::new(rig, domains, "");
    let test = &installed.test;
    let directory = test.path("").display().to_string();
    let config = format!("BASEDIR={directory}\n{}", test.read("config"));
    let settings = format!("SECRET_BASE={directory}kv-certificates/data\n");
    let installed = Installed {
        test: installed
            .test
            .write("etc/dehydrated/config", config)
            .write("etc/dehydrated/vault.inc", settings),
    };
    installed.env("RECORDER", RECORD_HOOK).hook_script(DNS, DNS_SCRIPT).hook_script(STORE, STORE_SCRIPT)
}

/// Runs a command line of the pipeline as it is written, but for where its files are.
fn run(installed: &Installed, line: &str) -> Output {
    let words: Vec<String> = line
        .split(' ')
        .map(|word| match word.strip_prefix('/') {
            Some(path) => installed.test.path(path).display().to_string(),
            None => word.to_owned(),
        })
        .collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    installed.test.program(installed.test.path("ours/dehydrated"), &words)
}

/// The calls of a hook since the last time, without those that come at every run.
fn calls(installed: &Installed, hook: &str) -> Vec<String> {
    let record = format!("record.{hook}");
    let calls = installed.test.calls(&record);
    installed.test.forget(&record);
    let calls =
        calls.iter().filter(|call| call.operation.ends_with("_cert") && call.operation != "sync_cert");
    calls.map(|call| format!("{} {}", call.operation, call.arguments[0])).collect()
}

/// What is stored is what is on the disk.
#[track_caller]
fn assert_stored(installed: &Installed, domain: &str, name: &str) {
    for (stored, file) in
        [("key", "privkey"), ("cert", "cert"), ("chain", "chain"), ("fullchain", "fullchain")]
    {
        let stored = installed.test.read(&format!("kv-certificates/data/{domain}/{stored}"));
        assert_eq!(stored, installed.test.read(&format!("certs/{name}/{file}.pem")), "{domain}: {file}");
    }
}

#[test]
fn a_second_pass_hands_everything_to_a_hook_that_was_never_called_before() {
    let rig = Rig::start();
    let installed = place(&rig, "a.example www.a.example\n*.b.example > star\n");
    installed.ours(&["--register", "--accept-terms"]).code(0);
    let [prove, store] = passes();

    run(&installed, prove).code(0);
    assert_eq!(calls(&installed, "dns"), ["deploy_cert a.example", "deploy_cert *.b.example"]);
    assert!(!installed.test.path("kv-certificates").exists());
    run(&installed, store)
        .code(0)
        .stdout_contains("uploading a.example\n")
        .stdout_contains("uploading *.b.example\n");
    assert_eq!(calls(&installed, "store"), ["unchanged_cert a.example", "unchanged_cert *.b.example"]);
    assert_stored(&installed, "a.example", "a.example");
    assert_stored(&installed, "*.b.example", "star");

    // Every day after that.
    run(&installed, prove).code(0);
    run(&installed, store).code(0).stdout_contains("a.example is up to date\n");
    for hook in ["dns", "store"] {
        assert_eq!(calls(&installed, hook), ["unchanged_cert a.example", "unchanged_cert *.b.example"]);
    }
    assert_eq!(rig.orders_made(), 2);

    // A certificate is issued anew in the first pass: the second one finds it unchanged, and another than is stored.
    installed.test.put("domains.txt", "a.example www.a.example shop.a.example\n*.b.example > star\n");
    run(&installed, prove).code(0);
    assert_eq!(calls(&installed, "dns"), ["deploy_cert a.example", "unchanged_cert *.b.example"]);
    run(&installed, store)
        .code(0)
        .stdout_contains("uploading a.example\n")
        .stdout_contains("*.b.example is up to date\n");
    assert_eq!(calls(&installed, "store"), ["unchanged_cert a.example", "unchanged_cert *.b.example"]);
    assert_stored(&installed, "a.example", "a.example");
    assert_good_pair(
        &rig,
        &installed.test.path("certs/a.example"),
        &["a.example", "www.a.example", "shop.a.example"],
    );
    assert_eq!(rig.orders_made(), 3);
}

#[test]
fn a_name_that_fails_in_both_passes_keeps_nothing_from_the_store() {
    let rig = Rig::start();
    let installed = place(&rig, "a.example\nx.blocked-domain.example\nc.example\n");
    installed.ours(&["--register", "--accept-terms"]).code(0);
    let [prove, store] = passes();
    run(&installed, prove).code(1);
    run(&installed, store).code(1);
    assert_eq!(calls(&installed, "store"), ["unchanged_cert a.example", "unchanged_cert c.example"]);
    assert_stored(&installed, "a.example", "a.example");
    assert_stored(&installed, "c.example", "c.example");
    assert!(!installed.test.path("kv-certificates/data/x.blocked-domain.example").exists());
}

#[test]
fn both_passes_become_one_run_of_what_import_writes() {
    let rig = Rig::start();
    let installed = place(&rig, "a.example\n");
    installed.ours(&["--register", "--accept-terms"]).code(0);
    for pass in passes() {
        run(&installed, pass).code(0);
    }
    let test = &installed.test;
    let hooks = [test.path(DNS).display().to_string(), test.path(STORE).display().to_string()];
    let import = ["import", "dehydrated", "--config", "etc/dehydrated/config", "--output", "hydrant.yml"];
    test.hydrant(&[&import[..], &["--hook", &hooks[0], "--hook", &hooks[1]]].concat()).code(0);
    test.hydrant(&["plan", "-q"]).code(0).stdout("1 certificate: 1 to keep\n");
    calls(&installed, "dns");
    calls(&installed, "store");
    fs::remove_dir_all(test.path("kv-certificates")).unwrap();
    test.hydrant(&["run"]).code(0);
    assert_eq!(calls(&installed, "dns"), ["unchanged_cert a.example"]);
    assert_eq!(calls(&installed, "store"), ["unchanged_cert a.example"]);
    assert_stored(&installed, "a.example", "a.example");
    // A new certificate is delivered to both at once.
    test.hydrant(&["run", "--force"]).code(0);
    assert_eq!(calls(&installed, "store"), ["deploy_cert a.example"]);
    assert_stored(&installed, "a.example", "a.example");
}
