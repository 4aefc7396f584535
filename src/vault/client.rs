//! Vault itself: what is asked apart from secrets.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;
use tokio::sync::OnceCell;

use super::answer::Answer;
use super::connection::{Connection, Request, Verb};
use super::login::{self, Session};
use super::{Error, Kv, Options, claims};
use crate::key::shown_url;

/// A Vault, and who we are there. Cheap to clone; clones share token and connections.
#[derive(Clone)]
pub struct Client(Rc<Inner>);

struct Inner {
    connection: Rc<Connection>,
    session: Session,
    address: String,
    /// Mounts that were asked about, each once.
    mounts: RefCell<BTreeMap<String, Rc<OnceCell<()>>>>,
}

/// What a token is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenFacts {
    /// Who it was given to.
    pub display_name: String,
    /// What it may do.
    pub policies: Vec<String>,
    /// For how many more seconds; 0: for ever.
    pub ttl: u64,
    /// Whether it can be renewed.
    pub is_renewable: bool,
    /// Who made it: `auth/jwt/login`, or `auth/token/create`.
    pub path: String,
    /// What the way of logging in has noted down about who it was given to.
    pub metadata: BTreeMap<String, String>,
}

/// The state of the node that answers.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Health {
    /// Whether it ever had a storage.
    pub initialized: bool,
    /// Whether it is sealed.
    pub sealed: bool,
    /// Whether another node is the active one.
    pub standby: bool,
    /// Its version.
    pub version: String,
}

impl Client {
    /// Makes a client. Nothing is sent before the first request.
    ///
    /// # Errors
    /// [`Error::Setting`] and [`Error::NoClient`].
    pub fn new(options: Options) -> Result<Self, Error> {
        let connection = Rc::new(Connection::new(&options)?);
        let address = shown_url(options.address.as_str()).into_owned();
        let session = Session::new(options.auth);
        Ok(Self(Rc::new(Inner { connection, session, address, mounts: RefCell::default() })))
    }

