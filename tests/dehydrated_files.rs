//! Files on disk, as dehydrated has them.
