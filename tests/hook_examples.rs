//! The hooks that people copy do what they say.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::support::{DNS_HOOK, Rig, Test, assert_good_pair, hydrant};

const HAPROXY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/hooks/haproxy.py");

/// The example in Rust, which is built with the tests of the workspace.
#[track_caller]
fn webroot_hook() -> PathBuf {
    let hook = Path::new(hydrant()).with_file_name("examples").join("webroot");
    assert!(hook.exists(), "{} is missing: cargo build --workspace --examples", hook.display());
    hook
}

#[test]
fn the_hook_in_rust_answers_http_01_of_many_certificates_and_fails_a_name_alone() {
    let served = Test::new().write("served/.well-known/acme-challenge/other", "not ours");
    let directory = served.path("served").display().to_string();
    let rig = Rig::with(&["--nonce-reject", "0", "--webroot", &directory]);
    let webroot = served.path("served/.well-known/acme-challenge");
    let config = format!(
        "accept_terms: true\nchallenge: http-01\nhooks: [{{command: {}}}]\n",
        webroot_hook().display()
    );
    let test = Test::new().rig(&rig).config(&config).env("ACME_WEBROOT", &webroot).args(["run"]);
    let test = test.domains("a.example www.a.example\nb.example\n");
    let tested = test.hydrant(&["hook", "test", webroot_hook().to_str().unwrap()]).code(0);
    assert!(!tested.stdout.contains("FAILED"), "{}", tested.stdout);

    test.run().code(0).stderr("");
    assert_good_pair(&rig, &test.path("certs/a.example"), &["a.example", "www.a.example"]);
    assert_good_pair(&rig, &test.path("certs/b.example"), &["b.example"]);
    assert_eq!(fs::read_dir(&webroot).unwrap().count(), 1);
    let test = test.env("ACME_WEBROOT", "nowhere").domains("c.example\n");
    test.run().code(1).stderr_contains("c.example: No such file or directory");
}

#[test]
fn the_hook_in_python_delivers_every_certificate_and_reloads_once() {
    let rig = Rig::start();
    let config = format!(
        "accept_terms: true\nchallenge: dns-01\nhooks:\n  \
         - {{command: {DNS_HOOK}, operations: [deploy_challenge, clean_challenge]}}\n  - {HAPROXY}\n"
    );
    let test =
        Test::new().rig(&rig).config(&config).domains("a.example\n*.b.example > b.example\n").args(["run"]);
    let directory = test.path("haproxy");
    let test = test.env("HAPROXY_DIRECTORY", &directory).env("HAPROXY_RELOAD", "./reload");
    let test = test.hook_script("reload", "ls haproxy >>reloads; [ ! -e refuse ]");
    test.put("refuse", "");
    test.run().code(1);
    fs::remove_file(test.path("refuse")).unwrap();
    test.run().code(0);
    test.run().code(0);
    // The reload that was refused is tried again; where nothing changed there is none.
    assert_eq!(test.read("reloads"), "a.example.pem\nb.example.pem\n".repeat(2));
    for name in ["a.example", "b.example"] {
        let delivered = directory.join(format!("{name}.pem"));
        let expected = test.read(&format!("certs/{name}/fullchain.pem"))
            + &test.read(&format!("certs/{name}/privkey.pem"));
        assert_eq!(fs::read_to_string(&delivered).unwrap(), expected);
        assert_eq!(fs::metadata(&delivered).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
