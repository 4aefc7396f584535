//! `--env`: the configuration as it came to be, compared with the real one's.

use super::same;
use crate::support::Test;

/// Runs `--env` with a configuration in `etc/config`, by hydrant and by dehydrated, and gives the declarations.
#[track_caller]
fn declared(config: &str, arguments: &[&str]) -> String {
    let place = |test: Test| {
        let config = config.replace("[DIR]", &test.path("").display().to_string());
        test.write("etc/config", config)
    };
    let arguments = [&["--env", "-f", "etc/config"], arguments].concat();
    let did = same(place, &arguments);
    assert_eq!((did.code, did.stderr.as_str()), (Some(0), ""), "{}", did.stdout);
    did.stdout
}

#[test]
fn defaults_follow_from_the_place_of_the_configuration() {
    assert!(declared("", &[]).contains("declare -- CERTDIR=\"etc/certs\"\n"));
    assert!(declared("BASEDIR=[DIR]\n", &[]).contains("declare -- LOCKFILE=\"[DIR]/lock\"\n"));
    assert!(declared("BASEDIR=etc//\n", &[]).contains("declare -- CERTDIR=\"etc//certs\"\n"));
    declared(
        "ACCOUNTDIR=$BASEDIR/'accounts of mine'\nCHAINCACHE=/x\nLOCKFILE=/l\n",
        &["--lock-suffix", "a.example"],
    );
    declared("LOCKFILE=/l\n", &["--lock-suffix", "a.example", "-n"]);
}

#[test]
fn values_are_quoted_as_bash_quotes_them() {
    for value in [
        "\"a\\\"b\"",
        "'a$b`c`\\d'",
        "$'two\\nlines\\t\\'\\\\'",
        "\"it's\"",
        "'#!*?[]~{}'",
        "$'\\033[1m'",
        "''",
    ] {
        declared(
            &format!("WELLKNOWN={value}\nexport HOOK={value}\nCONTACT_EMAIL=a@b.example\n"),
            &["-t", "tls-alpn-01"],
        );
    }
}

#[test]
fn presets_appear_as_urls() {
    for ca in
        ["letsencrypt", "letsencrypt-test", "zerossl", "buypass", "buypass-test", "google", "google-test"]
    {
        assert!(declared(&format!("CA={ca}\n"), &[]).contains("CA=\"https://"));
        assert!(declared("", &["--ca", ca]).contains("CA=\"https://"));
    }
    declared("CA=http://ca.example/%20a\n", &[]);
    declared("CA=\"https://ca.example\"\n", &["--ca", "letsencrypt"]);
}

#[test]
fn the_command_line_comes_before_the_configuration() {
    let config = "HOOK=/h\nCERTDIR=/c\nALPNCERTDIR=/a\nDOMAINS_TXT=/d\nCHALLENGETYPE=dns-01\nKEY_ALGO=rsa\n";
    for arguments in [
        &["-k", "hook"][..],
        &["--hook", "./hook", "-o", "out", "--alpn", "alpn"],
        &["--domains-txt", "list", "-t", "tls-alpn-01"],
        &[
            "-a",
            "prime256v1",
            "--ocsp",
            "-4",
            "--acme-profile",
            "p",
            "--order-timeout",
            "5",
            "--preferred-chain",
            "x y",
        ],
        &[
            "-x",
            "--force-validation",
            "-g",
            "-d",
            "a.example",
            "--alias",
            "x",
            "-fc",
            "-p",
            "key",
            "--accept-terms",
        ],
    ] {
        declared(config, arguments);
    }
}

#[test]
fn a_variable_that_the_environment_has_stays_exported_and_loses_its_value() {
    for config in ["", "CERTDIR=/c\n", "export -n CERTDIR\n", "unset HOOK_CHAIN; HOOK_CHAIN=yes\n"] {
        same(
            |test| {
                let test = test.env("CERTDIR", "/elsewhere").env("HOOK_CHAIN", "yes").env("WELLKNOWN", "/w");
                test.write("config", config)
            },
            &["-e", "-f", "config"],
        );
    }
}

#[test]
fn dehydrateds_own_variables_work_as_options() {
    let variables = [
        ("PARAM_HOOK", "/hook"),
        ("PARAM_CA", "letsencrypt-test"),
        ("PARAM_NO_LOCK", "yes"),
        ("PARAM_CERTDIR", "/c"),
        ("PARAM_ALPNCERTDIR", "/a"),
        ("PARAM_CHALLENGETYPE", "dns-01"),
        ("PARAM_LOCKFILE_SUFFIX", "x"),
        ("PARAM_DOMAINS_TXT", "/d"),
        ("PARAM_KEY_ALGO", "none"),
        ("PARAM_IP_VERSION", "5"),
        ("PARAM_ORDER_TIMEOUT", "soon"),
        ("PARAM_FORCE_VALIDATION", "yes"),
        ("PARAM_CA", ""),
    ];
    for (name, value) in variables {
        let place = |test: Test| test.write("config", "").env(name, value);
        same(place, &["-e", "-f", "config"]);
    }
    for alias in ["--ca", "--alias"] {
        let place = |test: Test| test.write("config", "").env("PARAM_CA", "x").env("PARAM_ALIAS", "y");
        same(place, &["-e", "-f", "config", alias, "z"]);
    }
    same(|test| test.write("here", "CERTDIR=/h\n").env("CONFIG", "./here"), &["-e"]);
    same(|test| test.write("config", "").env("CONFIG", "none"), &["-e"]);
}

#[test]
fn the_account_of_the_old_address_is_taken_over() {
    let old = "aHR0cHM6Ly9hY21lLXYwMS5hcGkubGV0c2VuY3J5cHQub3JnL2RpcmVjdG9yeQo";
    let did = same(
        |test| test.write("config", "").write(&format!("accounts/{old}/account_key.pem"), "key"),
        &["-e", "-f", "config"],
    );
    assert!(did.stdout.contains("! Reusing account from https://acme-v01.api.letsencrypt.org/directory\n"));
    assert!(did.files.iter().any(|file| file.ends_with(&format!(" -> {old}"))), "{:?}", did.files);
    same(
        |test| test.write("config", "").write("private_key.pem", "key").write("private_key.json", "{}"),
        &["-e", "-f", "./config"],
    );
}

#[test]
fn hydrants_variables_are_above_the_file_and_below_the_command_line() {
    let test = Test::new()
        .write("config", "CA=letsencrypt\nWELLKNOWN=/file\nKEYSIZE=4096\nCERTDIR=/file\n")
        .env("HYDRANT_CA", "letsencrypt-test")
        .env("HYDRANT_WEBROOT", "/variable")
        .env("HYDRANT_KEY_TYPE", "rsa2048")
        .env("HYDRANT_CERTS_DIR", "/variable");
    let shown = test.as_dehydrated(&["-e", "-f", "config", "-o", "/option"]).code(0).stderr("");
    for line in [
        "CA=\"https://acme-staging-v02.api.letsencrypt.org/directory\"",
        "WELLKNOWN=\"/variable\"",
        "KEYSIZE=\"2048\"",
        "CERTDIR=\"/option\"",
    ] {
        assert!(shown.stdout.contains(&format!("declare -- {line}\n")), "{line}:\n{}", shown.stdout);
    }
    let shown = test.as_dehydrated(&["-e", "-f", "config", "--ca", "buypass"]).code(0);
    shown.stdout_contains("declare -- CA=\"https://api.buypass.com/acme/directory\"\n");
}
