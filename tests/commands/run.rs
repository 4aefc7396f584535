use serde_json::json;

use super::{WHEN, dns_01, place};
use crate::support::{Rig, Test, assert_good_pair};

#[test]
fn says_what_was_done_and_the_next_time_that_nothing_was_to_do() {
    let rig = Rig::start();
    let test = place(&rig, "a.example www.a.example\n").filter("00000000000000", "[ID]");
    let first = test.hydrant(&["run"]).code(0).stderr("");
    let account = first.stdout.lines().next().unwrap().to_owned();
    assert!(account.starts_with(&format!("account registered at {}: https://", rig.ca())), "{account}");
    let rest = first.stdout.split_once('\n').unwrap().1.replace(char::is_numeric, "0");
    assert_eq!(
        rest,
        "a.example: issue: nothing is stored\n\
         a.example: issued, valid until 0000-00-00 00:00:00Z\n\
         0 certificate: 0 issued\n"
    );
    assert_good_pair(&rig, &test.path("certs/a.example"), &["a.example", "www.a.example"]);

    test.hydrant(&["run"]).code(0).stdout("1 certificate: 1 unchanged\n").stderr("");
    test.hydrant(&["run", "-v"])
        .code(0)
        .stdout("a.example: unchanged, a renewal is due [WHEN]\n1 certificate: 1 unchanged\n")
        .stderr("");
    test.hydrant(&["run", "-q"]).code(0).stdout("").stderr("");
    assert_eq!((rig.orders_made(), rig.certificates_issued()), (1, 1));
}

