//! Tokens: got, renewed, replaced.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{LocalBoxFuture, Shared};
use serde::Deserialize;
use serde_json::json;
use tokio::time::Instant;

use super::answer::Answer;
use super::connection::{Connection, Request, Verb};
use super::{Auth, Error, SecretId, Source};
use crate::key::Secret;

pub(super) const LOOKUP: &str = "auth/token/lookup-self";

/// Who we are, and the token that proves it.
pub(super) struct Session(Rc<State>);

struct State {
    auth: Auth,
    held: RefCell<Option<Rc<Held>>>,
    /// What was held before, got by logins and not over yet.
    former: RefCell<Vec<Rc<Held>>>,
    /// A login or renewal that everybody waits for.
    under_way: RefCell<Option<Shared<Getting>>>,
    /// What a wrapping token gave, which it gives only once.
    unwrapped: RefCell<Option<Secret>>,
}

type Getting = LocalBoxFuture<'static, Result<Rc<Held>, Error>>;

/// A token.
pub(super) struct Held {
    pub(super) token: Secret,
    /// When it is to be renewed or looked into; `None`: never.
    due: Cell<Option<Instant>>,
    /// When it is over, as far as that is known.
    end: Cell<Option<Instant>>,
    /// How long it lived when it was new.
    lease: Cell<Duration>,
    is_renewable: Cell<bool>,
    /// Whether what is known about it comes from Vault.
    is_known: Cell<bool>,
    is_by_login: bool,
}

impl Session {
    pub(super) fn new(auth: Auth) -> Self {
        Self(Rc::new(State {
            auth,
            held: RefCell::default(),
            former: RefCell::default(),
            under_way: RefCell::default(),
            unwrapped: RefCell::default(),
        }))
    }

    /// The token, `None` where we go without.
    pub(super) async fn token(&self, connection: &Rc<Connection>) -> Result<Option<Rc<Held>>, Error> {
        if matches!(self.0.auth, Auth::None) {
            return Ok(None);
        }
        if let Some(held) = self.0.good() {
            return Ok(Some(held));
        }
        let getting = self.0.under_way.borrow().clone();
        let getting = getting.unwrap_or_else(|| {
            let getting = Rc::clone(&self.0).get(Rc::clone(connection)).boxed_local().shared();
            *self.0.under_way.borrow_mut() = Some(getting.clone());
            getting
        });
        let outcome = getting.clone().await;
        let mut under_way = self.0.under_way.borrow_mut();
        if under_way.as_ref().is_some_and(|other| other.ptr_eq(&getting)) {
            *under_way = None;
        }
        outcome.map(Some)
    }

    /// Whether Vault knows the token. A 403 says of a dead token what it says of one that may not do something.
    pub(super) async fn is_alive(&self, connection: &Connection, held: &Held) -> bool {
        let mut request = Request::new(Verb::Get, LOOKUP);
        request.token = Some(held.token.clone());
        !matches!(connection.send(&request).await, Err(Error::Denied { .. }))
    }

    /// Gets another token, unless somebody else has done so meanwhile.
    pub(super) async fn replace(&self, connection: &Rc<Connection>, dead: &Rc<Held>) -> Result<(), Error> {
        let is_current = self.0.held.borrow().as_ref().is_some_and(|held| Rc::ptr_eq(held, dead));
        if is_current {
            *self.0.held.borrow_mut() = None;
        }
        match self.token(connection).await? {
            // Nobody has put another one where this came from.
            Some(held) if held.token == dead.token => Err(Error::TokenRefused),
            _ => Ok(()),
        }
    }

    /// The JWT that is logged in with, if it is one.
    pub(super) fn jwt(&self) -> Result<Option<Secret>, Error> {
        match &self.0.auth {
            Auth::Jwt { jwt, .. } => jwt.fetch().map(Some),
            _ => Ok(None),
        }
    }

    /// Gives back what logins got, also one that is under way.
    pub(super) async fn end(&self, connection: &Connection) {
        let under_way = self.0.under_way.borrow_mut().take();
        if let Some(getting) = under_way {
            let _ = getting.await;
        }
        self.0.retire();
        let former = std::mem::take(&mut *self.0.former.borrow_mut());
        let revocations = former.iter().filter(|held| !held.is_over()).map(|held| async {
            let mut request = Request::new(Verb::Post, "auth/token/revoke-self").without_answer();
            request.token = Some(held.token.clone());
            let _ = connection.send(&request).await;
        });
        futures_util::future::join_all(revocations).await;
    }
}

