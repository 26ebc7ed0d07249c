//! Action key to action result, and the fields that each asset was last built from.
//!
//! A result names its outputs by digest only; whether their blobs are still here is the store's
//! business, so a result without its blobs is a miss. Many results share one commit, since every
//! commit syncs the disk.

use std::collections::HashMap;

use redb::{ReadableTable as _, ReadableTableMetadata as _};

use crate::base::{ActionKey, Digest, FieldList};
use crate::cache::codec::{Decoder, Encoder, decode_fields, encode_fields};
use crate::cache::state::{ACTIONS, BLOB_ACCESS, State, StateError, TRACES};

/// What an action gave.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ActionResult {
    /// Its outputs, in the action's own order.
    pub outputs: Vec<Digest>,
    /// Facts about them, as JSON; empty if there are none.
    pub metadata: String,
}

/// Stores action results under their key.
pub trait ActionCache: Send + Sync {
    /// The result of an action, if it is known.
    ///
    /// # Errors
    /// `ActionCacheError` when the cache itself fails.
    fn get(&self, key: &ActionKey) -> Result<Option<ActionResult>, ActionCacheError>;

    /// Stores results, all or none.
    ///
    /// # Errors
    /// `ActionCacheError` when the cache itself fails.
    fn put_batch(&self, results: &[(ActionKey, ActionResult)]) -> Result<(), ActionCacheError>;

    /// The results of many actions, in the order of `keys`.
    ///
    /// # Errors
    /// `ActionCacheError` when the cache itself fails.
    fn get_many(&self, keys: &[ActionKey]) -> Result<Vec<Option<ActionResult>>, ActionCacheError> {
        keys.iter().map(|key| self.get(key)).collect()
    }
}

/// The action cache failed.
#[derive(Debug, thiserror::Error)]
pub enum ActionCacheError {
    /// The local database failed.
    #[error(transparent)]
    State(#[from] StateError),
}

/// Rows that wait for one commit.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// Results of actions.
    pub results: Vec<(ActionKey, ActionResult)>,
    /// Asset id and the fields that it was built from.
    pub traces: Vec<(String, FieldList)>,
    /// Hashes of the blobs that were read or stored.
    pub accessed: Vec<[u8; 32]>,
}

