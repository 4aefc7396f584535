mod example;
mod staging;

use std::ffi::OsString;

use clap::Parser as _;
use proptest::prelude::*;
use serde_json::Value;

use super::environment::{Environment, keys};
use super::file::{ExternalAccount, HookTable, Overrides, Settings, Vault};
use super::resolve::{Resolved, resolve};
use super::yaml::Document;
use super::*;
use crate::cli::hydrant::Arguments;
use crate::diagnostic::Diagnostic;
use crate::hook::{Chaining, Operation};
use crate::key::KeyType;

/// As a person would see it, without the source line: place, severity, message, help.
fn shown(diagnostics: &[Diagnostic]) -> String {
    let line = |found: &Diagnostic| {
        let place = found.span.as_ref().map(|span| {
            let (line, column) = span.start();
            format!("{line}:{column} [{}] ", &span.source.text[span.range.clone()])
        });
        let place = place.unwrap_or_default();
        let help = found.help.as_ref().map(|help| format!("  help: {help}\n")).unwrap_or_default();
        format!("{place}{}({}): {}\n{help}", found.severity.as_str(), found.rule, found.message)
    };
    diagnostics.iter().map(line).collect()
}

fn faults(yaml: &str) -> String {
    match Document::parse("hydrant.yml", yaml) {
        Ok(document) => shown(&document.read::<Settings>().1),
        Err(fault) => shown(&[*fault]),
    }
}

fn attempt(
    flags: &[&str],
    variables: &[(&str, &str)],
    yaml: Option<&str>,
) -> Result<Resolved, Vec<Diagnostic>> {
    let arguments = Arguments::try_parse_from(["hydrant"].iter().chain(flags)).unwrap();
    let variables = variables.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
    let file = yaml.map(|yaml| (PathBuf::from("/etc/hydrant/hydrant.yml"), yaml.to_owned()));
    resolve(&arguments, &Environment::new(variables), file, Path::new("/srv"))
}

fn config(flags: &[&str], variables: &[(&str, &str)], yaml: &str) -> Config {
    attempt(flags, variables, Some(yaml)).unwrap_or_else(|found| panic!("{}", shown(&found))).config
}

fn errors(flags: &[&str], yaml: &str) -> String {
    shown(&attempt(flags, &[], Some(yaml)).unwrap_err())
}

fn name(text: &str) -> CertName {
    text.parse().unwrap()
}

#[test]
fn all_unknown_keys_are_reported_with_path_and_place() {
    let yaml = "\
ca: letsencrypt
kontacts: ops@example.org
hooks:
  - comand: ./dns.sh
certificates:
  \"*.example.com\":
    key_tpye: p256
    colour: blue
";
    assert_eq!(
        faults(yaml),
        "\
2:1 [kontacts] error(unknown-key): `kontacts` is not a setting
  help: did you mean `contacts`?
4:5 [c] error(missing-key): `hooks[0]` has no `command`
4:5 [comand] error(unknown-key): `hooks[0].comand` is not a setting
  help: did you mean `command`?
7:5 [key_tpye] error(unknown-key): `certificates.\"*.example.com\".key_tpye` is not a setting
  help: did you mean `key_type`?
8:5 [colour] error(unknown-key): `certificates.\"*.example.com\".colour` is not a setting
  help: it can be `ca`, `challenge`, `webroot`, `propagation`, `propagation_timeout`, `hooks`, `key_type`, \
         `reuse_key`, `key_rollover`, `must_staple`, `profile`, `preferred_chain`, `renew_before`, `owner`, `order_timeout`, or `validation_timeout`
"
    );
}

#[test]
fn duplicate_keys_are_refused_everywhere() {
    let yaml = "\
jobs: 1
external_account: {kid: a, kid: b}
jobs: 2
hooks:
  - command: ./a.sh
    env: {A: 1, A: 2}
    command: ./b.sh
certificates:
  a.example: {owner: x}
  a.example: {owner: y, owner: z}
";
    assert_eq!(
        faults(yaml),
        "\
2:28 [kid] error(duplicate-key): `external_account.kid` is set twice
  help: it is already there in line 2
3:1 [jobs] error(duplicate-key): `jobs` is set twice
  help: it is already there in line 1
6:17 [A] error(duplicate-key): `hooks[0].env.A` is set twice
  help: it is already there in line 6
7:5 [command] error(duplicate-key): `hooks[0].command` is set twice
  help: it is already there in line 5
10:3 [a.example] error(duplicate-key): `certificates.\"a.example\"` is set twice
  help: it is already there in line 9
"
    );
}

