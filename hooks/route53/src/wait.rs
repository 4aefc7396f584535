//! Waits until changes are on all name servers of their zones.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use aws_sdk_route53::types::ChangeStatus;
use futures_util::future::join_all;

use crate::account::Account;
use crate::error::Fault;
use crate::settings::Settings;

/// How much longer each pause is than the one before.
const GROWTH: (u32, u32) = (3, 2);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Asks for the state of all changes together until each is in sync; gives what went wrong with those that are not.
pub async fn until_in_sync(
    settings: &Settings,
    changes: BTreeMap<String, &Account>,
) -> BTreeMap<String, Fault> {
    let mut faults = BTreeMap::new();
    let mut pending = changes;
    let deadline = Instant::now() + settings.patience;
    let mut pause = settings.first_poll;
    while !pending.is_empty() {
        if Instant::now() >= deadline {
            let seconds = settings.patience.as_secs();
            faults.extend(pending.into_keys().map(|id| (id, Fault::Pending { seconds })));
            break;
        }
        // Seldom is a change everywhere at once: asking directly after it would be for nothing.
        tokio::time::sleep(pause.min(deadline - Instant::now())).await;
        pause = (pause * GROWTH.0 / GROWTH.1).min(LONGEST_PAUSE);
        let asked =
            join_all(pending.iter().map(async |(id, account)| (id.clone(), is_in_sync(account, id).await)));
        for (id, answer) in asked.await {
            match answer {
                Ok(false) => {}
                Ok(true) => drop(pending.remove(&id)),
                Err(fault) => {
                    pending.remove(&id);
                    faults.insert(id, fault);
                }
            }
        }
    }
    faults
}

async fn is_in_sync(account: &Account, id: &str) -> Result<bool, Fault> {
    let ask = || account.client.get_change().id(id).send();
    let answer = account.pace.call("GetChange", None, ask).await?;
    Ok(answer.change_info().is_some_and(|info| *info.status() == ChangeStatus::Insync))
}
