//! `hydrant hook test`: is a script a hook?

use crate::support::{DNS_HOOK, Output, Rig, Test, rig_hook};

/// The checks, without how long each took.
fn checks(output: &Output) -> Vec<String> {
    let without_time = |line: &str| match line.rsplit_once("  ") {
        Some((check, time)) if time.trim().ends_with(" ms") => check.trim_end().to_owned(),
        _ => line.to_owned(),
    };
    output.stdout.lines().map(without_time).collect()
}

#[test]
fn the_hooks_we_ship_pass() {
    let rig = Rig::start();
    let test = Test::new().rig(&rig).env("HOME", "/nonexistent");
    let old = test.hydrant(&["hook", "test", DNS_HOOK]).code(0).stderr("");
    assert_eq!(
        checks(&old),
        [
            "ok       ignores unknown operations under dehydrated",
            "ok       answers the probe of hydrant",
            "skipped  announces its capabilities                                     \
             it announces nothing: dehydrated's contract holds",
            "ok       ignores an operation it does not know, whatever its arguments",
            "ok       takes `startup_hook` without arguments",
            "ok       takes `generate_csr` with 3 arguments",
            "ok       deploys one challenge",
            "ok       deploys one challenge, a second value for the same name",
            "ok       cleans one challenge",
            "ok       cleans one challenge, and the second value",
            "ok       cleans what is not there any more",
            "skipped  delivers certificates                                          \
             not asked for: it may install the test certificate",
            "ok       takes `exit_hook` without an argument",
            "ok       takes `exit_hook` with an empty argument",
            "ok       takes `exit_hook` with a message",
        ]
    );
    assert!(rig.challenges("hook-test.example").is_empty());

    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/hooks/hook.sh");
    for hook in [example, rig_hook().to_str().unwrap()] {
        let output = test.hydrant(&["hook", "test", hook]).code(0).stderr("");
        assert!(!output.stdout.contains("FAILED"), "{}", output.stdout);
        let checks = checks(&output);
        for check in [
            "announces its capabilities",
            "deploys the challenges of several certificates in one call",
            "writes a result for each challenge of a batch",
        ] {
            assert!(checks.iter().any(|line| line.starts_with("ok") && line.ends_with(check)), "{checks:#?}");
        }
    }
}

#[test]
fn a_hook_that_lists_challenges_lists_what_is_there() {
    let rig = Rig::start();
    let (forgets, keeps) = (
        r#"[ "$1" = list_challenges ] || exec "$RIG_HOOK" "$@""#,
        r#"[ "$1" = clean_challenge ] || exec "$RIG_HOOK" "$@""#,
    );
    let blind = r#"[ "$1" = list_challenges ] || exec "$RIG_HOOK" "$@"
echo '{"name": "'"$2"'", "message": "no zone holds it"}' >>"$HYDRANT_RESULTS""#;
    let test = Test::new().rig(&rig).env("RIG_HOOK", rig_hook());
    let test = test.hook_script("forgets", forgets).hook_script("keeps", keeps).hook_script("blind", blind);
    let listed = |hook: &str, code: i32| -> Vec<String> {
        let output = test.hydrant(&["hook", "test", hook, "--challenge", "dns-01"]).code(code).stderr("");
        let lines = checks(&output).into_iter().filter(|line| line.contains(" lists "));
        lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
    };
    assert_eq!(
        listed(rig_hook().to_str().unwrap(), 0),
        ["ok lists the challenge that it deployed", "ok no longer lists the challenge that it cleaned"]
    );
    let hint = "; a hook that changes a zone needs a test name of that zone";
    assert_eq!(
        listed("./forgets", 1)[0],
        format!(
            "FAILED lists the challenge that it deployed it is not among the 0 values that it lists{hint}"
        )
    );
    assert_eq!(
        listed("./keeps", 1)[1],
        format!("FAILED no longer lists the challenge that it cleaned it is still among what it lists{hint}")
    );
    assert_eq!(
        listed("./blind", 1)[0],
        format!(
            "FAILED lists the challenge that it deployed it could not look at hydrant-hook-test.invalid: \
             no zone holds it{hint}"
        )
    );
}

#[test]
fn a_script_that_breaks_the_contract_is_told_how() {
    let test = Test::new()
        .hook_script("strict", "case $1 in startup_hook) ;; *) echo \"what is that?\" >&2; exit 1 ;; esac")
        .hook_script("broken", "case $1 in clean_challenge) echo 'no such record' >&2; exit 2 ;; esac")
        .hook_script("chatty", "case $1 in this_*) echo '{\"hydrant\": 1}' ;; esac");
    let failed = |hook: &str| -> Vec<String> {
        let output = test.hydrant(&["hook", "test", hook]).code(1).stderr("");
        let failed =
            checks(&output).into_iter().filter_map(|line| Some(line.strip_prefix("FAILED")?.to_owned()));
        failed.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
    };
    assert_eq!(
        failed("./strict"),
        ["ignores unknown operations under dehydrated exit code 1: what is that?; \
          end with exit code 0 for every operation that is not yours"]
    );
    let broken = failed("./broken");
    assert!(broken[0].starts_with("cleans one challenge exit code 2: no such record"), "{broken:#?}");
    assert!(broken[0].ends_with("; it was http-01: `--challenge dns-01` is for a hook that changes a zone"));
    assert_eq!(
        failed("./chatty"),
        ["keeps silent under dehydrated it prints its capabilities although HYDRANT_PROTOCOL is not set"]
    );
    let json = test.hydrant(&["hook", "test", "./missing", "--format", "json"]).code(1).json();
    assert_eq!((&json["version"], &json["checks"][0]["outcome"]), (&1.into(), &"failed".into()));
}
