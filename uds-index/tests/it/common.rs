//! What the tests share: small indexes, and names to fill them with.

use std::sync::Arc;

use uds_geometry::{Configuration, LayoutSizes, RecordData, RecordName};
use uds_volume::MemoryStorage;

/// Storage in memory for an index of this configuration, `offset_blocks` from its start.
pub(crate) fn memory(configuration: &Configuration, offset_blocks: u64) -> Arc<MemoryStorage> {
    let sizes = LayoutSizes::new(&configuration.geometry()).unwrap();
    Arc::new(MemoryStorage::new(sizes.total_bytes() + 4096 * offset_blocks))
}

/// The name of counter `counter`, as the golden cases have it.
pub(crate) fn name(counter: u64) -> RecordName {
    RecordName::of_block(&counter.to_le_bytes())
}

/// The data of counter `counter` in version `version`, as the golden cases have it.
pub(crate) fn data(counter: u64, version: u64) -> RecordData {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&counter.to_le_bytes());
    bytes[8..].copy_from_slice(&version.to_le_bytes());
    RecordData::new(bytes)
}
