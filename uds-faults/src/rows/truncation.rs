//! F5: storage that is too short, too long, or has holes.

use std::sync::Arc;

use anyhow::{Result, bail, ensure};
use uds_geometry::ZoneCount;
use uds_index::{ErrorKind, Index, IndexError, OpenMode};
use uds_volume::Storage as _;
use uds_volume::sim::{Random, SimDisk};

use crate::campaign::{Campaign, Outcome, Plan, Tally};
use crate::image::{Allowed, Image};
use crate::judge::story;
use crate::world::{BLOCK, World, create_options, open_options};

/// Row F5.
pub(super) const CAMPAIGN: Campaign = Campaign {
    row: "F5",
    about: "cut off at every block and a byte around it, longer, with holes, too small to create",
    counts: [0, 0, 0],
    run,
};

/// What is done to the end, or to a block, of an image.
#[derive(Clone, Copy, Debug)]
enum Change {
    CutTo(u64),
    ExtendBy(u64),
    Hole(u64),
    CreateOn(u64),
}

fn run(plan: &Plan) -> Result<Outcome> {
    let mut cases = Vec::new();
    let mut images = Vec::new();
    for world in [World::dense()?, World::sparse()?] {
        let world = Arc::new(world);
        for image in [Image::closed(&world, 1)?, Image::dropped(&world, 1)?] {
            let number = images.len();
            let mut add = |change| cases.push((number, change));
            for block in 0..world.sizes.total_blocks() {
                for length in [block * BLOCK + BLOCK - 1, block * BLOCK, block * BLOCK + 1] {
                    add(Change::CutTo(length));
                    add(Change::CreateOn(length));
                }
                add(Change::Hole(block));
            }
            for bytes in [1, 511, BLOCK - 1, BLOCK, BLOCK + 1, 1 << 30] {
                add(Change::ExtendBy(bytes));
            }
            images.push((image.disk.to_vec(), image));
        }
    }
    Ok(plan.each(0..cases.len() as u64, |case, tally| {
        let (number, change) = cases[case as usize];
        let (bytes, image) = &images[number];
        let mut random = Random::of(plan.seed, case);
        let checked = match change {
            Change::CutTo(length) => check_cut(&bytes[..length as usize], image, tally),
            Change::ExtendBy(more) => check_extended(bytes, more, image, &mut random, tally),
            Change::Hole(block) => check_hole(block, image, &mut random, tally),
            Change::CreateOn(length) => check_create(length, image, tally),
        };
        checked.map_err(|error| error.context(format!("image {number}, {change:?}")))
    }))
}

fn check_cut(bytes: &[u8], image: &Image, tally: &mut Tally) -> Result<()> {
    let needed = image.world.bytes();
    for mode in [OpenMode::NoRebuild, OpenMode::Load] {
        let disk = Arc::new(SimDisk::from_bytes(bytes, 1));
        let options = open_options(ZoneCount::ONE, mode);
        let Err(error) = Index::open(disk.clone(), &options) else { bail!("it opens") };
        ensure!(disk.counts().writes == 0, "U4: a failed open has written");
        match error {
            IndexError::Truncated { wanted, found } => {
                ensure!(found == bytes.len() as u64 && wanted > found && wanted <= needed);
            }
            // Not even the magic number is there.
            IndexError::NothingThere { .. } if bytes.len() < 8 => {}
            other => bail!("{}", story(&other)),
        }
    }
    tally.refused += 1;
    Ok(())
}

fn check_extended(
    bytes: &[u8],
    more: u64,
    image: &Image,
    random: &mut Random,
    tally: &mut Tally,
) -> Result<()> {
    let disk = SimDisk::new(bytes.len() as u64 + more, 1);
    disk.write_at(0, bytes)?;
    disk.write_at(bytes.len() as u64, &[0x5a; 1])?;
    image.check(disk, &Allowed::default(), random, tally)
}

fn check_hole(block: u64, image: &Image, random: &mut Random, tally: &mut Tally) -> Result<()> {
    let disk = image.disk.snapshot();
    disk.write_at(block * BLOCK, &[0; BLOCK as usize])?;
    let allowed = Allowed {
        refusal: block < 2,
        misses: true,
        chapters: (0..=image.moment.newest).collect(),
        // A record of the saved open chapter can lie in two blocks.
        wrong: 1,
        older: None,
    };
    image.check(disk, &allowed, random, tally)
}

fn check_create(length: u64, image: &Image, tally: &mut Tally) -> Result<()> {
    let disk = Arc::new(SimDisk::new(length, 1));
    let options = create_options(ZoneCount::ONE, 0);
    let created = Index::create(disk.clone(), &image.world.configuration, &options);
    let Err(error) = created else { bail!("an index was created that has no room") };
    ensure!(error.kind() == ErrorKind::NoSpace, "{}", story(&error));
    ensure!(disk.counts().writes == 0, "U4: a failed creation has written");
    tally.refused += 1;
    Ok(())
}
