//! Whoever keeps a lease: one task, through which all writes of the record go, so that renewals and saves never meet.

use std::rc::Rc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::Shared;
use super::document::{Document, FoundDocument, Mark};
use crate::identifier::CertName;
use crate::store::files::lease::this_process;
use crate::store::{Pending, StoreError};
use crate::vault::{Error, Kv};

/// The answer to a request for a lease.
pub(super) enum Taken {
    /// It is ours, until the hand is dropped.
    Ours { document: Box<Document>, hand: Hand },
    /// Who has it.
    HeldBy(String),
}

/// What a lease is held by: as long as it is there, the keeper renews.
pub(super) struct Hand(mpsc::Sender<Write>);

/// A keeper from outside.
pub(super) struct Keeping {
    name: CertName,
    task: JoinHandle<()>,
    hand: mpsc::WeakSender<Write>,
}

impl Keeping {
    /// Whether it has ended.
    pub(super) fn is_over(&self) -> bool {
        self.task.is_finished()
    }

    /// Whether it is giving back a lease of this certificate, which nobody here holds any more.
    pub(super) fn gives_back(&self, name: &CertName) -> bool {
        self.name == *name && self.hand.upgrade().is_none()
    }

    /// Waits for its end.
    pub(super) async fn end(self) {
        // It panicked, or the runtime is gone: over it is in any case.
        let _ = self.task.await;
    }
}

/// A document to be written, and who waits for that.
struct Write {
    document: Document,
    /// Whether what was there before is to be out of reach.
    forget: bool,
    done: oneshot::Sender<Result<(), StoreError>>,
}

/// A lease that is held.
pub(super) struct Keeper {
    shared: Rc<Shared>,
    kv: Kv,
    path: String,
    name: CertName,
    mark: Mark,
    /// What is in Vault as far as we know.
    document: Document,
    cas: u64,
    renewed: Instant,
}

impl Hand {
    /// Replaces the document. With `forget` no version of before can be read afterwards.
    pub(super) async fn write(&self, document: Document, forget: bool) -> Result<(), StoreError> {
        let (done, wait) = oneshot::channel();
        let name = document.name.clone();
        let ended = || StoreError::LeaseLost { name };
        if self.0.send(Write { document, forget, done }).await.is_err() {
            return Err(ended());
        }
        wait.await.unwrap_or_else(|_| Err(ended()))
    }
}

impl Keeper {
    /// Takes the lease and keeps it, in a task that ends when it has given it back. Who does not wait for the answer
    /// leaves no lease behind either.
    pub(super) fn start(
        shared: Rc<Shared>,
        kv: Kv,
        path: String,
        name: CertName,
    ) -> (Keeping, Pending<'static, Result<Taken, StoreError>>) {
        let (answer, wait) = oneshot::channel();
        let ended = StoreError::LeaseLost { name: name.as_str().to_owned() };
        let (hand, orders) = mpsc::channel(1);
        let (weak, kept) = (hand.downgrade(), name.clone());
        let task = tokio::task::spawn_local(async move {
            let keeper = match Self::take(shared, kv, path, name).await {
                Ok(Ok(keeper)) => keeper,
                Ok(Err(holder)) => return drop(answer.send(Ok(Taken::HeldBy(holder)))),
                Err(error) => return drop(answer.send(Err(error))),
            };
            let document = Box::new(keeper.document.clone());
            drop(answer.send(Ok(Taken::Ours { document, hand: Hand(hand) })));
            keeper.keep(orders).await;
        });
        let keeping = Keeping { name: kept, task, hand: weak };
        (keeping, Box::pin(async move { wait.await.unwrap_or(Err(ended)) }))
    }

