//! hydrant from outside: the built program against a real CA. One file a behaviour.

mod commands;
mod docs;
mod hook_contract;
mod hook_faults;
mod house;
mod rig_itself;
#[allow(dead_code, unused_imports, reason = "the place that tests share grows ahead of them")]
mod support;
