use std::fs;

use serde_json::json;

use crate::support::Test;

/// An installation that was never run: a list, a configuration in a directory of its own, and whatever that says.
fn installation(config: &str) -> Test {
    let test = Test::new();
    let base = test.path("").display().to_string();
    let config =
        format!("BASEDIR={base}\nCA=https://ca.internal/directory\nCHALLENGETYPE=dns-01\n{config}\n");
    test.domains("a.example www.a.example\nb.example\n").write("etc/config", config)
}

const IMPORT: [&str; 4] = ["import", "dehydrated", "--config", "etc/config"];

#[test]
fn writes_what_differs_from_the_defaults_and_where_it_comes_from() {
    let test = installation(
        "HOOK=./hook.sh\nHOOK_CHAIN=yes\nKEY_ALGO=rsa\nRENEW_DAYS=20\nCONTACT_EMAIL=ops@example.org\n\
         KEEP_GOING=yes ORDER_TIMEOUT=60 VALIDATION_TIMEOUT=60",
    );
    test.hydrant(&IMPORT)
        .code(0)
        .stderr("note: there is no account yet: `hydrant account register --accept-terms`\n")
        .stdout(
            "\
# The installation of dehydrated that `[DIR]/etc/config` describes, imported by hydrant.
# What is not here is as hydrant has it anyway: `hydrant config show` prints all of it.

ca: https://ca.internal/directory  # CA=https://ca.internal/directory
contacts:  # CONTACT_EMAIL=ops@example.org
- ops@example.org
account_key_type: rsa4096  # ACCOUNT_KEY_ALGO=rsa, dehydrated's default
base_dir: [DIR]  # BASEDIR=[DIR]
challenge: dns-01  # CHALLENGETYPE=dns-01
hooks:  # HOOK=./hook.sh, HOOK_CHAIN=yes
- command: [DIR]/hook.sh
  name: ./hook.sh
  env:
    CONFIG: [DIR]/etc/config
  pass_env:
  - VAULT_TOKEN
  - BAO_TOKEN
  - VAULT_SECRET_ID
  - VAULT_WRAPPED_SECRET_ID
  - VAULT_ID_TOKEN
  - EAB_HMAC_KEY
  timeout: 1d
  chain: yes
key_type: rsa4096  # KEY_ALGO=rsa
renew_before: 20d  # RENEW_DAYS=20
order_timeout: 1m  # ORDER_TIMEOUT=60
validation_timeout: 1m  # VALIDATION_TIMEOUT=60

# Certificates are worked on side by side, but calls of one hook never overlap. `jobs: 1` is one certificate
#   after the other, as under dehydrated.
# pass_env: dehydrated's hooks see the whole environment. These secrets hydrant gives only to hooks that name
#   them: take out what a hook does not need.
",
        );
}

#[test]
fn hooks_see_secrets_as_before_wherever_the_runs_are() {
    let secrets = [
        "VAULT_TOKEN",
        "BAO_TOKEN",
        "VAULT_SECRET_ID",
        "VAULT_WRAPPED_SECRET_ID",
        "VAULT_ID_TOKEN",
        "EAB_HMAC_KEY",
    ];
    let seen = |name: &&str| format!("echo \"${{{name}-not set}}\" >>seen");
    let test = installation("CA=https://127.0.0.1:1/directory\nHOOK=$BASEDIR/hook.sh")
        .hook_script("hook.sh", &secrets.iter().map(seen).collect::<Vec<_>>().join("\n"));
    test.hydrant(&[&IMPORT[..], &["--output", "hydrant.yml"]].concat()).code(0);
    // The import knew of none of them.
    let test = secrets.iter().fold(test, |test, name| test.env(name, format!("of {name}")));
    test.hydrant(&["run"]).code(75);
    let expected: Vec<_> = secrets.iter().map(|name| format!("of {name}\n")).collect();
    assert!(test.read("seen").starts_with(&expected.concat()), "{}", test.read("seen"));
}