#[test]
fn every_bad_value_is_reported_in_one_pass() {
    let yaml = "\
ca: letsencript
challenge: \"dns01\"
jobs: 0
renew_before: 30
accept_terms: maybe
contacts: [ops@example.org, nobody]
hooks:
  - {command: ./a.sh, timeout: 5x, operations: [deploy_chalenge], chain: maybe}
  - [./b.sh]
http_listen: localhost
key_type: [p256]
certificates: all
profile: {a: b}
";
    assert_eq!(
        faults(yaml),
        "\
1:5 [letsencript] error(bad-value): `ca`: `letsencript` is neither a URL nor a CA known by name (`letsencrypt`, \
         `letsencrypt-staging`, `zerossl`, `buypass`, `buypass-test`, `google`, or `google-test`)
2:12 [\"dns01\"] error(bad-value): `challenge` cannot be `dns01`
  help: did you mean `dns-01`?
3:7 [0] error(bad-value): `jobs`: `0` is not a whole number of at least 1
4:15 [30] error(bad-value): `renew_before`: `30` has no unit: write `30s`, `30m`, `30h`, or `30d`
5:15 [maybe] error(bad-value): `accept_terms`: `maybe` is not `true` or `false`
6:29 [nobody] error(bad-value): `contacts[1]`: `nobody` is not an e-mail address
8:32 [5x] error(bad-value): `hooks[0].timeout`: `5x` is not a duration such as `30s`, `5m`, `1h30m`, or `30d`
8:49 [deploy_chalenge] error(bad-value): `hooks[0].operations[0]` cannot be `deploy_chalenge`
  help: did you mean `deploy_challenge`?
8:74 [maybe] error(bad-value): `hooks[0].chain` cannot be `maybe`
  help: it can be `no`, `yes`, or `batch`
9:5 [[] error(bad-value): `hooks[1]` is a list, expected a program or a mapping of settings
10:14 [localhost] error(bad-value): `http_listen`: `localhost` is not an address and a port such as `[::]:80`, or a port
11:11 [[] error(bad-value): `key_type` is a list, expected a key type
12:15 [all] error(bad-value): `certificates` is a single value, expected a mapping from names or globs to settings
13:10 [{] error(bad-value): `profile` is a mapping, expected a string
"
    );
}

#[test]
fn what_is_no_yaml_is_said_with_its_place() {
    assert_eq!(
        faults("jobs: 1\nhooks: [./a.sh\nca: x\n"),
        "3:3 [] error(yaml-syntax): not YAML: did not find expected ',' or ']'\n"
    );
    assert_eq!(
        faults("ca: &a x\nb: !tag y\n"),
        "2:4 [] error(yaml-syntax): not YAML: b: tags have no meaning here\n"
    );
    assert_eq!(
        faults("- a\n"),
        "1:1 [-] error(bad-value): the document is a list, expected a mapping of settings\n"
    );
    assert_eq!(
        faults("certificates:\n  a: &base {owner: x}\n  b: {<<: *base}\n"),
        "3:7 [<<] error(merge-key): `certificates.b.\"<<\"`: merge keys are not part of YAML 1.2\n  \
         help: write the settings out, or use a glob in `certificates`\n"
    );
}

#[test]
fn an_empty_file_says_nothing() {
    for empty in ["", "\n", "# only a comment\n", "---\n", "~\n", "\u{feff}"] {
        assert_eq!(faults(empty), "", "{empty:?}");
    }
    assert_eq!(faults("ca:\nhooks:\ncertificates:\n  a.example:\n"), "");
}

#[test]
fn places_count_characters_and_survive_odd_line_ends() {
    let place = |yaml: &str| faults(yaml).split(' ').next().unwrap().to_owned();
    assert_eq!(place("owner: Jürgen\r\njosb: 1\r\n"), "2:1");
    assert_eq!(place("{owner: Jürgen, josb: 1}"), "1:17");
    assert_eq!(place("\u{feff}josb: 1\n"), "1:1");
}

#[test]
fn scalars_are_taken_as_they_are_written() {
    let yaml = "profile: 1.10\nowner: 0x1F\nexternal_account: {kid: 0042}\naccept_terms: yes\npreferred_chain: null_\n";
    let (settings, diagnostics) = Document::parse("x", yaml).unwrap().read::<Settings>();
    assert_eq!(shown(&diagnostics), "");
    assert_eq!(settings.profile.as_deref(), Some("1.10"));
    assert_eq!(settings.owner.as_deref(), Some("0x1F"));
    assert_eq!(settings.external_account.unwrap().kid.as_deref(), Some("0042"));
    assert!(settings.accept_terms.unwrap().0);
}

#[test]
fn flags_come_before_environment_before_certificate_before_file_before_default() {
    let file = "key_type: p384";
    let certificate = "key_type: p384\ncertificates: {a.example: {key_type: p521}}";
    let variable = [("HYDRANT_KEY_TYPE", "rsa2048")];
    let flag = ["--key-type", "rsa4096", "run"];
    let key_type = |flags: &[&str], variables: &[(&str, &str)], yaml: &str| {
        config(flags, variables, yaml).certificate(&name("a.example")).key_type
    };
    assert_eq!(key_type(&["run"], &[], ""), KeyType::P256);
    assert_eq!(key_type(&["run"], &[], file), KeyType::P384);
    assert_eq!(key_type(&["run"], &[], certificate), KeyType::P521);
    assert_eq!(key_type(&["run"], &variable, certificate), KeyType::Rsa2048);
    assert_eq!(key_type(&flag, &variable, certificate), KeyType::Rsa4096);
    assert_eq!(key_type(&flag, &[], file), KeyType::Rsa4096);
    // Of what no certificate has for itself:
    let jobs = |flags: &[&str], variables: &[(&str, &str)], yaml: &str| config(flags, variables, yaml).jobs;
    assert_eq!(jobs(&["run"], &[], ""), 256);
    assert_eq!(jobs(&["run"], &[], "jobs: 2"), 2);
    assert_eq!(jobs(&["run"], &[("HYDRANT_JOBS", "3")], "jobs: 2"), 3);
    assert_eq!(jobs(&["-j", "4", "run"], &[("HYDRANT_JOBS", "3")], "jobs: 2"), 4);
}

#[test]
fn a_name_comes_before_globs_and_a_later_glob_before_an_earlier_one() {
    let config = config(
        &["run"],
        &[],
        "
        owner: nobody
        certificates:
          a.example.org: {owner: a}
          '*.example.org': {owner: org, profile: classic}
          '*': {profile: tlsserver, renew_before: 20d}",
    );
    let of = |text: &str| {
        let settings = config.certificate(&name(text));
        (
            settings.owner.unwrap(),
            settings.profile.unwrap(),
            settings.renew_before.unwrap().as_secs() / 86_400,
        )
    };
    assert_eq!(of("a.example.org"), ("a".into(), "tlsserver".into(), 20));
    assert_eq!(of("b.example.org"), ("org".into(), "tlsserver".into(), 20));
    assert_eq!(of("b.example.com"), ("nobody".into(), "tlsserver".into(), 20));
}

#[test]
fn without_any_settings_everything_has_its_default() {
    let resolved = attempt(&["run"], &[], None).unwrap();
    assert_eq!(resolved.config, Config::in_directory(Path::new("/srv")));
    assert_eq!(resolved.config.certificate(&name("a.example")), CertificateSettings::default());
    assert_eq!(resolved.config.certs_dir, Path::new("/srv/certs"));
    assert_eq!(resolved.config.domains, DomainsSource::Path("/srv/domains.txt".into()));
}

#[test]
fn relative_paths_are_relative_to_the_file_and_otherwise_to_the_current_directory() {
    let yaml = "
        certs_dir: tls
        ca_roots: [roots.pem, /abs.pem]
        account_key: key.pem
        domains: '-'
        external_account: {kid: x, hmac_key_file: eab}
        hooks: [dns.sh, ./dns2.sh, sub/dns3.sh, /dns4.sh]
        certificates: {'*': {webroot: www}}";
    let config = config(&["--webroot", "acme", "run"], &[("HYDRANT_STATE_DIR", "state")], yaml);
    assert_eq!(config.base_dir, Path::new("/etc/hydrant"));
    assert_eq!(config.certs_dir, Path::new("/etc/hydrant/tls"));
    assert_eq!(config.accounts_dir, Path::new("/etc/hydrant/accounts"));
    assert_eq!(config.state_dir, Path::new("/srv/state"));
    assert_eq!(config.domains, DomainsSource::Stdin);
    assert_eq!(config.network.roots, [Path::new("/etc/hydrant/roots.pem"), Path::new("/abs.pem")]);
    assert_eq!(config.account.key_file.as_deref(), Some(Path::new("/etc/hydrant/key.pem")));
    let key = config.account.external_account.unwrap().key;
    assert_eq!(key, account::HmacKey::File("/etc/hydrant/eab".into()));
    let commands: Vec<_> = config.hooks.iter().map(|hook| hook.command.to_str().unwrap()).collect();
    assert_eq!(commands, ["dns.sh", "/etc/hydrant/dns2.sh", "/etc/hydrant/sub/dns3.sh", "/dns4.sh"]);
    assert_eq!(config.certificates.patterns[0].1.webroot.as_deref(), Some(Path::new("/etc/hydrant/www")));
    let webroot = config.certificates.settings(&name("a.example")).webroot;
    assert_eq!(webroot.as_deref(), Some(Path::new("/srv/acme")));
}

#[test]
fn hooks_of_a_certificate_are_named_and_those_of_the_command_line_serve_all() {
    let yaml = "
        hooks:
          - {name: dns, command: ./dns.sh, timeout: 15m, operations: deploy_challenge, chain: yes}
          - ./nginx.sh
        certificates:
          a.example: {hooks: [nginx.sh]}
          b.example: {hooks: []}";
    let hooks = |config: &Config, text: &str| config.certificate(&name(text)).hooks;
    let from_file = config(&["run"], &[], yaml);
    assert_eq!(hooks(&from_file, "a.example"), ["nginx.sh"]);
    assert_eq!(hooks(&from_file, "b.example"), [""; 0]);
    assert_eq!(hooks(&from_file, "c.example"), ["dns", "nginx.sh"]);
    assert_eq!(from_file.hooks[0].operations.as_deref(), Some([Operation::DeployChallenge].as_slice()));
    assert_eq!(from_file.hooks[0].chain, Some(Chaining::Certificate));

    let from_flags = config(&["-k", "dns", "-k", "/other.sh", "run"], &[], yaml);
    assert_eq!(hooks(&from_flags, "a.example"), ["dns", "other.sh"]);
    assert_eq!(from_flags.hooks[0], from_file.hooks[0], "the file's definition is used");

    assert_eq!(
        errors(&["run"], "hooks: [./a/dns.sh, ./b/dns.sh]\ncertificates: {'*': {hooks: [dsn.sh]}}"),
        "\
1:8 [[] error(hook-name): two hooks are called `dns.sh`
  help: give each its own `name`
2:29 [[] error(hook-name): `certificates.\"*\".hooks`: there is no hook called `dsn.sh`
  help: did you mean `dns.sh`?
"
    );
}

#[test]
fn an_external_account_is_complete_or_refused() {
    let external =
        |variables: &[(&str, &str)], yaml: &str| config(&["run"], variables, yaml).account.external_account;
    assert_eq!(external(&[], ""), None);
    let from_variable = external(&[("EAB_KID", "k1")], "").unwrap();
    assert_eq!(from_variable.kid, "k1");
    assert_eq!(from_variable.key, account::HmacKey::Environment("EAB_HMAC_KEY".to_owned()));
    let merged = external(
        &[("HYDRANT_EXTERNAL_ACCOUNT_HMAC_KEY_FILE", "/eab")],
        "external_account: {kid: k2, hmac_key_env: X, algorithm: HS512}",
    )
    .unwrap();
    assert_eq!(merged.key, account::HmacKey::File("/eab".into()));
    assert_eq!((merged.kid.as_str(), merged.algorithm), ("k2", MacAlgorithm::Hs512));
    assert_eq!(
        errors(&["run"], "external_account: {hmac_key_file: a}"),
        "1:19 [{] error(external-account): `external_account` has no `kid`\n"
    );
    assert_eq!(
        errors(&["run"], "external_account: {kid: x, hmac_key_file: a, hmac_key_env: b}"),
        "1:19 [{] error(external-account): `external_account` has both `hmac_key_file` and `hmac_key_env`\n"
    );
}

#[test]
fn faults_of_all_layers_come_together() {
    let found =
        attempt(&["run"], &[("HYDRANT_JOBS", "x")], Some("josb: 1\nca_roots_only: true\n")).unwrap_err();
    assert_eq!(
        shown(&found),
        "\
error(bad-value): `HYDRANT_JOBS`: `x` is not a whole number of at least 1
1:1 [josb] error(unknown-key): `josb` is not a setting
  help: did you mean `jobs`?
2:16 [true] error(ca-roots): `ca_roots_only` leaves no root to trust: `ca_roots` is not set
"
    );
}

#[test]
fn the_fingerprint_says_what_is_on_the_certificate() {
    let mut settings = CertificateSettings::default();
    let before = settings.fingerprint();
    assert_eq!(
        before,
        "ca=https://acme-v02.api.letsencrypt.org/directory key_type=p256 must_staple=false profile=- preferred_chain=-"
    );
    settings.hooks = vec!["dns".into()];
    settings.owner = Some("me".into());
    settings.reuse_key = true;
    assert_eq!(settings.fingerprint(), before);
    settings.profile = Some("shortlived".into());
    assert_ne!(settings.fingerprint(), before);
}

proptest! {
    #[test]
    fn never_panics_on_any_text(text in "\\PC{0,200}") {
        let _ = faults(&text);
    }

    #[test]
    fn never_panics_on_anything_like_a_configuration(
        text in "((ca|hooks|jobs|certificates|external_account|command|contacts|\\*|&a|<<|x|~)(: |:\n  |\n- |, |\\[|\\]|\\{|\\}|'|\"|\n|\r\n)){0,30}"
    ) {
        let _ = faults(&text);
        let _ = attempt(&["--staging", "run"], &[], Some(&text));
    }
}
