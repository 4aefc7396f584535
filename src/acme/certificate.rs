//! Certificates (RFC 8555 §7.4.2): downloaded, with the other chains there are.

use super::client::Post;
use super::{Account, Error, Order, ServerUrl, link};

/// A chain as the CA gave it. Nothing of it has been looked at.
#[derive(Clone, Debug)]
pub struct Downloaded {
    /// The leaf and what is above it.
    pub pem: String,
    /// Where the same leaf is with other chains.
    pub alternates: Vec<ServerUrl>,
}

impl Account {
    /// Downloads the certificate of an order that is valid.
    ///
    /// # Errors
    /// [`Error::NotOffered`] if it is not.
    pub async fn certificate(&self, order: &Order) -> Result<Downloaded, Error> {
        let url = order.certificate.as_ref().ok_or(Error::NotOffered { resource: "certificate" })?;
        self.certificate_at(url).await
    }

    /// Downloads a chain by its URL.
    ///
    /// # Errors
    /// If it is not there, or no text.
    pub async fn certificate_at(&self, url: &ServerUrl) -> Result<Downloaded, Error> {
        let post = Post { accept: Some("application/pem-certificate-chain"), ..Post::as_get(url) };
        let reply = self.post(post).await?;
        let alternates = link::with_relation(&reply.headers, "alternate", url);
        let pem = String::from_utf8(reply.body).map_err(|error| Error::malformed(url, &error))?;
        Ok(Downloaded { pem, alternates })
    }
}