#[test]
fn certificates_with_files_of_their_own_keep_their_settings() {
    let test = installation("HOOK=/all.sh\nKEY_ALGO=prime256v1").write(
        "certs/b.example/config",
        "HOOK=/b.sh\nKEY_ALGO=rsa\nKEYSIZE=2048\nRENEW_DAYS=7\nLOCKFILE=none\n",
    );
    test.hydrant(&[&IMPORT[..], &["--output", "hydrant.yml"]].concat())
        .code(0)
        .stdout("[DIR]/hydrant.yml: 2 certificates kept as they are\n")
        .stderr_contains("note: [DIR]/certs/b.example/config: LOCKFILE cannot be set for one certificate\n");
    let written = test.read("hydrant.yml");
    let directory = test.path("");
    let (_, written) = written.split_once("certificates:\n").unwrap();
    let written = written.replace(directory.to_str().unwrap().trim_end_matches('/'), "[DIR]");
    assert!(
        written.starts_with(
            "  '*':  # all but those that have hooks of their own
    hooks:
    - /all.sh
  b.example:  # [DIR]/certs/b.example/config
    hooks:
    - /b.sh
    key_type: rsa2048
    renew_before: 7d
"
        ),
        "{written}"
    );
    // The name under which deliveries are recorded is the hook's path.
    let shown = test.hydrant(&["config", "show", "b.example", "--format", "json"]).code(0).json();
    assert_eq!(shown["settings"]["hooks"]["value"], json!(["/b.sh"]));
    let shown = test.hydrant(&["config", "show", "a.example", "--format", "json"]).code(0).json();
    assert_eq!(shown["settings"]["hooks"]["value"], json!(["/all.sh"]));
}

#[test]
fn never_overwrites_and_never_writes_a_secret() {
    let test = installation(
        "HOOK=/h.sh\nEAB_KID=kid-1 EAB_HMAC_KEY=aHVudGVyMg\nexport CF_KEY=hunter2\necho hunter2",
    );
    let to_file = [&IMPORT[..], &["--output", "hydrant.yml"]].concat();
    let written = test.hydrant(&to_file).code(0);
    written.stderr_contains(
        "note: exported for hooks, and perhaps secret: CF_KEY; put them into the environment\n",
    );
    let text = test.read("hydrant.yml");
    assert!(text.contains("  kid: kid-1\n  hmac_key_env: EAB_HMAC_KEY\n"), "{text}");
    // Nor does a hook get one that it did not see before.
    assert!(text.contains("  - VAULT_ID_TOKEN\n  timeout: 1d\n"), "{text}");
    assert!(!text.contains("hunter2") && !text.contains("aHVudGVyMg"), "{text}");
    test.put("hydrant.yml", "mine\n");
    test.hydrant(&to_file).code(2).stdout("").stderr(
        "error: `[DIR]/hydrant.yml` is there already\nhint: move it away, or write another one with --output\n",
    );
    assert_eq!(test.read("hydrant.yml"), "mine\n");
}

#[test]
fn a_password_in_the_url_of_the_ca_stays_where_it_is() {
    let test = installation("CA=https://ops:hunter2@ca.internal/directory\nHOOK=/h.sh");
    test.hydrant(&IMPORT)
        .code(1)
        .stdout("")
        .stderr_contains("error: CA: the password in it is not written; set HYDRANT_CA\n");
    let written = test.hydrant(&[&IMPORT[..], &["--force"]].concat()).code(0);
    let printed = format!("{}{}", written.stdout, written.stderr);
    assert!(!printed.contains("hunter2"), "{printed}");
    written.stdout_contains(
        "ca: https://[secret]@ca.internal/directory  # CA=https://[secret]@ca.internal/directory\n",
    );
}

