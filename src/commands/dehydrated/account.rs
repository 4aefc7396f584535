//! dehydrated's commands for the account: `--register`, `--account`, `--deactivate`, `--display-terms`.

use time::OffsetDateTime;

use super::session::{Session, ended};
use crate::commands::account::acme_error;
use crate::commands::gather::Gathered;
use crate::error::{Error, ExitCode};
use crate::runner::store_error;

/// What to do with the account.
#[derive(Clone, Copy, Debug)]
pub(super) enum AccountCommand {
    Deactivate,
    DisplayTerms,
    Register,
    Update,
}

/// Does it, at the CA that is configured.
///
/// # Errors
/// The CA cannot be reached or refuses; the account store cannot be read or written.
pub(super) async fn account(gathered: &Gathered, command: AccountCommand) -> Result<ExitCode, Error> {
    let name = match command {
        AccountCommand::Deactivate => "deactivate",
        AccountCommand::DisplayTerms => "terms",
        AccountCommand::Register => "register",
        AccountCommand::Update => "account",
    };
    let session = Session::begin(gathered, name).await?;
    let done = session
        .run(async {
            match command {
                AccountCommand::Deactivate => deactivate(&session).await?,
                AccountCommand::DisplayTerms => display_terms(&session).await?,
                AccountCommand::Register => register(&session).await?,
                AccountCommand::Update => update(&session).await?,
            }
            Ok(ExitCode::Success)
        })
        .await;
    ended(&session.signals, done)
}

async fn register(session: &Session<'_>) -> Result<(), Error> {
    let ca = &session.gathered.config.everywhere().ca;
    let known = session.gathered.accounts().load(ca.directory.as_str()).await.map_err(store_error)?;
    session.account().await?;
    let is_known = known.is_some_and(|account| account.url.is_some());
    if is_known {
        session.say("+ Account already registered!");
    }
    Ok(())
}

async fn update(session: &Session<'_>) -> Result<(), Error> {
    let config = &session.gathered.config;
    let account = session.account().await?;
    session.say(&format!("+ Updating registration url: {} contact information...", account.url()));
    let details = account.update_contacts(&config.account.contacts).await.map_err(acme_error)?;
    let now = OffsetDateTime::now_utc().unix_timestamp();
    let directory = &config.everywhere().ca.directory;
    let saved = session.gathered.accounts().save_registration(directory.as_str(), &details.body, now).await;
    saved.map_err(store_error)?;
    session.say("+ Done!");
    Ok(())
}

async fn deactivate(session: &Session<'_>) -> Result<(), Error> {
    let account = session.account().await?;
    session.say(&format!("Deactivating account {}", account.url()));
    account.deactivate().await.map_err(acme_error)?;
    let directory = &session.gathered.config.everywhere().ca.directory;
    session.gathered.accounts().mark_deactivated(directory.as_str()).await.map_err(store_error)?;
    session.say(" + Done.");
    Ok(())
}

async fn display_terms(session: &Session<'_>) -> Result<(), Error> {
    let ca = &session.gathered.config.everywhere().ca;
    let client = session.authorities.client(ca).await.map_err(|error| error.to_error())?;
    let terms = client.directory().meta.terms_of_service.clone().unwrap_or_default();
    session.say(&format!("The current terms of service: {terms}"));
    session.say("+ Done!");
    Ok(())
}
