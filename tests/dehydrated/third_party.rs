//! Hooks as people have them: one that Debian ships, and scripts in the manner of those that are passed around.

use std::path::Path;

use super::installed::Installed;
use crate::support::{Rig, assert_good_pair, dehydrated};

/// Every name is proved on its own, or all of a certificate at once.
const BOTH: [&str; 2] = ["no", "yes"];
const LIST: &str = "a.example www.a.example\n*.b.example > star\n";

/// Issues [`LIST`] with the hook in each mode, and gives the last installation with its CA.
#[track_caller]
fn issues(place: impl Fn(&Rig) -> Installed, modes: &[&str]) -> (Rig, Installed) {
    let mut last = None;
    for mode in modes {
        let rig = Rig::start();
        let installed = place(&rig);
        let config = installed.test.read("config");
        let installed =
            Installed { test: installed.test.write("config", format!("{config}HOOK_CHAIN={mode}\n")) };
        installed.ours(&["--register", "--accept-terms"]).code(0);
        installed.ours(&["--cron"]).code(0);
        issued(&rig, &installed);
        last = Some((rig, installed));
    }
    last.unwrap()
}

/// All that [`LIST`] declares is there, and nothing is left in DNS.
#[track_caller]
fn issued(rig: &Rig, installed: &Installed) {
    assert_good_pair(rig, &installed.test.path("certs/a.example"), &["a.example", "www.a.example"]);
    assert_good_pair(rig, &installed.test.path("certs/star"), &["*.b.example"]);
    for name in ["a.example", "www.a.example", "b.example"] {
        assert_eq!(rig.challenges(name), Vec::<String>::new(), "{name}");
    }
}

#[test]
fn debians_ddns_hook_updates_a_real_name_server() {
    for mode in BOTH {
        let rig = Rig::with(&["--nonce-reject", "0", "--nameserver"]);
        let programs = dehydrated();
        let parts = programs.ancestors().nth(3).unwrap();
        let hook = parts.join("usr/share/dehydrated-hook-ddns-tsig/dehydrated-hook-ddns-tsig.py");
        // Two values for one name are there at the same time.
        let list = "a.example *.a.example www.a.example\n";
        let installed = Installed::new(&rig, list, &format!("HOOK={}\nHOOK_CHAIN={mode}", hook.display()));
        let environment = rig.environment();
        let settings = format!(
            "[DEFAULT]\nname_server_ip = {}\nwait = -1\nkey_name = {}\nkey_secret = {}\nkey_algorithm = hmac-sha256\n",
            rig.address(),
            environment["RIG_TSIG_NAME"],
            environment["RIG_TSIG_SECRET"],
        );
        let test = installed.test.write("dehydrated-hook-ddns-tsig.conf", settings);
        let installed = Installed { test };
        let library = parts.join("usr/lib/python3/dist-packages");
        // Its `env python3` is to be Debian's.
        let installed = installed.env("PYTHONPATH", library.to_str().unwrap()).env("PATH", "/usr/bin:/bin");
        installed.ours(&["--register", "--accept-terms"]).code(0);
        installed.ours(&["--cron"]).code(0);
        let names = ["*.a.example", "a.example", "www.a.example"];
        assert_good_pair(&rig, &installed.test.path("certs/a.example"), &names);
        for name in ["a.example", "www.a.example"] {
            assert_eq!(rig.challenges(name), Vec::<String>::new(), "{name}");
        }
    }
}

/// Reads its credentials from dehydrated's configuration, which it sources itself.
const SOURCES_CONFIG: &str = r#"
set -euo pipefail
. "$CONFIG"
change() { curl -sS --fail --noproxy '*' -H "X-API-Key: $PDNS_KEY" --data "$2" "$PDNS_HOST/$1"; }
case "${1:-}" in
deploy_challenge | clean_challenge)
    operation=$1
    shift
    while [ $# -ge 3 ]; do
        if [ "$operation" = deploy_challenge ]; then
            change set-txt "{\"host\": \"_acme-challenge.$1.\", \"value\": \"$3\"}"
        else
            change clear-txt "{\"host\": \"_acme-challenge.$1.\"}"
        fi
        shift 3
    done
    ;;
exit_hook) echo "done with $BASEDIR" ;;
esac"#;

#[test]
fn a_hook_that_sources_the_configuration_finds_its_credentials_there() {
    let place = |rig: &Rig| {
        let api = &rig.environment()["RIG_DNS_API"];
        Installed::new(rig, LIST, &format!("HOOK=$BASEDIR/pdns.sh\nPDNS_HOST={api}\nPDNS_KEY='s e c r e t'"))
            .hook_script("pdns.sh", SOURCES_CONFIG)
    };
    let (_rig, installed) = issues(place, &BOTH);
    // What `import` writes lets it find them too.
    let test = &installed.test;
    test.hydrant(&["import", "dehydrated", "--config", "config", "--output", "hydrant.yml"]).code(0);
    let tested = test.hydrant(&["run", "-q"]).code(0);
    assert!(!tested.stderr.contains("unbound variable"), "{}", tested.stderr);
}

