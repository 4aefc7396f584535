//! A CA, as seen from here.

use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use super::connection::{Connection, Content, Request, UnderWay};
use super::jws::Signer;
use super::transport::Reply;
use super::{ClientOptions, Directory, Error, ServerUrl};
use crate::identifier::Identifier;

/// The conversation with one CA: its directory, one HTTP/2 connection, a pool of nonces. Cheap to clone; clones share all of it.
#[derive(Clone)]
pub struct Client {
    connection: Rc<Connection>,
    directory: Rc<Directory>,
}

/// A signed request, before it is decided who signs.
pub(crate) struct Post<'a> {
    pub(crate) url: &'a ServerUrl,
    /// `None` to read (RFC 8555 §6.3).
    pub(crate) payload: Option<Value>,
    pub(crate) accept: Option<&'static str>,
    pub(crate) repeat_if_lost: bool,
    pub(crate) names: &'a [Identifier],
    pub(crate) expected: fn(&Error) -> bool,
    pub(crate) under_way: Option<&'a UnderWay>,
}

impl<'a> Post<'a> {
    /// Reads a resource; may be repeated.
    pub(crate) fn as_get(url: &'a ServerUrl) -> Self {
        Self { payload: None, ..Self::new(url, Value::Null) }
    }

    /// Sends `payload`; may be repeated, and every failure is one.
    pub(crate) fn new(url: &'a ServerUrl, payload: Value) -> Self {
        Self {
            url,
            payload: Some(payload),
            accept: None,
            repeat_if_lost: true,
            names: &[],
            expected: |_| false,
            under_way: None,
        }
    }
}

impl Client {
    /// Fetches the directory; a redirect is followed, as this URL is ours and not the CA's.
    ///
    /// # Errors
    /// If the options are contradictory, the CA cannot be reached, or what is there is no directory.
    pub async fn connect(directory: &Url, options: ClientOptions) -> Result<Self, Error> {
        let connection = Connection::new(options)?;
        let mut url = ServerUrl::from(directory);
        let mut redirects = 0;
        let reply = loop {
            let request = Request {
                url: &url,
                content: Content::Get,
                repeat_if_lost: true,
                names: &[],
                expected: |error| matches!(error, Error::Redirected { .. }),
                under_way: None,
            };
            match connection.send(request).await {
                Err(Error::Redirected { location: Some(location), .. }) if redirects < MOST_REDIRECTS => {
                    url = location;
                    redirects += 1;
                }
                reply => break reply?,
            }
        };
        let directory = Rc::new(json(&reply)?);
        Ok(Self { connection, directory })
    }

    /// What the CA offers.
    #[must_use]
    pub fn directory(&self) -> &Directory {
        &self.directory
    }

    /// What an exchange takes at least, as far as that is known.
    pub(crate) fn round_trip(&self) -> Duration {
        self.connection.round_trip()
    }

    pub(crate) async fn get(&self, url: &ServerUrl, expected: fn(&Error) -> bool) -> Result<Reply, Error> {
        let content = Content::Get;
        let request = Request { url, content, repeat_if_lost: true, names: &[], expected, under_way: None };
        self.connection.send(request).await
    }

    pub(crate) async fn post(&self, signer: Signer<'_>, post: Post<'_>) -> Result<Reply, Error> {
        let content = Content::Signed {
            signer,
            payload: post.payload.as_ref(),
            new_nonce: &self.directory.new_nonce,
            accept: post.accept,
        };
        let Post { url, repeat_if_lost, names, expected, under_way, .. } = post;
        self.connection.send(Request { url, content, repeat_if_lost, names, expected, under_way }).await
    }
}

const MOST_REDIRECTS: u32 = 5;

/// The body of an answer.
pub(crate) fn json<T: DeserializeOwned>(reply: &Reply) -> Result<T, Error> {
    serde_json::from_slice(&reply.body).map_err(|error| {
        if error.is_data() { Error::malformed(&reply.url, &error) } else { Error::not_json(reply) }
    })
}

/// The `Location` of something that was made or found.
pub(crate) fn location(reply: &Reply) -> Result<ServerUrl, Error> {
    reply.location().ok_or_else(|| Error::malformed(&reply.url, &"no `Location`"))
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Client({})", self.directory.new_order)
    }
}
