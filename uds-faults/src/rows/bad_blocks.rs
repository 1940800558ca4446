//! F7, the other half: one block that cannot be read, each in turn.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use uds_volume::Operation;
use uds_volume::sim::{Fault, Random};

use crate::campaign::{Outcome, Plan};
use crate::image::{Allowed, Image};
use crate::world::{BLOCK, World};

/// Every block of closed and dropped indexes, for ever or once: cases from `first` on.
pub(super) fn run(plan: &Plan, first: u64) -> Result<Outcome> {
    let mut images = Vec::new();
    for world in [World::dense()?, World::sparse()?, World::wide()?] {
        let world = Arc::new(world);
        images.push(Image::closed(&world, 1)?);
        images.push(Image::dropped(&world, 1)?);
    }
    let blocks = |image: &Image| image.world.sizes.total_blocks() * 2;
    let count = images.iter().map(blocks).sum::<u64>();
    Ok(plan.each(first..first + count, |case, tally| {
        let mut number = case - first;
        let mut which = 0;
        while number >= blocks(&images[which]) {
            number -= blocks(&images[which]);
            which += 1;
        }
        let image = &images[which];
        let (block, is_forever) = (number / 2, number % 2 == 0);
        let disk = image.disk.snapshot();
        let fault = Fault::of(Operation::Read).within(block * BLOCK..(block + 1) * BLOCK);
        disk.inject(if is_forever { fault.forever() } else { fault });
        // Opening fails with what the storage says; a recovery leaves out what cannot be read.
        let allowed =
            Allowed { refusal: true, chapters: chapters(image, block), ..Allowed::default() };
        let mut random = Random::of(plan.seed, case);
        tally.note("bad blocks", 1);
        image.check(disk, &allowed, &mut random, tally).with_context(|| {
            format!("{} image {which}, block {block}, for ever: {is_forever}", image.world.label)
        })
    }))
}

/// The chapter in a block of the volume.
fn chapters(image: &Image, block: u64) -> Vec<u32> {
    let world = &image.world;
    let slots = 0..u64::from(world.geometry.chapters_per_volume());
    let pages = u64::from(world.geometry.pages_per_chapter());
    let is_there =
        |slot: &u64| (world.page(*slot, 0)..world.page(*slot, pages)).contains(&(block * BLOCK));
    slots.filter(is_there).map(|slot| image.chapter_in(slot)).collect()
}
