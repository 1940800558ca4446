//! Looking a name up on a record page in memory with few waits for memory.
//!
//! A walk down the tree of a page of 1024 waits ten times, each time for the node before, and the
//! deeper half of the nodes is rarely in a fast cache. So only the first levels are walked. Names
//! are as good as random: between the last two that were met, where a name is can be guessed to
//! one or two leaves. From there it is a few steps to it, or to the two leaves that it lies
//! between; the layout is told in [`part`](super::part).
//!
//! Invariant: as there, what is found is a record of that name on that page, and what is not found
//! may be there all the same.

use uds_geometry::{NAME_BYTES, RECORD_BYTES, RecordData, RecordName};

use super::part::node_of_rank;

/// Levels that are walked. Their nodes, a few lines of each page, stay in fast caches.
const LEVELS_WALKED: u32 = 4;
/// Pages of fewer records than `2^h` are walked faster.
const LEAST_HEIGHT: u32 = LEVELS_WALKED + 2;
/// The most leaves looked at. A page in order seldom needs a quarter of it.
const MOST_STEPS: usize = 16;

/// The data of `name`, unless the guess leads nowhere.
pub(crate) fn find_by_guess(page: &[u8], name: &RecordName) -> Option<RecordData> {
    let records = page.len() / RECORD_BYTES;
    if !records.is_power_of_two() || records.ilog2() < LEAST_HEIGHT {
        return None;
    }
    let wanted = name.volume_index_bits();
    let (leaf_node, leaves) = (records / 2 - 1, records / 2);

    // Leaves from here to there have names between these.
    let (mut leaf, mut count) = (0, leaves);
    let (mut low, mut high) = (0, u64::MAX);
    let mut node = 0;
    for _ in 0..LEVELS_WALKED {
        let found = prefix_of(page, node)?;
        count /= 2;
        // No branch: each would be guessed wrong every second time.
        let is_right = wanted > found;
        leaf += if is_right { count } else { 0 };
        low = if is_right { found } else { low };
        high = if is_right { high } else { found };
        node = 2 * node + 1 + usize::from(is_right);
    }
    // The upper 32 bits tell the distances well enough.
    let (distance, all) = (wanted.saturating_sub(low) >> 32, high.saturating_sub(low) >> 32);
    leaf += (distance * count as u64 / (all + 1)) as usize;

    // To the first leaf that is not less.
    leaf = leaf.min(leaves - 1);
    let mut found = prefix_of(page, leaf_node + leaf)?;
    let goes_right = found < wanted;
    for _ in 0..MOST_STEPS {
        if found == wanted {
            return data_of(page, leaf_node + leaf, name);
        }
        let is_passed = goes_right != (found < wanted);
        let is_last = if goes_right { leaf + 1 == leaves } else { leaf == 0 };
        if is_passed || is_last {
            let first_greater = leaf + usize::from(found < wanted);
            return data_of(page, node_of_rank(2 * first_greater, records)?, name);
        }
        leaf = if goes_right { leaf + 1 } else { leaf - 1 };
        found = prefix_of(page, leaf_node + leaf)?;
    }
    None
}

/// The first eight bytes of a node's name, which order like it.
#[inline(always)]
fn prefix_of(page: &[u8], node: usize) -> Option<u64> {
    let record = page.get(node * RECORD_BYTES..(node + 1) * RECORD_BYTES)?;
    Some(u64::from_be_bytes(*record.first_chunk()?))
}

/// The data of a node, if its record is that of `name`.
#[inline(always)]
fn data_of(page: &[u8], node: usize, name: &RecordName) -> Option<RecordData> {
    let record = page.get(node * RECORD_BYTES..(node + 1) * RECORD_BYTES)?;
    let (found, data) = record.split_first_chunk::<NAME_BYTES>()?;
    let data = data.try_into().ok()?;
    (found == name.as_bytes()).then_some(RecordData::new(data))
}

#[cfg(test)]
mod tests {
    use uds_geometry::Record;

    use super::*;
    use crate::record_page::{RecordPageEncoder, search_record_page, search_record_page_with};
    use crate::testing::Random;

    fn page_of(records: &[Record]) -> Vec<u8> {
        let mut page = vec![0; records.len() * RECORD_BYTES];
        RecordPageEncoder::new(records.len() as u32).encode(records, &mut page).unwrap();
        page
    }

    // Guards the short way: it finds nearly every name of a page of random names, with its data,
    // and never another.
    #[test]
    fn guesses_find_nearly_all() {
        let mut random = Random::new(11);
        for count in [64, 128, 256, 512, 1024, 2048] {
            let (mut found, rounds) = (0, 20);
            for _ in 0..rounds {
                let records: Vec<Record> = (0..count).map(|_| random.record()).collect();
                let page = page_of(&records);
                for record in &records {
                    let data = find_by_guess(&page, &record.name);
                    assert!(data.is_none_or(|data| data == record.data));
                    found += u32::from(data.is_some());
                    assert_eq!(find_by_guess(&page, &random.record().name), None);
                }
            }
            let all = rounds * count;
            assert!(found > all - all / 100, "{count}: {found} of {all}");
        }
    }

    // Guards names that a guess misses: whatever their order and number, they are found as by
    // a walk, also those that begin alike.
    #[test]
    fn any_page_in_order_is_searched_as_by_a_walk() {
        let mut random = Random::new(12);
        for round in 0..60 {
            let count = [1, 2, 63, 64, 100, 128, 1000, 1024][round % 8];
            let mut records: Vec<Record> = (0..count).map(|_| random.record()).collect();
            for record in &mut records {
                let mut name = *record.name.as_bytes();
                match round % 4 {
                    0 => name[0] >>= 5,
                    1 => name[..8].fill(7),
                    2 => name[..2].fill(255),
                    _ => {}
                }
                record.name = RecordName::new(name);
            }
            let page = page_of(&records);
            for record in &records {
                assert_eq!(search_record_page(&page, &record.name), Some(record.data));
                let other = random.record().name;
                let walked = search_record_page_with(&page, &other, |_| ());
                assert_eq!(search_record_page(&page, &other), walked);
            }
        }
    }

    // Guards damaged pages and such as are none: no panic, and what is found is there.
    #[test]
    fn any_bytes_can_be_guessed_at() {
        let mut random = Random::new(13);
        for round in 0..1000 {
            let count = [0, 1, 64, 127, 128, 1024][round % 6];
            let records: Vec<Record> = (0..count).map(|_| random.record()).collect();
            let mut page: Vec<u8> = records.iter().flat_map(Record::to_bytes).collect();
            page.truncate(page.len() - round % 3 * page.len() / 7);
            for record in records.iter().take(50) {
                let data = find_by_guess(&page, &record.name);
                assert!(data.is_none_or(|data| data == record.data));
            }
            for edge in [0, 255] {
                assert_eq!(find_by_guess(&page, &RecordName::new([edge; 16])), None);
            }
        }
    }
}
