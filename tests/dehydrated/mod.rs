//! hydrant under the name of dehydrated, beside the real one.

mod failures;
mod keep_going;
mod lines;
mod pair;
mod place;
mod sequence;
mod signals;
