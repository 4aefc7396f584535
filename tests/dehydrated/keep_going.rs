//! `--keep-going`: every failure costs its own line alone, and the exit code says that there was one.

use super::place::{cron, place, told};
use crate::support::Rig;

#[test]
fn one_bad_setting_or_name_costs_no_other_line() {
    let rig = Rig::start();
    let list =
        "a.example\nodd.example\nbad.example\nx.blocked-domain.example\n*.no-alias.example\nz.example\n";
    let test = place(&rig, list, "").write("certs/odd.example/config", "KEY_ALGO=ed25519\n");
    let output = cron(&test, &["--keep-going"]).code(1);
    let issued = |name: &str| {
        let calls = ["deploy_challenge", "clean_challenge", "sync_cert", "deploy_cert"];
        let call = |call: &str| if call == "sync_cert" { call.to_owned() } else { format!("{call} {name}") };
        [vec!["probe".to_owned(), format!("generate_csr {name}")], calls.map(call).to_vec()].concat()
    };
    let expected = [
        vec!["probe".to_owned(), "startup_hook".to_owned()],
        issued("a.example"),
        [
            "probe",
            "generate_csr bad.example",
            "deploy_challenge bad.example",
            "invalid_challenge bad.example",
            "clean_challenge bad.example",
            "probe",
            "generate_csr x.blocked-domain.example",
            "request_failure 400 post",
        ]
        .map(str::to_owned)
        .to_vec(),
        issued("z.example"),
        vec!["exit_hook".to_owned()],
    ];
    assert_eq!(told(&test), expected.concat());
    for said in [
        "domains.txt:5:1",
        "ERROR: odd.example: Unknown public key algorithm ed25519",
        "ERROR: bad.example: ",
        "ERROR: x.blocked-domain.example: ",
    ] {
        assert!(output.stderr.contains(said), "{said}\n{}", output.stderr);
    }
    // Without it the run ends at the setting, after the line before it.
    drop(output);
    cron(&test, &[]).code(1);
    let calls = told(&test);
    assert_eq!(calls[..4], ["probe", "startup_hook", "probe", "generate_csr a.example"]);
    assert_eq!(calls[4], "unchanged_cert a.example");
    assert_eq!(calls[5], "exit_hook <odd.example: Unknown public key algorithm ed25519... cannot continue.>");
    assert_eq!(calls.len(), 6);
}

#[test]
fn keep_going_can_be_configured_and_a_run_without_failures_ends_well() {
    let rig = Rig::start();
    let test = place(&rig, "x.blocked-domain.example\nb.example\n", "KEEP_GOING=yes");
    cron(&test, &[]).code(1);
    assert!(told(&test).contains(&"deploy_cert b.example".to_owned()));
    let test = test.domains("b.example\n");
    cron(&test, &["-g"]).code(0);
}
