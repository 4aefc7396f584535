//! One secret, written once and read back.

use std::collections::BTreeMap;
use std::time::Duration;

use hydrant::vault::{Client, Data, Error, Kv};

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
    client.log_out().await;
    outcome
}

async fn deliver_with(
    client: &Client,
    settings: &Settings,
    path: &str,
    certificate: &Certificate,
) -> Result<Outcome, Fault> {
    let kv = client.kv_in_passing(&settings.base.mount)?;
    let place = format!("{}/{path}", kv.mount());
    let facts = facts::of(&certificate.leaf);
    for tries in 0..MOST_TRIES {
        if tries > 0 {
            tokio::time::sleep((FIRST_PAUSE * (1 << tries)).min(LONGEST_PAUSE)).await;
        }
        let found = kv.find(path).await?;
        let cas = found.cas();
        let stored = found.version();
        let nothing = Data::new();
        let fields = stored.as_ref().map_or(&nothing, |version| &version.data);
        let wanted = settings.layout.filled(&certificate.content(settings.owner.as_deref()), fields);
        if let Some(stored) = stored.filter(|stored| stored.data == wanted) {
            if !facts::are_stored(&facts, &stored.custom_metadata) {
                // They are no part of the certificate: what keeps them from being written was said when it was new.
                let _ = note(&kv, path, facts).await;
            }
            return Ok(Outcome::AsItWas);
        }
        let version = match kv.write(path, &wanted, cas).await {
            Err(Error::Conflict { .. }) => continue,
            written => written?,
        };
        // This very version: somebody else may have written another on top.
        if kv.read_version(path, version).await?.data != wanted {
            return Err(Fault::Differs { place });
        }
        let warning = note(&kv, path, facts).await.err();
        let warning = warning.map(|error| format!("{place}: no facts beside it: {error}"));
        return Ok(Outcome::Written { place, version, warning });
    }
    Err(Fault::Contended { place, tries: MOST_TRIES })
}

async fn note(kv: &Kv, path: &str, facts: BTreeMap<String, String>) -> Result<(), Error> {
    let changes = facts.into_iter().map(|(name, value)| (name, Some(value))).collect();
    kv.patch_custom_metadata(path, &changes).await
}

const MOST_TRIES: u32 = 16;
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);
