//! hydrant under the name of dehydrated, beside the real one.

mod pair;
mod sequence;
