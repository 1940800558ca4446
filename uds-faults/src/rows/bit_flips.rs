//! F4a to F4e: bits that flip on the medium, in every kind of block.

use std::ops::Range;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use uds_volume::Storage as _;
use uds_volume::sim::{Random, SimDisk};

use crate::campaign::{Campaign, Outcome, Plan};
use crate::image::{Allowed, Image};
use crate::world::{BLOCK, World};

/// Row F4a.
pub(super) const HEADERS: Campaign = Campaign {
    row: "F4a",
    about: "flipped bits: super block, config, save slots, page map, open chapter's header",
    counts: [20_000, 600_000, 600_000],
    run: run_headers,
};

/// Row F4b.
pub(super) const INDEX_PAGES: Campaign = Campaign {
    row: "F4b",
    about: "flipped bits: index pages",
    counts: [50_000, 1_000_000, 8_000_000],
    run: run_index_pages,
};

/// Row F4c.
pub(super) const RECORDS: Campaign = Campaign {
    row: "F4c",
    about: "flipped bits: record pages, and the saved open chapter",
    counts: [50_000, 1_000_000, 8_000_000],
    run: run_records,
};

/// Row F4d.
pub(super) const VOLUME_INDEX: Campaign = Campaign {
    row: "F4d",
    about: "flipped bits: the saved volume index",
    counts: [20_000, 500_000, 4_000_000],
    run: run_volume_index,
};

/// Row F4e.
pub(super) const FREE: Campaign = Campaign {
    row: "F4e",
    about: "flipped bits: free space, seal, volume header: no effect",
    counts: [2_000, 170_000, 170_000],
    run: run_free,
};

/// Bytes that can be damaged, and what that may do.
struct Target {
    image: usize,
    bytes: Range<u64>,
    allowed: Allowed,
}

/// Flips bits of each target in turn: all of them one by one if there are enough cases, and
/// else by chance.
fn run(plan: &Plan, images: &[Image], targets: &[Target]) -> Outcome {
    let bits: u64 = targets.iter().map(|target| (target.bytes.end - target.bytes.start) * 8).sum();
    plan.each(0..plan.count, |case, tally| {
        let mut random = Random::of(plan.seed, case);
        let is_exhaustive = plan.count >= bits && case < bits;
        let (target, bit) = if is_exhaustive {
            nth_bit(targets, case)
        } else {
            let mut target = random.pick(targets);
            // A recovery takes ten times as long as an open: one case in four.
            while images[target.image].slot.is_none() && !random.one_in(3) {
                target = random.pick(targets);
            }
            // What is at the front matters more.
            let all = (target.bytes.end - target.bytes.start) * 8;
            let reach = if random.one_in(2) { all.min(8 * 512) } else { all };
            (target, random.below(reach))
        };
        let image = &images[target.image];
        let disk = image.disk.snapshot();
        let mut flipped = vec![flip(&disk, target.bytes.start + bit / 8, bit % 8)?];
        let burst = if is_exhaustive { 0 } else { [0, 0, 0, 0, 0, 0, 1, 7][(case % 8) as usize] };
        for _ in 0..burst {
            let near = (bit + random.below(64)) / 8;
            let at = (target.bytes.start + near).min(target.bytes.end - 1);
            flipped.push(flip(&disk, at, random.below(8))?);
        }
        let mut allowed = target.allowed.clone();
        // A burst of bits can lie in as many records as it has bits.
        allowed.wrong *= 1 + burst;
        image.check(disk, &allowed, &mut random, tally).with_context(|| {
            format!("{} image {}, bits {flipped:?}", image.world.label, target.image)
        })
    })
}

fn nth_bit(targets: &[Target], mut bit: u64) -> (&Target, u64) {
    for target in targets {
        let bits = (target.bytes.end - target.bytes.start) * 8;
        if bit < bits {
            return (target, bit);
        }
        bit -= bits;
    }
    (&targets[0], 0)
}

/// Flips a bit, and says which.
fn flip(disk: &SimDisk, at: u64, bit: u64) -> Result<(u64, u64)> {
    let mut byte = [0];
    disk.read_at(at, &mut byte)?;
    disk.write_at(at, &[byte[0] ^ (1 << bit)])?;
    Ok((at, bit))
}

fn block(number: u64) -> Range<u64> {
    number * BLOCK..(number + 1) * BLOCK
}

