//! Answers that are lost on the way.

use super::*;

#[tokio::test]
async fn an_order_whose_answer_is_lost_is_placed_again() {
    let ca = Ca::start(|_, before| if before == 0 { Say::Reset } else { placed() }).await;
    assert_eq!(place(&ca.account().await).await.unwrap().url, ca.url("/order"));
}

#[tokio::test]
async fn a_lost_finalize_is_told_by_the_order() {
    for first in [
        || Say::Reset,
        || Say::Nothing,
        || problem(500, "serverInternal", &[]),
        || problem(403, "orderNotReady", &[]),
    ] {
        let ca = Ca::start(move |path, _| match path {
            "/finalize" => first(),
            _ => answer(200, &[], &order("processing")),
        })
        .await;
        let account = ca.account().await;
        let order = account.finalize(&ca.order(OrderStatus::Ready), b"der").await.unwrap();
        assert_eq!(order.status, OrderStatus::Processing);
        assert_eq!(ca.paths(), ["/finalize", "/order"]);
    }
}

#[tokio::test]
async fn a_finalize_that_did_not_arrive_is_sent_again() {
    let ca = Ca::start(|path, before| match (path, before) {
        ("/finalize", 0) => Say::Reset,
        ("/finalize", _) => answer(200, &[], &order("processing")),
        _ => answer(200, &[], &order("ready")),
    })
    .await;
    let account = ca.account().await;
    account.finalize(&ca.order(OrderStatus::Ready), b"der").await.unwrap();
    assert_eq!(ca.paths(), ["/finalize", "/order", "/finalize"]);
}

#[tokio::test]
async fn a_revocation_whose_answer_is_lost_counts_as_done() {
    let ca =
        Ca::start(|_, before| if before == 0 { Say::Reset } else { problem(400, "alreadyRevoked", &[]) })
            .await;
    ca.account().await.revoke(b"der", None).await.unwrap();
    let ca = Ca::start(|_, _| problem(400, "alreadyRevoked", &[])).await;
    assert!(ca.account().await.revoke(b"der", Some(4)).await.unwrap_err().is_problem("alreadyRevoked"));
    assert_eq!(ca.seen("/revoke")[0].payload, json!({"certificate": "ZGVy", "reason": 4}));
}

#[tokio::test]
async fn a_rollover_whose_answer_is_lost_is_told_by_the_new_key() {
    let new_key = PrivateKey::generate(KeyType::P384).unwrap();
    let ca = Ca::start(|path, _| match path {
        "/key-change" => Say::Reset,
        _ => answer(200, &[("location", "http://CA/account")], &json!({"status": "valid"})),
    })
    .await;
    let account = ca.account().await.rollover(&new_key).await.unwrap();
    assert_eq!(account.thumbprint(), new_key.thumbprint());
    assert_eq!(ca.paths(), ["/key-change", "/new-account"]);
}

#[tokio::test]
async fn a_challenge_that_is_looked_at_already_counts_as_answered() {
    let challenge =
        |status: &str| json!({"type": "dns-01", "url": "CA/challenge", "status": status, "token": "t"});
    for (status, is_answered) in
        [("processing", true), ("valid", true), ("invalid", true), ("pending", false)]
    {
        let raw = challenge(status);
        let ca = Ca::start(move |_, before| match before {
            0 => problem(400, "malformed", &[]),
            _ => answer(200, &[], &raw),
        })
        .await;
        let account = ca.account().await;
        let mut pending = challenge("pending");
        pending["url"] = json!(ca.url("/challenge"));
        let answered = account.answer(&Challenge::read(pending).unwrap()).await;
        assert_eq!(answered.is_ok(), is_answered, "{status}");
    }
}