/// Counts its arguments, tells chained calls by their number, and has its credentials from the environment.
const STRICT_PYTHON: &str = r#"
exec /usr/bin/python3 - "$@" <<'PYTHON'
import json, os, sys, urllib.request

def call(path, data):
    request = urllib.request.Request(os.environ["GD_API"] + path, json.dumps(data).encode())
    urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request).read()

def challenges(words):
    if len(words) % 3:
        sys.exit("a challenge has three words, not %d" % len(words))
    return [words[at:at + 3] for at in range(0, len(words), 3)]

def deploy_challenge(words):
    assert os.environ["GD_SECRET"] == "s3cret"
    for name, _, value in challenges(words):
        call("/set-txt", {"host": "_acme-challenge.%s." % name, "value": value})

def clean_challenge(words):
    for name, _, _ in challenges(words):
        call("/clear-txt", {"host": "_acme-challenge.%s." % name})

def exactly(number):
    def check(words):
        if len(words) != number:
            sys.exit("%d words instead of %d: %r" % (len(words), number, words))
    return check

operations = {
    "deploy_challenge": deploy_challenge, "clean_challenge": clean_challenge, "deploy_cert": exactly(6),
    "unchanged_cert": exactly(5), "invalid_challenge": exactly(2), "request_failure": exactly(4),
    "sync_cert": exactly(5), "startup_hook": exactly(0), "exit_hook": exactly(0),
}
operation = operations.get(sys.argv[1])
if operation:
    operation(sys.argv[2:])
PYTHON"#;

#[test]
fn a_python_hook_that_counts_its_words_is_given_the_right_number() {
    let place = |rig: &Rig| {
        let api = &rig.environment()["RIG_DNS_API"];
        Installed::new(rig, LIST, &format!("HOOK=$BASEDIR/gd.sh\nexport GD_API={api} GD_SECRET=s3cret"))
            .hook_script("gd.sh", STRICT_PYTHON)
    };
    let (_rig, installed) = issues(place, &BOTH);
    installed.ours(&["--cron"]).code(0);
}

/// The template that is copied most: functions by the names of operations, chained or not.
const TEMPLATE: &str = r#"
set -e -u -o pipefail
export PROVIDER_UPDATE_DELAY=${PROVIDER_UPDATE_DELAY:-"0"}
provider() { curl -sS --fail --noproxy '*' --data "$2" "$PROVIDER/$1"; }

deploy_challenge() {
    local chain=($@)
    for ((i=0; i < $#; i+=3)); do
        local DOMAIN="${chain[i]}" TOKEN_FILENAME="${chain[i+1]}" TOKEN_VALUE="${chain[i+2]}"
        echo "deploy_challenge called: ${DOMAIN}, ${TOKEN_FILENAME}, ${TOKEN_VALUE}"
        provider set-txt "{\"host\": \"_acme-challenge.$DOMAIN.\", \"value\": \"$TOKEN_VALUE\"}"
    done
    sleep "$PROVIDER_UPDATE_DELAY"
}
clean_challenge() {
    local chain=($@)
    for ((i=0; i < $#; i+=3)); do provider clear-txt "{\"host\": \"_acme-challenge.${chain[i]}.\"}"; done
}
deploy_cert() { echo "deploy_cert called: $1, $2, $3, $4, $5, $6"; }
unchanged_cert() { echo "unchanged_cert called: $1, $2, $3, $4, $5"; }
startup_hook() { :; }
exit_hook() { :; }
HANDLER=$1; shift
if [ -n "$(type -t $HANDLER)" ] && [ "$(type -t $HANDLER)" = function ]; then $HANDLER "$@"; fi"#;

#[test]
fn the_template_that_everybody_copies_works_with_an_exported_provider() {
    let place = |rig: &Rig| {
        let api = &rig.environment()["RIG_DNS_API"];
        Installed::new(rig, LIST, &format!("HOOK=$BASEDIR/default.sh\nexport PROVIDER={api}"))
            .hook_script("default.sh", TEMPLATE)
    };
    issues(place, &BOTH);
}

/// Looks at the first challenge of a call alone, with its settings in a file beside it.
const FIRST_ONLY: &str = r#"
. "$(dirname "$0")/settings.sh"
case "$1" in
deploy_challenge) curl -sS --fail --noproxy '*' --data "{\"host\": \"_acme-challenge.$2.\", \"value\": \"$4\"}" "$api/set-txt" ;;
clean_challenge) curl -sS --fail --noproxy '*' --data "{\"host\": \"_acme-challenge.$2.\"}" "$api/clear-txt" ;;
esac
exit 0"#;

#[test]
fn a_hook_that_knows_one_name_at_a_time_gets_one_name_at_a_time() {
    let place = |rig: &Rig| {
        let installed = Installed::new(rig, LIST, "HOOK=./cf/hook.sh").hook_script("cf/hook.sh", FIRST_ONLY);
        let settings = format!("api={}\n", rig.environment()["RIG_DNS_API"]);
        Installed { test: installed.test.write("cf/settings.sh", settings) }
    };
    issues(place, &["no"]);
}

/// Ends itself, and all of its process group, when something is wrong.
const KILLS: &str = r#"
abort() { echo "ERROR: $1" >&2; kill 0; sleep 60; }
case "$1" in
deploy_challenge)
    [ ! -e "refuses-$2" ] || abort "no zone for $2"
    curl -sS --fail --noproxy '*' --data "{\"host\": \"_acme-challenge.$2.\", \"value\": \"$4\"}" "$RIG_DNS_API/set-txt"
    ;;
clean_challenge) curl -sS --fail --noproxy '*' --data "{\"host\": \"_acme-challenge.$2.\"}" "$RIG_DNS_API/clear-txt" ;;
esac"#;