fn run_headers(plan: &Plan) -> Result<Outcome> {
    let dense = Arc::new(World::dense()?);
    let wide = Arc::new(World::wide()?);
    let (twice, older) = Image::saved_twice(&dense)?;
    let images = [Image::closed(&dense, 1)?, twice, Image::closed(&wide, 1)?];
    let mut targets = Vec::new();
    for (number, image) in images.iter().enumerate() {
        let world = &image.world;
        let older = (number == 1).then_some(older);
        let refusal = Allowed { refusal: true, older, ..Allowed::default() };
        let misses = Allowed { misses: true, older, ..Allowed::default() };
        let mut add = |bytes, allowed: &Allowed| {
            targets.push(Target { image: number, bytes, allowed: allowed.clone() });
        };
        add(block(0), &refusal);
        add(block(1), &refusal);
        for slot in 0..2 {
            let start = world.slot(slot);
            // The oldest chapter of a save can be checked against nothing.
            add(start..start + BLOCK, &misses);
            add(start + BLOCK..start + (1 + world.sizes.page_map_blocks) * BLOCK, &misses);
            let open = world.open_chapter(slot);
            add(open..open + 16, &misses);
        }
    }
    Ok(run(plan, &images, &targets))
}

/// Images of all worlds, closed and dropped.
fn images() -> Result<Vec<Image>> {
    let mut images = Vec::new();
    for world in [World::dense()?, World::sparse()?, World::wide()?] {
        let world = Arc::new(world);
        images.push(Image::closed(&world, 1)?);
        images.push(Image::dropped(&world, 1)?);
    }
    Ok(images)
}

/// The pages of each slot that holds a chapter, of one sort.
fn pages(images: &[Image], of_index: bool, wrong: u64) -> Vec<Target> {
    let mut targets = Vec::new();
    for (number, image) in images.iter().enumerate() {
        let geometry = &image.world.geometry;
        let index_pages = u64::from(geometry.index_pages_per_chapter());
        let all = u64::from(geometry.pages_per_chapter());
        for slot in 0..u64::from(geometry.chapters_per_volume()) {
            let first = if of_index { 0 } else { index_pages };
            let last = if of_index { index_pages } else { all };
            let bytes = image.world.page(slot, first)..image.world.page(slot, last);
            let chapters = vec![image.chapter_in(slot)];
            let allowed = Allowed { chapters, wrong, ..Allowed::default() };
            targets.push(Target { image: number, bytes, allowed });
        }
    }
    targets
}

fn run_index_pages(plan: &Plan) -> Result<Outcome> {
    let images = images()?;
    let targets = pages(&images, true, 0);
    Ok(run(plan, &images, &targets))
}

fn run_records(plan: &Plan) -> Result<Outcome> {
    let images = images()?;
    let mut targets = pages(&images, false, 1);
    for (number, image) in images.iter().enumerate() {
        let Some(slot) = image.slot else { continue };
        let start = image.world.open_chapter(slot) + 16;
        let bytes = start..start + image.world.sizes.open_chapter_blocks * BLOCK - 16;
        let chapters = vec![image.moment.newest];
        let allowed = Allowed { chapters, wrong: 1, ..Allowed::default() };
        targets.push(Target { image: number, bytes, allowed });
    }
    Ok(run(plan, &images, &targets))
}

fn run_volume_index(plan: &Plan) -> Result<Outcome> {
    let dense = Arc::new(World::dense()?);
    let images = [
        Image::closed(&dense, 1)?,
        Image::closed(&dense, 3)?,
        Image::closed(&Arc::new(World::sparse()?), 1)?,
    ];
    let mut targets = Vec::new();
    for (number, image) in images.iter().enumerate() {
        let Some(slot) = image.slot else { continue };
        let world = &image.world;
        let first = world.slot(slot) + (1 + world.sizes.page_map_blocks) * BLOCK;
        // A misled entry can lead to an older copy.
        let chapters = (0..=image.moment.newest).collect();
        let allowed = Allowed { chapters, misses: true, ..Allowed::default() };
        let blocks = world.sizes.volume_index_blocks / image.zones * image.zones;
        for block in 0..blocks {
            let bytes = first + block * BLOCK..first + (block + 1) * BLOCK;
            targets.push(Target { image: number, bytes, allowed: allowed.clone() });
        }
    }
    Ok(run(plan, &images, &targets))
}

fn run_free(plan: &Plan) -> Result<Outcome> {
    let dense = Arc::new(World::dense()?);
    // Three zones do not divide the blocks of the volume index: the rest is free.
    let images = [Image::closed(&dense, 1)?, Image::closed(&dense, 3)?];
    let blocks = dense.sizes.total_blocks();
    let mut targets = Vec::new();
    for (number, image) in images.iter().enumerate() {
        let mut add = |bytes| {
            targets.push(Target { image: number, bytes, allowed: Allowed::default() });
        };
        add(block(2));
        add(block(blocks - 1));
        let Some(slot) = image.slot else { continue };
        if number == 1 && dense.sizes.volume_index_blocks % 3 != 0 {
            add(block((dense.slot(slot) / BLOCK) + dense.sizes.save_blocks() - 1));
        }
    }
    Ok(run(plan, &images, &targets))
}
