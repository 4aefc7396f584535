//! Tests of what the client does when the CA or the network does not behave, against a CA that says what it is told to.

mod lost;
mod nonce;

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::identifier::Identifier;
use crate::key::{KeyType, PrivateKey};

/// What the CA does with a request.
enum Say {
    Answer(u16, &'static [(&'static str, &'static str)], String),
    /// Closes the connection instead of answering.
    Reset,
    Nothing,
}

/// A request as the CA saw it.
#[derive(Clone)]
struct Seen {
    path: String,
    nonce: String,
    payload: Value,
    at: Instant,
}

struct Ca {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Ca {
    /// Starts a CA that asks `script` about each request but those for the directory and nonces; the number says
    /// how often that path was asked for before.
    async fn start(script: impl Fn(&str, usize) -> Say + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (script, log) = (Arc::new(script), Arc::clone(&seen));
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (script, log) = (Arc::clone(&script), Arc::clone(&log));
                tokio::spawn(async move { serve(stream, address, &*script, &log).await });
            }
        });
        Self { address, seen }
    }

    fn url(&self, path: &str) -> ServerUrl {
        format!("http://{}{path}", self.address).parse().unwrap()
    }

    fn paths(&self) -> Vec<String> {
        self.seen.lock().unwrap().iter().map(|seen| seen.path.clone()).collect()
    }

    fn seen(&self, path: &str) -> Vec<Seen> {
        self.seen.lock().unwrap().iter().filter(|seen| seen.path == path).cloned().collect()
    }

    async fn client_with(&self, options: ClientOptions) -> Result<Client, Error> {
        Client::connect(&format!("http://{}/dir", self.address).parse().unwrap(), options).await
    }

    async fn account(&self) -> Account {
        let client = self.client_with(quick()).await.unwrap();
        Account::known(&client, PrivateKey::generate(KeyType::P256).unwrap(), self.url("/account"))
    }

    fn order(&self, status: OrderStatus) -> Order {
        Order {
            url: self.url("/order"),
            status,
            identifiers: vec!["a.example.com".parse().unwrap()],
            authorizations: Vec::new(),
            finalize: self.url("/finalize"),
            certificate: None,
            error: None,
            expires: None,
            profile: None,
            retry_after: None,
        }
    }
}

fn quick() -> ClientOptions {
    let retry = RetryRules { tries: 3, first_wait: Duration::from_millis(5), ..RetryRules::default() };
    ClientOptions { no_proxy: true, request_timeout: Duration::from_millis(500), retry, ..Default::default() }
}

async fn serve(
    mut stream: TcpStream,
    address: SocketAddr,
    script: &(impl Fn(&str, usize) -> Say + Send + Sync),
    log: &Mutex<Vec<Seen>>,
) {
    let mut text = Vec::new();
    let (head, body) = loop {
        let mut chunk = [0; 4096];
        let read = stream.read(&mut chunk).await.unwrap();
        if read == 0 {
            return;
        }
        text.extend_from_slice(&chunk[..read]);
        let Some(end) = text.windows(4).position(|part| part == b"\r\n\r\n") else { continue };
        let head = String::from_utf8(text[..end].to_vec()).unwrap();
        let length =
            head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
        if text.len() >= end + 4 + length.unwrap_or(0) {
            break (head, text[end + 4..].to_vec());
        }
    };
    let path = head.split(' ').nth(1).unwrap().to_owned();
    let say = match path.as_str() {
        "/dir" => answer(200, &[], &directory(address)),
        "/nonce" => answer(200, &[], &json!({})),
        path => {
            let jws: Value = serde_json::from_slice(&body).unwrap_or_default();
            let part = |member: &str| -> Value {
                let part = URL_SAFE_NO_PAD.decode(jws[member].as_str().unwrap_or_default()).unwrap();
                serde_json::from_slice(&part).unwrap_or_default()
            };
            let nonce = part("protected")["nonce"].as_str().unwrap_or_default().to_owned();
            let mut log = log.lock().unwrap();
            let before = log.iter().filter(|seen| seen.path == path).count();
            log.push(Seen { path: path.to_owned(), nonce, payload: part("payload"), at: Instant::now() });
            script(path, before)
        }
    };
    let (status, headers, body) = match say {
        Say::Answer(status, headers, body) => (status, headers, body),
        Say::Reset => return,
        Say::Nothing => return tokio::time::sleep(Duration::from_mins(1)).await,
    };
    let headers: Vec<_> = headers
        .iter()
        .map(|(name, value)| format!("{name}: {}\r\n", value.replace("CA", &address.to_string())))
        .collect();
    let headers = headers.concat();

    let nonce = if headers.contains("replay-nonce") { "" } else { "replay-nonce: pooled\r\n" };
    let body = if head.starts_with("HEAD") {
        String::new()
    } else {
        body.replace("CA", &format!("http://{address}"))
    };
    let text = format!(
        "HTTP/1.1 {status} x\r\nconnection: close\r\ncontent-length: {}\r\n{nonce}{headers}\r\n{body}",
        body.len()
    );
    stream.write_all(text.as_bytes()).await.unwrap();
}

