//! `-renew`: everything below a prefix is looked at, and what is due gets a successor.

use serde_json::json;

use super::{RENEW, TEAM, ZONE, ZONES, assert_vended, place, put_aged, rig, team};
use crate::concurrency::accounts;
use crate::support::{Cloudflare, Token, Vault};

#[test]
fn exactly_what_is_due_in_all_zones_of_a_team_is_renewed() {
    let rig = rig(&[]);
    let cloudflare = Cloudflare::with_zones(&rig, &ZONES);
    let test = place(&rig, &cloudflare);
    let vault = Vault::new(&rig);
    let other = "secret/lecertvend/team/other.example";
    put_aged(&rig, &test, &format!("{ZONE}/chair"), &["chair.teamdomain.com"], 14, 76);
    put_aged(&rig, &test, &format!("{ZONE}/door"), &["door.teamdomain.com", "*.door.teamdomain.com"], 63, 27);
    put_aged(&rig, &test, &format!("{ZONE}/gone"), &["gone.teamdomain.com"], 80, 10);
    vault.ask("DELETE", "secret/data/lecertvend/team/teamdomain.com/gone", None);
    put_aged(&rig, &test, &format!("{ZONE}/strange"), &["www.teamdomain.com", "www.example.org"], 89, 1);
    vault.write(&format!("{ZONE}/password"), &json!({ "password": "x" }));
    put_aged(&rig, &test, &format!("{other}/keys"), &["other.example"], 91, -1);
    put_aged(&rig, &test, &format!("{other}/pots"), &["pots.other.example"], 62, 28);
    vault.write("secret/lecertvend/team/notes", &json!({ "text": "x" }));
    vault.write("secret/lecertvend/team/folder/deep/x", &json!({ "text": "x" }));

    let output = test.lecertvend(RENEW).code(0).stderr("");
    let (looked, done) = output.stdout.split_once("account registered").unwrap();
    assert_eq!(
        looked,
        "Renewing certs in prefix lecertvend/team if less than 28 days validity remain.\n\
         lecertvend/team does not end in zone, looking for zones within...\n\
         Renewing certs in prefix lecertvend/team/folder if less than 28 days validity remain.\n\
         lecertvend/team/folder does not end in zone, looking for zones within...\n\
         Renewing certs in prefix lecertvend/team/folder/deep if less than 28 days validity remain.\n\
         lecertvend/team/folder/deep does not end in zone, looking for zones within...\n\
         ignoring secret x in non-zone prefix lecertvend/team/folder/deep\n\
         ignoring secret lecertvend in non-zone prefix lecertvend/team\n\
         ignoring secret notes in non-zone prefix lecertvend/team\n\
         Renewing certs in prefix lecertvend/team/other.example if less than 28 days validity remain.\n\
         Renewing certs in prefix lecertvend/team/teamdomain.com if less than 28 days validity remain.\n\
         secret lecertvend/team/teamdomain.com/gone is deleted\n\
         ignoring secret lecertvend/team/teamdomain.com/password: there is no certificate in it\n\
         ignoring secret lecertvend/team/teamdomain.com/strange: the certificate in it is for `www.example.org`, outside \
         its zone\n\
         cert in secret lecertvend/team/other.example/pots has 28 days of validity remaining, taking no action.\n\
         cert in secret lecertvend/team/teamdomain.com/chair has 76 days of validity remaining, taking no action.\n"
    );
    let mut done: Vec<_> = done.lines().skip(1).collect();
    assert_eq!(done.remove(0), "renewals started, waiting for completion...");
    assert_eq!(done.pop(), Some("renewals complete."));
    done.sort_unstable();
    let path = "lecertvend/team";
    let written = "Newly issued certificate and key written to";
    assert_eq!(
        done[..2],
        [format!("{written} {path}/other.example/keys"), format!("{written} {path}/teamdomain.com/door"),]
    );
    let found = format!("cert in secret {path}/teamdomain.com/door has 27 days of validity remaining");
    assert!(
        done[2].starts_with(&format!("cert in secret {path}/other.example/keys has 0 days of ")),
        "{done:?}"
    );
    assert_eq!(done[3..], [format!("{found}, less than asked for, issuing new...")]);
    let names = ["door.teamdomain.com", "*.door.teamdomain.com"];
    assert_vended(&rig, &test, &format!("{ZONE}/door"), &names);
    assert_vended(&rig, &test, &format!("{other}/keys"), &["other.example"]);
    for untouched in ["password", "strange", "chair"] {
        assert_eq!(vault.versions(&format!("{ZONE}/{untouched}")), 1, "{untouched}");
    }
    assert_eq!(rig.certificates_issued(), 2);

    // The day after there is nothing to do, and the records are no zone and no secrets that need be named.
    let again = test.lecertvend(RENEW).code(0).stderr("");
    assert!(!again.stdout.contains("hydrant-state") && !again.stdout.contains("issuing"), "{}", again.stdout);
    assert!(again.stdout.ends_with("renewals started, waiting for completion...\nrenewals complete.\n"));
    assert_eq!(rig.orders_made(), 2);
}

