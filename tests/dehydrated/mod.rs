//! hydrant under the name of dehydrated, beside the real one.

mod alike;
mod arguments;
mod commands;
mod config;
mod environment;
mod failures;
mod keep_going;
mod lines;
mod pair;
mod place;
mod renewal;
mod sequence;
mod signals;
mod speed;
