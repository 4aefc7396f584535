//! `dehydrated --signcsr`: a certificate for a request, on stdout as scripts expect it.

use std::path::Path;

use super::session::{Session, ended};
use crate::commands::gather::Gathered;
use crate::commands::{read_bytes, sign_csr};
use crate::csr::Csr;
use crate::error::{Error, ExitCode};

/// Has the request signed and prints `# CERT #` and all that the CA gave, with `full_chain` also `# CHAIN #` and the
/// issuers alone.
///
/// # Errors
/// The request cannot be read, or the certificate cannot be had.
pub(super) async fn sign(gathered: &Gathered, path: &Path, full_chain: bool) -> Result<ExitCode, Error> {
    let session = Session::begin(gathered, "sign_csr").await?;
    let signed = session
        .run(async {
            session.account().await?;
            let csr = read_bytes(path, Csr::read)?;
            sign_csr::sign(gathered, &csr, &session.authorities, &session.hooks, &session.stop).await
        })
        .await;
    let printed = signed.map(|chain| {
        let document = |text: &str| gathered.reporter.document(text);
        document(&format!("# CERT #\n{}", chain.fullchain_pem()));
        document("");
        if full_chain {
            document(&format!("# CHAIN #\n{}", chain.chain_pem()));
            document("");
        }
        ExitCode::Success
    });
    ended(&session.signals, printed)
}
