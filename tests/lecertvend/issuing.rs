//! `-vend`: a certificate is there when it ends, and nothing is done when it was there.

use serde_json::json;

use super::{RENEW, TEAM, VEND, ZONE, ZONES, assert_vended, place, put_aged, put_issued_by, rig, team};
use crate::support::{Cloudflare, Test, Vault};

#[test]
fn vend_issues_and_says_so_and_does_nothing_the_next_time() {
    let rig = rig(&[]);
    let cloudflare = Cloudflare::with_zones(&rig, &ZONES);
    let test = place(&rig, &cloudflare);
    let vault = Vault::new(&rig);
    let output = test.lecertvend(VEND).code(0).stderr("");
    let (first, rest) = output.stdout.split_once(&format!("account registered at {}: ", rig.ca())).unwrap();
    assert_eq!(first, "Vending cert for myapp.teamdomain.com\n");
    assert_eq!(
        rest.split_once('\n').unwrap().1,
        "No existing cert at lecertvend/team/teamdomain.com/myapp, issuing new...\n\
         Newly issued certificate and key written to lecertvend/team/teamdomain.com/myapp\n"
    );
    let secret = format!("{ZONE}/myapp");
    assert_vended(&rig, &test, &secret, &["myapp.teamdomain.com"]);
    assert!(cloudflare.records().is_empty());
    assert_eq!((rig.orders_made(), rig.certificates_issued()), (1, 1));
    // The key of the account is where it was, beside the rest.
    let fields = vault.read(TEAM);
    assert!(fields["leKey"].as_str().unwrap().starts_with("-----BEGIN EC PRIVATE KEY-----\n"), "{fields}");
    assert_eq!(fields["contact"], "ops@teamdomain.com");
    assert_eq!(vault.versions(TEAM), 2);

    for _ in 0..2 {
        test.lecertvend(VEND).code(0).stderr("").stdout(
            "Vending cert for myapp.teamdomain.com\n\
             Cert at lecertvend/team/teamdomain.com/myapp has 89 days validity remaining.\n",
        );
    }
    assert_eq!((rig.orders_made(), vault.versions(&secret), vault.versions(TEAM)), (1, 1, 2));
    // With the rule of one's own not even the CA is asked, and nothing at all is written.
    let before = records(&vault);
    let requests = rig.requests_at_ca().len();
    test.lecertvend(&format!("{VEND} -mindays 28")).code(0).stderr("");
    assert_eq!((records(&vault), rig.requests_at_ca().len()), (before, requests));
}

/// Versions of all records.
fn records(vault: &Vault) -> Vec<(String, u64)> {
    let folder = "lecertvend/team/hydrant-state";
    let keys =
        vault.ask("GET", &format!("secret/metadata/{folder}/?list=true"), None)["data"]["keys"].clone();
    let keys: Vec<String> = serde_json::from_value(keys).unwrap();
    assert!(keys.iter().all(|key| !key.contains(['.', '/'])), "{keys:?}");
    keys.into_iter().map(|key| (key.clone(), vault.versions(&format!("secret/{folder}/{key}")))).collect()
}

#[test]
fn other_names_are_issued_anew_and_the_same_in_another_order_are_not() {
    let rig = rig(&[]);
    let cloudflare = Cloudflare::with_zones(&rig, &ZONES);
    let test = place(&rig, &cloudflare);
    test.lecertvend(VEND).code(0);
    let line = "-vend -mount secret -prefix lecertvend/team/teamdomain.com -secret myapp -names";
    test.lecertvend(&format!("{line} .,*,myapp.eu")).code(0).stderr("").stdout(
        "Vending cert for teamdomain.com, *.teamdomain.com, myapp.eu.teamdomain.com\n\
         Cert at lecertvend/team/teamdomain.com/myapp lacks `teamdomain.com`, `*.teamdomain.com` and \
         `myapp.eu.teamdomain.com` and has `myapp.teamdomain.com` too many, issuing new...\n\
         Newly issued certificate and key written to lecertvend/team/teamdomain.com/myapp\n",
    );
    let names = ["teamdomain.com", "*.teamdomain.com", "myapp.eu.teamdomain.com"];
    assert_vended(&rig, &test, &format!("{ZONE}/myapp"), &names);
    test.lecertvend(&format!("{line} myapp.eu,*,.")).code(0);
    assert_eq!((rig.orders_made(), Vault::new(&rig).versions(&format!("{ZONE}/myapp"))), (2, 2));
}

