//! hydrant under the name of dehydrated, beside the real one.

mod accounts;
mod alike;
mod arguments;
mod commands;
mod config;
mod continuation;
mod environment;
mod failures;
mod files;
mod installed;
mod keep_going;
mod lines;
mod numberly;
mod ocsp;
mod pair;
mod place;
mod renewal;
mod sequence;
mod signals;
mod speed;
mod third_party;
