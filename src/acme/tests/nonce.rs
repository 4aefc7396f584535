//! Nonces that the CA refuses.

use super::*;

#[tokio::test]
async fn a_refused_nonce_is_followed_by_the_one_the_refusal_brings() {
    let ca = Ca::start(|_, before| match before {
        0 => problem(400, "badNonce", &[("replay-nonce", "fresh-1")]),
        1 => problem(403, "badNonce", &[("replay-nonce", "fresh-2")]),
        _ => placed(),
    })
    .await;
    place(&ca.account().await).await.unwrap();
    let nonces: Vec<_> = ca.seen("/new-order").into_iter().map(|seen| seen.nonce).collect();
    assert_eq!(nonces, ["pooled", "fresh-1", "fresh-2"]);
}

#[tokio::test]
async fn a_ca_that_refuses_every_nonce_is_given_up() {
    let ca = Ca::start(|_, _| problem(400, "badNonce", &[])).await;
    let mut options = quick();
    options.retry.nonce_tries = 7;
    let client = ca.client_with(options).await.unwrap();
    let key = PrivateKey::generate(KeyType::P256).unwrap();
    let error = Account::find(&client, &key).await.unwrap_err();
    assert_eq!(error.to_string(), "badNonce: the badNonce (HTTP 400)");
    assert_eq!(ca.paths().len(), 7);
}

#[tokio::test]
async fn refused_nonces_do_not_hide_the_problem_before_or_behind_them() {
    let ca = Ca::start(|_, before| match before {
        0 => problem(429, "rateLimited", &[("retry-after", "0")]),
        _ => problem(400, "badNonce", &[]),
    })
    .await;
    let error = place(&ca.account().await).await.unwrap_err();
    assert_eq!(error.to_string(), "rateLimited: the rateLimited (HTTP 429)");

    let ca = Ca::start(|_, before| match before {
        0 => problem(400, "badNonce", &[]),
        _ => problem(429, "rateLimited", &[("retry-after", "86400")]),
    })
    .await;
    let error = place(&ca.account().await).await.unwrap_err();
    assert!(error.is_rate_limited());
    assert_eq!(error.retry_after(), Some(Duration::from_hours(24)));
}
