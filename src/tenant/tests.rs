//! Tests of the module above.

use super::*;
use crate::config::tenants::Tenants;

fn rules(yaml: &str) -> Rules {
    let (tenants, faults) = Tenants::parse("tenants.yml", yaml);
    assert!(faults.is_empty(), "{faults:?}");
    Rules { place: "tenants.yml".to_owned(), tenants }
}

fn claims(namespace: &str) -> Claims {
    Claims::from([("namespace_path".to_owned(), vec![namespace.to_owned()])])
}

fn tenancy(yaml: &str, namespace: &str) -> Tenancy {
    Tenancy::new(vec![rules(yaml)], claims(namespace))
}

/// What is said of a certificate of these names, kept under `kv/TEAM/NAME`.
fn asked(tenancy: &Tenancy, names: &str, path: &str, settings: &CertificateSettings) -> String {
    let names: Vec<Identifier> = names.split(' ').map(|name| name.parse().unwrap()).collect();
    let name = "web".parse().unwrap();
    let request = Request::new(&name, &names, settings, Some(path));
    tenancy.check(&request).map_or_else(|refusal| refusal.to_string(), |()| "ok".to_owned())
}

fn ask(tenancy: &Tenancy, names: &str) -> String {
    asked(tenancy, names, "kv/team-a/web", &CertificateSettings::default())
}

const TEAMS: &str = "
tenants:
  - name: team-a
    claims: {namespace_path: team-a}
    domains: team-a.example
  - name: team-b
    claims: {namespace_path: team-b*}
    domains: [team-b.example, shared.example]
    addresses: 192.0.2.0/24
    wildcards: false
";

#[test]
fn each_job_has_the_names_of_its_tenant() {
    let team_a = tenancy(TEAMS, "team-a");
    assert_eq!(ask(&team_a, "team-a.example *.team-a.example"), "ok");
    assert_eq!(
        ask(&team_a, "team-a.example x.team-b.example ip:192.0.2.1"),
        "the tenant `team-a` may not ask for `x.team-b.example` and `ip:192.0.2.1`"
    );
    let team_b = tenancy(TEAMS, "team-b/sub");
    assert_eq!(ask(&team_b, "a.team-b.example shared.example ip:192.0.2.7"), "ok");
    assert_eq!(
        ask(&team_b, "*.team-b.example"),
        "the tenant `team-b` may not ask for wildcards: `*.team-b.example`"
    );
    for stranger in ["team-c", "xteam-a", "team-a/sub", "TEAM-A"] {
        assert_eq!(
            ask(&tenancy(TEAMS, stranger), "team-a.example"),
            "no rule in tenants.yml is meant for this certificate"
        );
    }
    let nobody = Tenancy::new(vec![rules(TEAMS)], Claims::new());
    assert_eq!(ask(&nobody, "team-a.example"), "no rule in tenants.yml is meant for this certificate");
}

#[test]
fn all_places_have_to_allow_it() {
    let own = |domains: &str| rules(&format!("tenants: [{{name: own, domains: \"{domains}\"}}]"));
    let both = |domains| Tenancy::new(vec![rules(TEAMS), own(domains)], claims("team-a"));
    assert_eq!(ask(&both("*"), "team-b.example"), "the tenant `team-a` may not ask for `team-b.example`");
    assert_eq!(ask(&both("www.team-a.example"), "www.team-a.example"), "ok");
    assert_eq!(
        ask(&both("www.team-a.example"), "team-a.example"),
        "the tenant `own` may not ask for `team-a.example`"
    );
    assert_eq!(ask(&Tenancy::default(), "anything.example"), "ok");
    assert_eq!(ask(&Tenancy::new(vec![rules("tenants: []")], Claims::new()), "a.example").len(), 52);
}

