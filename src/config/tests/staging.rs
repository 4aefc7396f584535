//! Staging, dry runs, and what must not mix.

use super::*;

#[test]
fn staging_is_kept_apart_from_production() {
    let staging = config(&["--staging", "run"], &[], "certs_dir: /tls\ncertificates: {'g.*': {ca: google}}");
    assert!(staging.staging);
    assert_eq!(staging.certs_dir, Path::new("/tls-staging"));
    assert_eq!(staging.alpn_dir, Path::new("/etc/hydrant/alpn-certs-staging"));
    assert_eq!(staging.state_dir, Path::new("/etc/hydrant/.hydrant-staging"));
    assert_eq!(staging.accounts_dir, Path::new("/etc/hydrant/accounts"));
    assert_eq!(staging.certificate(&name("a.example")).ca.name, "letsencrypt-staging");
    assert_eq!(staging.certificate(&name("g.example")).ca.name, "google-test");

    let by_ca = config(&["--ca", "letsencrypt-test", "run"], &[], "");
    assert!(by_ca.staging);
    assert_eq!(by_ca.certs_dir, Path::new("/etc/hydrant/certs-staging"));
    assert_eq!(by_ca.certificate(&name("a.example")).ca.name, "letsencrypt-staging");

    assert_eq!(
        errors(&["run"], "certificates:\n  a.example:\n    ca: letsencrypt-staging\n"),
        "\
3:9 [letsencrypt-staging] error(staging-ca): `certificates.\"a.example\".ca`: `letsencrypt-staging` is a staging CA, \
         and its certificates would be kept beside production's
  help: to try a certificate out, use `--staging --only NAME`
"
    );
}

#[test]
fn a_dry_run_never_reaches_a_production_ca() {
    let yaml = "certificates: {'g.*': {ca: google}}";
    let dry = config(&["run", "--dry-run"], &[("HYDRANT_CA", "buypass")], yaml);
    assert!(dry.dry_run && !dry.staging);
    assert_eq!(dry.certs_dir, Path::new("/etc/hydrant/certs"), "it reads what is stored");
    assert_eq!(dry.certificate(&name("a.example")).ca.name, "buypass-test");
    assert_eq!(dry.certificate(&name("g.example")).ca.name, "buypass-test", "the environment is for all");

    let own = config(
        &["run", "-n"],
        &[("HYDRANT_STAGING_CA", "https://try.example/dir")],
        "ca: https://ca.example/dir",
    );
    assert_eq!(own.certificate(&name("a.example")).ca.directory.as_str(), "https://try.example/dir");

    assert_eq!(
        errors(&["run", "--dry-run"], "ca: https://ca.example/dir\ncertificates: {a: {ca: zerossl}}"),
        "\
1:5 [https://ca.example/dir] error(no-staging-ca): a dry run needs a staging CA, and none is known for \
         `https://ca.example/dir`
  help: name it with `staging_ca` or HYDRANT_STAGING_CA
2:24 [zerossl] error(no-staging-ca): a dry run needs a staging CA, and none is known for `zerossl`
  help: name it with `staging_ca` or HYDRANT_STAGING_CA
"
    );
}

#[test]
fn must_staple_is_taken_with_a_warning_where_it_cannot_work() {
    let yaml = "must_staple: true\ncertificates:\n  b.example: {ca: zerossl, must_staple: true}\n";
    let resolved = attempt(&["run"], &[], Some(yaml)).unwrap();
    assert!(resolved.config.certificate(&name("a.example")).must_staple);
    assert_eq!(
        shown(&resolved.warnings),
        "\
1:14 [true] warning(must-staple): `must_staple`: Let's Encrypt no longer issues such certificates
  help: leave it out, or use another CA
"
    );
}

#[test]
fn a_ca_on_the_command_line_is_for_all() {
    let config = config(&["--ca", "letsencrypt-staging", "run"], &[], "certificates: {'*': {ca: zerossl}}");
    assert_eq!(config.certificate(&name("a.example")).ca.name, "letsencrypt-staging");
}
