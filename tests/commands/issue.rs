use super::place;
use crate::support::{Rig, Test, assert_good_pair};

#[test]
fn issues_for_names_on_the_command_line() {
    let rig = Rig::start();
    // The list is not looked at: there is none.
    let test = place(&rig, "");
    test.hydrant(&["issue", "A.example", "www.a.example"])
        .code(0)
        .stderr("")
        .stdout_contains("a.example: issued, valid until [WHEN]\n1 certificate: 1 issued\n");
    assert_good_pair(&rig, &test.path("certs/a.example"), &["a.example", "www.a.example"]);
    test.hydrant(&["issue", "a.example", "www.a.example"]).code(0).stdout("1 certificate: 1 unchanged\n");
    test.hydrant(&["issue", "a.example", "www.a.example", "--force"]).code(0).stdout(
        "a.example: renew: asked for\na.example: renewed, valid until [WHEN]\n1 certificate: 1 renewed\n",
    );
    assert_eq!(rig.certificates_issued(), 2);
}

#[test]
fn a_wildcard_is_kept_under_its_alias() {
    let rig = Rig::start();
    let test = place(&rig, "");
    test.hydrant(&["issue", "*.a.example", "--alias", "team/a"]).code(0);
    assert_good_pair(&rig, &test.path("certs/team/a"), &["*.a.example"]);
}

#[test]
fn names_that_cannot_be_used_are_explained() {
    let test = Test::new();
    test.hydrant(&["issue", "*.a.example"]).code(2).stdout("").stderr(
        "error[alias-required]: a certificate whose first name is a wildcard needs an alias\n \
         --> <command line>:1:1\n  |\n1 | *.a.example\n  | ^^^^^^^^^^^\n  |\n  \
         = help: name it with --alias, or put a name without `*.` first\n\
         error: there is no certificate of these names\n",
    );
    let bad = test.hydrant(&["issue", "a.example", "http://b.example/"]).code(2).stdout("");
    bad.stderr_contains("= help: write `b.example`");
    let bad = test.hydrant(&["issue", "a.example", "--alias", "../a"]).code(2).stdout("");
    bad.stderr_contains("error[unsafe-alias]");
}
