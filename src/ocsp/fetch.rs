//! Asks an OCSP responder (RFC 6960, appendix A).

use std::sync::Arc;

use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::redirect;
use thiserror::Error;

use super::{OcspError, Subject};
use crate::acme::{ClientOptions, Scheme};

/// The way to responders. Cheap to make.
#[derive(Debug)]
pub struct Responders {
    http: reqwest::Client,
}

impl Responders {
    /// On the way that is taken to the CA.
    ///
    /// # Errors
    /// [`FetchError::Unreachable`] when the configured proxy is none.
    pub fn new(options: &ClientOptions) -> Result<Self, FetchError> {
        let builder = reqwest::Client::builder()
            .user_agent(concat!("hydrant/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::limited(3))
            .referer(false);
        let builder = options.reach(builder, Scheme::Http)?;
        Ok(Self { http: builder.build()? })
    }

    /// What the certificate's responder answers, not yet looked into.
    ///
    /// # Errors
    /// It has none; it cannot be reached; it answers with no OCSP response.
    pub async fn ask(&self, subject: &Subject) -> Result<Vec<u8>, FetchError> {
        let url = subject.responder().ok_or(FetchError::NoResponder)?;
        let post = self.http.post(url).header(CONTENT_TYPE, "application/ocsp-request");
        let post = post.header(ACCEPT, "application/ocsp-response").body(subject.request()?);
        let mut response = post.send().await?;
        if !response.status().is_success() {
            return Err(FetchError::Status { url: url.to_owned(), status: response.status().as_u16() });
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            body.extend_from_slice(&chunk);
            // Responses have one or two kilobytes; what is cut off here cannot be read, and says so.
            if body.len() > LONGEST {
                break;
            }
        }
        Ok(body)
    }
}

const LONGEST: usize = 1 << 18;

/// Why a responder gave no answer.
#[derive(Clone, Debug, Error)]
pub enum FetchError {
    /// The certificate names none.
    #[error("the certificate names no OCSP responder")]
    NoResponder,
    /// The question could not be asked.
    #[error(transparent)]
    Ocsp(#[from] OcspError),
    /// An HTTP error.
    #[error("the OCSP responder `{url}` answers with HTTP {status}")]
    Status {
        /// The responder.
        url: String,
        /// The status.
        status: u16,
    },
    /// Nothing came back.
    #[error("the OCSP responder cannot be reached")]
    Unreachable(#[source] Arc<reqwest::Error>),
}

impl From<reqwest::Error> for FetchError {
    fn from(error: reqwest::Error) -> Self {
        Self::Unreachable(Arc::new(error))
    }
}
