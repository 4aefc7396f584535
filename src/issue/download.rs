//! Which of the chains that the CA has for a certificate.

use super::{IssueError, Issuing};
use crate::acme::{Order, ServerUrl};
use crate::chain::Chain;
use crate::report::Event;

impl Issuing<'_, '_> {
    /// The default chain, or the first alternate that ends at the issuer which was asked for.
    pub(super) async fn preferred_chain(&self, order: &Order) -> Result<Chain, IssueError> {
        let downloaded = self.unless_stopped(self.job.account.certificate(order)).await?;
        let downloaded = downloaded.map_err(IssueError::Download)?;
        let default = Chain::parse(&downloaded.pem)?;
        let Some(wanted) = &self.job.settings.preferred_chain else { return Ok(default) };
        if default.ends_at(wanted) {
            return Ok(default);
        }
        let mut offered = vec![default.last_issuer().to_owned()];
        for alternate in &downloaded.alternates {
            let Some(chain) = self.alternate(alternate).await? else { continue };
            if chain.ends_at(wanted) {
                return Ok(chain);
            }
            offered.push(chain.last_issuer().to_owned());
        }
        // The order is spent and the certificate is good: keep it rather than none.
        self.tell(&Event::ChainNotOffered { name: self.job.name, wanted, offered: &offered });
        Ok(default)
    }

    /// Another chain for the same leaf; None for one that the CA names and does not have.
    async fn alternate(&self, url: &ServerUrl) -> Result<Option<Chain>, IssueError> {
        match self.unless_stopped(self.job.account.certificate_at(url)).await? {
            Ok(downloaded) => Ok(Chain::parse(&downloaded.pem).ok()),
            Err(error) if error.is_refusal() => Ok(None),
            Err(error) => Err(IssueError::Download(error)),
        }
    }
}
