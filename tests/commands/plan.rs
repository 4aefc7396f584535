use serde_json::json;

use super::{WHEN, place};
use crate::support::{Rig, Test};

/// A hook that chooses other names for a.example, by a request of its own.
const CHOOSES: &str = r#"
if [ "$1" = generate_csr ] && [ "$2" = a.example ]; then
    echo "$HYDRANT_DRY_RUN" >>asked
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -subj / \
        -addext 'subjectAltName=DNS:chosen.a.example' 2>/dev/null
fi"#;

#[test]
fn says_what_a_run_would_do_and_asks_nobody() {
    let rig = Rig::start();
    let test = place(&rig, "a.example\nb.example\n");
    test.hydrant(&["run", "--only", "a.example"]).code(0);
    let requests = rig.requests_at_ca().len();
    test.hydrant(&["plan"])
        .code(0)
        .stdout("issue  b.example  nothing is stored\n2 certificates: 1 to issue, 1 to keep\n")
        .stderr("");
    test.hydrant(&["plan", "-v"]).code(0).stderr("").stdout(
        "keep   a.example  a renewal is due [WHEN]\n\
         issue  b.example  nothing is stored\n\
         2 certificates: 1 to issue, 1 to keep\n",
    );
    let test = test.domains("a.example www.a.example\n");
    let changed = "issue  a.example  names were added: `www.a.example`\n1 certificate: 1 to issue\n";
    test.hydrant(&["plan"]).code(0).stdout(changed);
    assert_eq!(rig.requests_at_ca().len(), requests);
}

#[test]
fn a_document_names_what_is_to_be_ordered() {
    let test = Test::new().config("hooks: [/bin/true]\n").domains("a.example b.example\n*.c.example > c\n");
    let certificate = |name: &str, names: &[&str]| {
        json!({
            "name": name,
            "action": "issue",
            "because": "nothing is stored",
            "names": names,
            "names_from": "list",
            "hooks_not_asked": ["true"],
            "not_after": null,
            "renewal_brings": [],
        })
    };
    assert_eq!(
        test.hydrant(&["plan", "--format", "json"]).code(0).stderr("").json(),
        json!({
            "version": 1,
            "refused_lines": 0,
            "certificates": [certificate("a.example", &["a.example", "b.example"]), certificate("c", &["*.c.example"])],
        })
    );
}

#[test]
fn a_certificate_that_cannot_be_read_hides_no_other() {
    let rig = Rig::start();
    let test = place(&rig, "a.example\nb.example\nc.example\n");
    test.hydrant(&["run", "--only", "a.example", "b.example"]).code(0);
    std::fs::write(test.path(".hydrant/certificates/b.example.json"), "").unwrap();
    let why = "cannot read `[DIR]/.hydrant/certificates/b.example.json`: the record is malformed: EOF while parsing a \
               value at line 1 column 0";
    test.hydrant(&["plan"]).code(1).stderr("").stdout(&format!(
        "unreadable  b.example  {why}\n\
         issue       c.example  nothing is stored\n\
         3 certificates: 1 to issue, 1 to keep, 1 unreadable\n"
    ));
    test.hydrant(&["status"]).code(1).stderr("").stdout(&format!(
        "certificate  expires               days left  state\n\
         a.example    [WHEN]  89         keep: a renewal is due [WHEN]\n\
         b.example    -                     -          unreadable: {why}\n\
         c.example    -                     -          issue: nothing is stored\n"
    ));
    for command in ["plan", "status"] {
        let document = test.hydrant(&[command, "--format", "json"]).code(1).json();
        let found: Vec<_> = [0, 1, 2].map(|index| document["certificates"][index]["action"].clone()).into();
        assert_eq!(found, ["keep", "unreadable", "issue"], "{command}");
        let because = document["certificates"][1]["because"].as_str().unwrap();
        assert!(because.contains("the record is malformed"), "{command}: {because}");
    }
}

