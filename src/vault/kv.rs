//! Version 2 of the KV engine: <https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2>.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use super::answer::Answer;
use super::connection::{Request, Verb};
use super::data::is_patched;
use super::path::{checked, folder};
use super::secret::{self, Found, Metadata, Version, Written};
use super::{Client, Data, Error};

/// One mount of the engine. Paths are those of secrets, without `data/`.
#[derive(Clone, Debug)]
pub struct Kv {
    client: Client,
    mount: String,
    /// Whether it is known to keep versions.
    is_known: Rc<OnceCell<()>>,
}

impl Kv {
    pub(super) fn new(client: Client, mount: String, is_known: Rc<OnceCell<()>>) -> Self {
        Self { client, mount, is_known }
    }

    /// Asks whether it keeps versions, unless that is known.
    pub(super) async fn make_sure(&self) -> Result<(), Error> {
        self.is_known.get_or_try_init(|| self.client.look_at(&self.mount)).await.copied()
    }

    /// The name of the mount.
    #[must_use]
    pub fn mount(&self) -> &str {
        &self.mount
    }

    /// The latest version.
    ///
    /// # Errors
    /// [`Error::Absent`] and [`Error::Deleted`]; what can go wrong with any request.
    pub async fn read(&self, path: &str) -> Result<Version, Error> {
        let found = self.find(path).await?;
        self.readable(path, found)
    }

    /// What is at a path, which may be nothing.
    ///
    /// # Errors
    /// What can go wrong with any request; a secret that is denied is no absent one.
    pub async fn find(&self, path: &str) -> Result<Found, Error> {
        self.find_version(path, None).await
    }

    /// One version, though there may be later ones.
    ///
    /// # Errors
    /// As [`Self::read`]; an old version may be kept no longer.
    pub async fn read_version(&self, path: &str, number: u64) -> Result<Version, Error> {
        let found = self.find_version(path, Some(number)).await?;
        self.readable(path, found)
    }

    /// Writes a new version in place of version `cas`; 0: there must be none. Gives its number.
    ///
    /// # Errors
    /// [`Error::Conflict`] when the latest version is another one; what can go wrong with any request. When no answer
    /// came and none can be had, it is unknown whether the version was written.
    pub async fn write(&self, path: &str, data: &Data, cas: u64) -> Result<u64, Error> {
        Ok(self.write_and_see(path, data, cas).await?.number)
    }

    /// The same; also says when Vault wrote it.
    ///
    /// # Errors
    /// As [`Self::write`].
    pub async fn write_and_see(&self, path: &str, data: &Data, cas: u64) -> Result<Written, Error> {
        let is_ours = |written: &Value| written == data.as_value();
        self.change(Verb::Post, path, data.as_value(), cas, is_ours).await
    }

    /// Writes a new version in which the fields of `changes` are as there, `null` taking one away, and the others as
    /// they were in version `cas`. Gives its number.
    ///
    /// # Errors
    /// [`Error::Absent`]; as [`Self::write`].
    pub async fn patch(&self, path: &str, changes: &Data, cas: u64) -> Result<u64, Error> {
        let is_ours = |written: &Value| is_patched(written, changes.as_value());
        Ok(self.change(Verb::Patch, path, changes.as_value(), cas, is_ours).await?.number)
    }

    /// What is known about a secret without reading it.
    ///
    /// # Errors
    /// [`Error::Absent`]; what can go wrong with any request.
    pub async fn metadata(&self, path: &str) -> Result<Metadata, Error> {
        #[derive(Deserialize)]
        struct Document {
            data: Metadata,
        }
        let url = self.url("metadata", checked(path)?);
        let answer = self.send(Request::new(Verb::Get, &url)).await?;
        if answer.status == 404 {
            return Err(Error::Absent { path: self.full(path) });
        }
        Ok(answer.json::<Document>(&url)?.data)
    }

    /// Replaces all custom metadata. Makes no version.
    ///
    /// # Errors
    /// What can go wrong with any request.
    pub async fn set_custom_metadata(
        &self,
        path: &str,
        custom: &BTreeMap<String, String>,
    ) -> Result<(), Error> {
        let url = self.url("metadata", checked(path)?);
        let body = json!({ "custom_metadata": custom });
        self.send(Request::new(Verb::Post, &url).with(&body)?.without_answer()).await?;
        Ok(())
    }

    /// Sets these members of the custom metadata, or removes those that are `None`, and leaves the others.
    ///
    /// # Errors
    /// [`Error::Absent`]; what can go wrong with any request.
    pub async fn patch_custom_metadata(
        &self,
        path: &str,
        changes: &BTreeMap<String, Option<String>>,
    ) -> Result<(), Error> {
        let url = self.url("metadata", checked(path)?);
        let body = json!({ "custom_metadata": changes });
        let answer = self.send(Request::new(Verb::Patch, &url).with(&body)?.without_answer()).await?;
        if answer.status == 404 {
            return Err(Error::Absent { path: self.full(path) });
        }
        Ok(())
    }

