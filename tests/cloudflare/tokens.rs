//! Tokens that are missing, wrong, or may too little, and that none of them is ever seen.

use super::{hook, rig};
use crate::support::{Cloudflare, Output, Test, Token};

const DEPLOY: [&str; 4] = ["deploy_challenge", "a.example.com", "t", "v"];

#[track_caller]
fn without(output: Output, token: &str) -> Output {
    assert!(!output.stdout.contains(token) && !output.stderr.contains(token), "{}", output.stderr);
    output
}

#[test]
fn what_is_wrong_with_a_token_is_said_without_showing_it() {
    let rig = rig(&[]);
    let cloudflare = Cloudflare::with_zones(&rig, &["example.org"]);
    let id = &cloudflare.zones(&["example.com"])[0];
    let with = |token: &str| Test::new().cloudflare(&cloudflare).env("CLOUDFLARE_API_TOKEN", token);
    let hint = "hint: was it copied whole, and is it neither expired nor revoked? \
                https://dash.cloudflare.com/profile/api-tokens has the list\n";

    let unknown = "unknown-unknown-unknown-unknown-unknown5";
    without(hook(&with(unknown), &DEPLOY).code(1), unknown).stderr(&format!(
        "cloudflare: a.example.com: the API token is not valid: Invalid access token (9109); {hint}"
    ));
    let cut = "unknown-unkn";
    without(hook(&with(cut), &DEPLOY).code(1), cut).stderr(&format!(
        "cloudflare: a.example.com: the API token is not valid: Invalid request headers (6003); Invalid format for \
         Authorization header (6111); {hint}"
    ));
    // A token that is tried again and again locks others out.
    assert_eq!(cloudflare.requests().len(), 2);

    let reader = cloudflare.token(Token::Reader);
    let two = [&DEPLOY[..], &["b.example.com", "t", "v"]].concat();
    without(hook(&with(reader), &two).code(1), reader).stderr(&format!(
        "cloudflare: a.example.com b.example.com: no permission for the record in zone {id}: Authentication error \
         (10000); hint: give the token Zone:DNS:Edit, and zone {id} among its zone resources\n"
    ));
    // The batch, and one record to see whether it is the batch.
    assert_eq!((cloudflare.count("batch"), cloudflare.count("create")), (1, 1));

    let narrow = cloudflare.token(Token::Narrow);
    let test = with(narrow).env("CF_ZONE_ID", "0123456789abcdef0123456789abcdef");
    without(hook(&test, &DEPLOY).code(1), narrow).stderr_contains(
        "there is no zone with the id 0123456789abcdef0123456789abcdef: Could not route to ",
    );
    assert!(cloudflare.records().is_empty());
}

#[test]
fn without_a_token_it_says_where_to_put_one() {
    let test = Test::new();
    hook(&test, &DEPLOY).code(1).stdout("").stderr(
        "cloudflare: there is no API token; hint: give one in CLOUDFLARE_API_TOKEN, or the path of a file with it in \
         CLOUDFLARE_API_TOKEN_FILE\n",
    );
    let test = test.env("CF_API_EMAIL", "me@example.com").env("CF_API_KEY", "0123456789");
    hook(&test, &DEPLOY).code(1).stderr_contains("the global API key may do everything with the account");
    let test = Test::new().env("CF_DNS_API_TOKEN_FILE", "missing");
    hook(&test, &DEPLOY).code(1).stderr_contains("cloudflare: CF_DNS_API_TOKEN: missing: No such file");
    let test = Test::new().write("token", "two words").env("CF_API_TOKEN_FILE", "token");
    hook(&test, &DEPLOY)
        .code(1)
        .stderr("cloudflare: CF_API_TOKEN: token has neither a token alone nor dns_cloudflare_api_token\n");
}

#[test]
fn challenges_of_another_type_are_not_its_own() {
    let test = Test::new().env("CHALLENGETYPE", "http-01");
    hook(&test, &DEPLOY)
        .code(1)
        .stderr("cloudflare: it answers dns-01 and dns-account-01 challenges, not http-01\n");
}
