//! hydrant from outside: the built program against a real CA. One file a behaviour.

mod batch;
mod ca_faults;
mod certificates;
mod challenges;
mod cloudflare;
mod commands;
mod concurrency;
mod crash;
mod dehydrated;
mod dns;
mod docs;
mod durability;
mod hook_contract;
mod hook_examples;
mod hook_faults;
mod hook_test;
mod house;
mod install;
mod lecertvend;
mod progress;
mod rig_itself;
mod route53;
mod signals;
#[allow(dead_code, unused_imports, reason = "the place that tests share grows ahead of them")]
mod support;
mod tenants;
mod vault;
mod vault_cluster;
mod vault_store;
