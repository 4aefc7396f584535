//! What one request tells of all certificates spares reading each, and hides nothing.

use serde_json::json;

use super::{assert_stored, place, rig_with_faults};
use crate::support::{Rig, Vault};

/// As the README has it.
const README: &str = r#"
path "kv-certificates/data/*"    { capabilities = ["create", "read", "update"] }
path "hydrant/data/*"            { capabilities = ["create", "read", "update"] }
path "hydrant/metadata/*"        { capabilities = ["create", "read", "update", "list"] }
path "hydrant/destroy/*"         { capabilities = ["update"] }
"#;

/// How many requests with these beginnings there were.
#[track_caller]
fn counts<const N: usize>(rig: &Rig, beginnings: [&str; N]) -> [usize; N] {
    let requests = Vault::new(rig).requests();
    beginnings.map(|beginning| requests.iter().filter(|request| request.starts_with(beginning)).count())
}

const KINDS: [&str; 3] = [
    "GET kv-certificates/detailed-metadata/team/certs",
    "GET kv-certificates/data/team/certs/",
    "GET hydrant/data/hydrant-state/certificate-",
];

#[test]
fn certificates_that_are_still_what_was_written_are_not_read_and_all_others_are() {
    let rig = rig_with_faults();
    let vault = Vault::new(&rig);
    let names: Vec<_> = (1..=16).map(|number| format!("host-{number:02}.example")).collect();
    let test = place(&rig, &format!("{}\n", names.join("\n")));
    test.run().code(0).stdout_contains("16 certificates: 16 issued\n");
    // The first of these notes down when the CA wants to see them again.
    test.run().code(0).stdout("16 certificates: 16 unchanged\n").stderr("");
    vault.forget_requests();
    test.run().code(0).stdout("16 certificates: 16 unchanged\n").stderr("");
    assert_eq!(counts(&rig, KINDS), [1, 0, 16]);

    // Who may not list reads them all.
    vault.forget_requests();
    let limited =
        place(&rig, &format!("{}\n", names.join("\n"))).env("VAULT_TOKEN", vault.token(README, "10m"));
    limited.run().code(0).stdout("16 certificates: 16 unchanged\n").stderr("");
    assert_eq!(counts(&rig, KINDS), [1, 16, 16]);

    // Other hands.
    let path = |number: usize| format!("team/certs/{}", names[number]);
    let other = vault.read(&format!("kv-certificates/{}", path(15)));
    let mut mixed = vault.read(&format!("kv-certificates/{}", path(0)));
    mixed["key"] = other["key"].clone();
    vault.write(&format!("kv-certificates/{}", path(0)), &mixed);
    vault.ask("DELETE", &format!("kv-certificates/data/{}", path(1)), None);
    vault.ask("PUT", &format!("kv-certificates/destroy/{}", path(2)), Some(&json!({ "versions": [1] })));
    vault.ask("DELETE", &format!("kv-certificates/metadata/{}", path(3)), None);
    // Of the same number as the one that was there.
    vault.ask("DELETE", &format!("kv-certificates/metadata/{}", path(4)), None);
    vault.write(&format!("kv-certificates/{}", path(4)), &mixed);
    let output = test.run().code(0);
    for name in &names[..5] {
        assert!(
            output.stdout.contains(&format!("{name}: issued,"))
                || output.stdout.contains(&format!("{name}: renewed,")),
            "{name}: {}",
            output.stdout
        );
    }
    output.stdout_contains("11 unchanged");
    for name in &names {
        assert_stored(&rig, &test, name, &[name.as_str()]);
    }
    assert_eq!(rig.certificates_issued(), 21);
    // An owner or a remark of somebody's is no reason to issue anew, but to read.
    let mut remarked = vault.read(&format!("kv-certificates/{}", path(5)));
    remarked["remark"] = json!("ours");
    vault.write(&format!("kv-certificates/{}", path(5)), &remarked);
    test.run().code(0);
    vault.forget_requests();
    test.run().code(0).stdout("16 certificates: 16 unchanged\n").stderr("");
    assert_eq!(counts(&rig, KINDS), [1, 1, 16]);
}

#[test]
fn a_folder_is_listed_once_a_run_in_pages_and_not_at_all_where_most_of_it_is_of_others() {
    let rig = rig_with_faults();
    let vault = Vault::new(&rig);
    for number in 1..=1001 {
        vault.write(&format!("kv-certificates/team/certs/other-{number:04}"), &json!({ "x": "y" }));
    }
    let list = |names: usize| {
        (1..=names).map(|number| format!("host-{number:04}.example\n")).collect::<Vec<_>>().concat()
    };
    let listings = |names: usize| {
        let test = place(&rig, &list(names));
        vault.forget_requests();
        let unchanged = format!("{names} certificates: {names} unchanged\n");
        test.hydrant(&["deliver"]).code(0).stdout(&unchanged).stderr("");
        counts(&rig, KINDS)[0]
    };
    // More than are read at once, in two pages.
    assert_eq!(listings(1030), 2);
    // The second page shows that there is too much.
    assert_eq!(listings(250), 2);
    assert_eq!(listings(249), 1);
}
