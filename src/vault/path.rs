//! Paths of secrets.

use super::Error;

/// A path below a mount, as Vault will take it: it answers others with a redirect, or takes them for another secret.
pub(super) fn checked(path: &str) -> Result<&str, Error> {
    let refuse = |reason| Err(Error::Path { path: path.to_owned(), reason });
    if path.is_empty() {
        return refuse("it is empty");
    }
    if path.split('/').any(str::is_empty) {
        return refuse("there is nothing before, between or behind its slashes");
    }
    if path.split('/').any(|part| part == "." || part == "..") {
        return refuse("`.` and `..` are no names");
    }
    if path.chars().any(char::is_control) {
        return refuse("it holds a control character");
    }
    Ok(path)
}

/// The same for a folder, which may be the mount itself; with a slash at the end.
pub(super) fn folder(path: &str) -> Result<String, Error> {
    match path.trim_end_matches('/') {
        "" => Ok(String::new()),
        path => Ok(format!("{}/", checked(path)?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_certificates_are_paths() {
        for path in ["a.example", "*.a.example", "team a/ü.example", "a?b#c%2e"] {
            assert_eq!(checked(path).unwrap(), path);
        }
        assert_eq!((folder("").unwrap(), folder("a/b/").unwrap()), (String::new(), "a/b/".to_owned()));
    }

    #[test]
    fn what_vault_would_take_for_another_path_is_refused() {
        for path in ["", "/a", "a/", "a//b", "a/../b", ".", "a\nb"] {
            assert!(checked(path).is_err(), "{path}");
        }
        assert_eq!(
            checked("a/../b").unwrap_err().to_string(),
            "`a/../b` is no path of a secret: `.` and `..` are no names"
        );
    }
}
