//! Looking a name up on a record page that is not read as a whole.
//!
//! A walk down the tree would read ten places of the page one after the other. But names are as
//! good as random, so that a name's place in their order is nearly known beforehand: of 1024, to
//! 16 on average. And of a page of `2^h` records, half lie in order of their names, side by
//! side: the *leaves*, those of the deepest full level. So a read of a few leaves finds every
//! second name. Any other lies between two leaves that are neighbours, where the tree has just one
//! node, which a second read gets.
//!
//! | rank in the order of names | node |
//! |---|---|
//! | 0 | `2^h - 1`, the only one below the leaves |
//! | `2i + 1` | leaf `i`: `2^(h-1) - 1 + i` |
//! | `2^t * (2i + 1)` | `2^(h-1-t) - 1 + i` |
//!
//! Invariant: what is found is a record of that name on that page. What is not found may be there
//! all the same: whoever wants to know looks at the whole page.

use std::cmp::Ordering;

use uds_geometry::{NAME_BYTES, RECORD_BYTES, RecordData, RecordName};

/// The most reads of leaves. Names that need more are rare, or the page is not in order.
const MOST_READS: u32 = 3;
/// Pages of fewer records, of `2^h`, are not worth the trouble.
const LEAST_HEIGHT: u32 = 4;
/// The most leaves of one read.
const MOST_LEAVES: usize = 64;

/// Looks for `name` on a page of `records` records, of which `read` fills a buffer with the bytes
/// from an offset on, or says that it cannot.
pub(crate) fn find_in_parts(
    records: u32,
    name: &RecordName,
    mut read: impl FnMut(usize, &mut [u8]) -> bool,
) -> Option<RecordData> {
    let height =
        records.checked_ilog2().filter(|&it| records.is_power_of_two() && it >= LEAST_HEIGHT)?;
    let leaves = records as usize / 2;
    let leaf_node = leaves - 1;
    // Twice as many as the standard deviation of a rank in the middle is leaves.
    let at_once = (1 << height.div_ceil(2)).min(MOST_LEAVES);
    let mut buffer = [0; MOST_LEAVES * RECORD_BYTES];

    // As many leaves at least have names that are less, and as many at most.
    let (mut least, mut most) = (0, leaves);
    let mut start = expected_leaf(name, height).saturating_sub(at_once / 2);
    for _ in 0..MOST_READS {
        start = start.min(most.saturating_sub(at_once)).max(least);
        let count = at_once.min(most - start);
        let bytes = &mut buffer[..count * RECORD_BYTES];
        if !read((leaf_node + start) * RECORD_BYTES, bytes) {
            return None;
        }
        let before = match position_of(bytes, name) {
            Ok(data) => return Some(data),
            Err(before) => before,
        };
        if before > 0 {
            least = start + before;
        }
        if before < count {
            most = start + before;
        }
        if least == most {
            return find_at_rank(2 * least, records, name, read);
        }
        start = if before == 0 { most.saturating_sub(at_once) } else { least };
    }
    None
}

/// The leaf that a name would be at, were all names at equal distances.
fn expected_leaf(name: &RecordName, height: u32) -> usize {
    (name.volume_index_bits() >> (64 - (height - 1))) as usize
}

/// Searches records in order of their names: the data of `name`, or how many are less.
fn position_of(records: &[u8], name: &RecordName) -> Result<RecordData, usize> {
    let (mut low, mut high) = (0, records.len() / RECORD_BYTES);
    while low < high {
        let middle = usize::midpoint(low, high);
        let record = &records[middle * RECORD_BYTES..(middle + 1) * RECORD_BYTES];
        let (found, data) = record.split_at(NAME_BYTES);
        match found.cmp(name.as_bytes()) {
            Ordering::Less => low = middle + 1,
            Ordering::Greater => high = middle,
            Ordering::Equal => {
                let data = data.try_into().expect("the other half of a record is its data");
                return Ok(RecordData::new(data));
            }
        }
    }
    Err(low)
}

/// The data of the record at a rank that is even, if it is that of `name`.
fn find_at_rank(
    rank: usize,
    records: u32,
    name: &RecordName,
    mut read: impl FnMut(usize, &mut [u8]) -> bool,
) -> Option<RecordData> {
    let node = node_of_rank(rank, records as usize)?;
    let mut record = [0; RECORD_BYTES];
    if !read(node * RECORD_BYTES, &mut record) {
        return None;
    }
    position_of(&record, name).ok()
}

/// The node at a rank of a page of `records` records, a power of two.
pub(super) fn node_of_rank(rank: usize, records: usize) -> Option<usize> {
    match rank {
        0 => Some(records - 1),
        _ if rank >= records => None,
        _ => {
            let above_bottom = rank.trailing_zeros();
            let first_of_level = (records >> (above_bottom + 1)) - 1;
            Some(first_of_level + (rank >> (above_bottom + 1)))
        }
    }
}

#[cfg(test)]
mod tests {
    use uds_geometry::Record;

    use super::*;
    use crate::record_page::{RecordPageEncoder, in_order, search_record_page};
    use crate::testing::Random;

