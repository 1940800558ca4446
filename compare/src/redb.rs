//! redb: a B+ tree with copy on write, in Rust.
//!
//! How it is set:
//! - Batches are committed with `Durability::None`: nothing is durable until the close, which ends
//!   with a commit that is.
//! - The cache, which holds pages read and pages not yet written, gets the whole memory.
//! - Keys and values have a fixed width, so that pages hold no offsets.

mod backend;

use redb::{Builder, Database, Durability, ReadableDatabase, ReadableTable, TableDefinition};
use uds_geometry::{Record, RecordData};

use self::backend::{Backend, Power};
use crate::error::StoreError;
use crate::key_value::{KeyValue, Setting};
use crate::queue::Queue;

const NAME: &str = "redb";
const TABLE: TableDefinition<'_, &[u8; 16], &[u8; 16]> = TableDefinition::new("records");

/// An open redb database.
pub(crate) struct Redb {
    database: Database,
    power: Power,
}

impl KeyValue for Redb {
    const NAME: &'static str = NAME;

    fn open(setting: &Setting) -> Result<Self, StoreError> {
        let open = || -> Result<Self, redb::Error> {
            let power = Power::default();
            let backend = Backend::open(&setting.folder.join("records.redb"), &power)?;
            let mut builder = Builder::new();
            builder.set_cache_size(setting.memory);
            let database = builder.create_with_backend(backend)?;
            let transaction = database.begin_write()?;
            transaction.open_table(TABLE)?;
            transaction.commit()?;
            Ok(Self { database, power })
        };
        open().map_err(StoreError::of(NAME, "open its database"))
    }

    fn post(
        &self,
        records: &[Record],
        answers: &mut [Option<RecordData>],
        queue: &mut Queue,
    ) -> Result<(), StoreError> {
        let post = || -> Result<(), redb::Error> {
            let mut transaction = self.database.begin_write()?;
            transaction.set_durability(Durability::None)?;
            {
                let mut table = transaction.open_table(TABLE)?;
                let mut stored = 0;
                for (record, answer) in records.iter().zip(answers) {
                    let name = record.name.as_bytes();
                    *answer = table.get(name)?.map(|data| RecordData::new(*data.value()));
                    if answer.is_none() {
                        table.insert(name, record.data.as_bytes())?;
                        stored += 1;
                    }
                }
                for name in queue.push(stored) {
                    table.remove(name.as_bytes())?;
                }
            }
            Ok(transaction.commit()?)
        };
        post().map_err(StoreError::of(NAME, "post a batch"))
    }

    fn query(
        &self,
        records: &[Record],
        answers: &mut [Option<RecordData>],
    ) -> Result<(), StoreError> {
        let query = || -> Result<(), redb::Error> {
            let table = self.database.begin_read()?.open_table(TABLE)?;
            for (record, answer) in records.iter().zip(answers) {
                let data = ReadableTable::get(&table, record.name.as_bytes())?;
                *answer = data.map(|data| RecordData::new(*data.value()));
            }
            Ok(())
        };
        query().map_err(StoreError::of(NAME, "look up a batch"))
    }

    fn close(self) -> Result<(), StoreError> {
        let close = || -> Result<(), redb::Error> {
            // The transactions before become durable with this one.
            self.database.begin_write()?.commit()?;
            Ok(self.database.close()?)
        };
        close().map_err(StoreError::of(NAME, "close its database"))
    }

    fn abandon(self) -> Result<(), StoreError> {
        self.power.cut();
        drop(self.database);
        Ok(())
    }
}
