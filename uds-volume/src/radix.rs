//! The radix sorter: the order of records by name (specification, section 6.1).
//!
//! Records stay where they are. What is sorted are *keys*: the first eight bytes of a name as
//! a number, and the position of its record. The first pass distributes the keys by as many leading
//! bits as there are keys, so that names with uniformly distributed bits end up in piles of about
//! one. Piles of up to [`SMALL`] keys are finished by insertion; larger ones, which only names with
//! biased bits make, by an American flag sort: an in-place exchange by the next byte, and so on
//! through all sixteen bytes.
//!
//! # Invariants
//!
//! 1. The sort is not stable: equal names come out in any order.
//! 2. Piles that wait for their sort do not overlap and hold more than `SMALL` keys each, so
//!    `capacity / SMALL` tasks are the most that ever wait.
//! 3. After construction nothing allocates.

use uds_geometry::{NAME_BYTES, Record};

use crate::error::{VolumeError, Wanted};

/// Keys of a pile that insertion finishes faster than another distribution.
const SMALL: usize = 12;
/// Bytes of a name that a key holds itself.
const PREFIX_BYTES: usize = 8;
/// The most leading bits that the first pass distributes by.
const MAX_FIRST_BITS: u32 = 16;

/// Sorts records by name, up to a fixed number at a time. Made once and used for many pages.
///
/// ```
/// use uds_geometry::{Record, RecordName};
/// use uds_volume::RadixSorter;
///
/// let named = |byte| Record { name: RecordName::new([byte; 16]), ..Record::default() };
/// let mut sorter = RadixSorter::new(1024);
/// let order = sorter.sort(&[named(30), named(10), named(20)])?;
/// assert!(order.eq([1, 2, 0]));
/// # Ok::<(), uds_volume::VolumeError>(())
/// ```
#[derive(Debug)]
pub struct RadixSorter {
    capacity: usize,
    keys: Box<[Key]>,
    piles: Box<[u32]>,
    tasks: Vec<Task>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Key {
    /// Bytes 0..8 of the name; big-endian, so that numbers order as bytes do.
    prefix: u64,
    /// Position of the record.
    position: u32,
}

/// A range of keys whose names agree in all bytes before `byte`.
#[derive(Clone, Copy, Debug)]
struct Task {
    start: u32,
    end: u32,
    byte: u8,
}

impl RadixSorter {
    /// A sorter for up to `capacity` records at a time.
    #[must_use]
    pub fn new(capacity: u32) -> Self {
        let capacity = capacity as usize;
        Self {
            capacity,
            keys: vec![Key::default(); capacity].into_boxed_slice(),
            piles: vec![0; (1 << first_bits(capacity)) + 1].into_boxed_slice(),
            tasks: Vec::with_capacity(capacity / SMALL + 1),
        }
    }

    /// Sorts `records` by the unsigned bytes of their names. Yields their positions in that order.
    ///
    /// # Errors
    ///
    /// [`VolumeError::Argument`] where there are more records than the sorter was made for.
    pub fn sort(
        &mut self,
        records: &[Record],
    ) -> Result<impl ExactSizeIterator<Item = usize> + '_, VolumeError> {
        if records.len() > self.capacity {
            return Err(VolumeError::Argument {
                what: "the number of records to sort",
                found: records.len() as u64,
                wanted: Wanted::AtMost(self.capacity as u64),
            });
        }
        self.distribute(records);
        while let Some(task) = self.tasks.pop() {
            self.exchange(task, records);
        }
        Ok(self.keys[..records.len()].iter().map(|key| key.position as usize))
    }

