//! Record pages: the records of a chapter, as they lie on storage (specification, section 6).
//!
//! A page is an array of 32-byte records and nothing else: no header, no checksum, no free
//! space. The array is an implicit binary tree in heap order: the children of node `n` are `2n + 1`
//! and `2n + 2`, and a walk from left to right meets the names in order of their unsigned bytes.
//! Node `n` starts at byte `32 * n`.

mod guess;
mod part;

use uds_geometry::{NAME_BYTES, RECORD_BYTES, Record, RecordData, RecordName};

pub(crate) use guess::find_by_guess;
pub(crate) use part::find_in_parts;

use crate::error::{VolumeError, Wanted};
use crate::radix::RadixSorter;

/// Makes record pages. Made once and used for many pages.
///
/// ```
/// use uds_geometry::{Record, RecordData, RecordName};
/// use uds_volume::{RecordPageEncoder, search_record_page};
///
/// let record = |byte| Record {
///     name: RecordName::new([byte; 16]),
///     data: RecordData::new([byte + 100; 16]),
/// };
/// let records: Vec<Record> = (0..128).map(record).collect();
/// let mut page = [0; 4096];
/// RecordPageEncoder::new(128).encode(&records, &mut page)?;
/// let found = search_record_page(&page, &RecordName::new([77; 16]));
/// assert_eq!(found, Some(RecordData::new([177; 16])));
/// assert_eq!(search_record_page(&page, &RecordName::new([200; 16])), None);
/// # Ok::<(), uds_volume::VolumeError>(())
/// ```
#[derive(Debug)]
pub struct RecordPageEncoder {
    sorter: RadixSorter,
    /// The node of each record in order of names.
    nodes: Box<[u32]>,
}

impl RecordPageEncoder {
    /// An encoder for pages of `records_per_page` records.
    #[must_use]
    pub fn new(records_per_page: u32) -> Self {
        Self { sorter: RadixSorter::new(records_per_page), nodes: in_order(records_per_page) }
    }

    /// Writes `records` to `page`, sorted, in heap order.
    ///
    /// # Errors
    ///
    /// [`VolumeError::Argument`] where the number of records is not that of a page, or the page
    /// has not just the bytes for them.
    pub fn encode(&mut self, records: &[Record], page: &mut [u8]) -> Result<(), VolumeError> {
        let wrong = |what, found: usize, wanted: usize| VolumeError::Argument {
            what,
            found: found as u64,
            wanted: Wanted::Exactly(wanted as u64),
        };
        let count = self.nodes.len();
        if records.len() != count {
            return Err(wrong("the number of records of a page", records.len(), count));
        }
        let bytes = count * RECORD_BYTES;
        if page.len() != bytes {
            return Err(wrong("the size of a record page", page.len(), bytes));
        }
        for (position, &node) in self.sorter.sort(records)?.zip(&self.nodes) {
            let start = node as usize * RECORD_BYTES;
            page[start..start + RECORD_BYTES].copy_from_slice(&records[position].to_bytes());
        }
        Ok(())
    }
}

/// Checks the order of record pages. Made once and used for many pages.
///
/// ```
/// use uds_volume::RecordPageOrder;
///
/// // Three nodes, of which the first is the root: their names are 0, 2 and 1.
/// let mut page = [0; 96];
/// (page[32], page[64]) = (2, 1);
/// assert_eq!(RecordPageOrder::new(3).first_misplaced(&page), Some(0));
/// ```
#[derive(Debug)]
pub struct RecordPageOrder {
    /// The node of each record in order of names.
    nodes: Box<[u32]>,
}

impl RecordPageOrder {
    /// What checks pages of `records_per_page` records.
    #[must_use]
    pub fn new(records_per_page: u32) -> Self {
        Self { nodes: in_order(records_per_page) }
    }

    /// The nodes of a page in the order of their names.
    #[must_use]
    pub fn nodes(&self) -> &[u32] {
        &self.nodes
    }

    /// The first node, in the order of names, whose name is less than the one before it, or `None`
    /// where all are in order: each record is found then by its name.
    ///
    /// # Panics
    ///
    /// Where `page` is shorter than a page.
    #[must_use]
    pub fn first_misplaced(&self, page: &[u8]) -> Option<u32> {
        let mut before = RecordName::default();
        let mut before_prefix = 0;
        for &node in &self.nodes {
            let start = node as usize * RECORD_BYTES;
            let mut name = [0; NAME_BYTES];
            name.copy_from_slice(&page[start..start + NAME_BYTES]);
            let name = RecordName::new(name);
            let prefix = name.volume_index_bits();
            if prefix < before_prefix || prefix == before_prefix && name < before {
                return Some(node);
            }
            (before, before_prefix) = (name, prefix);
        }
        None
    }
}

/// The data of `name` on a record page, if the page has a record of that name.
///
/// Bytes after the last whole record are ignored. On a page that is not in order the search
/// ends as on any other; what it finds is then a record of that name, or nothing.
#[must_use]
pub fn search_record_page(page: &[u8], name: &RecordName) -> Option<RecordData> {
    find_by_guess(page, name).or_else(|| search_record_page_with(page, name, |_| ()))
}

/// Searches a record page by a walk down its tree, and passes each node that it compares to
/// `visit`. On a page in order that is what [`search_record_page`] finds.
pub fn search_record_page_with(
    page: &[u8],
    name: &RecordName,
    mut visit: impl FnMut(usize),
) -> Option<RecordData> {
    // Names order by their bytes, as big-endian numbers do. Nearly always the first eight decide,
    // and comparing them alone costs no branch that the processor could guess wrong.
    let wanted = name.volume_index_bits();
    let mut node = 0;
    while let Some(record) = page.get(node * RECORD_BYTES..(node + 1) * RECORD_BYTES) {
        visit(node);
        let (prefix, _) = record.split_first_chunk()?;
        let found = u64::from_be_bytes(*prefix);
        let mut is_right = wanted > found;
        if wanted == found {
            let (found, data) = record.split_first_chunk::<NAME_BYTES>()?;
            if found == name.as_bytes() {
                return data.try_into().ok().map(RecordData::new);
            }
            is_right = name.as_bytes() > found;
        }
        node = 2 * node + 1 + usize::from(is_right);
    }
    None
}

/// The records of a page, in the order in which they lie there.
pub fn records_of_page(page: &[u8]) -> impl ExactSizeIterator<Item = Record> + '_ {
    page.chunks_exact(RECORD_BYTES).map(|bytes| {
        let mut record = [0; RECORD_BYTES];
        record.copy_from_slice(bytes);
        Record::from_bytes(&record)
    })
}

/// The nodes of a heap of `count` in the order of a walk from left to right.
fn in_order(count: u32) -> Box<[u32]> {
    let mut nodes = Vec::with_capacity(count as usize);
    // Ancestors whose left side is done or under way. A heap is no deeper than its numbers are
    // long, but its children's numbers may need one bit more than 32.
    let mut waiting = Vec::with_capacity(33);
    let mut node = 0_u64;
    loop {
        while node < u64::from(count) {
            waiting.push(node);
            node = 2 * node + 1;
        }
        let Some(next) = waiting.pop() else { break };
        nodes.push(next as u32);
        node = 2 * next + 2;
    }
    nodes.into_boxed_slice()
}

#[cfg(test)]
mod tests;
