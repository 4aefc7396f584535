//! A web server that knows one path: `/.well-known/acme-challenge/` and a token (RFC 8555 §8.3).

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::error::ResponderError;
use super::{Answers, bind};

/// How long one connection may take.
const DEADLINE: Duration = Duration::from_secs(10);
/// How many are served at once; more wait.
pub(super) const CONNECTIONS: usize = 256;
/// A longer request is refused.
const LONGEST_REQUEST: usize = 8 * 1024;
const PATH: &str = "/.well-known/acme-challenge/";

/// Serves tokens on every configured address until it is dropped.
#[derive(Debug)]
pub(super) struct HttpListener {
    pub(super) tokens: Arc<Answers<String>>,
    addresses: Vec<SocketAddr>,
    _accepting: JoinSet<()>,
}

impl HttpListener {
    pub(super) fn start(addresses: &[SocketAddr]) -> Result<Self, ResponderError> {
        let tokens = Arc::new(Answers::new());
        let (addresses, accepting) = serve(bind(addresses)?, {
            let tokens = Arc::clone(&tokens);
            move |stream| answer(stream, Arc::clone(&tokens))
        });
        Ok(Self { tokens, addresses, _accepting: accepting })
    }

    pub(super) fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }
}

/// Accepts on every listener and answers each connection within the deadline. Ends when the set is dropped.
pub(super) fn serve<A, F>(listeners: Vec<TcpListener>, answer: A) -> (Vec<SocketAddr>, JoinSet<()>)
where
    A: Fn(TcpStream) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = io::Result<()>> + Send + 'static,
{
    let addresses = listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect();
    let mut accepting = JoinSet::new();
    for listener in listeners {
        let answer = answer.clone();
        accepting.spawn(async move {
            let free = Arc::new(Semaphore::new(CONNECTIONS));
            let mut connections = JoinSet::new();
            loop {
                while connections.try_join_next().is_some() {}
                let permit = Arc::clone(&free).acquire_owned().await;
                let Ok((stream, _)) = listener.accept().await else {
                    // Out of descriptors, most likely: others may close some.
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                };
                let answered = answer(stream);
                connections.spawn(async move {
                    // A client that goes away or dawdles is its own affair.
                    let _ = timeout(DEADLINE, answered).await;
                    drop(permit);
                });
            }
        });
    }
    (addresses, accepting)
}

async fn answer(mut stream: TcpStream, tokens: Arc<Answers<String>>) -> io::Result<()> {
    let request = read_request(&mut stream).await?;
    let response = respond(&request, &tokens);
    stream.write_all(&response).await?;
    stream.shutdown().await?;
    // Closing with unread input would reset the connection before the client has read the answer.
    let mut rest = [0; 1024];
    while stream.read(&mut rest).await? > 0 {}
    Ok(())
}

/// Reads until the end of the headers, or until it is clear that they are too long.
async fn read_request(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut request = Vec::with_capacity(1024);
    while request.len() < LONGEST_REQUEST {
        if stream.read_buf(&mut request).await? == 0 {
            break;
        }
        if is_complete(&request) {
            break;
        }
    }
    Ok(request)
}

fn is_complete(request: &[u8]) -> bool {
    request.windows(4).any(|bytes| bytes == b"\r\n\r\n") || request.windows(2).any(|bytes| bytes == b"\n\n")
}

fn respond(request: &[u8], tokens: &Answers<String>) -> Vec<u8> {
    let text = String::from_utf8_lossy(request);
    let mut words = text.lines().next().unwrap_or_default().split(' ');
    let (method, target, version) = (words.next(), words.next(), words.next());
    let (Some(method), Some(target), Some(version)) = (method, target, version) else {
        return response("400 Bad Request", "", true);
    };
    if !is_complete(request) || !version.starts_with("HTTP/1.") {
        return response("400 Bad Request", "", true);
    }
    if !matches!(method, "GET" | "HEAD") {
        return response("405 Method Not Allowed", "", true);
    }
    let value = path(target).strip_prefix(PATH).and_then(|token| tokens.find(token));
    match value {
        Some(value) => response("200 OK", &value, method == "GET"),
        None => response("404 Not Found", "", true),
    }
}