#[test]
fn what_is_valid_for_fewer_days_than_asked_for_is_issued_anew() {
    let rig = rig(&[]);
    let cloudflare = Cloudflare::with_zones(&rig, &ZONES);
    let test = place(&rig, &cloudflare);
    let secret = format!("{ZONE}/myapp");
    put_aged(&rig, &test, &secret, &["myapp.teamdomain.com"], 62, 27);
    test.lecertvend(&format!("{VEND} -mindays 27")).code(0).stdout(
        "Vending cert for myapp.teamdomain.com\n\
         Cert at lecertvend/team/teamdomain.com/myapp has 27 days validity remaining.\n",
    );
    test.lecertvend(&format!("{VEND} -mindays 28"))
        .code(0)
        .stdout_contains("myapp has 27 days validity remaining, less than asked for, issuing new...\n");
    assert_vended(&rig, &test, &secret, &["myapp.teamdomain.com"]);
    assert_eq!(rig.certificates_issued(), 1);
    // One of 90 days is renewed by 30 days, though it is valid for a second less.
    test.lecertvend(&format!("{VEND} -mindays 30")).code(0).stderr("");
    assert_eq!(rig.certificates_issued(), 1);
}

#[test]
fn a_certificate_too_short_lived_for_mindays_is_renewed_by_its_own_measure() {
    let six_days = 6 * 24 * 60 * 60;
    let rig = rig(&["--profile", &format!("default={six_days}")]);
    let cloudflare = Cloudflare::with_zones(&rig, &ZONES);
    let test = place(&rig, &cloudflare);
    let line = format!("{VEND} -mindays 28");
    test.lecertvend(&line).code(0);
    for _ in 0..2 {
        test.lecertvend(&line).code(0).stderr("").stdout(
            "Vending cert for myapp.teamdomain.com\n\
             cert in secret lecertvend/team/teamdomain.com/myapp is valid for 6 days in all: not renewed by -mindays 28, \
             but when the CA says so or a third of its life is left (half, if that is under ten days).\n\
             Cert at lecertvend/team/teamdomain.com/myapp has 5 days validity remaining.\n",
        );
    }
    assert_eq!(rig.certificates_issued(), 1);
    let line = line.replace("28", "2");
    test.lecertvend(&line).code(0).stdout_contains("myapp has 5 days validity remaining.\n");
    assert_eq!(rig.certificates_issued(), 1);
}

#[test]
fn what_was_deleted_or_holds_no_certificate_is_issued_and_what_is_something_else_stays() {
    let rig = rig(&[]);
    let cloudflare = Cloudflare::with_zones(&rig, &ZONES);
    let test = place(&rig, &cloudflare);
    let vault = Vault::new(&rig);
    let secret = format!("{ZONE}/myapp");
    vault.write(&secret, &json!({ "password": "x" }));
    test.lecertvend(VEND).code(1).stderr(
        "error: `secret/lecertvend/team/teamdomain.com/myapp` holds something else than a certificate: it has no field \
         `cert`\nhint: nothing is written over what is no certificate: choose another -secret\n",
    );
    assert_eq!(vault.versions(&secret), 1);
    vault.ask("DELETE", "secret/data/lecertvend/team/teamdomain.com/myapp", None);
    test.lecertvend(VEND).code(0).stdout_contains("No existing cert at ");
    assert_vended(&rig, &test, &secret, &["myapp.teamdomain.com"]);
    vault.write(&secret, &json!({ "cert": "", "key": "", "owner": "web" }));
    test.lecertvend(VEND).code(0);
    assert_vended(&rig, &test, &secret, &["myapp.teamdomain.com"]);
    assert_eq!(vault.read(&secret)["owner"], "web");
    for name in ["lecertvend", "hydrant-state"] {
        let line = VEND.replace("-secret myapp", &format!("-secret {name}"));
        test.lecertvend(&line)
            .code(1)
            .stderr_contains(&format!("`{name}` is not a name for a certificate's secret"));
    }
}

