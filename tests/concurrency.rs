//! Runs at once over one list and one directory share the work: nothing is ordered twice, nobody waits for long.

use std::fmt::Write;
use std::fs;
use std::time::Duration;

use crate::support::{Rig, Test, assert_good_pair};

/// Slow on purpose while the file that `GATE` names is there; for the rest the rig's hook.
const HOOK: &str = r#"
if [ "$1" = deploy_challenge ] && [ -n "${GATE-}" ]; then
    touch at-the-gate
    while [ -e "$GATE" ]; do sleep 0.02; done
fi
exec "$RIG_HOOK" "$@"
"#;

const OPERATIONS: &str = "deploy_challenge, clean_challenge";

fn place(rig: &Rig, names: &[String]) -> Test {
    let list = names.iter().fold(String::new(), |mut list, name| {
        writeln!(list, "{name}").unwrap();
        list
    });
    Test::new()
        .rig(rig)
        .domains(&list)
        .own_hook(HOOK, OPERATIONS)
        .args(["run"])
        .deadline(Duration::from_mins(2))
}

/// So many runs at once over twenty lines: one certificate a line, one account, and all runs say that all is well.
fn share_a_list(runs: usize) {
    let rig = Rig::start();
    let names: Vec<String> = (1..=20).map(|number| format!("n{number}.example")).collect();
    let test = place(&rig, &names);
    let running: Vec<_> = (0..runs).map(|_| test.start()).collect();
    for run in running {
        run.wait().code(0);
    }
    assert_eq!((rig.orders_made(), rig.certificates_issued()), (20, 20));
    assert_eq!(accounts(&rig), 1);
    for name in &names {
        assert!(rig.challenges(name).is_empty(), "{name} is not clean");
        assert!(test.path(format!("certs/{name}/fullchain.pem")).exists(), "{name} is not there");
    }
    assert_good_pair(&rig, &test.path("certs/n7.example"), &["n7.example"]);
    test.run().code(0).stdout("20 certificates: 20 unchanged\n").stderr("");
}

/// How many accounts the CA has.
pub(crate) fn accounts(rig: &Rig) -> usize {
    let log = rig.log();
    let counts = log.lines().filter_map(|line| line.split_once("There are now ")?.1.split_once(" accounts"));
    counts.fold("0", |_, (count, _)| count).parse().unwrap()
}

#[test]
fn two_first_runs_at_once_get_one_certificate_a_line_and_make_one_account() {
    share_a_list(2);
}

#[test]
fn twenty_first_runs_at_once_get_one_certificate_a_line_and_make_one_account() {
    share_a_list(20);
}

#[test]
fn a_certificate_that_a_stopped_run_has_in_work_is_waited_for_while_the_others_go_on() {
    let rig = Rig::start();
    let names = ["a.example", "held.example", "z.example"].map(str::to_owned);
    let test =
        place(&rig, &names).write("gate", "").env("GATE", "gate").args(["run", "--only", "held.example"]);
    let mut first = test.start();
    first.wait_until("the hook is at the gate", || test.path("at-the-gate").exists());
    first.signal("STOP");

    let test = test.env("GATE", "").args(["run"]);
    let mut second = test.start();
    let stored = |name: &str| test.path(format!("certs/{name}/cert.pem")).exists();
    second.wait_until("the others are stored", || stored("a.example") && stored("z.example"));
    assert!(!stored("held.example"));
    let holder = format!("held.example: in work elsewhere (process {} on ", first.pid());
    fs::remove_file(test.path("gate")).unwrap();
    first.signal("CONT");

    first.wait().code(0);
    second.wait().code(0).stdout_contains(&holder).stdout_contains("3 certificates: 2 issued, 1 unchanged\n");
    assert_good_pair(&rig, &test.path("certs/held.example"), &["held.example"]);
    assert_eq!((rig.orders_made(), rig.certificates_issued()), (3, 3));
}

#[test]
fn a_certificate_that_a_killed_run_had_in_work_is_taken_over_by_the_run_that_waits() {
    let rig = Rig::start();
    let names = ["a.example", "held.example"].map(str::to_owned);
    let test =
        place(&rig, &names).write("gate", "").env("GATE", "gate").args(["run", "--only", "held.example"]);
    let mut first = test.start();
    first.wait_until("the hook is at the gate", || test.path("at-the-gate").exists());

    let test = test.env("GATE", "").args(["run"]);
    let mut second = test.start();
    second.wait_until("the other is stored", || test.path("certs/a.example/cert.pem").exists());
    first.signal("KILL");
    fs::remove_file(test.path("gate")).unwrap();

    assert!(first.wait().was_killed());
    second.wait().code(0).stdout_contains("2 certificates: 2 issued\n");
    assert_good_pair(&rig, &test.path("certs/held.example"), &["held.example"]);
    assert_eq!((rig.orders_made(), rig.certificates_issued()), (2, 2));
}

