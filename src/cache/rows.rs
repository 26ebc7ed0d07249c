//! Sums and rows for the layers above: what must change together changes in one transaction.
//!
//! The rows mirror files that are the truth (the purchase files). After `StateNotice::Created` or
//! `Rebuilt` they are empty, and whoever owns them fills them again in one transaction.

use redb::{ReadableTable, TableDefinition, WriteTransaction};

use crate::cache::state::{PURCHASES, RESERVATIONS, SUMS, State, StateError};

/// A table of rows; what they hold is its owner's affair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowTable {
    /// Money set aside by live runs.
    Reservations,
    /// The index of purchases.
    Purchases,
}

impl RowTable {
    fn definition(self) -> TableDefinition<'static, &'static str, &'static [u8]> {
        match self {
            Self::Reservations => RESERVATIONS,
            Self::Purchases => PURCHASES,
        }
    }
}

/// The one write transaction of all processes: what it reads is true until it ends.
pub struct Rows<'a> {
    state: &'a State,
    transaction: &'a WriteTransaction,
}

impl State {
    /// Runs `work` in one transaction; its changes are durable when this returns, and undone when
    /// it fails. `work` must be short and never wait for the network: all processes wait for it.
    ///
    /// # Errors
    /// What `work` fails with, and `StateError` from the transaction itself.
    pub fn update<T, E: From<StateError>>(
        &self,
        work: impl FnOnce(&Rows<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let transaction = self.begin_write()?;
        // An early return drops the transaction, which rolls it back.
        let value = work(&Rows { state: self, transaction: &transaction })?;
        self.commit(transaction)?;
        Ok(value)
    }

    /// All sums whose name starts with `prefix`, sorted by name, as of the last commit.
    ///
    /// # Errors
    /// `StateError` when the database fails.
    pub fn sums(&self, prefix: &str) -> Result<Vec<(String, i64)>, StateError> {
        let transaction = self.begin_read()?;
        self.guard(|| list_sums(&transaction.open_table(SUMS)?, prefix))
    }

    /// All rows whose key starts with `prefix`, sorted by key, as of the last commit.
    ///
    /// # Errors
    /// `StateError` when the database fails.
    pub fn rows(
        &self,
        table: RowTable,
        prefix: &str,
    ) -> Result<Vec<(String, Vec<u8>)>, StateError> {
        let transaction = self.begin_read()?;
        self.guard(|| list_rows(&transaction.open_table(table.definition())?, prefix))
    }
}

impl Rows<'_> {
    /// A sum; 0 if nothing was ever added to it.
    ///
    /// # Errors
    /// `StateError` when the database fails.
    pub fn sum(&self, name: &str) -> Result<i64, StateError> {
        self.state.guard(|| {
            let table = self.transaction.open_table(SUMS)?;
            let sum = table.get(name)?.map_or(0, |row| row.value());
            Ok(sum)
        })
    }

    /// Adds to a sum and returns the new one.
    ///
    /// # Errors
    /// `StateError::SumOutOfRange` instead of a wrong sum.
    pub fn add(&self, name: &str, amount: i64) -> Result<i64, StateError> {
        let sum = self.sum(name)?.checked_add(amount);
        let sum = sum.ok_or_else(|| StateError::SumOutOfRange { name: name.to_owned() })?;
        self.state.guard(|| {
            self.transaction.open_table(SUMS)?.insert(name, sum)?;
            Ok(sum)
        })
    }

    /// All sums whose name starts with `prefix`, sorted by name.
    ///
    /// # Errors
    /// `StateError` when the database fails.
    pub fn sums(&self, prefix: &str) -> Result<Vec<(String, i64)>, StateError> {
        self.state.guard(|| list_sums(&self.transaction.open_table(SUMS)?, prefix))
    }

    /// One row.
    ///
    /// # Errors
    /// `StateError` when the database fails.
    pub fn row(&self, table: RowTable, key: &str) -> Result<Option<Vec<u8>>, StateError> {
        self.state.guard(|| {
            let table = self.transaction.open_table(table.definition())?;
            let row = table.get(key)?.map(|row| row.value().to_vec());
            Ok(row)
        })
    }

    /// Writes a row over the one that was there.
    ///
    /// # Errors
    /// `StateError` when the database fails.
    pub fn put_row(&self, table: RowTable, key: &str, value: &[u8]) -> Result<(), StateError> {
        self.state.guard(|| {
            self.transaction.open_table(table.definition())?.insert(key, value)?;
            Ok(())
        })
    }

    /// Deletes a row; whether it was there.
    ///
    /// # Errors
    /// `StateError` when the database fails.
    pub fn remove_row(&self, table: RowTable, key: &str) -> Result<bool, StateError> {
        self.state.guard(|| {
            let mut table = self.transaction.open_table(table.definition())?;
            let found = table.remove(key)?.is_some();
            Ok(found)
        })
    }

