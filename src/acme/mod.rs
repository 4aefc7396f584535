//! RFC 8555 and its extensions: accounts, orders, certificates of one CA. Knows HTTP and keys; no files, hooks or settings.
//!
//! # Theory of operation
//!
//! [`Client::connect`] fetches the directory, alone, so that everything after it shares one HTTP/2 connection. Every other
//! request goes through `connection::Connection::send`, which is the only place that repeats anything:
//!
//! - At most [`ClientOptions::in_flight`] requests are under way; waiting for a pause or for the next try takes no place.
//! - Nonces come from a pool that every answer refills. A `badNonce` answer is repeated with the nonce it carries.
//! - 429 and 503 with a short `Retry-After` are waited for, and with them every request that would meet the same answer;
//!   a long one is returned for the caller to plan with.
//! - What never reached the CA is repeated. So is what got no answer, where the second request does no harm; where it might
//!   (finalize, key change) the caller looks at what became of the first.
//! - Whatever ends in failure ends with the first thing the CA had to say about it.
//!
//! A fresh order of N names costs 2N+5 requests: newOrder, N authorizations, N answers, two polls of the order, finalize and
//! the certificate; and a run costs two more, for the directory and the first nonce.

mod account;
mod authorization;
mod certificate;
mod challenge;
mod client;
mod connection;
mod directory;
mod error;
mod jws;
mod link;
mod nonce;
mod options;
mod order;
pub mod persist;
mod problem;
mod renewal_info;
mod retry;
mod revocation;
mod roots;
mod server_url;
mod transport;

pub use account::{Account, AccountDetails, EabAlgorithm, ExternalAccount, NewAccount, Registration};
pub use authorization::{Authorization, AuthorizationStatus};
pub use certificate::Downloaded;
pub use challenge::{
    Challenge, ChallengeStatus, dns_account01_label, dns01_value, key_authorization, tls_alpn01_digest,
    tls_alpn01_hook_value,
};
pub use client::Client;
pub use connection::UnderWay;
pub use directory::{Directory, Meta};
pub use error::Error;
pub(crate) use error::{innermost, is_untrusted, start_of};
pub use link::Link;
pub(crate) use options::Scheme;
pub use options::{ClientOptions, Family, RootsFile, Source};
pub use order::{NewOrder, Order, OrderGoal, OrderStatus};
pub use problem::Problem;
pub use renewal_info::RenewalInfo;
pub use retry::RetryRules;
pub(crate) use retry::{Course, Setback, answered_at, retry_after};
pub use roots::BadRoots;
pub(crate) use roots::system_roots;
pub use server_url::{ServerUrl, ServerUrlError};
pub use transport::{Exchange, Observer};

#[cfg(test)]
mod tests;
