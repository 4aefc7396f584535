//! The requests about records.

use aws_sdk_route53::error::BuildError;
use aws_sdk_route53::types::{
    Change as ApiChange, ChangeAction, ChangeBatch, ResourceRecord, ResourceRecordSet, RrType,
};
use hydrant_hook_dns::Wish;
use hydrant_hook_dns::name::normalized;

use crate::account::Account;
use crate::change::Work;
use crate::error::Fault;
use crate::records::{Change, TxtSet};

/// The TXT set of a name.
///
/// # Errors
/// When it cannot be read, or is none to which a value can be added.
pub(crate) async fn read(work: &Work<'_>, record: &str) -> Result<Option<TxtSet>, Fault> {
    let ask = || {
        let request = work.account.client.list_resource_record_sets().hosted_zone_id(work.zone);
        request.start_record_name(record).start_record_type(RrType::Txt).max_items(1).send()
    };
    let page = work.account.pace.call("ListResourceRecordSets", Some(work.zone), ask).await?;
    // The list begins at the name, which need not be there.
    let set = page.resource_record_sets().iter().find(|set| normalized(set.name()) == record);
    let Some(set) = set.filter(|set| *set.r#type() == RrType::Txt) else { return Ok(None) };
    if set.set_identifier().is_some() || set.alias_target().is_some() {
        // Values of ours are in simple sets only.
        return match work.wish {
            Wish::Present => Err(Fault::NotSimple { record: record.to_owned() }),
            Wish::Absent => Ok(None),
        };
    }
    let values = set.resource_records().iter().map(|value| value.value().to_owned()).collect();
    Ok(Some(TxtSet { ttl: set.ttl().unwrap_or(work.ttl), values }))
}

/// Where a page of a zone's sets begins: at this name, or the first one behind it.
#[derive(Debug, Default)]
pub(crate) struct Start {
    pub(crate) name: String,
    pub(crate) kind: Option<RrType>,
    pub(crate) identifier: Option<String>,
}

/// A page of a zone's sets.
pub(crate) struct Page {
    /// Names with their TXT values, of whatever routing policy.
    pub(crate) texts: Vec<(String, Vec<String>)>,
    /// Where the next page begins.
    pub(crate) next: Option<Start>,
}

/// The sets from a name on, as many as the API gives at once.
///
/// # Errors
/// When they cannot be read.
pub(crate) async fn page(account: &Account, zone: &str, start: &Start) -> Result<Page, Fault> {
    let ask = || {
        let request = account.client.list_resource_record_sets().hosted_zone_id(zone);
        let request = request.start_record_name(&start.name).set_start_record_type(start.kind.clone());
        request.set_start_record_identifier(start.identifier.clone()).send()
    };
    let page = account.pace.call("ListResourceRecordSets", Some(zone), ask).await?;
    let sets = page.resource_record_sets().iter().filter(|set| *set.r#type() == RrType::Txt);
    let values = |set: &ResourceRecordSet| {
        set.resource_records().iter().map(|value| value.value().to_owned()).collect()
    };
    let next = page.next_record_name().filter(|_| page.is_truncated()).map(|name| Start {
        name: normalized(name),
        kind: page.next_record_type().cloned(),
        identifier: page.next_record_identifier().map(str::to_owned),
    });
    Ok(Page { texts: sets.map(|set| (normalized(set.name()), values(set))).collect(), next })
}

/// Sends changes as one batch, of which all or nothing is done; gives the id of the change.
///
/// # Errors
/// [`Fault::Refused`] when one of them does not fit what is there; others as they come.
pub(crate) async fn send(work: &Work<'_>, changes: &[(String, Change)]) -> Result<String, Fault> {
    let mut batch = ChangeBatch::builder();
    for (record, change) in changes {
        batch = batch.changes(api_change(record, change).map_err(|error| unbuilt(&error))?);
    }
    let batch = batch.build().map_err(|error| unbuilt(&error))?;
    let ask = || {
        let request = work.account.client.change_resource_record_sets().hosted_zone_id(work.zone);
        request.change_batch(batch.clone()).send()
    };
    let answer = work.account.pace.call("ChangeResourceRecordSets", Some(work.zone), ask).await?;
    let id = answer.change_info().map(|info| info.id().trim_start_matches("/change/").to_owned());
    Ok(id.unwrap_or_default())
}

fn api_change(record: &str, change: &Change) -> Result<ApiChange, BuildError> {
    let (action, set) = match change {
        Change::Create(set) => (ChangeAction::Create, set),
        Change::Delete(set) => (ChangeAction::Delete, set),
    };
    let values = set.values.iter().map(|value| ResourceRecord::builder().value(value).build());
    let set = ResourceRecordSet::builder()
        .name(record)
        .r#type(RrType::Txt)
        .ttl(set.ttl)
        .set_resource_records(Some(values.collect::<Result<_, _>>()?))
        .build()?;
    ApiChange::builder().action(action).resource_record_set(set).build()
}

/// The SDK would not make the request of it.
fn unbuilt(error: &BuildError) -> Fault {
    Fault::Refused { message: error.to_string() }
}