#[test]
fn more_words_show_steps_and_requests_on_stderr() {
    let rig = Rig::start();
    let test = place(&rig, "a.example\n");
    test.hydrant(&["account", "register"]).code(0);
    let steps = "a.example: ordering\na.example: deploying challenges\na.example: being validated\n\
         a.example: cleaning challenges\n\
         a.example: being issued\na.example: being stored\n";
    let done = "a.example: issue: nothing is stored\na.example: issued, valid until [WHEN]\n1 certificate: 1 issued\n";
    test.hydrant(&["run", "-v"]).code(0).stdout(done).stderr(steps);

    let requests = test.hydrant(&["run", "-vv", "--force"]).code(0).stderr;
    let kinds: Vec<_> = requests
        .lines()
        .filter(|line| line.contains("https://"))
        .map(|line| {
            line.split([' ', '/']).filter(|word| !word.is_empty()).step_by(3).take(2).collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(kinds[0], ["GET", "dir:"], "{requests}");
    assert_eq!(kinds.iter().filter(|kind| kind[1] == "order-plz:").count(), 1, "{requests}");
    let first = requests.lines().next().unwrap();
    assert!(first.starts_with(&format!("GET {}: 200 in ", rig.ca())) && first.ends_with(" ms"), "{first}");
}

#[test]
fn a_password_in_the_url_of_the_ca_is_seen_by_nobody() {
    let rig = Rig::start();
    let hook = r#"echo "$HYDRANT_CA" >>cas; exec "$RIG_HOOK" "$@""#;
    let test = place(&rig, "a.example\n")
        .own_hook(hook, "deploy_challenge, clean_challenge")
        .env("HYDRANT_CA", rig.ca().replacen("://", "://ops:hunter2@", 1));
    let shown = rig.ca().replacen("://", "://[secret]@", 1).replace(rig.address(), "[ADDRESS]");
    let unregistered = test.hydrant(&["account", "show"]).code(2);
    unregistered.stderr_contains(&format!("there is no account at {shown}\n"));
    let ran = test.hydrant(&["run", "-vv"]).code(0);
    let printed = format!("{}{}", ran.stdout, ran.stderr);
    assert!(!printed.contains("hunter2"), "{printed}");
    ran.stdout_contains(&format!("account registered at {shown}: https://"))
        .stderr_contains(&format!("GET {shown}: 200 in "));
    // Hooks get a URL that programs understand.
    assert!(test.read("cas").lines().all(|ca| ca == rig.ca()), "{}", test.read("cas"));
    let test = test.env("HYDRANT_CA", format!("https://ops:hunter2@{}:1/dir", rig.address()));
    test.hydrant(&["run", "--force"]).code(75).stderr(
        "error: no answer from https://[secret]@[ADDRESS]:1/dir: Connection refused (os error 111)\n",
    );
}

#[test]
fn a_document_has_all_of_it_for_machines() {
    let rig = Rig::start();
    let test = place(&rig, "a.example\nb..example\n");
    let ran = test.hydrant(&["run", "--format", "json"]).code(1);
    let mut document = ran.json();
    let not_after = document["certificates"][0]["not_after"].take();
    assert!(not_after.as_str().is_some_and(|at| at.len() == 20 && at.ends_with('Z')), "{not_after}");
    assert_eq!(
        document,
        json!({
            "version": 1,
            "exit_code": 1,
            "refused_lines": 1,
            "problems": [],
            "certificates": [{
                "name": "a.example",
                "outcome": "issued",
                "because": "nothing is stored",
                "not_after": null,
                "next_attempt": null,
                "problem": null,
                "owed_deliveries": [],
                "owed_cleaning": false,
            }],
        })
    );
    let ran = ran.stderr_contains("error[invalid-name]: ").stderr_contains("account registered at [CA]");
    ran.stderr_contains("a.example: issued, valid until [WHEN]\n");
}

#[test]
fn a_bad_line_is_refused_alone_and_with_strict_all_of_them() {
    let rig = Rig::start();
    let test = place(&rig, "a.example\nb_.example\n");
    let refused = "error[underscore]: `b_.example` has an underscore\n \
                   --> [DIR]/domains.txt:2:1\n  |\n2 | b_.example\n  | ^^^^^^^^^^\n  |\n  \
                   = help: a name in a certificate has letters, digits and hyphens only\n";
    let error = "error: a line is not valid, and --strict was given\n";
    test.hydrant(&["run", "--strict"]).code(2).stdout("").stderr(&format!("{refused}{error}"));
    assert_eq!(rig.requests_at_ca().len(), 0);

    let ran = test.hydrant(&["run"]).code(1).stderr(refused);
    ran.stdout_contains("1 certificate: 1 issued, 1 line refused\n");
    assert_eq!(rig.certificates_issued(), 1);
}

#[test]
fn without_a_valid_line_nothing_is_done() {
    let test = Test::new();
    test.hydrant(&["run"]).code(2).stdout("").stderr(
        "error: cannot read the domains list `[DIR]/domains.txt`: No such file or directory (os error 2)\n",
    );
    let test = test.domains("# nothing yet\n");
    test.hydrant(&["run"]).code(2).stdout("").stderr("error: the domains list has no valid line\n");
    let test = test.domains("a_.example\n");
    test.hydrant(&["run"]).code(2).stdout("").stderr_contains("error: the domains list has no valid line\n");
}

#[test]
fn the_list_may_come_from_standard_input() {
    let test = Test::new().stdin("a.example\n");
    let plan = "issue  a.example  nothing is stored\n1 certificate: 1 to issue\n";
    test.hydrant(&["plan", "--domains", "-"]).code(0).stdout(plan).stderr("");
}

#[test]
fn only_takes_names_and_globs() {
    let rig = Rig::start();
    let test = place(&rig, "a.example\nb.example\n*.c.example > team/c\n");
    let issued = |arguments: &[&str]| {
        let output = test.hydrant(&[&["run", "--format", "json", "--only"], arguments].concat()).code(0);
        let list = output.json()["certificates"].as_array().unwrap().clone();
        list.iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(issued(&["b.example"]), ["b.example"]);
    assert_eq!(issued(&["team/c"]), ["team/c"]);
    assert_eq!(issued(&["?.example", "team/*"]), ["a.example", "b.example", "team/c"]);
    assert_eq!(rig.certificates_issued(), 3);
    test.hydrant(&["run", "--only", "d.example", "*.net"])
        .code(2)
        .stdout("")
        .stderr("error: no line of the domains list is kept under `d.example` and `*.net`\n");
}

#[test]
fn the_first_run_without_terms_says_where_they_are_and_does_nothing() {
    let rig = Rig::start();
    let test =
        Test::new().rig(&rig).config(&dns_01("")).domains("a.example\nb.example\n").filter(WHEN, "[WHEN]");
    test.hydrant(&["run"]).code(2).stdout("").stderr(
        "error: the terms of service of [CA] are not accepted: data:text/plain,Do%20what%20thou%20wilt\n\
         hint: read them, then run with --accept-terms, or set `accept_terms: true`\n",
    );
    assert_eq!(rig.requests_at_ca(), ["GET /dir"]);
    assert!(!test.path("accounts").exists());
    test.hydrant(&["run", "--accept-terms"]).code(0);
    // What was agreed to once is agreed to.
    test.hydrant(&["run"]).code(0).stdout("2 certificates: 2 unchanged\n");
}

#[test]
fn a_failure_says_what_failed_and_what_to_do() {
    let rig = Rig::start();
    let test = place(&rig, "a.example\nb.example\n").env("RIG_HOOK_FAIL_NAMES", "b.example");
    let failed = test.hydrant(&["run"]).code(1);
    assert!(
        failed.stderr.starts_with("error: b.example: hook `dns` failed at `deploy_challenge`"),
        "{}",
        failed.stderr
    );
    failed.stdout_contains("2 certificates: 1 issued, 1 failed\n");

    let waiting = test.hydrant(&["run"]).code(1).stderr("");
    waiting
        .stdout_contains("b.example: waiting, failed once, next attempt from [WHEN]: hook `dns` failed")
        .stdout_contains("2 certificates: 1 unchanged, 1 waiting\n");
    let test = test.env("RIG_HOOK_FAIL_NAMES", "");
    test.hydrant(&["run", "--ignore-backoff", "-q"]).code(0).stdout("").stderr("");
    assert_eq!(rig.certificates_issued(), 2);
}

#[test]
fn a_failure_before_anything_is_done_is_a_document_too() {
    let test = Test::new();
    let output = test.hydrant(&["run", "--format", "json"]).code(2);
    let message = format!(
        "cannot read the domains list `{}`: No such file or directory (os error 2)",
        test.path("domains.txt").display()
    );
    assert_eq!(
        output.json(),
        json!({ "version": 1, "exit_code": 2, "error": { "message": message, "hints": [] } })
    );
    let test = test.config("jbos: 3\n").env("HYDRANT_FORMAT", "json");
    let document = test.hydrant(&["run"]).code(2).json();
    assert_eq!((&document["version"], &document["exit_code"]), (&json!(1), &json!(2)));
    assert_eq!(document["error"]["message"], "the configuration cannot be used: 1 error");
    assert_eq!(document["findings"][0]["line"], 1);
}

#[test]
fn a_reader_that_has_read_enough_is_no_failure() {
    let names: Vec<_> = (0..2000).map(|number| format!("{number}.example\n")).collect();
    let test = Test::new().domains(&names.concat());
    let hydrant = env!("CARGO_BIN_EXE_hydrant");
    for command in ["status", "plan", "lint --list", "man", "completions bash", "--help"] {
        let pipe = format!("{hydrant} {command} | head -0; exit ${{PIPESTATUS[0]}}");
        test.program("bash", &["-c", &pipe]).code(0).stdout("").stderr("");
    }
}