#[test]
fn refuses_what_would_change_and_lists_it() {
    let test = installation("dns() { :; }\nHOOK=dns\nRENEW_DAYS=often");
    let to_file = [&IMPORT[..], &["--output", "hydrant.yml"]].concat();
    let refused = test.hydrant(&to_file).code(1).stdout("");
    refused
        .stderr_contains("error: hook `dns` is a function of the configuration, and no program\n")
        .stderr_contains("error: RENEW_DAYS: every run renews, for which there is no setting\n")
        .stderr_contains("nothing is written: this would change; --force writes it all the same\n");
    assert!(!test.path("hydrant.yml").exists());
    let document = test.hydrant(&[&to_file[..], &["--format", "json"]].concat()).code(1).json();
    assert_eq!(document["version"], 1);
    assert_eq!(document["written"], json!(null));
    assert_eq!(document["certificates"], 2);
    assert_eq!(document["changes"].as_array().unwrap().len(), 2);
    test.hydrant(&[&to_file[..], &["--force"]].concat())
        .code(0)
        .stderr_contains("warning: hook `dns` is a function of the configuration, and no program\n");
    assert!(test.read("hydrant.yml").contains("command: dns\n"));
}

#[test]
fn what_holds_for_all_cannot_be_taken_back_for_one() {
    let test = installation("HOOK=/h.sh\nPREFERRED_CHAIN='Some Root'\nWELLKNOWN=$BASEDIR")
        .write("certs/a.example/config", "PREFERRED_CHAIN=\n")
        .write("certs/b.example/config", "CHALLENGETYPE=http-01\n")
        .domains("a.example\nb.example\nnot_a_name\n");
    let refused = test.hydrant(&IMPORT).code(1).stdout("");
    refused
        .stderr_contains("error: a.example: its CA, key type, profile or chain would be another\n")
        .stderr_contains("note: 1 line of the list cannot be used: `hydrant lint` shows them\n");
    let test = test.write("certs/a.example/config", "PREFERRED_CHAIN='Other Root'\n");
    let written = test.hydrant(&IMPORT).code(0);
    let single = "  a.example:  # [DIR]/certs/a.example/config\n    preferred_chain: Other Root\n  \
                  b.example:  # [DIR]/certs/b.example/config\n    challenge: http-01\n";
    written.stdout_contains(single).stdout_contains("webroot: [DIR]  # WELLKNOWN=");
}

#[test]
fn a_staging_ca_keeps_its_directories_and_two_passes_become_one() {
    let test = installation(
        "CA=letsencrypt-test\nKEY_ALGO=prime256v1\nCERTDIR=$BASEDIR/elsewhere\nPRIVATE_KEY_ROLLOVER=yes\n\
         AUTO_CLEANUP=yes AUTO_CLEANUP_DELETE=yes",
    );
    let two = ["--hook", "/dns.sh", "--hook", "/vault.sh", "--output", "hydrant.yml"];
    test.hydrant(&[&IMPORT[..], &two].concat()).code(0);
    let shown = test.hydrant(&["config", "show", "--format", "json"]).code(0).json();
    let value = |key: &str| shown["settings"][key]["value"].clone();
    assert_eq!(value("ca"), "letsencrypt-staging");
    assert_eq!(value("certs_dir"), test.path("elsewhere").to_str().unwrap());
    assert_eq!(value("state_dir"), test.path(".hydrant").to_str().unwrap());
    assert_eq!((value("key_rollover"), value("auto_cleanup")), (json!(true), json!("delete")));
    let names: Vec<_> = value("hooks").as_array().unwrap().iter().map(|hook| hook["name"].clone()).collect();
    assert_eq!(names, ["/dns.sh", "/vault.sh"]);
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &fs::metadata(test.path("hydrant.yml")).unwrap().permissions(),
    );
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn says_what_it_cannot_read() {
    let test = Test::new().write("broken", "CHALLENGETYPE=dns-02\n").write("ends", "exit 3\n");
    let import = |more: &[&str]| test.hydrant(&[&["import", "dehydrated"], more].concat()).code(2).stdout("");
    import(&[]).stderr("error: there is no configuration of dehydrated: name it with --config\n");
    import(&["--config", "missing"]).stderr("error: Specified config file doesn't exist.\n");
    import(&["--config", "broken"]).stderr("error: Unknown challenge type dns-02... cannot continue.\n");
    import(&["--config", "ends"]).stderr("error: the evaluation of a configuration ended with exit code 3\n");
    import(&["--config", "broken", "--key-type", "p256"]).stderr(
        "error: `import` takes no flags of settings but --ca, --challenge, --domains and --hook\n\
         hint: change the file afterwards, or set it in dehydrated's configuration\n",
    );
}
