//! Certificates by dns-01 through Cloudflare.

use super::rig;
use crate::support::{
    CertificateFacts, Cloudflare, Test, Token, assert_good_pair, cloudflare_hook, dehydrated, part,
};

const ZONES: [&str; 3] = ["example.com", "sub.example.com", "example.org"];
const NAMES: [&str; 4] = ["*.example.com", "a.sub.example.com", "deep.b.example.org", "example.com"];

/// One certificate of apex, wildcard, a name in a zone of its own below, and one in another zone.
const LIST: &str = "example.com *.example.com a.sub.example.com deep.b.example.org\n";

fn yaml() -> String {
    let hook = cloudflare_hook();
    format!("accept_terms: true\nchallenge: dns-01\nhooks:\n  - command: {}\n", hook.display())
}

#[test]
fn hydrant_issues_apex_wildcard_and_two_more_names_with_the_token_from_the_environment_or_a_file() {
    let rig = rig(&[]);
    let cloudflare = Cloudflare::with_zones(&rig, &ZONES);
    let zone = &cloudflare.zones(&["example.com"])[0];
    cloudflare.set(zone, "_acme-challenge.example.com", "TXT", "\"of another client\"");
    let token = cloudflare.token(Token::Hook);
    let ini = format!("# as certbot has it\ndns_cloudflare_api_token = {token}\n");
    for (variable, text) in [
        ("CLOUDFLARE_API_TOKEN", token),
        ("CF_DNS_API_TOKEN_FILE", token),
        ("CLOUDFLARE_API_TOKEN_FILE", &ini),
    ] {
        let test = Test::new().without_token(&cloudflare).domains(LIST).config(&yaml()).write("token", text);
        let value =
            if variable.ends_with("_FILE") { test.path("token").display().to_string() } else { text.into() };
        let test = test.env(variable, value).args(["run"]);
        test.run().code(0).stdout_contains("1 certificate: 1 issued\n").stderr("");
        assert_good_pair(&rig, &test.path("certs/example.com"), &NAMES);
        assert_eq!(cloudflare.records(), ["_acme-challenge.example.com 300 TXT \"of another client\""]);
    }
    // Each run: two lists of zones; apex and wildcard created and deleted together, the other two names alone.
    let counts = ["zones", "batch", "create", "delete", "records"].map(|call| cloudflare.count(call));
    assert_eq!(counts, [6, 6, 6, 6, 9], "{:?}", cloudflare.requests());
}

#[test]
fn the_real_dehydrated_issues_with_the_same_hook() {
    for chain in ["no", "yes"] {
        let rig = rig(&[]);
        let cloudflare = Cloudflare::with_zones(&rig, &ZONES);
        let config = format!(
            "CA={}\nCHALLENGETYPE=dns-01\nHOOK={}\nHOOK_CHAIN={chain}\nCURL_OPTS=\"--cacert {}\"\nKEY_ALGO=secp384r1\n",
            rig.ca(),
            cloudflare_hook().display(),
            rig.environment()["HYDRANT_CA_ROOTS"],
        );
        let test = Test::new().cloudflare(&cloudflare).domains(LIST).write("config", config);
        let config = test.path("config").display().to_string();
        test.program(dehydrated(), &["--config", &config, "--register", "--accept-terms"]).code(0);
        test.program(dehydrated(), &["--config", &config, "--cron"]).code(0);
        let certificate = CertificateFacts::of(&test.path("certs/example.com/cert.pem"));
        assert_eq!(certificate.names.iter().map(String::as_str).collect::<Vec<_>>(), NAMES, "{chain}");
        assert!(cloudflare.records().is_empty(), "HOOK_CHAIN={chain}: {:?}", cloudflare.records());
    }
}

/// The double would be a mirror of our own misreadings if nobody else could work with it.
#[test]
fn certbot_issues_through_the_same_double() {
    let rig = rig(&[]);
    let cloudflare = Cloudflare::with_zones(&rig, &ZONES);
    let ini = format!("dns_cloudflare_api_token = {}\n", cloudflare.token(Token::Stranger));
    let test = Test::new().rig(&rig).write("cloudflare.ini", ini);
    let test = test
        .env("CLOUDFLARE_BASE_URL", cloudflare.base_url())
        .env("REQUESTS_CA_BUNDLE", &rig.environment()["HYDRANT_CA_ROOTS"]);
    let names = LIST.split_whitespace().flat_map(|name| ["-d", name]);
    let options = "certonly --config-dir c --work-dir w --logs-dir l --non-interactive --agree-tos \
                   --register-unsafely-without-email --dns-cloudflare --dns-cloudflare-credentials cloudflare.ini \
                   --dns-cloudflare-propagation-seconds 0 --server";
    let arguments: Vec<_> = options.split_whitespace().chain([rig.ca()]).chain(names).collect();
    test.program(part("python/bin/certbot"), &arguments).code(0);
    let certificate = CertificateFacts::of(&test.path("c/live/example.com/cert.pem"));
    assert_eq!(certificate.names.iter().map(String::as_str).collect::<Vec<_>>(), NAMES);
    assert!(cloudflare.records().is_empty(), "{:?}", cloudflare.records());
    assert!(cloudflare.requests().iter().all(|request| !request.is_ours));
}

#[test]
fn hydrant_finds_no_fault_in_the_hook() {
    let rig = rig(&[]);
    let cloudflare = Cloudflare::with_zones(&rig, &ZONES);
    let test = Test::new().cloudflare(&cloudflare).config(&yaml());
    let hook = cloudflare_hook();
    let checked = test.hydrant(&["hook", "test", hook.to_str().unwrap(), "--domain", "a.example.com"]);
    let checked = checked.code(0).stderr("");
    assert!(!checked.stdout.contains("FAILED"), "{}", checked.stdout);
    for check in ["announces its capabilities", "writes a result for each challenge of a batch"] {
        checked.stdout.lines().find(|line| line.starts_with("ok") && line.contains(check)).expect(check);
    }
    assert!(cloudflare.records().is_empty());
    let help = test.program(&hook, &["--help"]).code(0).stderr("");
    help.stdout_contains("CLOUDFLARE_API_TOKEN").stdout_contains("Zone:DNS:Edit");
}
