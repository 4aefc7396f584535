//! The pipeline of two passes with the bundled hooks where its scripts were: nothing else of it changes.

use std::fs;
use std::os::unix::fs::symlink;

use serde_json::json;

use crate::support::{Output, PUSHER, Rig, Route53, Test, Vault, route53_hook, vault_hook};

/// There to be copied.
const PIPELINE: &str = include_str!("../../examples/gitlab-ci-dehydrated.yml");

/// The command lines as they are written, but for where their files are.
fn passes(test: &Test) -> [Vec<String>; 2] {
    let line = |line: &str| {
        let word = |word: &str| match word.strip_prefix('/') {
            Some(path) => test.path(path).display().to_string(),
            None => word.to_owned(),
        };
        line.split(' ').map(word).collect()
    };
    let lines: Vec<_> =
        PIPELINE.lines().filter_map(|text| text.trim().strip_prefix("- dehydrated ")).map(line).collect();
    lines.try_into().unwrap()
}

fn run(test: &Test, line: &[String]) -> Output {
    test.as_dehydrated(&line.iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
fn the_pipeline_proves_names_at_route_53_and_stores_everything_in_vault() {
    let rig = Rig::with(&["--nonce-reject", "0", "--route53", "--vault"]);
    let (route53, vault) = (Route53::new(&rig), Vault::new(&rig));
    let zone = route53.zones(&["example.com"]).remove(0);
    vault.write("kv-certificates/another", &json!({ "cert": "of somebody" }));
    let role = vault.approle(PUSHER, &json!({}));
    let config = format!(
        "CA={}\nCHALLENGETYPE=dns-01\nCURL_OPTS=\"--cacert {} --noproxy *\"\n",
        rig.ca(),
        rig.environment()["HYDRANT_CA_ROOTS"],
    );
    let test = Test::new().route53(&route53).env("NO_PROXY", "*");
    let inc_path = test.path("etc/dehydrated/vault.inc");
    let test = test
        .write("etc/dehydrated/config", config)
        .write("etc/dehydrated/vault.inc", vault.inc(&role))
        .write("etc/dehydrated/domains.txt", "example.com *.example.com\nwww.example.com api.example.com\n")
        .env("HYDRANT_VAULT_INC", inc_path);
    let [first, second] = passes(&test);
    for (line, hook) in [(&first, route53_hook()), (&second, vault_hook())] {
        let place = &line[line.iter().position(|word| word == "--hook").unwrap() + 1];
        fs::create_dir_all(test.path(place).parent().unwrap()).unwrap();
        symlink(hook, place).unwrap();
    }
    test.as_dehydrated(&["--config", &first[1], "--register", "--accept-terms"]).code(0);

    run(&test, &first).code(0);
    assert_eq!(vault.list("kv-certificates"), json!(["another"]));
    run(&test, &second).code(0);
    assert_eq!(vault.list("kv-certificates"), json!(["another", "example.com", "www.example.com"]));
    for name in ["example.com", "www.example.com"] {
        let fields = vault.read(&format!("kv-certificates/{name}"));
        for (field, file) in
            [("cert", "cert"), ("chain", "chain"), ("fullchain", "fullchain"), ("key", "privkey")]
        {
            assert_eq!(fields[field], json!(test.read(&format!("etc/dehydrated/certs/{name}/{file}.pem"))));
        }
        assert_eq!(vault.versions(&format!("kv-certificates/{name}")), 1);
    }
    // The next night: nothing is due, nothing is stored again.
    for line in [&first, &second] {
        run(&test, line).code(0);
    }
    assert_eq!(vault.versions("kv-certificates/example.com"), 1);
    assert_eq!(rig.certificates_issued(), 2);
    assert_eq!(route53.records(&zone), [""; 0]);
}