#[test]
fn secrets_may_be_called_anything() {
    let rig = rig(&[]);
    let cloudflare = Cloudflare::with_zones(&rig, &ZONES);
    let test = place(&rig, &cloudflare);
    for (secret, name) in [("MyApp", "one"), ("myapp", "two"), ("my%41pp#1", "three")] {
        let line = VEND.replace("-secret myapp -names myapp", &format!("-secret {secret} -names {name}"));
        test.lecertvend(&line).code(0).stdout_contains(&format!(
            "Newly issued certificate and key written to lecertvend/team/teamdomain.com/{secret}\n"
        ));
        let fields = secret.replace('%', "%25").replace('#', "%23");
        assert_vended(&rig, &test, &format!("{ZONE}/{fields}"), &[&format!("{name}.teamdomain.com")]);
    }
    assert_eq!(rig.certificates_issued(), 3);
}

#[test]
fn both_labels_of_an_account_key_are_read() {
    let rig = rig(&[]);
    let cloudflare = Cloudflare::with_zones(&rig, &ZONES);
    let test = place(&rig, &cloudflare);
    let vault = Vault::new(&rig);
    test.lecertvend(VEND).code(0);
    let accounts = crate::concurrency::accounts(&rig);
    let mut fields = vault.read(TEAM);
    // SEC1 inside what says PKCS#8, which is all that lecertvend reads.
    let key = fields["leKey"].as_str().unwrap().replace("EC PRIVATE KEY", "PRIVATE KEY");
    fields["leKey"] = json!(key);
    vault.write(TEAM, &fields);
    test.lecertvend(&VEND.replace("myapp", "other")).code(0).stderr("");
    assert_eq!((crate::concurrency::accounts(&rig), rig.certificates_issued()), (accounts, 2));
    assert_eq!(vault.read(TEAM)["leKey"], json!(key));
}

#[test]
fn a_key_that_lecertvend_registered_is_found_at_the_ca_and_another_key_is_another_account() {
    let rig = rig(&[]);
    let cloudflare = Cloudflare::with_zones(&rig, &ZONES);
    let test = place(&rig, &cloudflare);
    let vault = Vault::new(&rig);
    test.lecertvend(VEND).code(0);
    let key = vault.read(TEAM)["leKey"].clone();
    // Nothing is known but the key.
    let elsewhere = test.env("HYDRANT_STATE_MOUNT", "hydrant");
    elsewhere.lecertvend(&VEND.replace("myapp", "b")).code(0).stderr("");
    assert_eq!(crate::concurrency::accounts(&rig), 1);
    assert_eq!(vault.list("hydrant"), json!(["lecertvend/"]));
    vault.write(TEAM, &team(&cloudflare));
    elsewhere.lecertvend(&VEND.replace("myapp", "c")).code(0).stderr("");
    assert_ne!(vault.read(TEAM)["leKey"], key);
    assert_eq!((crate::concurrency::accounts(&rig), rig.certificates_issued()), (2, 3));
}

