//! LMDB: a B+ tree with copy on write in a memory map, in C, through heed.
//!
//! How it is set:
//! - `MDB_NOSYNC`: nothing is durable until the close, which syncs.
//! - `MDB_WRITEMAP`: pages are changed in the map, not copied first, the faster way.
//! - `MDB_NORDAHEAD`, which its authors recommend for random access.
//! - It has no cache of its own to be limited: the page cache of the operating system is its
//!   memory, all of it that is free. Only a limit on the whole process (a control group) makes
//!   its memory equal to that of the others.
//! - A post is `mdb_put` with `MDB_NOOVERWRITE`, which gives what is there, in one descent.

mod environment;

use heed::types::Bytes;
use heed::{CommitOrAbort, Database, Env, WithoutTls};
use uds_geometry::{Record, RecordData};

use crate::error::{StoreError, ValueLength};
use crate::key_value::{KeyValue, Setting};
use crate::queue::Queue;

const NAME: &str = "LMDB";

/// An open LMDB environment with one database in it.
pub(crate) struct Lmdb {
    environment: Env<WithoutTls>,
    records: Database<'static, Bytes, Bytes>,
}

impl KeyValue for Lmdb {
    const NAME: &'static str = NAME;

    fn open(setting: &Setting) -> Result<Self, StoreError> {
        let open = || -> Result<Self, heed::Error> {
            let folder = setting.folder.join("records.lmdb");
            std::fs::create_dir_all(&folder)?;
            let environment = environment::open(&folder, map_bytes(setting.records))?;
            let transaction = environment.write_txn()?;
            let records = environment
                .create_databases_and_commit(transaction, |opener, transaction| {
                    let made = opener.create_database(transaction, None);
                    made.map(CommitOrAbort::<_, ()>::Commit)
                })?
                .unwrap_commit();
            Ok(Self { environment, records })
        };
        open().map_err(StoreError::of(NAME, "open its environment"))
    }

    fn post(
        &self,
        records: &[Record],
        answers: &mut [Option<RecordData>],
        queue: &mut Queue,
    ) -> Result<(), StoreError> {
        let post = || -> Result<(), heed::Error> {
            let mut transaction = self.environment.write_txn()?;
            let mut stored = 0;
            for (record, answer) in records.iter().zip(answers) {
                let (name, data) = (record.name.as_bytes(), record.data.as_bytes());
                let there = self.records.get_or_put(&mut transaction, name, data)?;
                *answer = there.map(record_data).transpose()?;
                stored += u64::from(answer.is_none());
            }
            for name in queue.push(stored) {
                self.records.delete(&mut transaction, name.as_bytes())?;
            }
            transaction.commit()
        };
        post().map_err(StoreError::of(NAME, "post a batch"))
    }

    fn query(
        &self,
        records: &[Record],
        answers: &mut [Option<RecordData>],
    ) -> Result<(), StoreError> {
        let query = || -> Result<(), heed::Error> {
            let transaction = self.environment.read_txn()?;
            for (record, answer) in records.iter().zip(answers) {
                let data = self.records.get(&transaction, record.name.as_bytes())?;
                *answer = data.map(record_data).transpose()?;
            }
            Ok(())
        };
        query().map_err(StoreError::of(NAME, "look up a batch"))
    }

    fn close(self) -> Result<(), StoreError> {
        let synced = self.environment.force_sync();
        synced.map_err(StoreError::of(NAME, "sync its map"))?;
        self.environment.prepare_for_closing().wait();
        Ok(())
    }

    // A kill takes nothing away: what was committed is in the page cache.
    fn abandon(self) -> Result<(), StoreError> {
        self.environment.prepare_for_closing().wait();
        Ok(())
    }
}

fn record_data(bytes: &[u8]) -> Result<RecordData, heed::Error> {
    let found = bytes.len();
    let bytes =
        bytes.try_into().map_err(|_| heed::Error::Decoding(ValueLength { found }.into()))?;
    Ok(RecordData::new(bytes))
}

/// The size of the map: more than will be used, as nothing is allocated before it is.
fn map_bytes(records: u64) -> usize {
    const LEAST: u64 = 4 << 30;
    const EACH: u64 = 256;
    usize::try_from((LEAST + EACH * records).next_multiple_of(1 << 20)).unwrap_or(usize::MAX)
}