    /// Says how many versions of a secret are kept; the larger of this and the mount's own number counts.
    ///
    /// # Errors
    /// What can go wrong with any request.
    pub async fn set_max_versions(&self, path: &str, versions: u64) -> Result<(), Error> {
        let url = self.url("metadata", checked(path)?);
        let body = json!({ "max_versions": versions });
        self.send(Request::new(Verb::Post, &url).with(&body)?.without_answer()).await?;
        Ok(())
    }

    /// The names in a folder, `""` for the mount itself; those of folders end in a slash. Deleted secrets are among them.
    ///
    /// # Errors
    /// What can go wrong with any request; a folder that is not there is empty.
    pub async fn list(&self, path: &str) -> Result<Vec<String>, Error> {
        #[derive(Deserialize)]
        struct Document {
            data: Keys,
        }
        #[derive(Deserialize)]
        struct Keys {
            keys: Vec<String>,
        }
        let url = self.url("metadata", &folder(path)?);
        let answer = self.send(Request::new(Verb::List, &url)).await?;
        if answer.status == 404 {
            return Ok(Vec::new());
        }
        Ok(answer.json::<Document>(&url)?.data.keys)
    }

    /// What is known about the secrets right in a folder, by their names, page by page, by requests that only OpenBao has.
    /// `None`: it is not told, or there are more than `most`.
    ///
    /// # Errors
    /// What can go wrong with any request but that Vault does not know it, or the policy denies it.
    pub async fn list_with_metadata(
        &self,
        path: &str,
        most: usize,
    ) -> Result<Option<BTreeMap<String, Metadata>>, Error> {
        #[derive(Deserialize)]
        struct Document {
            data: Infos,
        }
        #[derive(Deserialize)]
        struct Infos {
            keys: Vec<String>,
            #[serde(default)]
            key_info: BTreeMap<String, Value>,
        }
        /// Ten versions of each are a megabyte.
        const PAGE: usize = 1000;
        let url = self.url("detailed-metadata", &folder(path)?);
        let mut known = BTreeMap::new();
        let mut after: Option<String> = None;
        loop {
            let mut request = Request::new(Verb::List, &url);
            request.query = vec![("limit", PAGE.to_string())];
            request.query.extend(after.clone().map(|last| ("after", last)));
            let answer = match self.send(request).await {
                Err(Error::Denied { .. } | Error::NotVault { .. } | Error::Refused { .. }) => {
                    return Ok(None);
                }
                answer => answer?,
            };
            if answer.status == 404 {
                // Nothing follows a page that was full; before the first one, nobody told anything.
                return Ok((!known.is_empty()).then_some(known));
            }
            let Infos { mut keys, key_info } = answer.json::<Document>(&url)?.data;
            // A folder has none.
            let info = |(name, info)| Some((name, serde_json::from_value(info).ok()?));
            known.extend(key_info.into_iter().filter_map(info));
            if known.len() > most {
                return Ok(None);
            }
            let last = keys.pop();
            if keys.len() + 1 != PAGE || last == after {
                return Ok(Some(known));
            }
            after = last;
        }
    }

    /// Deletes the latest version, so that it can be undone. Succeeds when there is none.
    ///
    /// # Errors
    /// What can go wrong with any request.
    pub async fn delete(&self, path: &str) -> Result<(), Error> {
        let url = self.url("data", checked(path)?);
        self.send(Request::new(Verb::Delete, &url).without_answer()).await?;
        Ok(())
    }

    /// Undoes the deletion of versions that are not destroyed.
    ///
    /// # Errors
    /// What can go wrong with any request.
    pub async fn undelete(&self, path: &str, versions: &[u64]) -> Result<(), Error> {
        self.change_versions("undelete", path, versions).await
    }

    /// Destroys versions for good. Succeeds when there are none.
    ///
    /// # Errors
    /// What can go wrong with any request.
    pub async fn destroy(&self, path: &str, versions: &[u64]) -> Result<(), Error> {
        self.change_versions("destroy", path, versions).await
    }

    /// Removes a secret with all versions and metadata for good. Succeeds when there is none.
    ///
    /// # Errors
    /// What can go wrong with any request.
    pub async fn remove(&self, path: &str) -> Result<(), Error> {
        let url = self.url("metadata", checked(path)?);
        self.send(Request::new(Verb::Delete, &url).without_answer()).await?;
        Ok(())
    }

