//! The account key that a person names.

use std::path::Path;

use super::unavailable::AuthorityError;
use crate::config::AccountSettings;
use crate::key::{PrivateKey, Secret};

/// The key that an account in the store has to have, if one was named.
///
/// # Errors
/// It cannot be read or used.
pub fn named_key(settings: &AccountSettings) -> Result<Option<PrivateKey>, AuthorityError> {
    // An account that stays with its key is found by it.
    settings.key_file.as_deref().filter(|_| !settings.stays_with_key).map(read).transpose()
}

/// Refuses an account of other keys than the one that was named. Who names a key means the account of that key: to go on
/// with another one could end it for good.
pub(super) fn require<'k>(
    settings: &AccountSettings,
    keys: impl IntoIterator<Item = &'k Secret>,
    ca: &str,
    place: impl Fn() -> String,
) -> Result<(), AuthorityError> {
    let (Some(named), Some(path)) = (named_key(settings)?, &settings.key_file) else { return Ok(()) };
    for key in keys {
        // However either is written down.
        if stored(key, &place)?.public_key_der() == named.public_key_der() {
            return Ok(());
        }
    }
    Err(AuthorityError::OtherKey { key_file: path.clone(), ca: ca.to_owned(), place: place() })
}

/// The key of an account in the store.
pub(super) fn stored(pem: &Secret, place: impl Fn() -> String) -> Result<PrivateKey, AuthorityError> {
    let key = PrivateKey::from_pem(pem.expose());
    key.map_err(|source| AuthorityError::StoredKey { place: place(), source })
}

/// An existing account key: PEM, or certbot's JSON Web Key.
pub(super) fn read(path: &Path) -> Result<PrivateKey, AuthorityError> {
    let read = std::fs::read_to_string(path);
    let text = Secret::new(read.map_err(|source| AuthorityError::File { path: path.to_owned(), source })?);
    let parsed = if text.expose().trim_start().starts_with('{') {
        PrivateKey::from_jwk(text.expose())
    } else {
        PrivateKey::from_pem(text.expose())
    };
    parsed.map_err(|source| AuthorityError::KeyFile { path: path.to_owned(), source })
}