#[test]
fn one_that_cannot_be_renewed_neither_stops_the_others_nor_is_called_a_success() {
    let rig = rig(&[]);
    let cloudflare = Cloudflare::with_zones(&rig, &ZONES);
    let test = place(&rig, &cloudflare);
    put_aged(&rig, &test, &format!("{ZONE}/a"), &["a.teamdomain.com"], 80, 10);
    let lost = "secret/lecertvend/team/lost.example";
    put_aged(&rig, &test, &format!("{lost}/b"), &["b.lost.example"], 80, 10);
    Vault::new(&rig)
        .write(&format!("{lost}/damaged"), &json!({ "cert": "-----BEGIN CERTIFICATE-----\nx\n" }));
    for _ in 0..2 {
        let output = test.lecertvend(RENEW).code(1);
        let output = output.stderr_contains("error: lecertvend/team/lost.example/b: ");
        let output = output.stderr_contains(
            "error: the certificate in `secret/lecertvend/team/lost.example/damaged` cannot be read",
        );
        assert!(output.stdout.ends_with("renewals complete, but not all is well.\n"), "{}", output.stdout);
    }
    // The second run was not held back by the first one's failure, and found the other certificate renewed.
    assert_vended(&rig, &test, &format!("{ZONE}/a"), &["a.teamdomain.com"]);
    assert_eq!(rig.certificates_issued(), 1);
    assert!(rig.orders_made() >= 2, "{}", rig.orders_made());
}

#[test]
fn zones_with_a_secret_of_their_own_are_theirs() {
    let rig = rig(&[]);
    let cloudflare = Cloudflare::with_zones(&rig, &ZONES);
    let test = place(&rig, &cloudflare);
    let vault = Vault::new(&rig);
    vault.write(TEAM, &json!({ "cfToken": "of-nobody-at-all", "contact": "ops@teamdomain.com" }));
    let own = json!({ "cfToken": cloudflare.token(Token::Hook), "contact": "zone@teamdomain.com" });
    vault.write(&format!("{ZONE}/lecertvend"), &own);
    put_aged(&rig, &test, &format!("{ZONE}/a"), &["a.teamdomain.com"], 80, 10);
    test.lecertvend(RENEW).code(0).stderr("");
    assert_vended(&rig, &test, &format!("{ZONE}/a"), &["a.teamdomain.com"]);
    assert!(vault.read(&format!("{ZONE}/lecertvend"))["leKey"].is_string());
    assert!(vault.read(TEAM)["leKey"].is_null());
    let keys = vault.ask("GET", "secret/metadata/lecertvend/team/teamdomain.com/?list=true", None);
    assert_eq!(keys["data"]["keys"], json!(["a", "hydrant-state/", "lecertvend"]));
    // Both in one run.
    vault.write(TEAM, &team(&cloudflare));
    let other = "secret/lecertvend/team/other.example/b";
    put_aged(&rig, &test, other, &["b.other.example"], 80, 10);
    put_aged(&rig, &test, &format!("{ZONE}/a"), &["a.teamdomain.com"], 80, 10);
    test.lecertvend(RENEW).code(0).stderr("");
    assert_vended(&rig, &test, other, &["b.other.example"]);
    assert_vended(&rig, &test, &format!("{ZONE}/a"), &["a.teamdomain.com"]);
    assert!(vault.read(TEAM)["leKey"].is_string());
    assert_eq!(accounts(&rig), 2);
    // Nothing of it is taken for a certificate or a zone.
    let again = test.lecertvend(RENEW).code(0).stderr("");
    assert!(!again.stdout.contains("hydrant-state"), "{}", again.stdout);
}

