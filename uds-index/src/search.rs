//! Finding where an index begins, on a storage that may hold other things before it.
//!
//! dm-vdo keeps one behind its own first block; others were put at the end of a device, or behind a
//! partition table. A super block says what it is in three ways (specification, sections 10.2 and
//! 10.3); two of them are enough here, so that a damaged one is found and told apart from none.

use std::ops::ControlFlow;

use uds_geometry::BLOCK_BYTES;
use uds_volume::Storage;

use crate::IndexError;
use crate::layout::{Expected, Layout, resembles_super_block};
use crate::sync::Arc;

const BLOCK: usize = BLOCK_BYTES as usize;
/// Blocks that are read at once.
const BLOCKS_AT_ONCE: u64 = 256;

/// Finds the first index on `storage`: the block where it begins.
///
/// Every block is looked at, from the first on; an index that begins with the storage is found at
/// once. `goes_on` is told now and then how many blocks were looked at, and may break it off.
/// Blocks that cannot be read are passed over.
///
/// ```
/// # use std::sync::Arc;
/// use std::ops::ControlFlow;
/// # use uds_geometry::{Configuration, LayoutSizes};
/// use uds_index::{CreateOptions, Index, find_index};
/// # use uds_volume::{MemoryStorage, Storage};
/// # let configuration = Configuration::tiny(false);
/// # let bytes = LayoutSizes::new(&configuration.geometry())?.total_bytes();
/// # let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::new(bytes + 4096));
/// let options = CreateOptions { offset_blocks: 1, ..CreateOptions::default() };
/// drop(Index::create(storage.clone(), &configuration, &options)?);
/// let found = find_index(&storage, &mut |_| ControlFlow::Continue(()))?;
/// assert_eq!(found, 1);
/// # Ok::<(), uds_index::IndexError>(())
/// ```
///
/// # Errors
///
/// [`IndexError::NoIndexFound`] where no block looks like a super block, what is wrong with the
/// first that does but is none, and [`IndexError::Abandoned`].
pub fn find_index(
    storage: &Arc<dyn Storage>,
    goes_on: &mut dyn FnMut(u64) -> ControlFlow<()>,
) -> Result<u64, IndexError> {
    let count = storage.len() / u64::from(BLOCK_BYTES);
    let mut bytes = vec![0; BLOCKS_AT_ONCE as usize * BLOCK];
    let mut damaged = None;
    let mut first = 0;
    while first < count {
        let blocks = BLOCKS_AT_ONCE.min(count - first);
        let bytes = &mut bytes[..blocks as usize * BLOCK];
        storage.read_ahead((first + blocks) * u64::from(BLOCK_BYTES), bytes.len() as u64);
        read(&**storage, first, bytes);
        for (block, content) in (first..).zip(bytes.chunks_exact(BLOCK)) {
            if resembles_super_block(content) {
                match Layout::load_head(Arc::clone(storage), block, &Expected::default()) {
                    Ok(_) => return Ok(block),
                    Err(error) => drop(damaged.get_or_insert(error)),
                }
            }
        }
        first += blocks;
        if goes_on(first).is_break() {
            return Err(IndexError::Abandoned);
        }
    }
    Err(damaged.unwrap_or(IndexError::NoIndexFound { bytes: storage.len() }))
}

/// Reads whole blocks. Those that cannot be read come as zeroes.
fn read(storage: &dyn Storage, first: u64, bytes: &mut [u8]) {
    if storage.read_at(first * u64::from(BLOCK_BYTES), bytes).is_ok() {
        return;
    }
    for (block, content) in (first..).zip(bytes.chunks_exact_mut(BLOCK)) {
        if storage.read_at(block * u64::from(BLOCK_BYTES), content).is_err() {
            content.fill(0);
        }
    }
}

#[cfg(test)]
#[cfg(not(uds_loom))]
mod tests {
    use uds_geometry::{Configuration, LayoutSizes};
    use uds_volume::MemoryStorage;

    use super::*;
    use crate::{CreateOptions, Index};

    /// A storage with an index at the given block, and some blocks behind it.
    fn with_index(offset_blocks: u64) -> Arc<dyn Storage> {
        let configuration = Configuration::tiny(false);
        let blocks = LayoutSizes::new(&configuration.geometry()).unwrap().total_blocks();
        let bytes = (offset_blocks + blocks + 10) * u64::from(BLOCK_BYTES);
        let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::new(bytes));
        let options = CreateOptions { offset_blocks, ..CreateOptions::default() };
        drop(Index::create(Arc::clone(&storage), &configuration, &options).unwrap());
        storage
    }

    fn find(storage: &Arc<dyn Storage>) -> Result<u64, IndexError> {
        find_index(storage, &mut |_| ControlFlow::Continue(()))
    }

    // Guards the places where indexes are: the front, behind one block, and beyond one read.
    #[test]
    fn an_index_is_found_anywhere() {
        for offset in [0, 1, 7, BLOCKS_AT_ONCE - 1, BLOCKS_AT_ONCE, 3 * BLOCKS_AT_ONCE + 5] {
            assert_eq!(find(&with_index(offset)).unwrap(), offset);
        }
    }

    // Guards against a copy of a super block that is taken for the index, and against one that
    // hides it.
    #[test]
    fn a_copy_elsewhere_is_none() {
        let storage = with_index(20);
        let mut block = vec![0; BLOCK];
        storage.read_at(20 * u64::from(BLOCK_BYTES), &mut block).unwrap();
        storage.write_at(3 * u64::from(BLOCK_BYTES), &block).unwrap();
        assert_eq!(find(&storage).unwrap(), 20);
        storage.write_at(20 * u64::from(BLOCK_BYTES), &[0; BLOCK]).unwrap();
        let error = find(&storage).unwrap_err();
        assert!(matches!(error, IndexError::Corrupt { .. }), "{error}");
    }

    // Guards against a damaged super block that is called none.
    #[test]
    fn one_damaged_mark_still_tells() {
        for at in [0, 16, 192] {
            let storage = with_index(2);
            let at = 2 * u64::from(BLOCK_BYTES) + at;
            storage.write_at(at, &[0xEE]).unwrap();
            let error = find(&storage).unwrap_err();
            assert!(!matches!(error, IndexError::NoIndexFound { .. }), "{at}: {error}");
        }
    }

    // Guards the answer where there is nothing, and the way out of a long search.
    #[test]
    fn nothing_is_found_where_there_is_nothing() {
        for bytes in [0, 1, 4096, 5_000_000] {
            let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::new(bytes));
            let error = find(&storage).unwrap_err();
            assert!(matches!(error, IndexError::NoIndexFound { .. }), "{error}");
        }
        let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::new(5_000_000));
        let error = find_index(&storage, &mut |_| ControlFlow::Break(())).unwrap_err();
        assert!(matches!(error, IndexError::Abandoned), "{error}");
    }
}