    fn readable(&self, path: &str, found: Found) -> Result<Version, Error> {
        let path = self.full(path);
        match found {
            Found::Version(version) => Ok(version),
            Found::Absent => Err(Error::Absent { path }),
            Found::Deleted { version, is_destroyed } => Err(Error::Deleted { path, version, is_destroyed }),
        }
    }

    async fn find_version(&self, path: &str, number: Option<u64>) -> Result<Found, Error> {
        let url = self.url("data", checked(path)?);
        let mut request = Request::new(Verb::Get, &url);
        request.query = number.map(|number| ("version", number.to_string())).into_iter().collect();
        request.mount = Some(&self.mount);
        let found = match self.client.send(request).await {
            Ok(answer) => secret::found(&self.mount, &url, &answer),
            Err(error) => Err(error),
        };
        match &found {
            // They come with what is known of versions.
            Ok(Found::Version(_) | Found::Deleted { .. }) => drop(self.is_known.set(())),
            // Version 1 says that too, and so does no engine at all.
            Ok(Found::Absent)
            | Err(
                Error::Denied { .. }
                | Error::NotVault { .. }
                | Error::NotVersion2 { .. }
                | Error::Refused { .. },
            ) => self.make_sure().await?,
            Err(_) => {}
        }
        found
    }

    /// Makes a version, whatever becomes of the answer: when it is lost, the version is looked for.
    async fn change(
        &self,
        verb: Verb,
        path: &str,
        data: &Value,
        cas: u64,
        is_ours: impl Fn(&Value) -> bool,
    ) -> Result<Written, Error> {
        #[derive(Serialize)]
        struct Write<'a> {
            options: Cas,
            data: &'a Value,
        }
        #[derive(Serialize)]
        struct Cas {
            cas: u64,
        }
        let url = self.url("data", checked(path)?);
        let mut lost = 0;
        loop {
            let mut request = Request::new(verb, &url).with(&Write { options: Cas { cas }, data })?;
            request.repeat_if_lost = false;
            let error = match self.send(request).await.and_then(|answer| self.written(path, &url, &answer)) {
                Ok(version) => return Ok(version),
                Err(error) => error,
            };
            let is_conflict =
                matches!(&error, Error::Refused { status: 400, message, .. } if message.contains(CAS));
            if is_conflict && lost == 0 {
                return Err(self.conflict(path, cas));
            }
            if !is_conflict && !error.is_outcome_unknown() {
                return Err(error);
            }
            lost += 1;
            match self.find_version(path, Some(cas + 1)).await {
                Ok(Found::Version(version)) if version.number == cas + 1 => {
                    let is_written = is_ours(version.data.as_value());
                    let written = Written { number: version.number, created: version.created };
                    return if is_written { Ok(written) } else { Err(self.conflict(path, cas)) };
                }
                // Trimmed or deleted: somebody has written on top.
                Ok(Found::Deleted { .. }) => return Err(self.conflict(path, cas)),
                // Not there, or a standby does not know it yet.
                Ok(_) if lost < MOST_LOST => {}
                Ok(_) => return Err(if is_conflict { self.conflict(path, cas) } else { error }),
                Err(_) => return Err(error),
            }
            tokio::time::sleep(FIRST_PAUSE * (1 << lost)).await;
        }
    }

    fn written(&self, path: &str, url: &str, answer: &Answer) -> Result<Written, Error> {
        #[derive(Deserialize)]
        struct Document {
            data: Written,
        }
        if answer.status == 404 {
            return Err(Error::Absent { path: self.full(path) });
        }
        Ok(answer.json::<Document>(url)?.data)
    }

    async fn change_versions(&self, what: &str, path: &str, versions: &[u64]) -> Result<(), Error> {
        let url = self.url(what, checked(path)?);
        let body = json!({ "versions": versions });
        self.send(Request::new(Verb::Post, &url).with(&body)?.without_answer()).await?;
        Ok(())
    }

    async fn send(&self, mut request: Request<'_>) -> Result<Answer, Error> {
        self.make_sure().await?;
        request.mount = Some(&self.mount);
        self.client.send(request).await
    }

    fn conflict(&self, path: &str, cas: u64) -> Error {
        Error::Conflict { path: self.full(path), cas }
    }

    fn full(&self, path: &str) -> String {
        format!("{}/{path}", self.mount)
    }

    fn url(&self, what: &str, path: &str) -> String {
        format!("{}/{what}/{path}", self.mount)
    }
}

/// What Vault says to a write in place of another version than the latest.
const CAS: &str = "check-and-set parameter did not match";
/// How often a write is tried whose answers are lost.
const MOST_LOST: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_millis(50);