#[test]
fn certificates_that_a_killed_run_had_in_work_go_into_one_batch_of_the_run_that_waits() {
    let rig = Rig::start();
    let mut names: Vec<String> = (1..=8).map(|number| format!("n{number}.example")).collect();
    let test = place(&rig, &names)
        .env("RIG_HOOK_CAPABILITIES", r#"{"hydrant":1,"challenges":"batch"}"#)
        .write("gate", "")
        .env("GATE", "gate");
    let mut first = test.start();
    first.wait_until("the hook is at the gate", || test.path("at-the-gate").exists());

    names.push("a.example".to_owned());
    let list = names.join("\n");
    let test = test.domains(&list).env("GATE", "").env("RIG_HOOK_LOG", "calls");
    let mut second = test.start();
    second.wait_until("the other is stored", || test.path("certs/a.example/cert.pem").exists());
    first.signal("KILL");
    fs::remove_file(test.path("gate")).unwrap();

    assert!(first.wait().was_killed());
    second.wait().code(0).stdout_contains("9 certificates: 9 issued\n");
    let calls = test.read("calls");
    let calls = calls.lines().map(|line| serde_json::from_str::<Vec<String>>(line).unwrap());
    let deployed = calls.filter(|call| call[0] == "deploy_challenge").map(|call| (call.len() - 1) / 3);
    assert_eq!(deployed.collect::<Vec<_>>(), [1, 8]);
    assert_eq!((rig.orders_made(), rig.certificates_issued()), (9, 9));
}

#[test]
fn a_certificate_that_another_run_failed_at_meanwhile_is_not_reported_as_well() {
    let rig = Rig::start();
    let names = ["a.example", "held.example"].map(str::to_owned);
    let test = place(&rig, &names)
        .write("gate", "")
        .env("GATE", "gate")
        .env("RIG_HOOK_FAIL_NAMES", "held.example")
        .args(["run", "--only", "held.example"]);
    let mut first = test.start();
    first.wait_until("the hook is at the gate", || test.path("at-the-gate").exists());

    let test = test.env("GATE", "").env("RIG_HOOK_FAIL_NAMES", "").args(["run"]);
    let mut second = test.start();
    second.wait_until("the other is stored", || test.path("certs/a.example/cert.pem").exists());
    fs::remove_file(test.path("gate")).unwrap();
    first.wait().code(1);
    second.wait().code(1).stdout_contains("2 certificates: 1 issued, 1 waiting\n");
    assert!(rig.challenges("held.example").is_empty());
}

/// Runs on the same address for http-01, each in a directory of its own; `gate` holds the first up while it listens.
fn listening(rig: &Rig, name: &str, timeout: &str) -> Test {
    let config = format!(
        "accept_terms: true\nchallenge: http-01\nhttp_listen: {}\nvalidation_timeout: {timeout}\nhooks: [./gate.sh]\n",
        rig.environment()["RIG_HTTP_ADDRESS"]
    );
    let gate =
        "[ \"$1\" = deploy_challenge ] || exit 0\ntouch at-the-gate\nwhile [ -e gate ]; do sleep 0.02; done";
    Test::new()
        .rig(rig)
        .domains(&format!("{name}\n"))
        .config(&config)
        .hook_script("gate.sh", gate)
        .args(["run", "--format", "json"])
}

#[test]
fn runs_that_listen_on_the_same_address_wait_for_each_other() {
    let rig = Rig::start();
    let one = listening(&rig, "one.example", "2m").write("gate", "");
    let mut first = one.start();
    first.wait_until("it listens", || one.path("at-the-gate").exists());
    let two = listening(&rig, "two.example", "2m");
    let mut second = two.start();
    let address = &rig.environment()["RIG_HTTP_ADDRESS"];
    let said = format!("two.example: {address} is in use, waiting\n");
    second.wait_for_stderr(&said);
    let three = listening(&rig, "three.example", "2m");
    let mut third = three.start();
    third.wait_for_stderr(" is in use, waiting\n");
    third.signal("TERM");
    third.wait().code(143);
    fs::remove_file(one.path("gate")).unwrap();
    assert_eq!(first.wait().code(0).json()["certificates"][0]["outcome"], "issued");
    assert_eq!(second.wait().code(0).json()["certificates"][0]["outcome"], "issued");
}

#[test]
fn runs_over_one_list_share_the_work_also_where_they_listen_themselves() {
    let rig = Rig::start();
    let config = |kind: &str, listen: &str, address: &str| {
        format!("accept_terms: true\nchallenge: {kind}\n{listen}: {address}\n")
    };
    for (number, kind, listen) in [(1, "http-01", "http_listen"), (2, "tls-alpn-01", "tls_alpn_listen")] {
        let address = ["RIG_HTTP_ADDRESS", "RIG_TLS_ADDRESS"][number - 1];
        let test = Test::new()
            .rig(&rig)
            .domains(
                "a.example\nb.example\nc.example\nd.example\ne.example\nf.example\ng.example\nh.example\n",
            )
            .config(&config(kind, listen, &rig.environment()[address]))
            .args(["run"]);
        let running: Vec<_> = (0..3).map(|_| test.start()).collect();
        for run in running {
            run.wait().code(0).stderr("");
        }
        assert_eq!((rig.orders_made(), rig.certificates_issued()), (8 * number, 8 * number), "{kind}");
    }
}

#[test]
fn an_address_that_stays_in_use_is_said_to_be() {
    let rig = Rig::start();
    let address = &rig.environment()["RIG_HTTP_ADDRESS"];
    let _taken = std::net::TcpListener::bind(address).unwrap();
    let address = address.replace(rig.address(), "[ADDRESS]");
    let test = listening(&rig, "one.example", "1s").args(["run", "-q"]);
    test.run().code(1).stdout("").stderr(&format!(
        "error: one.example: cannot listen on {address}, which did not become free within 1 s: Address already in use \
         (os error 98)\n\
         hint: another program listens there: let it serve a webroot, or forward the challenges to another port\n"
    ));
}
