//! RocksDB: a log-structured merge tree, in C++, built from the source in its crate.
//!
//! How it is set, after its own `OptimizeForPointLookup`:
//! - No write-ahead log: nothing is durable until the close, which flushes the memtables.
//! - Bloom filters of 10 bits a key for tables and for the memtable, a hash index in data blocks.
//! - One cache has the whole memory: blocks, indexes and filters, and the memtables are charged to
//!   it, which get half of it at most, in two.
//! - No compression: names do not compress.
//! - As many background jobs as there are cores.
//! - A batch is looked up with one `MultiGet`; what was stored once is deleted with
//!   `SingleDelete`, which is made for that.
//!
//! FIFO compaction, which forgets whole files by age for nothing, is not used: it forgets when a
//! size is reached, not when a number of names is, and keeps all files in level 0, where each
//! look-up must ask every file.

use ::rocksdb::{
    BlockBasedOptions, Cache, ColumnFamily, ColumnFamilyDescriptor, DB, DBCompressionType,
    DEFAULT_COLUMN_FAMILY_NAME, DataBlockIndexType, Error, Options, WriteBatch, WriteBufferManager,
    WriteOptions,
};
use uds_geometry::{Record, RecordData};

use crate::error::{StoreError, ValueLength};
use crate::key_value::{KeyValue, Setting};
use crate::queue::Queue;

const NAME: &str = "RocksDB";

/// An open RocksDB database.
pub(crate) struct RocksDb {
    database: DB,
    without_log: WriteOptions,
}

impl KeyValue for RocksDb {
    const NAME: &'static str = NAME;

    fn open(setting: &Setting) -> Result<Self, StoreError> {
        let open = || -> Result<Self, Error> {
            let options = options(setting.memory)?;
            let family = ColumnFamilyDescriptor::new(DEFAULT_COLUMN_FAMILY_NAME, options.clone());
            let folder = setting.folder.join("records.rocksdb");
            let database = DB::open_cf_descriptors(&options, folder, [family])?;
            let mut without_log = WriteOptions::default();
            without_log.disable_wal(true);
            Ok(Self { database, without_log })
        };
        open().map_err(StoreError::of(NAME, "open its database"))
    }

    fn post(
        &self,
        records: &[Record],
        answers: &mut [Option<RecordData>],
        queue: &mut Queue,
    ) -> Result<(), StoreError> {
        self.query(records, answers)?;
        let mut batch = WriteBatch::default();
        let mut stored = 0;
        for (record, answer) in records.iter().zip(answers) {
            if answer.is_none() {
                batch.put(record.name.as_bytes(), record.data.as_bytes());
                stored += 1;
            }
        }
        for name in queue.push(stored) {
            batch.single_delete(name.as_bytes());
        }
        if batch.is_empty() {
            return Ok(());
        }
        let written = self.database.write_opt(batch, &self.without_log);
        written.map_err(StoreError::of(NAME, "write a batch"))
    }

    fn query(
        &self,
        records: &[Record],
        answers: &mut [Option<RecordData>],
    ) -> Result<(), StoreError> {
        let names = records.iter().map(|record| record.name.as_bytes());
        let found = self.database.batched_multi_get_cf(self.family(), names, false);
        for (found, answer) in found.into_iter().zip(answers) {
            let found = found.map_err(StoreError::of(NAME, "look up a batch"))?;
            *answer = found.map(|data| record_data(&data)).transpose()?;
        }
        Ok(())
    }

    fn close(self) -> Result<(), StoreError> {
        self.database.flush().map_err(StoreError::of(NAME, "flush its memtables"))
    }

    // Memtables are not flushed then (see `options`), and there is no log: they are lost.
    fn abandon(self) -> Result<(), StoreError> {
        drop(self.database);
        Ok(())
    }
}

impl RocksDb {
    fn family(&self) -> &ColumnFamily {
        self.database.cf_handle(DEFAULT_COLUMN_FAMILY_NAME).expect("it was opened with it")
    }
}

fn record_data(bytes: &[u8]) -> Result<RecordData, StoreError> {
    let found = bytes.len();
    let wrong = |_| StoreError::of(NAME, "look up a batch")(ValueLength { found });
    Ok(RecordData::new(bytes.try_into().map_err(wrong)?))
}

fn options(memory: usize) -> Result<Options, Error> {
    // What has no function of its own in the binding: the memtables are flushed by `close` alone.
    let mut options =
        Options::default().get_options_from_string("avoid_flush_during_shutdown=1")?;
    options.create_if_missing(true);
    options.set_compression_type(DBCompressionType::None);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    options.increase_parallelism(i32::try_from(cores).unwrap_or(i32::MAX));

    let cache = Cache::new_lru_cache(memory);
    let write_buffers = memory / 2;
    options.set_write_buffer_manager(&WriteBufferManager::new_write_buffer_manager_with_cache(
        write_buffers,
        false,
        cache.clone(),
    ));
    options.set_write_buffer_size((write_buffers / 2).min(64 << 20));
    options.set_max_write_buffer_number(2);
    options.set_memtable_prefix_bloom_ratio(0.02);
    options.set_memtable_whole_key_filtering(true);

    let mut tables = BlockBasedOptions::default();
    tables.set_block_cache(&cache);
    tables.set_cache_index_and_filter_blocks(true);
    tables.set_pin_l0_filter_and_index_blocks_in_cache(true);
    tables.set_bloom_filter(10.0, false);
    tables.set_data_block_index_type(DataBlockIndexType::BinaryAndHash);
    tables.set_data_block_hash_ratio(0.75);
    options.set_block_based_table_factory(&tables);
    Ok(options)
}