fn answer(status: u16, headers: &'static [(&'static str, &'static str)], body: &Value) -> Say {
    Say::Answer(status, headers, body.to_string())
}

fn problem(status: u16, kind: &str, headers: &'static [(&'static str, &'static str)]) -> Say {
    let body = json!({"type": format!("urn:ietf:params:acme:error:{kind}"), "detail": format!("the {kind}")});
    answer(status, headers, &body)
}

fn directory(address: SocketAddr) -> Value {
    let url = |path: &str| format!("http://{address}{path}");
    json!({
        "newNonce": url("/nonce"), "newAccount": url("/new-account"), "newOrder": url("/new-order"),
        "revokeCert": url("/revoke"), "keyChange": url("/key-change"), "renewalInfo": url("/renewal-info/"),
    })
}

fn order(status: &str) -> Value {
    json!({
        "status": status, "finalize": "CA/finalize", "authorizations": ["CA/authorization"],
        "identifiers": [{"type": "dns", "value": "a.example.com"}],
    })
}

fn placed() -> Say {
    answer(201, &[("location", "http://CA/order")], &order("pending"))
}

async fn place(account: &Account) -> Result<Order, Error> {
    let identifiers: [Identifier; 1] = ["a.example.com".parse().unwrap()];
    account
        .new_order(&NewOrder { identifiers: &identifiers, profile: None, replaces: None, under_way: None })
        .await
}

#[tokio::test]
async fn a_short_wait_is_waited_for() {
    let ca = Ca::start(|_, before| match before {
        0 => problem(429, "rateLimited", &[("retry-after", "1")]),
        _ => placed(),
    })
    .await;
    place(&ca.account().await).await.unwrap();
    let seen = ca.seen("/new-order");
    assert!(seen[1].at - seen[0].at >= Duration::from_millis(950));
}

#[tokio::test]
async fn an_overloaded_ca_holds_back_every_request_and_a_limit_on_a_name_no_other() {
    for (status, body, waits) in [
        (503, json!({"type": "urn:ietf:params:acme:error:rateLimited", "detail": "busy"}), true),
        (
            429,
            json!({"type": "urn:ietf:params:acme:error:rateLimited", "detail": "too many for \"example.com\""}),
            false,
        ),
    ] {
        let ca = Ca::start(move |path, before| match (path, before) {
            ("/new-order", 0) => answer(status, &[("retry-after", "1")], &body),
            ("/new-order", _) => placed(),
            _ => answer(200, &[], &order("pending")),
        })
        .await;
        let account = ca.account().await;
        let other = async {
            tokio::time::sleep(Duration::from_millis(200)).await;
            account.order(&ca.url("/order")).await
        };
        let (placed, read) = tokio::join!(place(&account), other);
        placed.unwrap();
        read.unwrap();
        let held_back = ca.seen("/order")[0].at - ca.seen("/new-order")[0].at;
        assert_eq!(held_back >= Duration::from_millis(900), waits, "{status}: {held_back:?}");
    }
}

#[tokio::test]
async fn a_page_instead_of_a_problem_is_shown() {
    let ca = Ca::start(|_, _| Say::Answer(403, &[], "<html><b>Blocked</b></html>".to_owned())).await;
    let error = place(&ca.account().await).await.unwrap_err();
    let url = ca.url("/new-order");
    assert_eq!(error.to_string(), format!("HTTP 403 from {url} with the body `<html><b>Blocked</b></html>`"));

    let ca = Ca::start(|_, _| Say::Answer(200, &[("location", "/order")], "<html>Welcome".to_owned())).await;
    let error = place(&ca.account().await).await.unwrap_err();
    assert!(
        matches!(&error, Error::NotJson { status: 200, start, .. } if start == "<html>Welcome"),
        "{error}"
    );
}

#[tokio::test]
async fn trouble_in_the_ca_is_sat_out_and_reported_when_it_lasts() {
    let ca = Ca::start(|_, before| match before {
        0 => Say::Answer(502, &[], "<html>Bad gateway".to_owned()),
        1 => problem(500, "serverInternal", &[]),
        _ => placed(),
    })
    .await;
    place(&ca.account().await).await.unwrap();

    let ca = Ca::start(|_, _| Say::Answer(502, &[], String::new())).await;
    let error = place(&ca.account().await).await.unwrap_err();
    assert!(matches!(error, Error::NotJson { status: 502, .. }), "{error}");
    assert_eq!(ca.paths().len(), 3);
}

