use serde_json::json;

use crate::support::Test;

const BAD: &str =
    "challange: dns-01\njobs: many\ncertificates:\n  a.example: {owner: shop, hooks: [nobody]}\n";

#[test]
fn check_says_all_that_is_wrong_and_where() {
    let test = Test::new().config(BAD);
    let checked = test.hydrant(&["config", "check"]).code(2).stdout("3 errors\n");
    checked
        .stderr_contains("[DIR]/hydrant.yml:1:1")
        .stderr_contains("did you mean `challenge`?")
        .stderr_contains("[DIR]/hydrant.yml:2:7")
        .stderr_contains("nobody");
    let document = test.hydrant(&["config", "check", "--format", "json"]).code(2).stderr("").json();
    assert_eq!(document["version"], 1);
    assert_eq!(document["findings"].as_array().unwrap().len(), 3);
    assert_eq!(document["findings"][0]["line"], 1);

    let test = Test::new().config("challenge: dns-01\nformat: json\n");
    let document = test.hydrant(&["config", "check"]).code(0).json();
    assert_eq!(document["findings"][0]["rule"], "unanswered-challenge");
    let test = test.config("webroot: /srv/www\n");
    test.hydrant(&["config", "check"]).code(0).stdout("ok: [DIR]/hydrant.yml\n").stderr("");
}

#[test]
fn show_says_what_is_in_effect_and_where_it_comes_from() {
    let yaml = "key_type: p384\ncertificates:\n  a.example: {owner: shop}\n";
    let test = Test::new().config(yaml).env("HYDRANT_JOBS", "8");
    test.hydrant(&["config", "show", "--challenge", "dns-01"])
        .code(0)
        .stderr("")
        .stdout_contains("challenge: dns-01  # command line\n")
        .stdout_contains("key_type: p384  # [DIR]/hydrant.yml\n")
        .stdout_contains("jobs: 8  # HYDRANT_JOBS\n")
        .stdout_contains("in_flight: 16  # default\n");
    let one = test.hydrant(&["config", "show", "a.example"]).code(0);
    one.stdout_contains("owner: shop  # [DIR]/hydrant.yml, certificates.\"a.example\"\n");
    let document = test.hydrant(&["config", "show", "--format", "json"]).code(0).stderr("").json();
    assert_eq!(document["version"], 1);
    assert_eq!(document["settings"]["jobs"], json!({ "value": 8, "from": "HYDRANT_JOBS" }));
    let document = test.hydrant(&["config", "show", "a.example", "--format", "json"]).code(0).json();
    assert_eq!(document["settings"]["owner"]["value"], "shop");
    // What it shows is a configuration again.
    let shown = test.hydrant(&["config", "show"]).code(0).stdout;
    Test::new().config(&shown).hydrant(&["config", "check"]).code(0);
}

#[test]
fn show_keeps_secrets() {
    let test = Test::new().config(
        "hooks: [{command: /bin/true, env: {TOKEN: hunter2}}]\nca: https://ops:hunter2@ca.example/dir\n\
         proxy: http://ops:hunter2@proxy.example\nvault: {address: 'https://ops:hunter2@vault.example:8200'}\n",
    );
    for arguments in [&["config", "show"][..], &["config", "show", "a.example"]] {
        for format in ["text", "json"] {
            let shown = test.hydrant(&[arguments, &["--format", format]].concat()).code(0).stdout;
            assert!(shown.contains("[secret]@ca.example/dir") && !shown.contains("hunter2"), "{shown}");
        }
    }
    let shown = test.hydrant(&["config", "show"]).code(0);
    shown
        .stdout_contains("TOKEN")
        .stdout_contains("http://[secret]@proxy.example")
        .stdout_contains("https://[secret]@vault.example:8200");
    let bad = Test::new().env("HYDRANT_CA", "ftp://ops:hunter2@ca.example").hydrant(&["config", "show"]);
    bad.code(2).stderr_contains("`ftp://[secret]@ca.example/` is not an `https:` URL");
}

#[test]
fn schema_is_for_editors() {
    // Also where the file cannot be used yet.
    let schema = Test::new().config(BAD).hydrant(&["config", "schema"]).code(0).stderr("").json();
    assert_eq!(schema["$schema"], "http://json-schema.org/draft-07/schema#");
    assert!(schema["properties"]["challenge"].is_object());
    assert_eq!(schema["additionalProperties"], false);
}