impl State {
    /// The token that is held, unless something is to be done about it first.
    fn good(&self) -> Option<Rc<Held>> {
        let held = self.held.borrow().clone()?;
        let is_due = held.due.get().is_some_and(|due| due <= Instant::now());
        (!is_due).then_some(held)
    }

    async fn get(self: Rc<Self>, connection: Rc<Connection>) -> Result<Rc<Held>, Error> {
        let old = self.held.borrow().clone();
        if let Some(old) = old
            && old.is_prolonged(&connection, self.can_log_in()).await
        {
            return Ok(old);
        }
        let held = Rc::new(self.log_in(&connection).await?);
        self.retire();
        *self.held.borrow_mut() = Some(Rc::clone(&held));
        Ok(held)
    }

    /// Holds no token any more. Requests that are under way may still use it: it is given back at the end.
    fn retire(&self) {
        let mut former = self.former.borrow_mut();
        former.retain(|held| !held.is_over());
        former.extend(self.held.borrow_mut().take_if(|held| held.is_by_login));
    }

    fn can_log_in(&self) -> bool {
        !matches!(self.auth, Auth::None | Auth::Token(Source::Text(_)))
    }

    async fn log_in(&self, connection: &Connection) -> Result<Held, Error> {
        let (mount, body) = match &self.auth {
            // Never asked for one.
            Auth::None => return Err(Error::TokenRefused),
            Auth::Token(source) => return Ok(Held::given(source.fetch()?)),
            Auth::AppRole { mount, role_id, secret_id } => {
                let secret_id = match secret_id {
                    Some(secret_id) => Some(self.secret_id(connection, mount, secret_id).await?),
                    None => None,
                };
                (mount, json!({ "role_id": role_id, "secret_id": secret_id }))
            }
            Auth::Jwt { mount, role, jwt } => (mount, json!({ "role": role, "jwt": jwt.fetch()? })),
        };
        let mut body = body;
        let path = format!("auth/{}/login", mount.trim_matches('/'));
        let request = Request::new(Verb::Post, &path).with(&body);
        super::data::wipe(&mut body);
        let request = Request { is_login: true, ..request? };
        let answer = connection.send(&request).await.map_err(|error| refused(mount, error))?;
        let granted = granted(&answer, &path)?;
        Ok(Held::granted(granted))
    }

    async fn secret_id(&self, connection: &Connection, mount: &str, id: &SecretId) -> Result<Secret, Error> {
        let source = match id {
            SecretId::Plain(source) => return source.fetch(),
            SecretId::Wrapped(source) => source,
        };
        if let Some(unwrapped) = self.unwrapped.borrow().clone() {
            return Ok(unwrapped);
        }
        let unwrapped = unwrap(connection, mount, &source.fetch()?).await?;
        *self.unwrapped.borrow_mut() = Some(unwrapped.clone());
        Ok(unwrapped)
    }
}

impl Held {
    /// A token that somebody else got. Whether it must be renewed is asked only once it is needed for longer.
    fn given(token: Secret) -> Self {
        Self {
            token,
            due: Cell::new(Some(Instant::now() + SHORT_USE)),
            end: Cell::new(None),
            lease: Cell::new(Duration::ZERO),
            is_renewable: Cell::new(false),
            is_known: Cell::new(false),
            is_by_login: false,
        }
    }

    fn granted(granted: Granted) -> Self {
        let held = Self { is_by_login: true, ..Self::given(granted.client_token) };
        held.lives(Duration::from_secs(granted.lease_duration), granted.renewable);
        held
    }

    fn is_over(&self) -> bool {
        self.end.get().is_some_and(|end| end <= Instant::now())
    }

    /// Notes how long it lives from now on.
    fn lives(&self, left: Duration, is_renewable: bool) {
        let now = Instant::now();
        self.is_known.set(true);
        self.is_renewable.set(is_renewable);
        self.lease.set(self.lease.get().max(left));
        let lives = !left.is_zero();
        self.due.set(lives.then(|| now + left * 2 / 3));
        self.end.set(lives.then(|| now + left));
    }

    /// Sees to it that the token can be used for a while. False: another one is needed.
    async fn is_prolonged(&self, connection: &Connection, can_log_in: bool) -> bool {
        if !self.is_known.get() {
            self.look(connection).await;
            if self.due.get().is_none_or(|due| due > Instant::now()) {
                return true;
            }
        }
        if self.is_renewable.get() && self.renew(connection).await {
            return true;
        }
        if can_log_in {
            return false;
        }
        // It is used to its end, and then Vault says so.
        self.due.set(None);
        true
    }

