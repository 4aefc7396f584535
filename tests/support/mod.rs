//! What the black-box tests stand on: a place to run hydrant in, a CA to run it against, and its output to compare.

mod cloudflare;
mod faults;
mod measured;
mod nameserver;
mod openssl;
mod output;
mod record;
mod rig;
mod route53;
mod running;
mod test;
mod vault;
mod vault_cluster;
mod vault_kubernetes;

pub(crate) use cloudflare::{Cloudflare, Token, cloudflare_hook};
pub(crate) use faults::Request;
pub(crate) use measured::Measured;
pub(crate) use nameserver::{NSUPDATE_HOOK, Nameserver};
pub(crate) use openssl::{CertificateFacts, assert_good_pair, assert_good_set, openssl};
pub(crate) use output::{DATE, DURATION, NUMBER, Output, TIME, TIMESTAMP};
pub(crate) use record::{Call, DNS_HOOK, RECORD_HOOK, without_times};
pub(crate) use rig::Rig;
pub(crate) use route53::{Route53, route53_hook};
pub(crate) use running::Running;
pub(crate) use test::{Test, dehydrated, hydrant, own_hook_config, part, rig_hook};
pub(crate) use vault::{AppRole, PUSHER, Vault, vault_hook};
pub(crate) use vault_cluster::VaultCluster;
