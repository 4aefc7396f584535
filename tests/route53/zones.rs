//! Which zone a record is written to, and who may.

use serde_json::json;

use super::{hook, rig, role};
use crate::support::{Route53, Test};

#[test]
fn the_longest_public_zone_of_all_pages_is_chosen() {
    let rig = rig(&[]);
    let route53 = Route53::new(&rig);
    let ids = route53.zones(&["example.com", "sub.example.com"]);
    // More than a page has, and some that fit only at first sight.
    let many: Vec<_> = (0..110).map(|number| format!("z{number}.a.sub.example.com")).collect();
    route53.zones(&many.iter().map(String::as_str).collect::<Vec<_>>());
    route53.aws(&json!([["route53", "create_hosted_zone", {
        "Name": "a.sub.example.com", "CallerReference": "private",
        "HostedZoneConfig": { "PrivateZone": true }, "VPC": { "VPCRegion": "us-east-1", "VPCId": "vpc-1" },
    }]]));
    let last = route53.zones(&["last.example.com"]);
    let test = Test::new().route53(&route53);
    let names =
        ["a.sub.example.com", "t", "1", "x.last.example.com", "t", "2", "othersub.example.com", "t", "3"];
    hook(&test, &[&["deploy_challenge"], &names[..]].concat()).code(0).stderr("");
    let record = |name: &str, value: u8| [format!("_acme-challenge.{name}. 60 TXT \"{value}\"")];
    assert_eq!(route53.records(&ids[0]), record("othersub.example.com", 3));
    assert_eq!(route53.records(&ids[1]), record("a.sub.example.com", 1));
    assert_eq!(route53.records(&last[0]), record("x.last.example.com", 2));
    assert_eq!(route53.requests().iter().filter(|request| *request == "zones").count(), 2);
}

#[test]
fn cnames_are_followed_to_the_zone_that_is_written() {
    let rig = rig(&[]);
    let route53 = Route53::new(&rig);
    let ids = route53.zones(&["example.com", "validation.test"]);
    route53.set(&ids[0], "_acme-challenge.www.example.com", "CNAME", &["hop.example.com."]);
    route53.set(&ids[0], "hop.example.com", "CNAME", &["www.validation.test."]);
    let before = route53.records(&ids[0]);
    let test = Test::new().route53(&route53);
    let challenge = ["www.example.com", "t", "value"];
    hook(&test, &[&["deploy_challenge"], &challenge[..]].concat()).code(0).stderr("");
    assert_eq!(route53.records(&ids[1]), ["www.validation.test. 60 TXT \"value\""]);
    hook(&test, &[&["clean_challenge"], &challenge[..]].concat()).code(0).stderr("");
    assert!(route53.records(&ids[1]).is_empty());
    assert_eq!(route53.records(&ids[0]), before);
}

#[test]
fn a_zone_that_is_given_is_not_looked_for() {
    let rig = rig(&[]);
    let setup = Route53::new(&rig);
    let id = &setup.zones(&["example.com"])[0];
    let policy = json!([
        { "Effect": "Allow", "Action": "route53:GetChange", "Resource": "*" },
        {
            "Effect": "Allow",
            "Action": "route53:ChangeResourceRecordSets",
            "Resource": format!("arn:aws:route53:::hostedzone/{id}"),
        },
    ]);
    let route53 = Route53::allowed(&rig, "narrow", &policy);
    for (name, value) in
        [("AWS_HOSTED_ZONE_ID", id.clone()), ("HYDRANT_ROUTE53_ZONES", format!("example.com={id}"))]
    {
        let test = Test::new().route53(&route53).env(name, value);
        hook(&test, &["deploy_challenge", "a.example.com", "t", "v"]).code(0).stderr("");
        hook(&test, &["clean_challenge", "a.example.com", "t", "v"]).code(0).stderr("");
    }
    assert!(setup.records(id).is_empty());
    // A name elsewhere would need the list, which this key may not have: it fails alone.
    let test = Test::new().route53(&route53).env("HYDRANT_ROUTE53_ZONES", format!("example.com={id}"));
    let both = ["deploy_challenge", "a.example.com", "t", "v", "b.example.org", "t", "v"];
    hook(&test, &both)
        .code(1)
        .stderr_contains("route53: b.example.org: no permission for route53:ListHostedZones: ");
    assert_eq!(setup.records(id), ["_acme-challenge.a.example.com. 60 TXT \"v\""]);
}

#[test]
fn what_the_policy_lacks_is_named() {
    let rig = rig(&[]);
    let setup = Route53::new(&rig);
    let id = &setup.zones(&["example.com"])[0];
    let test = Test::new().route53(&Route53::allowed(
        &rig,
        "nobody",
        &json!([{ "Effect": "Allow", "Action": "route53:GetChange", "Resource": "*" }]),
    ));
    let deploy = ["deploy_challenge", "a.example.com", "t", "v"];
    hook(&test, &deploy)
        .code(1)
        .stderr_contains("route53: a.example.com: no permission for route53:ListHostedZones: ")
        .stderr_contains("hint: allow route53:ListHostedZones on * in the policy of these credentials\n");
    let test = test.env("AWS_HOSTED_ZONE_ID", id);
    hook(&test, &deploy).code(1).stderr_contains(&format!(
        "hint: allow route53:ChangeResourceRecordSets on arn:aws:route53:::hostedzone/{id} in the policy"
    ));
}

