//! `hydrant account`: the account at the CA.

use time::OffsetDateTime;

use super::gather::Gathered;
use crate::acme::Account;
use crate::error::{Error, ExitCode};
use crate::key::PrivateKey;
use crate::report::Event;
use crate::runner::{Authorities, AuthorityError, Unavailable, named_key, store_error};

/// What to do with it.
#[derive(Clone, Debug)]
pub enum AccountAction {
    /// Register it, if it is not.
    Register,
    /// Print what the CA knows of it.
    Show,
    /// Send the configured contacts.
    Update,
    /// Change its key.
    Rollover {
        /// To this one; None: to a fresh one.
        new_key: Option<PrivateKey>,
    },
    /// End it.
    Deactivate,
}

/// Does it, at the CA that is configured.
///
/// # Errors
/// The CA cannot be reached or refuses; the account store cannot be read or written.
pub async fn account(gathered: &Gathered, action: AccountAction) -> Result<ExitCode, Error> {
    let config = &gathered.config;
    let accounts = gathered.accounts();
    let ca = &config.everywhere().ca;
    let authorities = Authorities::new(config, accounts, &gathered.reporter);
    if matches!(action, AccountAction::Register) {
        let registration = authorities.register(ca).await.map_err(|error| error.to_error())?;
        return Ok(print(gathered, &registration.account, &registration.body));
    }
    let account = authorities.existing(ca).await.map_err(|error| error.to_error())?;
    match action {
        AccountAction::Register => {}
        AccountAction::Show => {
            let details = account.show().await.map_err(acme_error)?;
            return Ok(print(gathered, &account, &details.body));
        }
        AccountAction::Update => {
            let details = account.update_contacts(&config.account.contacts).await.map_err(acme_error)?;
            let now = OffsetDateTime::now_utc().unix_timestamp();
            let saved = accounts.save_registration(ca.directory.as_str(), &details.body, now).await;
            saved.map_err(store_error)?;
            return Ok(print(gathered, &account, &details.body));
        }
        AccountAction::Rollover { new_key } => {
            let new_key = match new_key {
                Some(key) => key,
                None => PrivateKey::generate(config.account.key_type).map_err(Error::failed)?,
            };
            // Both keys are kept until the CA has confirmed: a run cut off in between can still sign in.
            let directory = ca.directory.as_str();
            // One that another run has begun with is gone on with.
            let begun = accounts.begin_rollover(directory, &new_key.to_file_pem()).await;
            let begun = begun.map_err(store_error)?;
            let new_key = PrivateKey::from_pem(begun.expose()).map_err(Error::failed)?;
            match account.rollover(&new_key).await {
                Ok(_) => accounts.finish_rollover(directory, &begun).await.map_err(store_error)?,
                Err(error) => {
                    if error.problem().is_some() {
                        accounts.abandon_rollover(directory).await.map_err(store_error)?;
                    }
                    return Err(acme_error(error));
                }
            }
            done(gathered, &account, "key changed");
            tell_of_stale_key(gathered, &new_key)?;
        }
        AccountAction::Deactivate => {
            account.deactivate().await.map_err(acme_error)?;
            accounts.mark_deactivated(ca.directory.as_str()).await.map_err(store_error)?;
            done(gathered, &account, "deactivated");
        }
    }
    Ok(ExitCode::Success)
}

fn print(gathered: &Gathered, account: &Account, body: &str) -> ExitCode {
    let known: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
    if gathered.reporter.is_json() {
        let document = serde_json::json!({ "version": 1, "url": account.url().as_str(), "account": known });
        gathered.reporter.json(&document);
        return ExitCode::Success;
    }
    let mut text = format!("account: {}\nkey: {}\n", account.url(), account.key().key_type());
    if let Some(status) = known.get("status").and_then(serde_json::Value::as_str) {
        text.push_str(&format!("status: {status}\n"));
    }
    let contacts = known.get("contact").and_then(serde_json::Value::as_array).into_iter().flatten();
    for contact in contacts.filter_map(serde_json::Value::as_str) {
        text.push_str(&format!("contact: {contact}\n"));
    }
    gathered.reporter.document(&text);
    ExitCode::Success
}

fn done(gathered: &Gathered, account: &Account, done: &str) {
    let url = account.url().as_str();
    if gathered.reporter.is_json() {
        gathered.reporter.json(&serde_json::json!({ "version": 1, "url": url, "done": done }));
    } else {
        gathered.reporter.event(&Event::Notice(&format!("account {done}: {url}")));
    }
}

/// The key that was named was the account's until now; from now on it is refused.
fn tell_of_stale_key(gathered: &Gathered, new_key: &PrivateKey) -> Result<(), Error> {
    let settings = &gathered.config.account;
    let named = named_key(settings).map_err(|error| Unavailable::from(error).to_error())?;
    let is_stale = named.is_some_and(|named| named.public_key_der() != new_key.public_key_der());
    if let Some(path) = settings.key_file.as_ref().filter(|_| is_stale) {
        let path = path.display();
        let note =
            format!("note: `{path}` is not the account's key any more; leave out `account_key` from now on");
        gathered.reporter.aside(&note);
    }
    Ok(())
}

/// An error of the CA, or on the way to it.
pub(super) fn acme_error(error: crate::acme::Error) -> Error {
    Unavailable::from(AuthorityError::from(error)).to_error()
}
