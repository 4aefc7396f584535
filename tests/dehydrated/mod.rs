//! hydrant under the name of dehydrated, beside the real one.

mod continuation;
mod installed;
mod numberly;
mod pair;
mod sequence;
mod third_party;