#[test]
fn wrong_and_missing_credentials_are_told_apart_from_everything_else() {
    let rig = rig(&[]);
    let route53 = Route53::new(&rig);
    route53.zones(&["example.com"]);
    let test = Test::new().route53(&route53).env("AWS_SECRET_ACCESS_KEY", "wrong");
    let deploy = ["deploy_challenge", "a.example.com", "t", "v"];
    hook(&test, &deploy)
        .code(1)
        .stderr_contains("route53: a.example.com: no valid AWS credentials: SignatureDoesNotMatch: ");
    let test = test.without_env("AWS_ACCESS_KEY").without_env("AWS_SECRET");
    hook(&test, &deploy).code(1).stderr_contains("no valid AWS credentials: ").stderr_contains("AWS_PROFILE");
}

#[test]
fn a_zone_of_another_account_is_written_in_its_role() {
    let rig = rig(&[]);
    let setup = Route53::new(&rig);
    let id = &setup.zones(&["example.com"])[0];
    let trusted = json!({
        "Effect": "Allow", "Principal": { "AWS": "*" }, "Action": "sts:AssumeRole",
        "Condition": { "StringEquals": { "sts:ExternalId": "secret-handshake" } },
    });
    let role = role(&setup, trusted);
    let only_roles = json!([{ "Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*" }]);
    let route53 = Route53::allowed(&rig, "roles", &only_roles);
    let test = Test::new().route53(&route53).env("HYDRANT_ROUTE53_ZONES", format!("example.com@{role}"));
    let deploy = ["deploy_challenge", "a.example.com", "t", "v"];
    hook(&test, &deploy).code(1).stderr_contains("no valid AWS credentials: ");
    let test = test.env("AWS_EXTERNAL_ID", "secret-handshake");
    hook(&test, &deploy).code(0).stderr("");
    assert_eq!(setup.records(id), ["_acme-challenge.a.example.com. 60 TXT \"v\""]);
}

#[test]
fn a_role_that_cannot_be_taken_fails_the_records_that_may_be_in_its_zone_alone() {
    let rig = rig(&[]);
    let setup = Route53::new(&rig);
    let ids = setup.zones(&["good.example", "named.lost.example", "listed.test", "role.example"]);
    let trusted = json!({
        "Effect": "Allow", "Principal": { "AWS": "*" }, "Action": "sts:AssumeRole",
        "Condition": { "StringEquals": { "sts:ExternalId": "secret-handshake" } },
    });
    let role = role(&setup, trusted);
    let nobody = role.replace("/acme", "/nobody");
    let zones = format!(
        "good.example={} lost.example@{nobody} named.lost.example={} role.example@{role}",
        ids[0], ids[1]
    );
    let both = json!([{ "Effect": "Allow", "Action": ["route53:*", "sts:AssumeRole"], "Resource": "*" }]);
    let route53 = Route53::allowed(&rig, "both", &both);
    let test = Test::new().route53(&route53).env("HYDRANT_ROUTE53_ZONES", zones);
    let test = test.env("AWS_EXTERNAL_ID", "secret-handshake");
    let good = ["a.good.example", "t", "v", "b.named.lost.example", "t", "v"];
    // Of no role is asked more than records need.
    for operation in ["deploy_challenge", "clean_challenge"] {
        hook(&test, &[&[operation], &good[..]].concat()).code(0).stderr("");
    }
    assert!(!setup.requests().contains(&"zones".to_owned()), "{:?}", setup.requests());
    let all = ["c.lost.example", "t", "v", "d.listed.test", "t", "v", "e.role.example", "t", "v"];
    let all = [&good[..], &all].concat();
    let denied = "route53: c.lost.example: no valid AWS credentials: ";
    let output = hook(&test, &[&["deploy_challenge"], &all[..]].concat()).code(1).stderr_contains(denied);
    assert_eq!(output.stderr.lines().count(), 1, "{}", output.stderr);
    for (id, name) in
        ids.iter().zip(["a.good.example", "b.named.lost.example", "d.listed.test", "e.role.example"])
    {
        assert_eq!(setup.records(id), [format!("_acme-challenge.{name}. 60 TXT \"v\"")]);
    }
    let names: Vec<_> = std::iter::once("list_challenges").chain(all.iter().copied().step_by(3)).collect();
    let listed = hook(&test, &names).code(1).stdout;
    assert_eq!(
        (listed.lines().count(), listed.matches("no valid AWS credentials").count()),
        (5, 1),
        "{listed}"
    );
    // Whether there is something left is not known: that is no success.
    let output = hook(&test, &[&["clean_challenge"], &all[..]].concat()).code(1).stderr_contains(denied);
    assert_eq!(output.stderr.lines().count(), 1, "{}", output.stderr);
    assert!(ids.iter().all(|id| setup.records(id).is_empty()));
}
