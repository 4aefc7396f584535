//! hydrant under the name of dehydrated, beside the real one.

mod commands;
mod failures;
mod keep_going;
mod lines;
mod pair;
mod place;
mod renewal;
mod sequence;
mod signals;
mod speed;