    async fn look(&self, connection: &Connection) {
        let mut request = Request::new(Verb::Get, LOOKUP);
        request.token = Some(self.token.clone());
        self.is_known.set(true);
        let Ok(facts) = connection.send(&request).await.and_then(|answer| looked_up(&answer)) else {
            // A policy may forbid it to look at itself.
            self.due.set(None);
            return;
        };
        let (ttl, whole) = (Duration::from_secs(facts.ttl), Duration::from_secs(facts.creation_ttl));
        self.lives(ttl, facts.renewable.unwrap_or_default());
        self.lease.set(whole.max(ttl));
        // Seconds are told rounded down: 0 is for ever only where there never was an end.
        if !whole.is_zero() {
            self.due.set(Some(Instant::now() + ttl.saturating_sub(whole / 3)));
        }
    }

    async fn renew(&self, connection: &Connection) -> bool {
        let path = "auth/token/renew-self";
        let Ok(mut request) = Request::new(Verb::Post, path).with(&json!({})) else { return false };
        request.token = Some(self.token.clone());
        // Whoever can log in need not insist.
        request.repeat_if_lost = false;
        match connection.send(&request).await.and_then(|answer| granted(&answer, path)) {
            Ok(granted) => {
                let left = Duration::from_secs(granted.lease_duration);
                // Less than it had when it was new: its longest life ends, and Vault renews it no more.
                let is_last = left < self.lease.get();
                self.lives(left, granted.renewable && !is_last);
                true
            }
            Err(_) => false,
        }
    }
}

/// How long a given token is used without asking how long it lives.
const SHORT_USE: Duration = Duration::from_secs(2);

/// The part of an answer that has a token.
#[derive(Deserialize)]
struct Granted {
    client_token: Secret,
    lease_duration: u64,
    renewable: bool,
}

fn granted(answer: &Answer, path: &str) -> Result<Granted, Error> {
    #[derive(Deserialize)]
    struct Document {
        auth: Granted,
    }
    Ok(answer.json::<Document>(path)?.auth)
}

#[derive(Deserialize)]
pub(super) struct LookedUp {
    pub(super) display_name: String,
    pub(super) policies: Vec<String>,
    pub(super) ttl: u64,
    pub(super) creation_ttl: u64,
    /// A root token has none.
    pub(super) renewable: Option<bool>,
    #[serde(default)]
    pub(super) path: String,
    pub(super) meta: Option<BTreeMap<String, String>>,
}

pub(super) fn looked_up(answer: &Answer) -> Result<LookedUp, Error> {
    #[derive(Deserialize)]
    struct Document {
        data: LookedUp,
    }
    Ok(answer.json::<Document>(LOOKUP)?.data)
}

/// Takes the secret id out of a wrapping token, after a look at where it comes from: who could put another token in
/// its place would have us log in as somebody else.
async fn unwrap(connection: &Connection, mount: &str, wrapping: &Secret) -> Result<Secret, Error> {
    #[derive(Deserialize)]
    struct Lookup {
        data: Wrapped,
    }
    #[derive(Deserialize)]
    struct Wrapped {
        creation_path: String,
    }
    #[derive(Deserialize)]
    struct Document {
        data: Unwrapped,
    }
    #[derive(Deserialize)]
    struct Unwrapped {
        secret_id: Secret,
    }
    let gone = |error| match error {
        Error::Refused { status: 400, .. } | Error::Denied { .. } => Error::Unwrapped,
        error => error,
    };
    let path = "sys/wrapping/lookup";
    let request = Request::new(Verb::Post, path).with(&json!({ "token": wrapping }))?;
    let Wrapped { creation_path } = connection.send(&request).await.map_err(gone)?.json::<Lookup>(path)?.data;
    let role = creation_path.strip_prefix(&format!("auth/{}/role/", mount.trim_matches('/')));
    if !role.is_some_and(|rest| rest.ends_with("/secret-id")) {
        return Err(Error::WrappedElsewhere { mount: mount.to_owned(), path: creation_path });
    }
    let path = "sys/wrapping/unwrap";
    let mut request = Request::new(Verb::Post, path);
    request.token = Some(wrapping.clone());
    // The second time it would be refused: a lost answer is not asked for again.
    request.repeat_if_lost = false;
    Ok(connection.send(&request).await.map_err(gone)?.json::<Document>(path)?.data.secret_id)
}

fn refused(mount: &str, error: Error) -> Error {
    let mount = mount.to_owned();
    match error {
        Error::Refused { message, .. } => Error::LoginRefused { mount, message },
        error => error,
    }
}