#[tokio::test]
async fn a_ca_that_never_answers_is_unreachable_in_the_end() {
    let ca = Ca::start(|_, _| Say::Nothing).await;
    let error = place(&ca.account().await).await.unwrap_err();
    assert!(error.is_unreachable(), "{error}");
    assert!(error.to_string().ends_with("timed out"), "{error}");
    assert_eq!(ca.paths().len(), 2);

    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/dir", listener.local_addr().unwrap()).parse().unwrap();
    drop(listener);
    let error = Client::connect(&url, quick()).await.unwrap_err();
    assert!(error.is_unreachable(), "{error}");
    assert!(error.to_string().contains("refused"), "{error}");
}

#[tokio::test]
async fn a_signed_request_does_not_follow_a_redirect_and_the_directory_does() {
    let ca = Ca::start(|_, _| answer(307, &[("location", "/dir")], &json!({}))).await;
    let error = place(&ca.account().await).await.unwrap_err();
    assert!(matches!(error, Error::Redirected { status: 307, .. }), "{error}");
    let moved = ca.url("/moved").as_str().parse().unwrap();
    Client::connect(&moved, quick()).await.unwrap();
}

#[tokio::test]
async fn the_observer_learns_which_failures_count() {
    let ca = Ca::start(|path, before| match (path, before) {
        ("/new-order", 0) => problem(400, "badNonce", &[]),
        ("/new-order", 1) => problem(409, "alreadyReplaced", &[]),
        ("/new-order", _) => problem(400, "rejectedIdentifier", &[]),
        _ => problem(404, "malformed", &[]),
    })
    .await;
    let seen = Rc::new(RefCell::new(Vec::new()));
    let log = Rc::clone(&seen);
    let observer: Observer = Rc::new(move |exchange: &Exchange<'_>| {
        log.borrow_mut().push((exchange.method.to_owned(), exchange.status, exchange.ends_attempt));
    });
    let client = ca.client_with(ClientOptions { observer: Some(observer), ..quick() }).await.unwrap();
    let account = Account::known(&client, PrivateKey::generate(KeyType::P256).unwrap(), ca.url("/account"));
    let identifiers = ["a.example.com".parse().unwrap()];
    let new = NewOrder { identifiers: &identifiers, profile: None, replaces: Some("x.y"), under_way: None };
    assert!(account.new_order(&new).await.unwrap_err().is_replaces_refused());
    place(&account).await.unwrap_err();
    client.renewal_info("x.y").await.unwrap_err();
    let expected = [
        ("GET", 200, false),
        ("HEAD", 200, false),
        ("POST", 400, false),
        ("POST", 409, false),
        ("POST", 400, true),
        ("GET", 404, false),
    ];
    let expected = expected.map(|(method, status, ends)| (method.to_owned(), Some(status), ends));
    assert_eq!(*seen.borrow(), expected);
}

#[tokio::test]
async fn an_order_is_polled_when_the_ca_says_and_not_for_ever() {
    let ca = Ca::start(|_, before| match before {
        0 | 1 => answer(200, &[], &order("pending")),
        2 => answer(200, &[("retry-after", "1")], &order("pending")),
        _ => answer(200, &[], &order("ready")),
    })
    .await;
    let account = ca.account().await;
    let pending = ca.order(OrderStatus::Pending);
    let order = account.poll_order(&pending, OrderGoal::Ready, Duration::from_secs(20)).await.unwrap();
    assert_eq!(order.status, OrderStatus::Ready);
    let at: Vec<_> = ca.seen("/order").iter().map(|seen| seen.at).collect();
    assert!(at[2] - at[0] < Duration::from_millis(500));
    assert!(at[3] - at[2] >= Duration::from_millis(950));

    let ready = ca.order(OrderStatus::Ready);
    let late = account.poll_order(&ready, OrderGoal::Issued, Duration::from_millis(50)).await;
    let message = late.unwrap_err().to_string();
    assert_eq!(message, "the certificate was not issued within 50ms; the order is still ready");
}

#[tokio::test]
async fn no_more_requests_are_under_way_than_allowed() {
    let ca = Ca::start(|_, _| {
        std::thread::sleep(Duration::from_millis(2));
        let identifier = json!({"type": "dns", "value": "a.example.com"});
        answer(200, &[], &json!({"identifier": identifier, "status": "valid", "challenges": []}))
    })
    .await;
    let client = ca.client_with(ClientOptions { in_flight: 1, ..quick() }).await.unwrap();
    let account = Account::known(&client, PrivateKey::generate(KeyType::P256).unwrap(), ca.url("/account"));
    let mut order = ca.order(OrderStatus::Pending);
    order.authorizations = (0..20).map(|number| ca.url(&format!("/authorization/{number}"))).collect();
    let authorizations = account.authorizations(&order).await.unwrap();
    let urls: Vec<_> = authorizations.into_iter().map(|authorization| authorization.url).collect();
    assert_eq!(urls, order.authorizations);
    assert_eq!(ca.paths(), (0..20).map(|number| format!("/authorization/{number}")).collect::<Vec<_>>());
}