    /// Takes the lease, unless another has it: that one's name.
    async fn take(
        shared: Rc<Shared>,
        kv: Kv,
        path: String,
        name: CertName,
    ) -> Result<Result<Self, String>, StoreError> {
        let life = shared.settings.lease;
        let mark = Mark { id: random(), holder: this_process(), seconds: life.as_secs(), beat: 0 };
        for tries in 0.. {
            let found = Document::read(kv.find(&path).await?, kv.mount(), &path)?;
            let FoundDocument { mut document, cas, is_held } = found;
            if let Some(other) = document.lease.filter(|_| is_held) {
                return Ok(Err(other.holder));
            }
            if cas == 0 {
                // Else keys of certificates to come would be in versions of before. Only where no more are asked for by
                // the mount itself; where they are, they are destroyed.
                shared.keep_one_version(&path).await?;
                document = Document::of(&name);
            }
            name.as_str().clone_into(&mut document.name);
            document.lease = Some(mark.clone());
            match kv.write(&path, &document.to_data()?, cas).await {
                Ok(cas) => {
                    let renewed = Instant::now();
                    return Ok(Ok(Self { shared, kv, path, name, mark, document, cas, renewed }));
                }
                // Another was quicker: it has the lease now, or a node was behind.
                Err(Error::Conflict { .. }) if tries < MOST_CONFLICTS => pause(tries).await,
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::LeaseLost { name: name.as_str().to_owned() })
    }

    /// Writes what it is told to, and renews the lease meanwhile; gives it back when nobody is left to tell it.
    async fn keep(mut self, mut orders: mpsc::Receiver<Write>) {
        loop {
            let due = self.renewed + self.shared.settings.lease / 3;
            tokio::select! {
                biased;
                order = orders.recv() => {
                    let Some(Write { document, forget, done }) = order else { break };
                    let mut written = self.write(document).await;
                    if written.is_ok() && forget {
                        written = self.forget_former().await;
                    }
                    drop(done.send(written));
                }
                () = tokio::time::sleep_until(due) => {
                    // Without success nothing is lost but the certainty that nobody else begins with it: the next write
                    // is refused if somebody did.
                    if self.write(self.document.clone()).await.is_err() {
                        self.renewed = Instant::now();
                    }
                }
            }
        }
        self.give_back().await;
    }

    /// Replaces the document, and renews the lease by that.
    async fn write(&mut self, mut document: Document) -> Result<(), StoreError> {
        for tries in 0.. {
            self.mark.beat += 1;
            document.lease = Some(self.mark.clone());
            match self.kv.write(&self.path, &document.to_data()?, self.cas).await {
                Ok(cas) => {
                    (self.cas, self.document, self.renewed) = (cas, document, Instant::now());
                    return Ok(());
                }
                // It may be a write of our own whose answer never came.
                Err(Error::Conflict { .. }) if tries < MOST_CONFLICTS => {
                    let found = Document::read(self.kv.find(&self.path).await?, self.kv.mount(), &self.path)?;
                    if found.document.lease.as_ref().is_none_or(|mark| mark.id != self.mark.id) {
                        break;
                    }
                    self.cas = found.cas;
                    pause(tries).await;
                }
                Err(Error::Conflict { .. }) => break,
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::LeaseLost { name: self.name.as_str().to_owned() })
    }

    /// Destroys what versions of before may hold, as far as that is allowed.
    async fn forget_former(&self) -> Result<(), StoreError> {
        match self.destroy_former().await {
            Err(Error::Denied { .. }) if !self.shared.settings.state_is_apart => Ok(()),
            done => Ok(done?),
        }
    }

    /// Where only one version is kept there are none of before.
    async fn destroy_former(&self) -> Result<(), Error> {
        let metadata = self.kv.metadata(&self.path).await?;
        let former =
            metadata.versions.iter().filter(|(number, state)| **number < self.cas && !state.destroyed);
        let former: Vec<u64> = former.map(|(number, _)| *number).collect();
        if !former.is_empty() {
            self.kv.destroy(&self.path, &former).await?;
        }
        Ok(())
    }

    /// Takes the mark away. Where that fails the lease is over at its end.
    async fn give_back(mut self) {
        for _ in 0..MOST_CONFLICTS {
            self.document.lease = None;
            let Ok(data) = self.document.to_data() else { return };
            match self.kv.write(&self.path, &data, self.cas).await {
                Err(Error::Conflict { .. }) => {}
                _ => return,
            }
            let Ok(found) = self.kv.find(&self.path).await else { return };
            let Ok(found) = Document::read(found, self.kv.mount(), &self.path) else { return };
            if found.document.lease.as_ref().is_none_or(|mark| mark.id != self.mark.id) {
                return;
            }
            (self.cas, self.document) = (found.cas, found.document);
        }
    }
}

/// How often a write is tried again that somebody else, or a node that is behind, came before.
const MOST_CONFLICTS: u32 = 6;

/// Between tries that met: different for everybody, so that they do not meet again.
async fn pause(tries: u32) {
    let mut bytes = [0; 2];
    // Without the system's generator all wait as long as the longest.
    let random = aws_lc_rs::rand::fill(&mut bytes).map_or(u16::MAX, |()| u16::from_le_bytes(bytes));
    let longest = Duration::from_millis(20 << tries.min(6));
    tokio::time::sleep(longest.mul_f64(f64::from(random) / f64::from(u16::MAX))).await;
}

/// What no other lease is called.
fn random() -> String {
    let mut bytes = [0; 16];
    if aws_lc_rs::rand::fill(&mut bytes).is_err() {
        return format!("{} {:?}", this_process(), std::time::SystemTime::now());
    }
    format!("{:032x}", u128::from_be_bytes(bytes))
}