#[test]
fn a_secret_of_one_team_or_zone_that_is_of_no_use_stops_nobody_else() {
    let rig = rig(&[]);
    let cloudflare = Cloudflare::with_zones(&rig, &ZONES);
    let test = place(&rig, &cloudflare);
    let vault = Vault::new(&rig);
    let bad = json!({ "cftoken": cloudflare.token(Token::Hook), "contact": "ops@teamdomain.com" });
    let at = |path: &str| format!("secret/lecertvend/{path}");
    for (path, secret) in [
        ("alpha", &team(&cloudflare)),
        ("alpha/own.example", &bad),
        ("beta", &bad),
        ("gamma", &team(&cloudflare)),
    ] {
        vault.write(&at(&format!("{path}/lecertvend")), secret);
    }
    let good = [("alpha/teamdomain.com", "a.teamdomain.com"), ("gamma/other.example", "g.other.example")];
    let lost = [
        ("alpha/own.example", "x.own.example"),
        ("beta/teamdomain.com", "b.teamdomain.com"),
        ("beta/teamdomain.com", "c.teamdomain.com"),
        ("beta/other.example", "d.other.example"),
        ("delta/teamdomain.com", "e.teamdomain.com"),
        ("delta/teamdomain.com", "f.teamdomain.com"),
    ];
    for (zone, name) in good.iter().chain(&lost) {
        put_aged(&rig, &test, &at(&format!("{zone}/{name}")), &[name], 80, 10);
    }
    let renew = RENEW.replace("/team", "");
    let output = test.lecertvend(&renew).code(1);
    let no_token = "has no cfToken, an API token of Cloudflare, and names no dnsHook\n";
    let nothing = "error: there is no secret `secret/lecertvend/delta/teamdomain.com/lecertvend` and no \
                   `secret/lecertvend/delta/lecertvend` and no `secret/lecertvend/lecertvend`\n";
    // Once each, however many certificates are concerned.
    let output = output.stderr(&format!(
        "error: `secret/lecertvend/alpha/own.example/lecertvend` {no_token}\
         error: `secret/lecertvend/beta/lecertvend` {no_token}\
         {nothing}hint: it holds cfToken, contact and leKey; see -help\n"
    ));
    assert!(output.stdout.ends_with("renewals complete, but not all is well.\n"), "{}", output.stdout);
    for (zone, name) in good {
        assert_vended(&rig, &test, &at(&format!("{zone}/{name}")), &[name]);
    }
    for (zone, name) in lost {
        assert_eq!(vault.versions(&at(&format!("{zone}/{name}"))), 1, "{name}");
    }
    let place = ["--mount", "secret", "--prefix", "lecertvend"];
    let output = test.hydrant(&[&["renew", "--format", "json"], &place[..]].concat()).code(1);
    assert_eq!(output.json()["problems"].as_array().unwrap().len(), 3, "{}", output.stdout);
}

#[test]
fn a_prefix_with_nothing_in_it_is_said_to_be_empty() {
    let rig = rig(&[]);
    let cloudflare = Cloudflare::with_zones(&rig, &ZONES);
    let test = place(&rig, &cloudflare);
    test.lecertvend(&RENEW.replace("/team", "/taem")).code(1).stderr(
        "error: there is no secret `secret/lecertvend/taem/lecertvend` and no `secret/lecertvend/lecertvend`\n\
         hint: it holds cfToken, contact and leKey; see -help\n",
    );
    test.lecertvend(RENEW).code(0).stderr("");
    Vault::new(&rig).write(TEAM, &json!({ "contact": "ops@teamdomain.com" }));
    test.lecertvend(super::VEND)
        .code(1)
        .stderr_contains("error: `secret/lecertvend/team/lecertvend` has no cfToken");
    Vault::new(&rig).write(TEAM, &team(&cloudflare));
    test.lecertvend(&RENEW.replace("-mount secret", "-mount nowhere"))
        .code(1)
        .stderr_contains("error: Vault shows no secrets engine at `nowhere`");
    test.lecertvend(&RENEW.replace("-mount secret", "-mount old"))
        .code(1)
        .stderr_contains("not version 2 of kv");
}