    /// The address it was made for, without a password that may be in it.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.0.address
    }

    /// A mount of the KV engine, once it is known to keep versions: version 1 takes writes of version 2 without a
    /// word, and stores them under another name. Vault is asked once for each.
    ///
    /// # Errors
    /// [`Error::NoMount`], [`Error::NotVersion2`]; what can go wrong with any request.
    pub async fn kv(&self, mount: &str) -> Result<Kv, Error> {
        let kv = self.kv_in_passing(mount)?;
        kv.make_sure().await?;
        Ok(kv)
    }

    /// The same for who begins with reading: what is found there shows that it keeps versions, and Vault is asked only
    /// where nothing is found.
    ///
    /// # Errors
    /// [`Error::Path`].
    pub fn kv_in_passing(&self, mount: &str) -> Result<Kv, Error> {
        let mount = super::path::checked(mount.trim_matches('/'))?;
        let is_known = Rc::clone(self.0.mounts.borrow_mut().entry(mount.to_owned()).or_default());
        Ok(Kv::new(self.clone(), mount.to_owned(), is_known))
    }

    /// Asks Vault whether a mount is of the KV engine and keeps versions.
    pub(super) async fn look_at(&self, mount: &str) -> Result<(), Error> {
        #[derive(Deserialize)]
        struct Document {
            data: Mount,
        }
        #[derive(Deserialize)]
        struct Mount {
            #[serde(rename = "type")]
            kind: String,
            options: Option<BTreeMap<String, String>>,
        }
        let path = format!("sys/internal/ui/mounts/{mount}");
        let mut request = Request::new(Verb::Get, &path);
        request.mount = Some(mount);
        let answer = match self.send(request).await {
            Err(Error::Denied { .. }) => return Err(Error::NoMount { mount: mount.to_owned() }),
            answer => answer?,
        };
        let Mount { kind, options } = answer.json::<Document>(&path)?.data;
        let version = options.unwrap_or_default().remove("version");
        let engine = match (kind.as_str(), version.as_deref()) {
            ("kv", Some("2")) => return Ok(()),
            ("kv" | "generic", version) => format!("version {} of kv", version.unwrap_or("1")),
            (kind, _) => format!("of type {kind}"),
        };
        Err(Error::NotVersion2 { mount: mount.to_owned(), engine })
    }

    /// What the token may do with each of these paths, as policies write them.
    ///
    /// # Errors
    /// What can go wrong with any request.
    pub async fn capabilities(&self, paths: &[&str]) -> Result<BTreeMap<String, Vec<String>>, Error> {
        #[derive(Deserialize)]
        struct Document {
            data: BTreeMap<String, Vec<String>>,
        }
        let url = "sys/capabilities-self";
        let request = Request::new(Verb::Post, url).with(&json!({ "paths": paths }))?;
        let mut found = self.send(request).await?.json::<Document>(url)?.data;
        // For a single path Vault says it a second time under this name.
        if !paths.contains(&"capabilities") {
            found.remove("capabilities");
        }
        Ok(found)
    }

    /// The policies there are, by name. Few tokens may see them.
    ///
    /// # Errors
    /// What can go wrong with any request.
    pub async fn policies(&self) -> Result<BTreeMap<String, String>, Error> {
        #[derive(Deserialize)]
        struct List {
            data: Keys,
        }
        #[derive(Deserialize)]
        struct Keys {
            keys: Vec<String>,
        }
        #[derive(Deserialize)]
        struct Document {
            data: Policy,
        }
        #[derive(Deserialize)]
        struct Policy {
            policy: String,
        }
        let folder = "sys/policies/acl";
        let names = self.send(Request::new(Verb::List, folder)).await?.json::<List>(folder)?.data.keys;
        let mut policies = BTreeMap::new();
        // That of root has no text.
        for name in names.into_iter().filter(|name| name != "root") {
            let path = format!("{folder}/{name}");
            let document: Document = self.send(Request::new(Verb::Get, &path)).await?.json(&path)?;
            policies.insert(name, document.data.policy);
        }
        Ok(policies)
    }

    /// What the token in use is.
    ///
    /// # Errors
    /// What can go wrong with any request, and with logging in.
    pub async fn token(&self) -> Result<TokenFacts, Error> {
        let answer = self.send(Request::new(Verb::Get, login::LOOKUP)).await?;
        let facts = login::looked_up(&answer)?;
        Ok(TokenFacts {
            display_name: facts.display_name,
            policies: facts.policies,
            ttl: facts.ttl,
            is_renewable: facts.renewable.unwrap_or_default(),
            path: facts.path,
            metadata: facts.meta.unwrap_or_default(),
        })
    }

    /// What Vault has found out about who we are, by name: what the login has noted down with the token, and, where the
    /// role passes on nothing of that name, the claims of the JWT that was logged in with. Nothing for a token that was
    /// made with another token, and nothing but `role_name` for one of an AppRole: whoever may make such a token, or a
    /// secret id of the role, may say of it what he likes.
    ///
    /// # Errors
    /// What can go wrong with any request, and with logging in.
    pub async fn claims(&self) -> Result<BTreeMap<String, Vec<String>>, Error> {
        let facts = self.token().await?;
        if facts.path.starts_with("auth/token/") {
            return Ok(BTreeMap::new());
        }
        let mut metadata = facts.metadata;
        let jwt = self.0.session.jwt()?;
        // A given token does not say which method it came of, and its mount may have any name.
        if jwt.is_none() && metadata.contains_key(OF_APPROLES) {
            metadata.retain(|name, _| name == OF_APPROLES);
        }
        // Vault has verified it by now: the token came of it.
        let mut claims = jwt.map(|jwt| claims::of(&jwt)).unwrap_or_default();
        claims.extend(metadata.into_iter().map(|(name, value)| (name, vec![value])));
        Ok(claims)
    }

    /// The state of the node that answers, which needs no token.
    ///
    /// # Errors
    /// What can go wrong with any request.
    pub async fn health(&self) -> Result<Health, Error> {
        let path = "sys/health";
        let mut request = Request::new(Verb::Get, path);
        // Else each state has a status of its own.
        request.query = HEALTHY.map(|(name, value)| (name, value.to_owned())).to_vec();
        self.0.connection.send(&request).await?.json(path)
    }

    /// Gives back the tokens that logins got, as far as that can be done in a few seconds: what is left of them ends by
    /// itself. Does nothing with a token that was given.
    pub async fn log_out(&self) {
        let _ = tokio::time::timeout(FAREWELL, self.0.session.end(&self.0.connection)).await;
    }

    /// Sends a request with the token; where that is dead, with another.
    pub(super) async fn send(&self, mut request: Request<'_>) -> Result<Answer, Error> {
        let Inner { connection, session, .. } = &*self.0;
        let mut is_fresh = false;
        loop {
            let held = session.token(connection).await?;
            request.token = held.as_ref().map(|held| held.token.clone());
            let outcome = connection.send(&request).await;
            let (Err(error @ (Error::Denied { .. } | Error::NoMount { .. })), Some(held)) = (&outcome, held)
            else {
                return outcome;
            };
            if is_fresh || session.is_alive(connection, &held).await {
                return Err(error.clone());
            }
            session.replace(connection, &held).await?;
            is_fresh = true;
        }
    }
}

/// What Vault adds to the metadata of a secret id whenever an AppRole logs in, with or without one, over whatever is there
/// under this name. <https://developer.hashicorp.com/vault/docs/auth/approle>
const OF_APPROLES: &str = "role_name";

/// So long Vault may take to take tokens back.
const FAREWELL: Duration = Duration::from_secs(5);

/// Makes every state of a node that can answer a success.
const HEALTHY: [(&str, &str); 3] = [("standbyok", "true"), ("sealedcode", "200"), ("uninitcode", "200")];

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("address", &self.0.address).finish_non_exhaustive()
    }
}