impl Batch {
    /// Rows that wait.
    pub fn len(&self) -> usize {
        self.results.len() + self.traces.len() + self.accessed.len()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl ActionCache for State {
    fn get(&self, key: &ActionKey) -> Result<Option<ActionResult>, ActionCacheError> {
        Ok(self.get_many(std::slice::from_ref(key))?.pop().flatten())
    }

    fn put_batch(&self, results: &[(ActionKey, ActionResult)]) -> Result<(), ActionCacheError> {
        let batch = Batch { results: results.to_vec(), ..Batch::default() };
        Ok(self.commit_batch(&batch, 0)?)
    }

    fn get_many(&self, keys: &[ActionKey]) -> Result<Vec<Option<ActionResult>>, ActionCacheError> {
        let transaction = self.begin_read()?;
        Ok(self.guard(|| {
            let table = transaction.open_table(ACTIONS)?;
            let look_up = |key: &ActionKey| -> Result<_, redb::Error> {
                Ok(table.get(&key.0)?.and_then(|row| decode_result(row.value())))
            };
            keys.iter().map(look_up).collect()
        })?)
    }
}

impl State {
    /// Writes a batch in one commit; an empty one writes nothing.
    ///
    /// `now`: seconds since 1970, the time of the accesses.
    ///
    /// # Errors
    /// `StateError`; nothing of the batch is stored then.
    pub fn commit_batch(&self, batch: &Batch, now: u64) -> Result<(), StateError> {
        if batch.is_empty() {
            return Ok(());
        }
        // Neighbouring keys share pages.
        let mut results: Vec<_> = batch.results.iter().collect();
        results.sort_by_key(|(key, _)| *key);
        let transaction = self.begin_write()?;
        // One table at a time: when opening one panics on damage, the destructor of another open
        // one panics too, and a panic during an unwinding ends the process.
        self.guard(|| {
            let mut table = transaction.open_table(ACTIONS)?;
            for (key, result) in results {
                table.insert(&key.0, &*encode_result(result))?;
            }
            Ok(())
        })?;
        self.guard(|| {
            let mut table = transaction.open_table(TRACES)?;
            for (id, fields) in &batch.traces {
                table.insert(id.as_str(), &*encode_fields(fields))?;
            }
            Ok(())
        })?;
        self.guard(|| {
            let mut table = transaction.open_table(BLOB_ACCESS)?;
            for hash in &batch.accessed {
                table.insert(hash, now)?;
            }
            Ok(())
        })?;
        self.commit(transaction)
    }

    /// The fields that an asset was last built from.
    ///
    /// # Errors
    /// `StateError` when the database fails.
    pub fn trace(&self, asset: &str) -> Result<Option<FieldList>, StateError> {
        let transaction = self.begin_read()?;
        self.guard(|| {
            let table = transaction.open_table(TRACES)?;
            Ok(table.get(asset)?.and_then(|row| decode_fields(row.value())))
        })
    }

    /// When each blob was last used, in seconds since 1970, by hash.
    ///
    /// # Errors
    /// `StateError` when the database fails.
    pub fn blob_access(&self) -> Result<HashMap<[u8; 32], u64>, StateError> {
        let transaction = self.begin_read()?;
        self.guard(|| {
            let table = transaction.open_table(BLOB_ACCESS)?;
            let mut access = HashMap::with_capacity(usize::try_from(table.len()?).unwrap_or(0));
            for row in table.iter()? {
                let (hash, time) = row?;
                access.insert(*hash.value(), time.value());
            }
            Ok(access)
        })
    }

    /// Every digest that a stored result names.
    ///
    /// # Errors
    /// `StateError` when the database fails.
    pub fn result_outputs(&self) -> Result<Vec<Digest>, StateError> {
        let transaction = self.begin_read()?;
        self.guard(|| {
            let mut outputs = Vec::new();
            for row in transaction.open_table(ACTIONS)?.iter()? {
                outputs.extend(decode_result(row?.1.value()).unwrap_or_default().outputs);
            }
            outputs.sort_unstable();
            outputs.dedup();
            Ok(outputs)
        })
    }

    /// What was recorded beside the files that a result gave, for each list of files: reads all results.
    ///
    /// # Errors
    /// `StateError` when the database fails.
    pub fn metadata_of(&self, files: &[&[Digest]]) -> Result<Vec<Option<String>>, StateError> {
        let transaction = self.begin_read()?;
        self.guard(|| {
            let mut found = vec![None; files.len()];
            for row in transaction.open_table(ACTIONS)?.iter()? {
                let Some(result) = decode_result(row?.1.value()) else { continue };
                for (files, found) in files.iter().zip(&mut found) {
                    if result.outputs == *files && !result.metadata.is_empty() {
                        *found = Some(result.metadata.clone());
                    }
                }
            }
            Ok(found)
        })
    }

    /// Deletes what `keep` does not want, in one commit.
    ///
    /// # Errors
    /// `StateError`; nothing is deleted then.
    pub fn prune(&self, keep: &dyn Keep) -> Result<Pruned, StateError> {
        let transaction = self.begin_write()?;
        let results = self.guard(|| {
            let mut table = transaction.open_table(ACTIONS)?;
            let before = table.len()?;
            table.retain(|key, row| {
                decode_result(row).is_some_and(|result| keep.result(&ActionKey(*key), &result))
            })?;
            Ok(before - table.len()?)
        })?;
        let traces = self.guard(|| {
            let mut table = transaction.open_table(TRACES)?;
            let before = table.len()?;
            table.retain(|asset, _| keep.trace(asset))?;
            Ok(before - table.len()?)
        })?;
        let blobs = self.guard(|| {
            let mut table = transaction.open_table(BLOB_ACCESS)?;
            let before = table.len()?;
            table.retain(|hash, _| keep.blob(hash))?;
            Ok(before - table.len()?)
        })?;
        let pruned = Pruned { results, traces, blobs };
        self.commit(transaction)?;
        Ok(pruned)
    }
}

/// Decides which rows survive `State::prune`.
pub trait Keep {
    /// Whether a result stays.
    fn result(&self, key: &ActionKey, result: &ActionResult) -> bool;
    /// Whether an asset's trace stays.
    fn trace(&self, asset: &str) -> bool;
    /// Whether the last use of a blob stays known.
    fn blob(&self, hash: &[u8; 32]) -> bool;
}

/// How many rows `State::prune` deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Results of actions.
    pub results: u64,
    /// Traces of assets.
    pub traces: u64,
    /// Times of last use.
    pub blobs: u64,
}

fn encode_result(result: &ActionResult) -> Vec<u8> {
    let mut row = Encoder::default();
    row.count(result.outputs.len());
    for output in &result.outputs {
        row.digest(output);
    }
    row.text(&result.metadata);
    row.finish()
}

/// A row that does not decode is a miss: the action runs again and replaces it.
fn decode_result(row: &[u8]) -> Option<ActionResult> {
    let mut row = Decoder::new(row);
    let count = row.count(33)?;
    let outputs = (0..count).map(|_| row.digest()).collect::<Option<_>>()?;
    let result = ActionResult { outputs, metadata: row.text()? };
    row.end()?;
    Some(result)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::dir::CacheDir;

    fn open() -> (tempfile::TempDir, State) {
        let project = tempfile::tempdir().expect("a temp folder");
        let (state, _) = State::open(&CacheDir::of_project(project.path())).expect("opened");
        (project, state)
    }

    fn result(text: &str) -> ActionResult {
        ActionResult {
            outputs: vec![Digest::of(text.as_bytes()), Digest::of(b"")],
            metadata: format!("{{\"name\":\"{text}\"}}"),
        }
    }

    fn fields(value: &str) -> FieldList {
        FieldList { fields: vec![("prompt".into(), value.into())], notes: Vec::new() }
    }

    #[test]
    fn results_come_back_in_the_order_asked_and_unknown_ones_are_none() {
        let (_project, state) = open();
        let rows = [(ActionKey([9; 32]), result("a")), (ActionKey([1; 32]), result("b"))];
        state.put_batch(&rows).expect("stored");
        let keys = [ActionKey([1; 32]), ActionKey([2; 32]), ActionKey([9; 32])];
        let found = state.get_many(&keys).expect("readable");
        assert_eq!(found, [Some(result("b")), None, Some(result("a"))]);
        assert_eq!(state.get(&keys[2]).expect("readable"), Some(result("a")));
    }

    #[test]
    fn a_newer_result_replaces_the_older_one() {
        let (_project, state) = open();
        let key = ActionKey([1; 32]);
        state.put_batch(&[(key, result("a"))]).expect("stored");
        state.put_batch(&[(key, result("b"))]).expect("stored");
        assert_eq!(state.get(&key).expect("readable"), Some(result("b")));
    }

    #[test]
    fn a_batch_survives_closing_the_database() {
        let (project, state) = open();
        let batch = Batch {
            results: vec![(ActionKey([1; 32]), result("a"))],
            traces: vec![("coin".into(), fields("a coin"))],
            accessed: vec![[7; 32]],
        };
        assert_eq!(batch.len(), 3);
        state.commit_batch(&batch, 1_700_000_000).expect("stored");
        drop(state);
        let (state, notice) =
            State::open(&CacheDir::of_project(project.path())).expect("opened again");
        assert_eq!(notice, None);
        assert_eq!(state.get(&ActionKey([1; 32])).expect("readable"), Some(result("a")));
        assert_eq!(state.trace("coin").expect("readable"), Some(fields("a coin")));
        assert_eq!(state.trace("gem").expect("readable"), None);
        let access = state.blob_access().expect("readable");
        assert_eq!(access, HashMap::from([([7; 32], 1_700_000_000)]));
    }

    #[test]
    fn a_row_that_does_not_decode_is_a_miss() {
        let (_project, state) = open();
        let transaction = state.begin_write().expect("begun");
        let row: &[u8] = &[200, 1];
        transaction.open_table(ACTIONS).expect("a table").insert(&[1; 32], row).expect("stored");
        state.commit(transaction).expect("committed");
        assert_eq!(state.get(&ActionKey([1; 32])).expect("no error"), None);
        assert_eq!(state.result_outputs().expect("no error"), []);
    }

    #[test]
    fn pruning_deletes_what_nobody_keeps() {
        struct OnlyA;
        impl Keep for OnlyA {
            fn result(&self, key: &ActionKey, found: &ActionResult) -> bool {
                *key == ActionKey([1; 32]) && *found == result("a")
            }
            fn trace(&self, asset: &str) -> bool {
                asset == "a"
            }
            fn blob(&self, hash: &[u8; 32]) -> bool {
                *hash == [1; 32]
            }
        }
        let (_project, state) = open();
        let batch = Batch {
            results: vec![(ActionKey([1; 32]), result("a")), (ActionKey([2; 32]), result("b"))],
            traces: vec![("a".into(), fields("1")), ("b".into(), fields("2"))],
            accessed: vec![[1; 32], [2; 32], [3; 32]],
        };
        state.commit_batch(&batch, 1).expect("stored");
        let pruned = state.prune(&OnlyA).expect("pruned");
        assert_eq!(pruned, Pruned { results: 1, traces: 1, blobs: 2 });
        assert_eq!(state.get(&ActionKey([2; 32])).expect("readable"), None);
        let mut outputs = result("a").outputs;
        outputs.sort_unstable();
        assert_eq!(state.result_outputs().expect("readable"), outputs);
    }
}