#[test]
fn a_hook_that_kills_its_process_group_ends_neither_the_run_nor_the_next_certificate() {
    let rig = Rig::start();
    let installed = Installed::new(&rig, LIST, "HOOK=./kills.sh").hook_script("kills.sh", KILLS);
    installed.ours(&["--register", "--accept-terms"]).code(0);
    installed.test.put("refuses-www.a.example", "");
    installed.ours(&["--cron", "--keep-going"]).code(1).stderr_contains("ERROR: no zone for www.a.example\n");
    assert!(!installed.test.path("certs/a.example/cert.pem").exists());
    assert_good_pair(&rig, &installed.test.path("certs/star"), &["*.b.example"]);
    assert_eq!(rig.challenges("a.example"), Vec::<String>::new());
    assert!(!installed.test.path("lock").exists());

    std::fs::remove_file(installed.test.path("refuses-www.a.example")).unwrap();
    installed.ours(&["--cron"]).code(0);
    issued(&rig, &installed);
}

/// Goes by the variables that dehydrated exports, documented or not.
const READS_VARIABLES: &str = r#"
set -eu
case "$1" in
deploy_challenge)
    echo "$alias: $altnames" >>seen
    shift
    while [ $# -ge 3 ]; do
        curl -sS --fail --noproxy '*' --data "{\"host\": \"_acme-challenge.$1.\", \"value\": \"$3\"}" "$RIG_DNS_API/set-txt"
        shift 3
    done
    ;;
clean_challenge)
    shift
    while [ $# -ge 3 ]; do
        curl -sS --fail --noproxy '*' --data "{\"host\": \"_acme-challenge.$1.\"}" "$RIG_DNS_API/clear-txt"
        shift 3
    done
    ;;
deploy_cert) mkdir -p "deployed/$alias" && cp "$CERTDIR/$alias/fullchain.pem" "deployed/$alias/" ;;
esac"#;

#[test]
fn a_hook_that_reads_alias_and_altnames_finds_them() {
    let place =
        |rig: &Rig| Installed::new(rig, LIST, "HOOK=./reads.sh").hook_script("reads.sh", READS_VARIABLES);
    let (_rig, installed) = issues(place, &BOTH);
    assert_eq!(installed.test.read("seen"), "a.example: a.example www.a.example\nstar: *.b.example\n");
    for name in ["a.example", "star"] {
        let deployed = installed.test.read(&format!("deployed/{name}/fullchain.pem"));
        assert_eq!(deployed, installed.test.read(&format!("certs/{name}/fullchain.pem")));
    }
}

/// Asks a person to set the record, and waits for the answer.
const MANUAL: &str = r#"
case "$1" in
deploy_challenge)
    printf '_acme-challenge.%s TXT %s - set? ' "$2" "$4"
    read -r answer || exit 1
    [ "$answer" = yes ] || exit 1
    curl -sS --fail --noproxy '*' --data "{\"host\": \"_acme-challenge.$2.\", \"value\": \"$4\"}" "$RIG_DNS_API/set-txt"
    ;;
clean_challenge)
    read -r answer
    curl -sS --fail --noproxy '*' --data "{\"host\": \"_acme-challenge.$2.\"}" "$RIG_DNS_API/clear-txt"
    ;;
esac"#;

#[test]
fn a_manual_hook_can_ask_and_read_the_answers() {
    let place = |rig: &Rig| {
        let installed = Installed::new(rig, LIST, "HOOK=./manual.sh").hook_script("manual.sh", MANUAL);
        // Three names: one line each to set and to clean.
        Installed { test: installed.test.stdin("yes\nyes\n\n\nyes\n\n") }
    };
    issues(place, &["no"]);

    let rig = Rig::start();
    let installed = place(&rig);
    let installed = Installed { test: installed.test.stdin("no\n") };
    installed.ours(&["--register", "--accept-terms"]).code(0);
    let asked = installed.ours(&["--cron"]).code(1);
    asked.stdout_contains("TXT ");
    assert!(!Path::new(&installed.test.path("certs/a.example/cert.pem")).exists());
}
