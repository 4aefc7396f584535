//! Several hooks, and deliveries that fail.

use super::*;

/// Several recording hooks, each with its own record; `more` are lines of each entry.
fn several(test: &Test, hooks: &[(&str, &str)]) -> String {
    let mut yaml = "accept_terms: true\nchallenge: dns-01\nhooks:\n".to_owned();
    for (name, more) in hooks {
        let record = test.path(name).display().to_string();
        yaml +=
            &format!("  - name: {name}\n    command: {RECORD_HOOK}\n{}\n", more.replace("[RECORD]", &record));
    }
    yaml
}

#[test]
fn several_hooks_are_called_in_order_each_for_its_own_operations_with_its_own_environment() {
    let rig = Rig::start();
    let test = Test::new().rig(&rig).domains("a.example\n");
    let yaml = several(
        &test,
        &[
            (
                "dns",
                &format!(
                    "    operations: [deploy_challenge, clean_challenge]\n    \
                     env: {{RECORD: '[RECORD]', RECORD_THEN: {DNS_HOOK}, ZONE: first}}"
                ),
            ),
            (
                "vault",
                "    operations: deploy_cert\n    env: {RECORD: '[RECORD]', ZONE: second}\n    pass_env: VAULT_TOKEN",
            ),
            (
                "bare",
                "    operations: [deploy_cert, unchanged_cert]\n    env: {RECORD: '[RECORD]'}\n    \
                      env_only: [RECORD_ENVIRONMENT]",
            ),
        ],
    );
    // One log for all, to see the order among them.
    let test = test
        .config(&yaml)
        .env(
            "RECORD_ENVIRONMENT",
            "ZONE|VAULT_TOKEN|VAULT_SECRET_ID|EAB_HMAC_KEY|OF_THE_CALLER|HYDRANT_HOOK|HOME",
        )
        .env("VAULT_TOKEN", "hvs.secret")
        .env("VAULT_SECRET_ID", "secret-id")
        .env("EAB_HMAC_KEY", "c2VjcmV0")
        .env("OF_THE_CALLER", "seen")
        .env("HOME", "/home/of-the-caller")
        .args(["run"]);
    test.run().code(0).stdout_contains(
        "a.example: delivered to `vault`\na.example: delivered to `bare`\n1 certificate: 1 issued\n",
    );

    let seen = |record: &str| -> Vec<String> {
        let calls = test.calls(record);
        let environment = |call: &Call| {
            let pairs: Vec<String> =
                call.environment.iter().map(|(name, value)| format!("{name}={value}")).collect();
            format!("{}: {}", call.operation, pairs.join(" "))
        };
        calls.iter().map(environment).collect()
    };
    let dns = "HOME=/home/of-the-caller HYDRANT_HOOK=dns OF_THE_CALLER=seen ZONE=first";
    let of_dns =
        ["probe", "deploy_challenge", "clean_challenge"].map(|operation| format!("{operation}: {dns}"));
    assert_eq!(seen("dns"), of_dns);
    let vault =
        "HOME=/home/of-the-caller HYDRANT_HOOK=vault OF_THE_CALLER=seen VAULT_TOKEN=hvs.secret ZONE=second";
    assert_eq!(seen("vault"), ["probe", "deploy_cert"].map(|operation| format!("{operation}: {vault}")));
    let bare = "HOME=/home/of-the-caller HYDRANT_HOOK=bare";
    assert_eq!(seen("bare"), ["probe", "deploy_cert"].map(|operation| format!("{operation}: {bare}")));

    // Only who wants it is told that nothing was due.
    for record in ["dns", "vault", "bare"] {
        test.forget(record);
    }
    test.run().code(0);
    assert_eq!(operations(&test, "bare"), ["probe", "unchanged_cert"]);
    assert_eq!(
        (operations(&test, "vault"), operations(&test, "dns")),
        (vec!["probe".to_owned()], vec!["probe".to_owned()])
    );
}

#[test]
fn a_failed_sync_cert_leaves_the_links_and_is_repeated_on_the_same_files() {
    let rig = Rig::start();
    let test = Test::new().rig(&rig).domains("a.example\n").filter(TIMESTAMP, "[TIME]");
    let yaml = recorded(&test, "");
    let test = test.config(&yaml).args(["run"]);
    test.run().code(0);
    let link = |test: &Test| fs::read_link(test.path("certs/a.example/cert.pem")).unwrap();
    let before = link(&test);

    let test = test.env("RECORD_EXIT_sync_cert", "3");
    test.forget("record");
    test.hydrant(&["run", "--force"])
        .code(1)
        .stderr("error: a.example: hook `recorder` ended with exit code 3 at `sync_cert`\n");
    assert_eq!(link(&test), before);
    let asked = test.calls("record").into_iter().find(|call| call.operation == "sync_cert").unwrap();
    assert!(asked.arguments.iter().all(|path| fs::metadata(path).is_ok()), "{asked:?}");
    assert!(!operations(&test, "record").contains(&"deploy_cert".to_owned()));
    assert_eq!((rig.orders_made(), rig.certificates_issued()), (2, 2));

    // The next run, without being forced, and although the last one failed.
    test.forget("record");
    test.run().code(1).stderr("error: a.example: hook `recorder` ended with exit code 3 at `sync_cert`\n");
    let again = test.calls("record").into_iter().find(|call| call.operation == "sync_cert").unwrap();
    assert_eq!(again.arguments, asked.arguments);
    assert_eq!(link(&test), before);

    let test = test.env("RECORD_EXIT_sync_cert", "");
    test.forget("record");
    test.run().code(0);
    let calls = test.calls("record");
    let synced = calls.iter().position(|call| call.operation == "sync_cert").unwrap();
    assert_eq!(calls[synced].arguments, asked.arguments);
    assert_eq!(calls[synced + 1].operation, "deploy_cert");
    assert_ne!(link(&test), before);
    assert_eq!((rig.orders_made(), rig.certificates_issued()), (2, 2), "nothing was issued again");
}

