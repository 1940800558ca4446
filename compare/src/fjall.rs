//! fjall: a log-structured merge tree, in Rust.
//!
//! How it is set:
//! - The journal is persisted by hand, that is, at the close: nothing is durable before. fjall
//!   cannot do without a journal.
//! - Half the memory is for two memtables, one that is filled and one that is written; of the other
//!   half its cache, which holds data blocks and what is not pinned of indexes and filters.
//! - No compression: names do not compress.
//! - Filters, block sizes, levels and worker threads as its authors set them.

use ::fjall::{Database, Error, Keyspace, KeyspaceCreateOptions, PersistMode, Slice};
use uds_geometry::{Record, RecordData};

use crate::error::{StoreError, ValueLength};
use crate::key_value::{KeyValue, Setting};
use crate::queue::Queue;

const NAME: &str = "fjall";

/// An open fjall database with one keyspace.
pub(crate) struct Fjall {
    // Before the database, as it must be dropped before it.
    records: Keyspace,
    database: Database,
}

impl KeyValue for Fjall {
    const NAME: &'static str = NAME;

    fn open(setting: &Setting) -> Result<Self, StoreError> {
        let open = || -> Result<Self, Error> {
            let half = u64::try_from(setting.memory / 2).unwrap_or(u64::MAX);
            let database = Database::builder(setting.folder.join("records.fjall"))
                .cache_size(half)
                .manual_journal_persist(true)
                .open()?;
            let records = database.keyspace("records", || {
                KeyspaceCreateOptions::default()
                    .max_memtable_size((half / 2).min(64 << 20))
                    .manual_journal_persist(true)
            })?;
            Ok(Self { records, database })
        };
        open().map_err(StoreError::of(NAME, "open its database"))
    }

    fn post(
        &self,
        records: &[Record],
        answers: &mut [Option<RecordData>],
        queue: &mut Queue,
    ) -> Result<(), StoreError> {
        let mut batch = self.database.batch();
        let mut stored = 0;
        for (record, answer) in records.iter().zip(answers) {
            let name = record.name.as_bytes();
            *answer = self.look_up(name)?;
            if answer.is_none() {
                batch.insert(&self.records, name, record.data.as_bytes());
                stored += 1;
            }
        }
        for name in queue.push(stored) {
            batch.remove(&self.records, name.as_bytes());
        }
        batch.commit().map_err(StoreError::of(NAME, "commit a batch"))
    }

    fn query(
        &self,
        records: &[Record],
        answers: &mut [Option<RecordData>],
    ) -> Result<(), StoreError> {
        for (record, answer) in records.iter().zip(answers) {
            *answer = self.look_up(record.name.as_bytes())?;
        }
        Ok(())
    }

    fn close(self) -> Result<(), StoreError> {
        let persisted = self.database.persist(PersistMode::SyncAll);
        persisted.map_err(StoreError::of(NAME, "persist its journal"))
    }

    // What the journal's buffer of some kilobytes holds is written when it is dropped: that much
    // more is saved than a kill would leave.
    fn abandon(self) -> Result<(), StoreError> {
        Ok(())
    }
}

impl Fjall {
    fn look_up(&self, name: &[u8; 16]) -> Result<Option<RecordData>, StoreError> {
        let found = self.records.get(name).map_err(StoreError::of(NAME, "look up a name"))?;
        found.as_ref().map(record_data).transpose()
    }
}

fn record_data(bytes: &Slice) -> Result<RecordData, StoreError> {
    let found = bytes.len();
    let wrong = |_| StoreError::of(NAME, "look up a name")(ValueLength { found });
    Ok(RecordData::new(bytes.as_ref().try_into().map_err(wrong)?))
}