#[test]
fn settings_that_wait_for_a_renewal_are_named_and_renew_nothing() {
    let rig = Rig::with(&["--nonce-reject", "0", "--profile", "long=7776000", "--profile", "short=518400"]);
    let list = "a.example\nb.example\nc.example\nd.example\ne.example\nf.example\n";
    let place = place(&rig, list);
    let kinds = "profile: long\ncertificates:\n  b.example: {key_type: p384}\n  c.example: {key_type: p521}\n  \
                 d.example: {key_type: rsa2048}\n  e.example: {key_type: rsa3072}\n  f.example: {reuse_key: true}\n";
    let configured = |test: Test, settings: &str| {
        test.config(&format!("accept_terms: true\n{}{settings}", super::dns_01("")))
    };
    let test = configured(place, kinds);
    test.hydrant(&["run"]).code(0);
    test.hydrant(&["plan"]).code(0).stdout("6 certificates: 6 to keep\n").stderr("");

    let others = "key_type: rsa2048\nprofile: long\ncertificates: {a.example: {profile: short}, \
                  e.example: {preferred_chain: X1}, f.example: {reuse_key: true, key_type: p384}}\n";
    let test = configured(test, others);
    test.hydrant(&["plan", "--detailed-exitcode"]).code(0).stdout("6 certificates: 6 to keep\n").stderr(
        "note: `a.example`, `b.example`, `c.example` and `e.example` have other settings than declared until the next \
         renewal: `plan -v` shows which, `run --force --only NAME` renews now\n",
    );
    let kept = "a renewal is due [WHEN]";
    test.hydrant(&["plan", "-v"]).code(0).stdout(&format!(
        "keep  a.example  {kept}; it brings key_type rsa2048 instead of p256, profile short instead of long\n\
         keep  b.example  {kept}; it brings key_type rsa2048 instead of p384\n\
         keep  c.example  {kept}; it brings key_type rsa2048 instead of p521\n\
         keep  d.example  {kept}\n\
         keep  e.example  {kept}; it brings key_type rsa2048 instead of rsa3072, preferred_chain X1 instead of none\n\
         keep  f.example  {kept}\n\
         6 certificates: 6 to keep\n"
    ));
    let profile = json!([{ "setting": "key_type", "now": "p256", "then": "rsa2048" },
        { "setting": "profile", "now": "long", "then": "short" }]);
    for command in ["plan", "status"] {
        let document = test.hydrant(&[command, "--format", "json"]).code(0).json();
        let brings = |index: usize| &document["certificates"][index]["renewal_brings"];
        assert_eq!((brings(0), brings(3)), (&profile, &json!([])), "{command}");
    }
    test.hydrant(&["run"]).code(0).stdout("6 certificates: 6 unchanged\n");
    test.hydrant(&["run", "--force", "--only", "a.example"]).code(0);
    test.hydrant(&["status", "a.example"]).code(0).stdout(
        "certificate  expires               days left  state\n\
         a.example    [WHEN]  5          keep: a renewal is due [WHEN]\n",
    );
}

#[test]
fn says_for_which_certificates_a_hook_may_choose_other_names() {
    let config = |hooks: &str| format!("hooks:\n{hooks}certificates:\n  b.example: {{hooks: [quiet]}}\n");
    let test = Test::new().domains("a.example\nb.example\n");
    let quiet = "  - {name: quiet, command: /bin/true, operations: deploy_cert}\n";
    let test = test.config(&config(quiet));
    test.hydrant(&["plan"]).code(0).stderr("");
    let test = test.config(&config(&format!("{quiet}  - {{name: any, command: /bin/true}}\n")));
    let note = "note: the names are those declared for `a.example`; hook `any` may choose others: \
                `plan --with-hooks` asks it\n";
    test.hydrant(&["plan"]).code(0).stderr(note);
    test.hydrant(&["plan", "-q"]).code(0).stderr("");

    let many: Vec<_> = ('c'..='z').map(|letter| format!("{letter}.example\n")).collect();
    let many = many.concat();
    let test = test.domains(&format!("b.example\n{many}"));
    test.hydrant(&["plan"]).code(0).stderr_contains(
        "for `c.example`, `d.example`, `e.example`, `f.example`, `g.example` and 19 others; hook `any`",
    );
    let test = test.domains(&many);
    test.hydrant(&["plan"]).code(0).stderr_contains("declared for all certificates; hook `any`");
}

#[test]
fn with_hooks_plans_the_names_that_a_hook_chooses() {
    let rig = Rig::start();
    let test = place(&rig, "a.example\nb.example\n");
    test.hydrant(&["run"]).code(0);
    let test = test.hook_script("chooses.sh", CHOOSES);
    let with = ["plan", "--hook", "./chooses.sh", "--with-hooks"];
    let requests = rig.requests_at_ca().len();
    test.hydrant(&with).code(0).stderr("").stdout(
        "issue  a.example  names were added: `chosen.a.example`, and removed: `a.example`\n\
         2 certificates: 1 to issue, 1 to keep\n",
    );
    assert_eq!(test.read("asked"), "1\n", "the hook is told that nothing comes of it");
    let document = test.hydrant(&[&with[..], &["--format", "json"]].concat()).code(0).json();
    assert_eq!(document["certificates"][0]["names"], json!(["chosen.a.example"]));
    assert_eq!(document["certificates"][0]["names_from"], "hook");
    assert_eq!(document["certificates"][1]["names_from"], "list");
    assert_eq!(document["certificates"][1]["hooks_not_asked"], json!([]));
    assert_eq!(rig.requests_at_ca().len(), requests);
}

#[test]
fn a_hook_that_fails_spoils_no_more_than_its_own_line() {
    let test = Test::new()
        .filter(WHEN, "[WHEN]")
        .domains("a.example\nb.example\n")
        .hook_script("fails.sh", "[ \"$1 $2\" != 'generate_csr a.example' ] || { echo no >&2; exit 3; }");
    let planned = test.hydrant(&["plan", "--hook", "./fails.sh", "--with-hooks"]).code(1);
    planned
        .stdout("issue  a.example  nothing is stored\nissue  b.example  nothing is stored\n2 certificates: 2 to issue\n")
        .stderr_contains("error: a.example: hook `fails.sh` ended with exit code 3 at `generate_csr`: no\n");
}