#[test]
fn a_failed_delivery_stays_owed_to_that_hook_alone_and_is_made_without_issuing() {
    let rig = Rig::start();
    let test = Test::new().rig(&rig).domains("a.example\n");
    let owing = "    operations: deploy_cert\n    env: {RECORD: '[RECORD]', RECORD_EXIT_deploy_cert: '1'}";
    let dns = format!(
        "    operations: [deploy_challenge, clean_challenge]\n    env: {{RECORD: '[RECORD]', RECORD_THEN: {DNS_HOOK}}}"
    );
    let well = "    operations: [deploy_cert, unchanged_cert]\n    env: {RECORD: '[RECORD]'}";
    let yaml = |test: &Test, owing: &str| {
        several(test, &[("dns", &dns), ("first", owing), ("second", owing), ("well", well)])
    };
    let failing = yaml(&test, owing);
    let test = test.config(&failing).args(["run"]);
    // Every destination is tried, and every failure told.
    let output = test.run().code(1);
    let owed = "error: a.example: hook `first` ended with exit code 1 at `deploy_cert`; \
                hook `second` ended with exit code 1 at `deploy_cert`\n";
    output.stderr(owed).stdout_contains("a.example: delivered to `well`\n1 certificate: 1 issued\n");
    let first = test.calls("first").pop().unwrap();

    let operations_of = |test: &Test, record: &str| operations(test, record);
    for command in ["run", "deliver"] {
        for record in ["dns", "first", "second", "well"] {
            drop(fs::remove_file(test.path(record)));
        }
        test.hydrant(&[command]).code(1).stderr(owed);
        assert_eq!(operations_of(&test, "first"), ["probe", "deploy_cert"], "{command}");
        assert_eq!(test.calls("first").pop().unwrap().arguments, first.arguments);
        assert!(!operations_of(&test, "well").contains(&"deploy_cert".to_owned()), "{command}");
        assert!(!operations_of(&test, "dns").contains(&"deploy_challenge".to_owned()), "{command}");
    }
    // One of the two is mended: the other one's is still owed, and made by `deliver`.
    let half = yaml(&test, owing).replacen("'1'", "''", 1);
    let test = test.config(&half);
    test.forget("second");
    test.hydrant(&["deliver"])
        .code(1)
        .stderr("error: a.example: hook `second` ended with exit code 1 at `deploy_cert`\n");
    let mended = yaml(&test, owing).replace("'1'", "''");
    let test = test.config(&mended);
    test.forget("first");
    test.hydrant(&["deliver"])
        .code(0)
        .stderr("")
        .stdout("a.example: delivered to `second`\n1 certificate: 1 delivered\n");
    assert!(!operations_of(&test, "first").contains(&"deploy_cert".to_owned()));
    test.hydrant(&["deliver"]).code(0).stdout("1 certificate: 1 unchanged\n");
    assert_eq!((rig.orders_made(), rig.certificates_issued()), (1, 1));
}

#[test]
fn exit_hook_is_called_once_with_all_that_changed() {
    let rig = Rig::start();
    let test = Test::new().rig(&rig).domains("a.example\nb.example\nc.example\n");
    let yaml = recorded(&test, "    operations: [deploy_challenge, clean_challenge, exit_hook]\n");
    let test = test.config(&yaml);
    let changed = |test: &Test| -> Vec<(Vec<String>, String)> {
        let calls = test.calls("record").into_iter().filter(|call| call.operation == "exit_hook");
        calls.map(|call| (call.arguments, call.environment["HYDRANT_CHANGED"].clone())).collect()
    };
    test.hydrant(&["run", "--only", "b.example"]).code(0);
    assert_eq!(changed(&test), [(vec![], "b.example".to_owned())]);
    test.forget("record");
    test.hydrant(&["run"]).code(0);
    assert_eq!(changed(&test), [(vec![], "a.example c.example".to_owned())]);
    test.forget("record");
    test.hydrant(&["run"]).code(0);
    assert_eq!(changed(&test), [(vec![], String::new())]);
}
