//! Other programs' installations, in the words of `hydrant.yml`.

pub mod dehydrated;
mod document;
mod origin;
