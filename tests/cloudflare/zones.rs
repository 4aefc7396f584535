//! Which zone a record is written to.

use super::{hook, rig};
use crate::support::{Cloudflare, Test, Token};

#[test]
fn the_longest_zone_of_all_pages_is_chosen() {
    let rig = rig(&[]);
    let cloudflare = Cloudflare::with_zones(&rig, &["example.com", "sub.example.com", "xsub.example.com"]);
    let many: Vec<_> = (0..110).map(|number| format!("z{number}.test")).collect();
    cloudflare.zones(&many.iter().map(String::as_str).collect::<Vec<_>>());
    let test = Test::new().cloudflare(&cloudflare);
    // Few names: they are asked for by name.
    hook(&test, &["deploy_challenge", "sub.example.com", "t", "1"]).code(0).stderr("");
    assert_eq!(cloudflare.count("zones"), 3);
    // Many names: page by page.
    let names = ["a.sub.example.com", "b.sub.example.com", "othersub.example.com", "deep.below.z99.test"];
    let triples: Vec<_> = names.iter().flat_map(|name| [name, "t", "2"]).collect();
    hook(&test, &[&["deploy_challenge"], &triples[..]].concat()).code(0).stderr("");
    assert_eq!(cloudflare.count("zones"), 6);
    let expected = [
        "_acme-challenge.a.sub.example.com 60 TXT \"2\"",
        "_acme-challenge.b.sub.example.com 60 TXT \"2\"",
        "_acme-challenge.deep.below.z99.test 60 TXT \"2\"",
        "_acme-challenge.othersub.example.com 60 TXT \"2\"",
        "_acme-challenge.sub.example.com 60 TXT \"1\"",
    ];
    assert_eq!(cloudflare.records(), expected);
    // Three zones: the one with two names takes a batch.
    assert_eq!((cloudflare.count("create"), cloudflare.count("batch")), (3, 1));
}

#[test]
fn cnames_are_followed_to_the_zone_that_is_written() {
    let rig = rig(&[]);
    let cloudflare = Cloudflare::with_zones(&rig, &["validation.test"]);
    let zone = &cloudflare.zones(&["example.com"])[0];
    cloudflare.set(zone, "_acme-challenge.www.example.com", "CNAME", "hop.example.com");
    cloudflare.set(zone, "hop.example.com", "CNAME", "www.validation.test");
    let before = cloudflare.records();
    let test = Test::new().cloudflare(&cloudflare);
    hook(&test, &["deploy_challenge", "www.example.com", "t", "value"]).code(0).stderr("");
    assert!(cloudflare.records().contains(&"www.validation.test 60 TXT \"value\"".to_owned()));
    hook(&test, &["clean_challenge", "www.example.com", "t", "value"]).code(0).stderr("");
    assert_eq!(cloudflare.records(), before);
}

#[test]
fn a_token_that_may_not_list_zones_writes_to_a_zone_that_is_named() {
    let rig = rig(&[]);
    let cloudflare = Cloudflare::with_zones(&rig, &["example.org"]);
    let id = &cloudflare.zones(&["example.com"])[0];
    let narrow = cloudflare.token(Token::Narrow);
    let test = || Test::new().cloudflare(&cloudflare).env("CLOUDFLARE_API_TOKEN", narrow);
    let deploy = ["deploy_challenge", "a.example.com", "t", "v"];
    hook(&test(), &deploy).code(1).stdout("").stderr(
        "cloudflare: a.example.com: the token sees no zone that could hold `_acme-challenge.a.example.com`; hint: \
         give it Zone:Zone:Read, or name the zones by id in HYDRANT_CLOUDFLARE_ZONES or CF_ZONE_ID\n",
    );
    let listed = cloudflare.count("zones");
    let map = format!("example.com={id}");
    for (name, value) in [
        ("CF_ZONE_ID", id),
        ("CF_Zone_ID", id),
        ("CLOUDFLARE_ZONE_ID", id),
        ("HYDRANT_CLOUDFLARE_ZONES", &map),
    ] {
        let test = test().env(name, value);
        hook(&test, &deploy).code(0).stderr("");
        assert_eq!(cloudflare.records(), ["_acme-challenge.a.example.com 60 TXT \"v\""]);
        hook(&test, &["clean_challenge", "a.example.com", "t", "v"]).code(0).stderr("");
        assert!(cloudflare.records().is_empty());
    }
    assert_eq!(cloudflare.count("zones"), listed);
    // Or the list has a token of its own, as lego's users have it.
    let test = test().env("CF_ZONE_API_TOKEN", cloudflare.token(Token::Reader));
    hook(&test, &deploy).code(0).stderr("");
    assert_eq!(cloudflare.records().len(), 1);
}

#[test]
fn a_zone_that_nobody_delegates_to_is_warned_of_and_gives_way_to_the_active_one() {
    let rig = rig(&[]);
    let cloudflare = Cloudflare::with_zones(&rig, &["example.com"]);
    cloudflare.zones_as(&["example.com", "new.test"], "pending");
    let test = Test::new().cloudflare(&cloudflare).env("HYDRANT_CLOUDFLARE_FOLLOW_CNAME", "no");
    hook(&test, &["deploy_challenge", "example.com", "t", "v"]).code(0).stderr("");
    hook(&test, &["deploy_challenge", "new.test", "t", "v"]).code(0).stderr(
        "cloudflare: warning: the zone new.test is pending: its records are seen once it is delegated to\n",
    );
}
