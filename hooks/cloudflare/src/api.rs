//! The five requests: <https://developers.cloudflare.com/api/resources/dns/subresources/records/>.

use reqwest::Method;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::client::{Client, Failure, Request};
use crate::error::Fault;

/// A zone, as much of it as is needed.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct ZoneFound {
    pub(crate) id: String,
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) status: String,
}

/// A record, as much of it as is needed.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct RecordFound {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) content: String,
    #[serde(default)]
    pub(crate) created_on: Option<String>,
}

/// What to do in one transaction.
pub(crate) enum Batch {
    Create(Vec<Value>),
    Delete(Vec<String>),
}

/// Zones on a page, the most that there may be.
const ZONES_A_PAGE: u32 = 50;
/// Records on a page: there may be more, but they have to arrive in time.
const RECORDS_A_PAGE: u32 = 1000;

/// A page of the zones that the token sees, from 1, and how many there are; of all of them, or of those with a name.
pub(crate) async fn zones(
    client: &Client,
    page: u64,
    name: Option<&str>,
) -> Result<(Vec<ZoneFound>, u64), Fault> {
    let mut query = vec![("page", page.to_string()), ("per_page", ZONES_A_PAGE.to_string())];
    query.extend(name.map(|name| ("name", name.to_owned())));
    let request = Request {
        action: "listing zones",
        zone: None,
        method: Method::GET,
        path: "/zones".into(),
        query,
        body: None,
    };
    let answer = ask(client, &request).await?;
    let pages = answer.pages;
    Ok((read(&request, answer)?, pages))
}

/// A page of the TXT records of a zone, from 1, and how many there are; of all of it, or of those with a name.
pub(crate) async fn records(
    client: &Client,
    zone: &str,
    page: u64,
    name: Option<&str>,
) -> Result<(Vec<RecordFound>, u64), Fault> {
    let mut query = vec![
        ("type", "TXT".to_owned()),
        // What stands where must not be different with each request.
        ("order", "name".to_owned()),
        ("page", page.to_string()),
        ("per_page", RECORDS_A_PAGE.to_string()),
    ];
    query.extend(name.map(|name| ("name", name.to_owned())));
    let request = Request {
        action: "listing records",
        zone: Some(zone),
        method: Method::GET,
        path: format!("/zones/{zone}/dns_records"),
        query,
        body: None,
    };
    let answer = ask(client, &request).await?;
    let pages = answer.pages;
    Ok((read(&request, answer)?, pages))
}

/// A TXT record as it is created.
pub(crate) fn record(name: &str, content: &str, ttl: u32) -> Value {
    json!({ "type": "TXT", "name": name, "content": content, "ttl": ttl })
}

/// Creates a record; one that is there already is as good.
pub(crate) async fn create(client: &Client, zone: &str, record: &Value) -> Result<(), Fault> {
    let request = Request {
        action: "the record",
        zone: Some(zone),
        method: Method::POST,
        path: format!("/zones/{zone}/dns_records"),
        query: Vec::new(),
        body: Some(record.clone()),
    };
    match client.call(&request).await {
        Err(Failure::Refused(refusal)) if refusal.is_there() => Ok(()),
        other => other.map(drop).map_err(|failure| client.fault(&request, failure)),
    }
}

/// Deletes a record; one that is not there any more is as good.
pub(crate) async fn delete(client: &Client, zone: &str, id: &str) -> Result<(), Fault> {
    let request = Request {
        action: "to delete the record",
        zone: Some(zone),
        method: Method::DELETE,
        path: format!("/zones/{zone}/dns_records/{id}"),
        query: Vec::new(),
        body: None,
    };
    match client.call(&request).await {
        Err(Failure::Refused(refusal)) if refusal.is_gone() => Ok(()),
        other => other.map(drop).map_err(|failure| client.fault(&request, failure)),
    }
}

/// Why nothing of a batch was done.
#[derive(Debug)]
pub(crate) enum NotDone {
    /// A record to create is there already, or one to delete is not.
    Conflict,
    /// Something else.
    Fault(Fault),
    /// It is refused to do several at once. If it is more than that, a single request will say so.
    NoBatch,
}

/// Creates or deletes many records in one transaction: all or none.
pub(crate) async fn batch(client: &Client, zone: &str, batch: &Batch) -> Result<(), NotDone> {
    let body = match batch {
        Batch::Create(records) => json!({ "posts": records }),
        Batch::Delete(ids) => {
            json!({ "deletes": ids.iter().map(|id| json!({ "id": id })).collect::<Vec<_>>() })
        }
    };
    let request = Request {
        action: "the batch of records",
        zone: Some(zone),
        method: Method::POST,
        path: format!("/zones/{zone}/dns_records/batch"),
        query: Vec::new(),
        body: Some(body),
    };
    match client.call(&request).await {
        Ok(_) => Ok(()),
        Err(Failure::Refused(refusal)) if refusal.is_there() || refusal.is_gone() => Err(NotDone::Conflict),
        Err(Failure::Refused(refusal)) if refusal.is_of_route() => Err(NotDone::NoBatch),
        Err(failure) => Err(NotDone::Fault(client.fault(&request, failure))),
    }
}

async fn ask(client: &Client, request: &Request<'_>) -> Result<Answer, Fault> {
    client.call(request).await.map_err(|failure| client.fault(request, failure))
}

fn read<T: DeserializeOwned>(request: &Request<'_>, answer: Answer) -> Result<T, Fault> {
    serde_json::from_value(answer.result).map_err(|error| Fault::Refused {
        action: request.action,
        message: format!("its answer cannot be read: {error}"),
    })
}
