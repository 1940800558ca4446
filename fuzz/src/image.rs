//! The target `image`: an index that was damaged anywhere, opened, worked with, closed, and opened
//! again.
//!
//! | bytes | what |
//! |---|---|
//! | 0 | which base |
//! | 1 | bits 0 and 1: zones to open it in; bit 2: no rebuild; bits 3 and 4: zones for the second |
//! | 2.. | a program of damage: the count of its steps, and the steps |
//! | then | operations of 3 bytes: what, and on which name |
//!
//! There are always 1,000 operations: those that the input does not give follow from its length.

use uds_index::{Batch, Index, OpenMode};

use uds_volume::sim::Random;

use crate::bases::{Base, base, data, name};
use crate::damage::Damage;
use crate::input::Input;
use crate::oracle::Oracle;
use crate::region::{open, reopen};

const OPERATIONS: usize = 1000;

/// Damages an image, opens it, works with it, and opens it again.
pub fn image(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let base = base(input.byte());
    let flags = input.byte();
    let mut damage = Damage::new(base);
    damage.run(&mut input);
    let damaged = damage.image;
    let mode = if flags & 4 == 0 { OpenMode::Load } else { OpenMode::NoRebuild };
    let Some((index, storage)) = open(&damaged, mode, 1 + (flags & 3) % 3, 0) else { return };
    let mut oracle = Oracle::new(base, &damaged);
    let mut random = Random::new(bytes.len() as u64);
    work(&index, base, &mut oracle, &mut input, &mut random);
    // Whatever was damaged, the storage works.
    index.close().expect("an index that opened can be closed");
    let index = reopen(storage, OpenMode::Load, 1 + (flags >> 3 & 3) % 3, 0)
        .expect("an index that was closed can be opened");
    let mut batch = Batch::new();
    for counter in 0..base.records.min(1000) + 200 {
        batch.query_no_update(name(counter));
    }
    oracle.run(&index, &mut batch);
}

/// Carries out 1,000 operations.
fn work(
    index: &Index,
    base: &Base,
    oracle: &mut Oracle<'_>,
    input: &mut Input<'_>,
    random: &mut Random,
) {
    let mut batch = Batch::new();
    for step in 0..OPERATIONS {
        let (what, which) = if input.is_empty() {
            let number = random.next();
            // What comes by itself does not save: that would be most of the work.
            ((number as u8) % 192, (number >> 8) as u16)
        } else {
            (input.byte(), input.short())
        };
        // Old names, and new ones.
        let counter = u64::from(which) % (base.records + 300);
        let name = name(counter);
        match what {
            0..64 => batch.post(name, data(counter, 2)),
            64..112 => batch.query(name),
            112..160 => batch.query_no_update(name),
            160..180 => batch.update(name, data(counter, 3 + step as u64)),
            180..200 => batch.delete(name),
            200..232 => oracle.run(index, &mut std::mem::take(&mut batch)),
            232..244 => {
                oracle.run(index, &mut std::mem::take(&mut batch));
                index.flush().expect("the storage works");
            }
            _ => {
                oracle.run(index, &mut std::mem::take(&mut batch));
                index.save().expect("the storage works");
            }
        }
        if batch.len() >= 100 {
            oracle.run(index, &mut std::mem::take(&mut batch));
        }
    }
    oracle.run(index, &mut batch);
    let statistics = index.statistics();
    assert!(statistics.oldest_chapter <= statistics.newest_chapter);
}
