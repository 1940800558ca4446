//! How far back the duplicates were: by what was logged between a record and its duplicate.
//!
//! The log is counted in chapters of 65,536 records, so the first class is of duplicates whose
//! record was in the open chapter, and each further one begins four times as far back. Of blocks
//! of 4 KiB a chapter holds 256 MiB, and the classes end at 1 GiB, 4 GiB and so on. Chunks cut by
//! their content differ in length, so there the classes are told in chunks.
//!
//! # Invariants
//!
//! 1. Every number of chapters is in exactly one class; a class ends where the next begins.

use serde::Serialize;

use super::ROWS;

/// Records of a chapter, as ages are counted.
const CHAPTER_RECORDS: u64 = 1 << 16;
/// Bytes of a chapter of blocks of 4 KiB.
const CHAPTER_BYTES: u64 = CHAPTER_RECORDS * 4096;

/// What is between a record and its duplicate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AgeUnit {
    /// Blocks of 4 KiB, told in bytes.
    Blocks,
    /// Chunks of any length, told in chunks.
    Chunks,
}

/// Bytes of duplicates, by how far back their records were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct AgeTally {
    classes: [u64; ROWS],
}

/// A row: duplicates whose records were from `from_records` to `to_records` back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) struct AgeRow {
    pub(super) from_records: u64,
    /// Absent for the last class, which has no end.
    pub(super) to_records: Option<u64>,
    pub(super) saved_bytes: u64,
}

impl AgeTally {
    /// Counts `weighted_bytes` of duplicates whose record was logged `chapters_ago` chapters of
    /// 65,536 records before.
    #[inline]
    pub(crate) fn add(&mut self, chapters_ago: u32, weighted_bytes: u64) {
        let bytes = &mut self.classes[class_of(chapters_ago)];
        *bytes = bytes.saturating_add(weighted_bytes);
    }

    /// Counts what another one did: each worker can have its own.
    pub(crate) fn merge(&mut self, other: &Self) {
        for (bytes, more) in self.classes.iter_mut().zip(&other.classes) {
            *bytes = bytes.saturating_add(*more);
        }
    }

    /// The same with so many bytes in all: what is not older is in the newest class. A name can be
    /// told in an older class once a chapter only, but in the newest any number of times: where
    /// names are sampled, a common one would count for far too much or nothing there.
    pub(super) fn settled(&self, all: u64) -> Self {
        let mut settled = *self;
        let older = self.classes[1..].iter().fold(0_u64, |sum, &bytes| sum.saturating_add(bytes));
        settled.classes[0] = all.saturating_sub(older);
        settled
    }

    /// The classes up to the last that is not empty, the newest first.
    pub(super) fn rows(&self) -> Vec<AgeRow> {
        let used = self.classes.iter().rposition(|bytes| *bytes > 0).map_or(0, |last| last + 1);
        let row = |(class, saved_bytes): (usize, &u64)| AgeRow {
            from_records: start_of(class),
            to_records: (class + 1 < ROWS).then(|| start_of(class + 1)),
            saved_bytes: *saved_bytes,
        };
        self.classes[..used].iter().enumerate().map(row).collect()
    }
}

impl AgeRow {
    /// The class for people: `under 256 MiB`, `1 to 4 GiB`, `over 256 TiB`.
    pub(super) fn label(&self, unit: AgeUnit) -> String {
        let told = |records| match unit {
            AgeUnit::Blocks => powers_of_1024(records / CHAPTER_RECORDS * CHAPTER_BYTES, "iB"),
            AgeUnit::Chunks => powers_of_1024(records, " chunks"),
        };
        match (self.from_records, self.to_records) {
            (0, Some(to)) => format!("under {}", told(to)),
            (from, None) => format!("over {}", told(from)),
            (from, Some(to)) => {
                let (from, to) = (told(from), told(to));
                // One unit says it for both numbers where it is the same.
                let (number, unit) = to.split_once(' ').unwrap_or((&to, ""));
                match from.strip_suffix(unit) {
                    Some(from) => format!("{} to {number} {unit}", from.trim_end()),
                    None => format!("{from} to {to}"),
                }
            }
        }
    }
}

fn class_of(chapters: u32) -> usize {
    // 0, 1 to 3, 4 to 15 and so on.
    chapters.checked_ilog2().map_or(0, |power| (power as usize / 2 + 1).min(ROWS - 1))
}

/// Where a class begins, in records back.
fn start_of(class: usize) -> u64 {
    if class == 0 { 0 } else { CHAPTER_RECORDS << (2 * (class - 1)) }
}

/// A power of two of at least 1024: `256 MiB`, `64 K chunks`.
fn powers_of_1024(number: u64, unit: &str) -> String {
    const LETTERS: [&str; 7] = ["", "K", "M", "G", "T", "P", "E"];
    let power = (number.max(1).ilog2() / 10) as usize;
    format!("{} {}{unit}", number >> (10 * power), LETTERS[power])
}

#[cfg(test)]
mod tests {
    use super::*;

    // Guards the limits of the classes: a chapter in two of them or in none, or in that of its
    // neighbour.
    #[test]
    fn each_age_is_in_its_class() {
        let ages = (0..5000).chain([(1 << 20) - 1, 1 << 20, u32::MAX]);
        for chapters in ages {
            let mut tally = AgeTally::default();
            tally.add(chapters, 7);
            let rows = tally.rows();
            let (last, before) = rows.split_last().unwrap();
            assert!(before.iter().all(|row| row.saved_bytes == 0));
            let records = u64::from(chapters) * CHAPTER_RECORDS;
            assert_eq!(last.saved_bytes, 7);
            let first = if chapters == 0 { 0 } else { last.from_records };
            assert!(records >= first, "{chapters} {last:?}");
            assert!(last.to_records.is_none_or(|to| records < to), "{chapters} {last:?}");
        }
        assert!(AgeTally::default().rows().is_empty());
    }

    // Guards the words for the classes, in both units, and that they are wide enough to hold.
    #[test]
    fn classes_are_told_in_bytes_or_chunks() {
        let mut tally = AgeTally::default();
        tally.add(u32::MAX, 1);
        let labels = |unit| -> Vec<_> { tally.rows().iter().map(|row| row.label(unit)).collect() };
        let blocks = labels(AgeUnit::Blocks);
        assert_eq!(blocks[..4], ["under 256 MiB", "256 MiB to 1 GiB", "1 to 4 GiB", "4 to 16 GiB"]);
        assert_eq!(blocks[6..8], ["256 GiB to 1 TiB", "1 to 4 TiB"]);
        assert_eq!(blocks[ROWS - 1], "over 256 TiB");
        let chunks = labels(AgeUnit::Chunks);
        assert_eq!(
            chunks[..3],
            ["under 64 K chunks", "64 to 256 K chunks", "256 K chunks to 1 M chunks"]
        );
        assert_eq!(chunks[ROWS - 1], "over 64 G chunks");
    }

    // Guards against workers whose counts are lost, or counted twice.
    #[test]
    fn tallies_add_up() {
        let (mut one, mut other, mut both) = Default::default();
        for (at, chapters) in [0, 3, 3, 17, 900, 1_000_000].into_iter().enumerate() {
            let half: &mut AgeTally = if at % 2 == 0 { &mut one } else { &mut other };
            half.add(chapters, 1 << at);
            AgeTally::add(&mut both, chapters, 1 << at);
        }
        one.merge(&other);
        assert_eq!(one, both);
    }
}
