use serde_json::json;

use crate::support::Test;

const LIST: &str = "example.net www.example.net # ours\nexample.org www.example.org example.org\n";

const FINDINGS: &str = "\
error[trailing-comment]: a comment cannot follow names on their line
 --> [DIR]/domains.txt:1:29
  |
1 | example.net www.example.net # ours
  |                             ^^^^^^
  |
  = help: put it on a line of its own; dehydrated would take its words for names

warning[duplicate-name]: `example.org` is already on this line
 --> [DIR]/domains.txt:2:29
  |
2 | example.org www.example.org example.org
  |                             ^^^^^^^^^^^
  |
  = help: it is requested once; remove this one

1 error, 1 warning
";

#[test]
fn draws_every_finding_with_its_place() {
    let test = Test::new().config("challenge: dns-01\nhooks: [/bin/true]\n").domains(LIST);
    let found = test.hydrant(&["lint"]).code(2).stderr("");
    found.stdout(FINDINGS);
}

#[test]
fn warnings_count_when_they_are_denied() {
    let list = LIST.split_inclusive('\n').nth(1).unwrap();
    let test = Test::new().config("challenge: dns-01\nhooks: [/bin/true]\n").domains(list);
    test.hydrant(&["lint"]).code(0).stdout_contains("1 warning\n");
    test.hydrant(&["lint", "--deny-warnings"]).code(2);
    let test = test.domains("example.org *.example.org\nexample.net\n");
    test.hydrant(&["lint", "--deny-warnings"]).code(0).stdout("2 certificates, no findings\n").stderr("");
}

#[test]
fn a_document_has_every_finding() {
    let test = Test::new().config("challenge: dns-01\nhooks: [/bin/true]\n").domains(LIST);
    let document = test.hydrant(&["lint", "--format", "json"]).code(2).stderr("").json();
    assert_eq!(document["version"], 1);
    assert_eq!(
        document["findings"][0],
        json!({
            "rule": "trailing-comment",
            "severity": "error",
            "message": "a comment cannot follow names on their line",
            "help": "put it on a line of its own; dehydrated would take its words for names",
            "path": test.path("domains.txt"),
            "line": 1, "column": 29, "end_line": 1, "end_column": 35,
        })
    );
    assert_eq!(document["findings"][1]["severity"], "warning");
}

#[test]
fn looks_at_what_is_to_issue_it_too() {
    let test = Test::new().config("hooks: [/nowhere/hook.sh]\n").domains("*.example.org > w\n");
    test.hydrant(&["lint"])
        .code(2)
        .stdout_contains("error[missing-hook]")
        .stdout_contains("/nowhere/hook.sh");
}

#[test]
fn colours_are_for_terminals_or_for_who_asks() {
    let test = Test::new().config("hooks: [/bin/true]\n").domains("a_.example.org\n");
    let colours =
        |arguments: &[&str]| test.hydrant(&[&["lint"], arguments].concat()).code(2).stdout.contains('\u{1b}');
    assert!(!colours(&[]));
    assert!(!colours(&["--color", "never"]));
    assert!(colours(&["--color", "always"]));
    let stderr = test.hydrant(&["run", "--color", "always"]).code(2).stderr;
    assert!(stderr.contains('\u{1b}'), "{stderr}");
    // On a terminal: script gives it one.
    let hydrant = env!("CARGO_BIN_EXE_hydrant");
    let on_terminal = |environment: &str, redirect: &str| {
        let command = format!("{environment} {hydrant} lint {redirect}");
        let shown =
            test.program("script", &["--quiet", "--return", "--command", &command, "/dev/null"]).code(2);
        shown.stdout.contains('\u{1b}')
    };
    assert!(on_terminal("", ""));
    assert!(!on_terminal("NO_COLOR=1", ""));
    assert!(on_terminal("NO_COLOR=", ""));
    // stderr is still the terminal, but the document is for a file.
    assert!(!on_terminal("", "| cat; exit ${PIPESTATUS[0]:-2}"));
}

#[test]
fn lists_its_rules_without_a_configuration() {
    let test = Test::new().config("no: such\n");
    let rules = test.hydrant(&["lint", "--list"]).code(0).stderr("");
    assert!(rules.stdout.lines().count() > 20, "{}", rules.stdout);
    rules.stdout_contains("alias-required").stdout_contains("missing-hook");
    let document = test.hydrant(&["lint", "--list", "--format", "json"]).code(0).json();
    assert_eq!(document["version"], 1);
    let rules = document["rules"].as_array().unwrap();
    assert!(rules.iter().all(|rule| rule["id"].is_string() && rule["summary"].is_string()));
}

#[test]
fn an_empty_list_is_rather_an_accident() {
    let test = Test::new().domains("# nothing\n");
    let said = "error: the domains list has no valid line\n";
    for command in ["lint", "plan", "run"] {
        test.hydrant(&[command]).code(2).stdout("").stderr(said);
    }
}
