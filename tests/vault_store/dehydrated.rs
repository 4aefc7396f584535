//! dehydrated's command line with `HYDRANT_STORE=vault`: its certificates are in Vault, and its hooks get files all the
//! same.

use super::tokens::with_role;
use super::{STATE, assert_nothing_on_disk, assert_stored, rig};
use crate::support::{DNS_HOOK, Output, Rig, Test, Vault};

/// An installation of dehydrated's, but for where its certificates are.
fn installation(rig: &Rig, domains: &str) -> Test {
    let config = format!(
        "CA={}\nCHALLENGETYPE=dns-01\nHOOK=./hook\nCURL_OPTS=\"--cacert {} --noproxy *\"\n",
        rig.ca(),
        rig.environment()["HYDRANT_CA_ROOTS"],
    );
    let hook = format!(
        r#"case $1 in
        deploy_cert | unchanged_cert)
            [ "$(openssl x509 -in "$4" -noout -pubkey)" = "$(openssl pkey -in "$3" -pubout)" ] || exit 1
            echo "$1 $2" >>calls ;;
        exit_hook) echo "$1" >>calls ;;
        *) {DNS_HOOK} "$@" ;;
        esac"#
    );
    Test::new()
        .in_vault(rig)
        .write("config", config)
        .domains(domains)
        .hook_script("hook", &hook)
        .env("HYDRANT_STORE", "vault")
        .env("HYDRANT_VAULT_MOUNT", "kv-certificates")
        .env("HYDRANT_VAULT_PREFIX", "team/certs")
}

#[track_caller]
fn dehydrated(test: &Test, line: &str) -> Output {
    let words: Vec<&str> = line.split(' ').collect();
    test.as_dehydrated(&[&["--config", "config"], &words[..]].concat())
}

#[test]
fn certificates_account_and_records_are_in_vault_and_hooks_get_files() {
    let rig = rig();
    let vault = Vault::new(&rig);
    let test = installation(&rig, "a.example www.a.example\nb.example > b\n");
    dehydrated(&test, "--register --accept-terms").code(0).stderr("");
    dehydrated(&test, "--cron").code(0).stderr("");
    assert_stored(&rig, &test, "a.example", &["a.example", "www.a.example"]);
    assert_stored(&rig, &test, "b", &["b.example"]);
    dehydrated(&test, "--cron").code(0).stderr("").stdout_contains("Skipping renew!");
    dehydrated(&test, "--cron --force").code(0).stderr("");
    assert_eq!(vault.versions("kv-certificates/team/certs/b"), 2);
    let pass = |what: &str| format!("{what}_cert a.example\n{what}_cert b.example\nexit_hook\n");
    assert_eq!(test.read("calls"), ["deploy", "unchanged", "deploy"].map(pass).concat());
    assert_eq!(vault.records(STATE).len(), 2);
    dehydrated(&test, "--account").code(0).stderr("");
    dehydrated(&test, "--cleanup").code(0).stderr(
        "note: certificates are in Vault, so there are no superseded files; how many versions of a secret are kept is a \
         setting of its mount (`max_versions`)\n",
    );
    assert_nothing_on_disk(&test, &["bin", "calls", "config", "domains.txt", "hook"]);
    // Nothing of it is needed to go on.
    let elsewhere = installation(&rig, "a.example www.a.example\nb.example > b\n");
    dehydrated(&elsewhere, "--cron").code(0).stdout_contains("Skipping renew!");
    assert_eq!(rig.certificates_issued(), 4);
}

#[test]
fn what_is_revoked_is_named_by_the_file_that_it_would_be_or_as_it_is_kept() {
    let rig = rig();
    let test = installation(&rig, "a.example\nb.example > b\n");
    dehydrated(&test, "--register --accept-terms").code(0);
    dehydrated(&test, "--cron").code(0);
    dehydrated(&test, "--revoke certs/b/cert.pem")
        .code(0)
        .stdout("# INFO: Using main config file config\nRevoking b\n + Done.\n + The next run renews it.\n");
    dehydrated(&test, "--revoke a.example").code(0).stdout_contains("Revoking a.example\n + Done.\n");
    dehydrated(&test, "--revoke certs/c/cert.pem")
        .code(1)
        .stderr_contains("there is no certificate `certs/c/cert.pem`");
    dehydrated(&test, "--cron").code(0).stderr("");
    assert_eq!(rig.certificates_issued(), 4);
}

#[test]
fn its_login_is_given_back_and_what_is_missing_is_named() {
    let rig = rig();
    let test = with_role(installation(&rig, "a.example\n"), &rig);
    let before = Vault::new(&rig).tokens();
    dehydrated(&test, "--register --accept-terms").code(0);
    dehydrated(&test, "--cron").code(0);
    assert_eq!(Vault::new(&rig).tokens(), before);
    let test = test.env("VAULT_SECRET_ID", "wrong");
    dehydrated(&test, "--cron").code(1).stderr_contains("ERROR: Vault refuses the login at `auth/approle`");
    let test = test
        .env("HYDRANT_VAULT_MOUNT", "nowhere")
        .without_env("VAULT_ROLE")
        .env("VAULT_TOKEN", &rig.environment()["RIG_VAULT_TOKEN"]);
    dehydrated(&test, "--cron").code(1).stderr_contains("Vault shows no secrets engine at `nowhere`");
    assert_eq!((Vault::new(&rig).tokens(), rig.certificates_issued()), (before, 1));
}
