//! One secret, written once and read back.

use std::time::Duration;

use hydrant::vault::{Client, Data, Error, Found, Kv};

use crate::certificate::Certificate;
use crate::error::Fault;
use crate::facts;
use crate::settings::Settings;

/// What became of a delivery that succeeded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The secret held all of it.
    AsItWas,
    /// It was written, and read back.
    Written {
        /// Mount and path.
        place: String,
        /// The version that was made.
        version: u64,
        /// What did not work, and does not make the delivery a failed one.
        warning: Option<String>,
    },
}

/// Makes the secret at `path` hold the certificate.
///
/// # Errors
/// What Vault refuses; others that write the same secret all the time.
pub async fn deliver(settings: &Settings, path: &str, certificate: &Certificate) -> Result<Outcome, Fault> {
    let client = Client::new(settings.vault.clone())?;
    let outcome = deliver_with(&client, settings, path, certificate).await;
    // A token that nobody uses any more would wait for its end. Whether it is gone does not change what was done.
    let _ = client.log_out().await;
    outcome
}

async fn deliver_with(
    client: &Client,
    settings: &Settings,
    path: &str,
    certificate: &Certificate,
) -> Result<Outcome, Fault> {
    let kv = client.kv(&settings.mount).await?;
    let place = format!("{}/{path}", kv.mount());
    let mut written = None;
    for tries in 0..MOST_TRIES {
        if tries > 0 {
            tokio::time::sleep(FIRST_PAUSE * (1 << tries)).await;
        }
        let found = kv.find(path).await?;
        let cas = found.cas();
        let (stored, custom) = match found {
            Found::Version(version) => (version.data, version.custom_metadata),
            Found::Absent | Found::Deleted { .. } => (Data::new(), Default::default()),
        };
        let wanted = settings.layout.filled(certificate, settings.owner.as_deref(), &stored);
        if cas > 0 && stored == wanted {
            let facts = facts::of(&certificate.leaf);
            let noted =
                if facts::are_stored(&facts, &custom) { Ok(()) } else { note(&kv, path, facts).await };
            let Some(version) = written else { return Ok(Outcome::AsItWas) };
            let warning = noted.err().map(|error| format!("{place}: no facts beside it: {error}"));
            return Ok(Outcome::Written { place, version, warning });
        }
        // Our own write must read as it was written, unless somebody has written on top.
        if written == Some(cas) {
            return Err(Fault::Differs { place });
        }
        match kv.write(path, &wanted, cas).await {
            Ok(version) => written = Some(version),
            Err(Error::Conflict { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Fault::Contended { place, tries: MOST_TRIES })
}

async fn note(kv: &Kv, path: &str, facts: std::collections::BTreeMap<String, String>) -> Result<(), Error> {
    let changes = facts.into_iter().map(|(name, value)| (name, Some(value))).collect();
    kv.patch_custom_metadata(path, &changes).await
}

const MOST_TRIES: u32 = 8;
const FIRST_PAUSE: Duration = Duration::from_millis(10);