    /// All rows whose key starts with `prefix`, sorted by key.
    ///
    /// # Errors
    /// `StateError` when the database fails.
    pub fn rows(
        &self,
        table: RowTable,
        prefix: &str,
    ) -> Result<Vec<(String, Vec<u8>)>, StateError> {
        self.state.guard(|| list_rows(&self.transaction.open_table(table.definition())?, prefix))
    }

    /// Deletes all sums and rows, so that they can be made again from files.
    ///
    /// # Errors
    /// `StateError` when the database fails.
    pub fn clear(&self) -> Result<(), StateError> {
        self.state.guard(|| {
            self.transaction.open_table(SUMS)?.retain(|_, _| false)?;
            self.transaction.open_table(RESERVATIONS)?.retain(|_, _| false)?;
            self.transaction.open_table(PURCHASES)?.retain(|_, _| false)?;
            Ok(())
        })
    }
}

fn list_sums(
    table: &impl ReadableTable<&'static str, i64>,
    prefix: &str,
) -> Result<Vec<(String, i64)>, redb::Error> {
    let mut found = Vec::new();
    for row in table.range(prefix..)? {
        let (name, sum) = row?;
        if !name.value().starts_with(prefix) {
            break;
        }
        found.push((name.value().to_owned(), sum.value()));
    }
    Ok(found)
}

fn list_rows(
    table: &impl ReadableTable<&'static str, &'static [u8]>,
    prefix: &str,
) -> Result<Vec<(String, Vec<u8>)>, redb::Error> {
    let mut found = Vec::new();
    for row in table.range(prefix..)? {
        let (key, value) = row?;
        if !key.value().starts_with(prefix) {
            break;
        }
        found.push((key.value().to_owned(), value.value().to_vec()));
    }
    Ok(found)
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

    #[test]
    fn sums_and_rows_change_together() {
        let (_project, state) = open();
        let total = state.update(|rows| {
            rows.put_row(RowTable::Reservations, "run1/coin", b"40000")?;
            rows.add("month/2026-11", 40_000)
        });
        assert_eq!(total.expect("committed"), 40_000);
        assert_eq!(state.sums("month/").expect("read"), [("month/2026-11".into(), 40_000)]);
        let rows = state.rows(RowTable::Reservations, "run1/").expect("read");
        assert_eq!(rows, [("run1/coin".to_owned(), b"40000".to_vec())]);
        assert_eq!(state.rows(RowTable::Purchases, "").expect("read"), []);
    }

    #[test]
    fn a_refused_reservation_leaves_nothing_behind() {
        #[derive(Debug)]
        enum Refused {
            Cap,
            State,
        }
        impl From<StateError> for Refused {
            fn from(_: StateError) -> Self {
                Self::State
            }
        }
        let (_project, state) = open();
        let refused = state.update(|rows| {
            rows.put_row(RowTable::Reservations, "run1/coin", b"x")?;
            if rows.add("month", 11)? > 10 { Err(Refused::Cap) } else { Ok(()) }
        });
        assert!(matches!(refused, Err(Refused::Cap)));
        assert_eq!(state.sums("").expect("read"), []);
        assert_eq!(state.rows(RowTable::Reservations, "").expect("read"), []);
    }

    #[test]
    fn a_sum_never_wraps() {
        let (_project, state) = open();
        let sum = state.update(|rows| {
            rows.add("month", i64::MAX)?;
            rows.add("month", 1)
        });
        assert!(matches!(sum, Err(StateError::SumOutOfRange { name }) if name == "month"));
        assert_eq!(state.sums("").expect("read"), []);
    }

    #[test]
    fn a_transaction_sees_its_own_changes() {
        let (_project, state) = open();
        let seen: Result<_, StateError> = state.update(|rows| {
            rows.add("a", 2)?;
            rows.add("b", 5)?;
            rows.add("a", -3)?;
            rows.put_row(RowTable::Purchases, "p1", b"one")?;
            rows.put_row(RowTable::Purchases, "p2", b"two")?;
            assert!(rows.remove_row(RowTable::Purchases, "p1")?);
            assert!(!rows.remove_row(RowTable::Purchases, "p1")?);
            assert_eq!(rows.row(RowTable::Purchases, "p2")?, Some(b"two".to_vec()));
            assert_eq!(rows.row(RowTable::Purchases, "p1")?, None);
            assert_eq!(rows.rows(RowTable::Purchases, "p")?.len(), 1);
            rows.sums("")
        });
        assert_eq!(seen.expect("committed"), [("a".into(), -1), ("b".into(), 5)]);
        state.update(|rows| rows.clear()).expect("committed");
        assert_eq!(state.sums("").expect("read"), []);
        assert_eq!(state.rows(RowTable::Purchases, "").expect("read"), []);
    }
}