    /// The first pass: keys go from the records to their piles by the leading bits.
    fn distribute(&mut self, records: &[Record]) {
        let bits = first_bits(records.len());
        let shift = u64::BITS - bits;
        let piles = &mut self.piles[..(1 << bits) + 1];
        piles.fill(0);
        for record in records {
            piles[(prefix_of(record) >> shift) as usize + 1] += 1;
        }
        let mut largest = 0;
        let mut end = 0;
        for pile in piles.iter_mut() {
            largest = largest.max(*pile);
            end += *pile;
            *pile = end;
        }
        // `piles[n]` is now the start of pile n; placing moves it to the start of pile n + 1.
        for (position, record) in records.iter().enumerate() {
            let prefix = prefix_of(record);
            let place = &mut piles[(prefix >> shift) as usize];
            self.keys[*place as usize] = Key { prefix, position: position as u32 };
            *place += 1;
        }
        let keys = &mut self.keys[..records.len()];
        if largest as usize <= SMALL {
            // Small piles in order: one insertion sort moves no key out of its pile.
            insertion_sort(keys, records);
            return;
        }
        let mut start = 0;
        for &end in &piles[..1 << bits] {
            let task = Task { start, end, byte: (bits / 8) as u8 };
            finish_or_queue(keys, task, records, &mut self.tasks);
            start = end;
        }
    }

    /// One American flag pass: exchanges the keys of a task into piles by one byte.
    fn exchange(&mut self, task: Task, records: &[Record]) {
        let keys = &mut self.keys[task.start as usize..task.end as usize];
        let byte = task.byte as usize;
        let mut counts = [0_u32; 256];
        for key in keys.iter() {
            counts[key.byte(byte, records) as usize] += 1;
        }
        let mut next = [0_u32; 256];
        let mut ends = [0_u32; 256];
        let mut end = 0;
        for value in 0..256 {
            next[value] = end;
            end += counts[value];
            ends[value] = end;
        }
        for value in 0..256 {
            while next[value] < ends[value] {
                let mut key = keys[next[value] as usize];
                // Follow the cycle of displaced keys until one belongs here.
                loop {
                    let home = key.byte(byte, records) as usize;
                    let place = next[home] as usize;
                    next[home] += 1;
                    if home == value {
                        keys[place] = key;
                        break;
                    }
                    std::mem::swap(&mut key, &mut keys[place]);
                }
            }
        }
        let mut start = 0;
        for end in ends {
            let pile =
                Task { start: task.start + start, end: task.start + end, byte: task.byte + 1 };
            finish_or_queue(&mut self.keys, pile, records, &mut self.tasks);
            start = end;
        }
    }
}

impl Key {
    /// Byte `index` of the name.
    #[inline]
    fn byte(&self, index: usize, records: &[Record]) -> u8 {
        if index < PREFIX_BYTES {
            (self.prefix >> (56 - 8 * index)) as u8
        } else {
            records[self.position as usize].name.as_bytes()[index]
        }
    }

    /// Whether the key's name comes before that of `other`.
    #[inline]
    fn is_before(&self, other: &Self, records: &[Record]) -> bool {
        if self.prefix != other.prefix {
            return self.prefix < other.prefix;
        }
        records[self.position as usize].name < records[other.position as usize].name
    }
}

/// Finishes a pile, or has it wait for its own distribution.
fn finish_or_queue(keys: &mut [Key], pile: Task, records: &[Record], tasks: &mut Vec<Task>) {
    let count = (pile.end - pile.start) as usize;
    if count <= SMALL {
        insertion_sort(&mut keys[pile.start as usize..pile.end as usize], records);
    } else if (pile.byte as usize) < NAME_BYTES {
        tasks.push(pile);
    }
}

fn insertion_sort(keys: &mut [Key], records: &[Record]) {
    for end in 1..keys.len() {
        let key = keys[end];
        let mut place = end;
        while place > 0 && key.is_before(&keys[place - 1], records) {
            keys[place] = keys[place - 1];
            place -= 1;
        }
        keys[place] = key;
    }
}

/// How many leading bits the first pass uses for so many keys: piles of one on average.
fn first_bits(count: usize) -> u32 {
    (usize::BITS - count.leading_zeros()).clamp(1, MAX_FIRST_BITS)
}

#[inline]
fn prefix_of(record: &Record) -> u64 {
    // Big-endian, unlike everything on storage: names order by their bytes.
    record.name.volume_index_bits()
}

#[cfg(test)]
mod tests;
