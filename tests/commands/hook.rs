use super::dns_01;
use crate::support::{NUMBER, Rig, Test, rig_hook};

#[test]
fn a_script_for_dehydrated_is_checked_against_its_contract() {
    let test = Test::new().hook_script("hook.sh", "").filter("# ms", "[MS]");
    let checked = test.hydrant(&["hook", "test", "./hook.sh"]).code(0).stderr("");
    let names = checked.stdout.lines().map(|line| line.split("  ").next().unwrap()).collect::<Vec<_>>();
    assert!(names.iter().all(|outcome| ["ok", "skipped"].contains(outcome)), "{names:?}");
    checked
        .stdout_contains("skipped  announces its capabilities")
        .stdout_contains("skipped  delivers certificates")
        .stdout_contains("ok       ignores unknown operations under dehydrated                    [MS]\n");

    let test = test.hook_script("hook.sh", "echo \"$*\" >>calls");
    test.hydrant(&[
        "hook",
        "test",
        "./hook.sh",
        "--domain",
        "a.example",
        "--chain",
        "--deliver",
        "-t",
        "http-01",
    ])
    .code(0);
    let calls = test.read("calls");
    let called = |operation: &str, arguments: usize| {
        calls.lines().any(|line| {
            let words: Vec<_> = line.split(' ').collect();
            words[0] == operation && words.len() == 1 + arguments
        })
    };
    assert!(called("deploy_challenge", 3) && called("deploy_challenge", 9), "{calls}");
    assert!(called("sync_cert", 5) && called("deploy_cert", 6) && called("unchanged_cert", 5), "{calls}");
    assert!(calls.contains("deploy_cert a.example "), "{calls}");
}

#[test]
fn a_hook_that_breaks_the_contract_fails_with_the_reason() {
    let test = Test::new()
        .hook_script("hook.sh", "case $1 in deploy_challenge) ;; *) echo \"what is $1\" >&2; exit 3 ;; esac");
    test.hydrant(&["hook", "test", "./hook.sh"])
        .code(1)
        .stdout_contains(
            "FAILED  ignores unknown operations under dehydrated  exit code 3: what is this_hookscript_",
        )
        .stdout_contains("end with exit code 0 for every operation that is not yours\n");
    let document = test.hydrant(&["hook", "test", "./hook.sh", "--format", "json"]).code(1).json();
    assert_eq!(document["version"], 1);
    assert_eq!(document["passed"], false);
    assert_eq!(document["checks"][0]["outcome"], "failed");
    let missing = test.hydrant(&["hook", "test", "./nowhere.sh"]).code(1).stderr("");
    missing.stdout_contains("FAILED  can be executed  `./nowhere.sh` does not exist");
}

#[test]
fn what_a_hook_announces_is_checked() {
    let rig = Rig::start();
    let test = Test::new().rig(&rig).filter(NUMBER, "#").config(&dns_01(""));
    let hook = rig_hook();
    let tested = test
        .hydrant(&["hook", "test", hook.to_str().unwrap(), "--domain", "a.example", "--format", "json"])
        .code(0);
    let document = tested.json();
    assert_eq!(document["announced"]["challenges"], "batch");
    let checks = document["checks"].as_array().unwrap();
    assert!(checks.iter().any(|check| check["name"] == "writes a result for each challenge of a batch"));
    assert!(rig.challenges("a.example").is_empty());
}