    /// What is found on a page, and how many reads that took.
    fn find(page: &[u8], name: &RecordName) -> (Option<RecordData>, u32) {
        let mut reads = 0;
        let found = find_in_parts((page.len() / RECORD_BYTES) as u32, name, |offset, buffer| {
            reads += 1;
            buffer.copy_from_slice(&page[offset..offset + buffer.len()]);
            true
        });
        (found, reads)
    }

    fn page_of(records: &[Record]) -> Vec<u8> {
        let mut page = vec![0; records.len() * RECORD_BYTES];
        RecordPageEncoder::new(records.len() as u32).encode(records, &mut page).unwrap();
        page
    }

    // Guards the arithmetic of heaps against the walk that defines it.
    #[test]
    fn ranks_lead_to_the_nodes_of_a_walk() {
        for height in 0..12 {
            let records = 1_usize << height;
            let nodes = in_order(records as u32);
            for rank in 0..records {
                assert_eq!(node_of_rank(rank, records), Some(nodes[rank] as usize), "{rank}");
            }
            assert_eq!(node_of_rank(records, records), None);
        }
    }

    // Guards against names that are missed, found where they are not, or cost many reads.
    #[test]
    fn random_names_are_found_with_few_reads() {
        let mut random = Random::new(3);
        for count in [16, 32, 64, 128, 256, 512, 1024, 2048] {
            let (mut found, mut all_reads) = (0, 0);
            let rounds = 20;
            for _ in 0..rounds {
                let records: Vec<Record> = (0..count).map(|_| random.record()).collect();
                let page = page_of(&records);
                for record in &records {
                    let (data, reads) = find(&page, &record.name);
                    assert!(data.is_none_or(|data| data == record.data));
                    found += u32::from(data.is_some());
                    all_reads += reads;
                    assert_eq!(find(&page, &random.record().name).0, None);
                }
            }
            let all = rounds * count;
            assert!(found > all - all / 200, "{count}: {found} of {all}");
            assert!(all_reads < all + all * 3 / 4, "{count}: {all_reads} reads for {all}");
        }
    }

    // Guards the ends of a page, and names that lie together on one side of it.
    #[test]
    fn names_in_odd_places_are_found_or_given_up() {
        let mut random = Random::new(4);
        for shift in [0, 1, 3, 7] {
            let mut records: Vec<Record> = (0..1024).map(|_| random.record()).collect();
            for record in &mut records {
                let mut name = *record.name.as_bytes();
                name[0] >>= shift;
                record.name = RecordName::new(name);
            }
            let page = page_of(&records);
            let mut found = 0;
            for record in &records {
                let data = find(&page, &record.name).0;
                assert!(data.is_none_or(|data| data == record.data));
                found += u32::from(data.is_some());
            }
            assert!(shift > 0 || found > 1015, "{found} of 1024");
            for edge in [0, 255] {
                assert_eq!(find(&page, &RecordName::new([edge; 16])).0, None);
            }
        }
    }

    // Guards against panics, endless reads and wrong finds on pages that are none, copies of
    // one record among them; and against sizes that the arithmetic is not made for.
    #[test]
    fn any_bytes_can_be_searched_in_parts() {
        let mut random = Random::new(5);
        for round in 0..2000 {
            let count = [0, 1, 7, 8, 15, 16, 17, 128, 1000, 1024][round % 10];
            let mut records: Vec<Record> = (0..count).map(|_| random.record()).collect();
            if round % 3 == 0 && count > 0 {
                let first = records[0];
                records.fill(first);
            }
            // In no order at all, or with one byte changed.
            let mut page: Vec<u8> = records.iter().flat_map(Record::to_bytes).collect();
            if round % 2 == 0 && count > 0 {
                page = page_of(&records);
                let place = random.next() as usize % page.len();
                page[place] ^= 1 << (round % 8);
            }
            for record in records.iter().take(20) {
                let (data, reads) = find(&page, &record.name);
                assert!(reads <= MOST_READS + 1);
                let on_page = page.chunks_exact(RECORD_BYTES).any(|bytes| {
                    bytes[..16] == record.name.as_bytes()[..]
                        && data.is_some_and(|data| bytes[16..] == data.as_bytes()[..])
                });
                assert!(on_page || data.is_none(), "what is found is on the page");
            }
        }
    }

    // Guards reads that are declined at any point: nothing is found then, and nothing asked again.
    #[test]
    fn a_read_that_is_declined_ends_the_search() {
        let mut random = Random::new(6);
        let records: Vec<Record> = (0..1024).map(|_| random.record()).collect();
        let page = page_of(&records);
        for (number, record) in records.iter().enumerate() {
            let mut left = number % 3;
            let found = find_in_parts(1024, &record.name, |offset, buffer| {
                if left == 0 {
                    return false;
                }
                left -= 1;
                buffer.copy_from_slice(&page[offset..offset + buffer.len()]);
                true
            });
            assert!(found.is_none() || number % 3 > 0);
            assert!(found.is_none() || found == search_record_page(&page, &record.name));
        }
    }
}