#[test]
fn a_team_may_name_its_ca_and_another_hook() {
    let rig = rig(&[]);
    let cloudflare = Cloudflare::with_zones(&rig, &ZONES);
    let test = place(&rig, &cloudflare);
    let hook = format!(
        "env | grep -E '^(MY_DNS_SECRET|CLOUDFLARE_API_TOKEN|VAULT_TOKEN)=' >>seen-by-hook\necho $MY_DNS_SECRET\n\
         exec {} \"$@\"",
        crate::support::cloudflare_hook().display()
    );
    let test = test.hook_script("dns.sh", &hook).without_env("HYDRANT_CA");
    let test = test.env("HYDRANT_CA_ROOTS", &rig.environment()["HYDRANT_CA_ROOTS"]);
    let mut fields = team(&cloudflare);
    fields["caURL"] = json!(rig.ca());
    fields["dnsHook"] = json!(test.path("dns.sh").display().to_string());
    fields["MY_DNS_SECRET"] = json!("hunter2hunter2");
    Vault::new(&rig).write(TEAM, &fields);
    let output = test.lecertvend(VEND).code(0);
    assert_vended(&rig, &test, &format!("{ZONE}/myapp"), &["myapp.teamdomain.com"]);
    let seen = test.read("seen-by-hook");
    assert!(seen.contains("MY_DNS_SECRET=hunter2hunter2\n") && !seen.contains("VAULT_TOKEN"), "{seen}");
    assert!(output.stderr.contains("[secret]") && !output.stderr.contains("hunter2"), "{}", output.stderr);
}

#[test]
fn a_staging_certificate_never_takes_the_place_of_another() {
    let rig = rig(&[]);
    let cloudflare = Cloudflare::with_zones(&rig, &ZONES);
    let test = place(&rig, &cloudflare);
    test.lecertvend(&format!("{VEND} -staging")).code(1).stderr_contains(
        "a staging CA is asked for, and none is known for `[CA]`; HYDRANT_STAGING_CA names it",
    );
    let test = test.env("HYDRANT_STAGING_CA", rig.ca());
    test.lecertvend(&format!("{VEND} -staging")).code(0);
    assert_eq!(rig.certificates_issued(), 1);
    let line = VEND.replace("-names myapp", "-names myapp,www -staging");
    test.lecertvend(&line)
        .code(1)
        .stderr_contains("a staging certificate does not take the place of one that is not");
    let secret = format!("{ZONE}/myapp");
    assert_eq!((rig.certificates_issued(), Vault::new(&rig).versions(&secret)), (1, 1));
    // And one from a staging CA is not kept because it is valid.
    put_issued_by(&rig, &test, "(STAGING) Fake", &secret, &["myapp.teamdomain.com"], 1, 89);
    test.lecertvend(&format!("{VEND} -staging")).code(0);
    test.lecertvend(RENEW).code(0).stdout_contains("myapp is from a staging CA, and has to be replaced.\n");
    assert_vended(&rig, &test, &secret, &["myapp.teamdomain.com"]);
    assert_eq!(rig.certificates_issued(), 2);
}

#[test]
fn the_same_is_said_in_words_of_hydrants_own() {
    let rig = rig(&[]);
    let cloudflare = Cloudflare::with_zones(&rig, &ZONES);
    let test: Test = place(&rig, &cloudflare);
    let vend =
        ["vend", "--prefix", "lecertvend/team/teamdomain.com", "--secret", "myapp", "--names", "myapp,www"];
    test.hydrant(&vend).code(0).stdout_contains("Newly issued certificate and key written to ");
    let names = ["myapp.teamdomain.com", "www.teamdomain.com"];
    assert_vended(&rig, &test, &format!("{ZONE}/myapp"), &names);
    let renew = ["renew", "--prefix", "lecertvend/team", "--min-days", "28"];
    test.hydrant(&renew)
        .code(0)
        .stderr("")
        .stdout_contains("myapp has 89 days of validity remaining, taking no action.\n");
    let document = test.hydrant(&[&renew[..], &["--format", "json"]].concat()).code(0).json();
    assert_eq!(document["certificates"][0]["outcome"], "unchanged");
    assert_eq!(document["certificates"][0]["name"], "lecertvend/team/teamdomain.com/myapp");
    test.hydrant(&["renew", "--prefix", "lecertvend/nobody"]).code(2).stderr_contains("there is no secret");
    assert_eq!(rig.certificates_issued(), 1);
}