#[test]
fn rules_are_for_folders_and_certificates_too() {
    let of = |yaml: &str| {
        Tenancy::new(vec![rules(&format!("tenants: [{{name: a, domains: '*', {yaml}}}]"))], Claims::new())
    };
    let settings = CertificateSettings::default();
    assert_eq!(asked(&of("prefix: kv/team-a/"), "a.example", "kv/team-a/web", &settings), "ok");
    assert_ne!(asked(&of("prefix: kv/team-a/"), "a.example", "kv/team-ab/web", &settings), "ok");
    assert_ne!(asked(&of("prefix: team-a"), "a.example", "kv/team-a/web", &settings), "ok");
    assert_eq!(ask(&of("certificates: [x, we*]"), "a.example"), "ok");
    assert_ne!(ask(&of("certificates: [x, api*]"), "a.example"), "ok");
}

#[test]
fn ca_profile_and_account_are_the_tenants() {
    let tenancy = tenancy(
        "tenants: [{name: a, domains: '*', ca: letsencrypt, profile: [classic, shortlived], account: 'https://ca/1'}]",
        "a",
    );
    let with = |ca: &str, profile: Option<&str>| CertificateSettings {
        ca: ca.parse().unwrap(),
        profile: profile.map(str::to_owned),
        ..CertificateSettings::default()
    };
    let ask = |settings: &CertificateSettings| asked(&tenancy, "a.example", "kv/a", settings);
    assert_eq!(ask(&with("letsencrypt", Some("classic"))), "ok");
    assert_eq!(ask(&with("letsencrypt-staging", Some("classic"))), "ok");
    assert_eq!(
        ask(&with("zerossl", Some("classic"))),
        "the tenant `a` may not ask the CA https://acme.zerossl.com/v2/DV90"
    );
    assert_eq!(ask(&with("letsencrypt", None)), "the tenant `a` may not leave the profile to the CA");
    assert_eq!(ask(&with("letsencrypt", Some("x"))), "the tenant `a` may not ask for the profile `x`");

    let (name, names) = ("web".parse().unwrap(), ["a.example".parse().unwrap()]);
    let settings = with("letsencrypt", Some("classic"));
    let request = Request::new(&name, &names, &settings, None);
    let by = |account| tenancy.check(&Request { account: Some(account), ..request });
    assert_eq!(by("https://ca/1"), Ok(()));
    assert_eq!(
        by("https://ca/2").unwrap_err().to_string(),
        "the tenant `a` may not use the account https://ca/2"
    );
}

#[test]
fn who_is_refused_is_told_what_is_allowed() {
    let request_of = |tenancy: &Tenancy, name: &str| {
        let names = [name.parse().unwrap()];
        let (name, settings) = ("web".parse().unwrap(), CertificateSettings::default());
        tenancy.check(&Request::new(&name, &names, &settings, None)).unwrap_err().hints()
    };
    assert_eq!(
        request_of(&tenancy(TEAMS, "team-b"), "x.example"),
        [
            "`team-b` may ask for names of `team-b.example` and `shared.example`, and for addresses of `192.0.2.0/24`",
            "the rules are in tenants.yml",
        ]
    );
    assert_eq!(
        request_of(&tenancy(TEAMS, "team-x"), "x.example"),
        ["what Vault knows of the job: namespace_path=team-x", "the rules are in tenants.yml"]
    );
}

#[test]
fn faults_are_found_where_they_are() {
    let found = |yaml: &str| {
        let (_, faults) = Tenants::parse("tenants.yml", yaml);
        let line = |found: &crate::diagnostic::Diagnostic| {
            let (line, column) = found.span.as_ref().map_or((0, 0), crate::diagnostic::Span::start);
            format!("{line}:{column} {}", found.message)
        };
        faults.iter().map(line).collect::<Vec<_>>()
    };
    assert_eq!(
        found("tenants:\n  - domains: [a..example]\n    claim: {}\n    addresses: 10.0.0.0/40\n"),
        [
            "2:5 `tenants[0]` has no `name`",
            "2:15 `tenants[0].domains[0]`: `a..example` is no domain: the name has an empty label",
            "3:5 `tenants[0].claim` is not a setting",
            "4:16 `tenants[0].addresses`: `10.0.0.0/40` is neither an address nor a network such as `192.0.2.0/24`",
        ]
    );
    assert_eq!(found(""), ["0:0 `tenants` is missing: without rules nobody may ask for anything"]);
    assert_eq!(found("rules: []"), ["1:1 `rules` is not a setting"]);
}