/// The path of a request target, which a proxy may send as a whole URL (RFC 9112 §3.2.2).
fn path(target: &str) -> &str {
    let path = target.split_once("://").and_then(|(_, rest)| rest.find('/').map(|at| &rest[at..]));
    let path = path.filter(|_| !target.starts_with('/')).unwrap_or(target);
    path.split(['?', '#']).next().unwrap_or_default()
}

fn response(status: &str, body: &str, with_body: bool) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/octet-stream\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    if with_body { head + body } else { head }.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hook::Answer;
    use crate::responder::{Responder, ResponderSettings};

    async fn ask(address: SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    fn token() -> Answer {
        Answer {
            identifier: "a.example".into(),
            token: "token".into(),
            value: "token.print".into(),
            wildcard: false,
            record: None,
        }
    }

    #[tokio::test]
    async fn serves_a_token_until_it_is_cleaned_and_nothing_else() {
        let http_listen = vec!["127.0.0.1:0".parse().unwrap(), "127.0.0.1:0".parse().unwrap()];
        let responder = Responder::new(ResponderSettings { http_listen, ..ResponderSettings::default() });
        assert!(responder.http_addresses().is_empty());
        let turn = responder.turn("http-01", &[token()], Duration::ZERO, |_| {}).await.unwrap();
        responder.deploy("http-01", &[token()]).unwrap();
        let addresses = responder.http_addresses();
        assert_eq!(addresses.len(), 2);
        for address in &addresses {
            let found = ask(*address, &format!("GET {PATH}token HTTP/1.1\r\nHost: a\r\n\r\n")).await;
            assert!(found.starts_with("HTTP/1.1 200 OK\r\n") && found.ends_with("\r\n\r\ntoken.print"));
        }
        let status = async |request: &str| ask(addresses[0], request).await[9..12].to_owned();
        assert_eq!(status(&format!("GET http://a{PATH}token HTTP/1.1\r\n\r\n")).await, "200");
        assert_eq!(status(&format!("GET {PATH}token?x=1 HTTP/1.0\n\n")).await, "200");
        assert_eq!(status("GET / HTTP/1.1\r\n\r\n").await, "404");
        assert_eq!(status(&format!("GET {PATH}other HTTP/1.1\r\n\r\n")).await, "404");
        assert_eq!(status(&format!("POST {PATH}token HTTP/1.1\r\n\r\n")).await, "405");
        assert_eq!(status("hello\r\n\r\n").await, "400");
        let long = format!("GET {PATH}token HTTP/1.1\r\nX: {}", "x".repeat(2 * LONGEST_REQUEST));
        assert_eq!(status(&long).await, "400");
        responder.clean("http-01", &[token()]).unwrap();
        assert_eq!(status(&format!("GET {PATH}token HTTP/1.1\r\n\r\n")).await, "404");
        drop(turn);
        assert!(responder.http_addresses().is_empty());
    }

    #[tokio::test]
    async fn says_what_to_do_when_the_port_is_taken() {
        let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = taken.local_addr().unwrap();
        let error = HttpListener::start(&[address]).unwrap_err();
        assert_eq!(error.to_string(), format!("cannot listen on {address}"));
        assert!(error.hints()[0].starts_with("another program listens there"));
    }

    #[tokio::test]
    async fn listening_on_all_addresses_of_both_families_is_no_conflict() {
        let Ok(any) = std::net::TcpListener::bind("[::]:0") else { return };
        let port = any.local_addr().unwrap().port();
        drop(any);
        let addresses = [format!("0.0.0.0:{port}"), format!("[::]:{port}")];
        let listeners = bind(&addresses.map(|address| address.parse().unwrap())).unwrap();
        let reached = TcpStream::connect(("127.0.0.1", port)).await;
        assert!(!listeners.is_empty() && reached.is_ok());
    }

    #[tokio::test]
    async fn ends_with_the_responder() {
        let listener = HttpListener::start(&["127.0.0.1:0".parse().unwrap()]).unwrap();
        let address = listener.addresses()[0];
        drop(listener);
        // The accepting task ends when the runtime next runs it.
        while TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    }
}
