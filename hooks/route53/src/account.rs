//! Clients of the API: one for the credentials themselves, one for each role.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_config::meta::region::RegionProviderChain;
use aws_config::retry::RetryConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_route53::Client;
use aws_sdk_route53::config::SharedCredentialsProvider;

use crate::pace::Pace;
use crate::settings::Settings;

/// A client of the API, and the pace that its account allows.
#[derive(Debug)]
pub struct Account {
    /// Makes each request once: [`Pace`] repeats.
    pub client: Client,
    /// Shared by all requests to the account.
    pub pace: Pace,
    /// The role it has taken.
    pub role: Option<String>,
}

/// All that this call may need.
#[derive(Debug)]
pub struct Accounts(BTreeMap<Option<String>, Account>);

impl Accounts {
    /// Makes the clients. Nothing is sent before the first request.
    pub async fn of(settings: &Settings) -> Self {
        // Route 53 is global; the SDK wants a region for signatures all the same, also where a profile takes a role.
        let region = RegionProviderChain::default_provider().or_else(Region::from_static("us-east-1"));
        let mut config = aws_config::defaults(BehaviorVersion::latest()).region(region).load().await;
        if let Some(role) = &settings.role {
            config = with_role(&config, role, settings).await;
        }
        let mut accounts = BTreeMap::new();
        for zone in &settings.zones {
            if let Some(role) = &zone.role
                && !accounts.contains_key(&zone.role)
            {
                let config = with_role(&config, role, settings).await;
                accounts.insert(zone.role.clone(), account(&config, settings.patience, zone.role.clone()));
            }
        }
        accounts.insert(None, account(&config, settings.patience, None));
        Self(accounts)
    }

    /// The account for a role that the settings name; for none, that of the credentials themselves.
    #[must_use]
    pub fn with(&self, role: Option<&String>) -> &Account {
        // There is one for each role of the settings, and all roles come from there.
        &self.0[&role.cloned()]
    }
}

fn account(config: &SdkConfig, patience: Duration, role: Option<String>) -> Account {
    let once = aws_sdk_route53::config::Builder::from(config).retry_config(RetryConfig::disabled()).build();
    Account { client: Client::from_conf(once), pace: Pace::new(patience), role }
}

async fn with_role(config: &SdkConfig, role: &str, settings: &Settings) -> SdkConfig {
    let mut provider =
        AssumeRoleProvider::builder(role).session_name("hydrant-hook-route53").configure(config);
    if let Some(id) = &settings.external_id {
        provider = provider.external_id(id);
    }
    let provider = SharedCredentialsProvider::new(provider.build().await);
    config.clone().into_builder().credentials_provider(provider).build()
}
