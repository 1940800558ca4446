//! F8: indexes that are not the one that is meant: another configuration, nonce or version.

use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use uds_geometry::ZoneCount;
use uds_geometry::{
    BLOCK_BYTES, Configuration, CustomConfiguration, LayoutSizes, MemorySize, Nonce,
};
use uds_index::{CreateOptions, ErrorKind, Index, IndexError, OpenMode, OpenOptions};
use uds_volume::Storage as _;
use uds_volume::sim::SimDisk;

use crate::campaign::{Campaign, Outcome, Plan, Tally};
use crate::judge::story;
use crate::world::{BLOCK, World, create_options, open_options};

/// Row F8.
pub(super) const CAMPAIGN: Campaign = Campaign {
    row: "F8",
    about: "another configuration, nonce or version: 76 x 76 headers, each field one off",
    counts: [0, 0, 0],
    run,
};

/// What is wrong.
#[derive(Clone, Debug)]
enum Case {
    /// The index of one configuration, opened as that of another.
    Pair(usize, usize),
    /// A number of the index's configuration is another.
    Field(Box<CustomConfiguration>),
    Nonce(u64),
    Version(u32),
    /// There is no index, and none must be made.
    Nothing(u8),
}

const NONCE: u64 = 77;

fn run(plan: &Plan) -> Result<Outcome> {
    let sizes = all_configurations();
    let dense = World::dense()?;
    let template = template(&dense)?;
    let headers: Vec<SimDisk> =
        sizes.iter().map(|size| headers_of(&template, size)).collect::<Result<_>>()?;
    let mut cases = Vec::new();
    for index in 0..sizes.len() {
        cases.extend((0..sizes.len()).map(|meant| Case::Pair(index, meant)));
    }
    cases.extend(neighbours(&dense).into_iter().map(|custom| Case::Field(Box::new(custom))));
    cases.extend([0, 1, NONCE - 1, NONCE + 1, u64::MAX].map(Case::Nonce));
    cases.extend((0..10).chain([u32::MAX, 1 << 24, 3 << 8]).map(Case::Version));
    cases.extend([0, 0xff, 0x5a].map(Case::Nothing));
    Ok(plan.each(0..cases.len() as u64, |number, tally| {
        let case = &cases[number as usize];
        check(case, &sizes, &headers, &template, tally).with_context(|| format!("{case:?}"))
    }))
}

/// Memory sizes: parts of a gigabyte, and up to 16 of them.
const SIZES: usize = 19;

/// All configurations of these memory sizes: dense and sparse, whole and reduced.
fn all_configurations() -> Vec<Configuration> {
    let kinds = |size| {
        let (dense, sparse) = (Configuration::dense(size), Configuration::sparse(size));
        [dense.clone(), sparse.clone(), dense.reduced(), sparse.reduced()]
    };
    MemorySize::all().take(SIZES).flat_map(kinds).collect()
}

/// An index whose headers can be made into those of any other.
fn template(world: &World) -> Result<SimDisk> {
    let disk = Arc::new(SimDisk::new(world.bytes(), 1));
    let options = CreateOptions { nonce: Nonce::new(NONCE), ..create_options(ZoneCount::ONE, 0) };
    Index::create(disk.clone(), &world.configuration, &options)?.close()?;
    Ok(disk.snapshot())
}

/// A disk with the headers of an index of this configuration that was never saved.
fn headers_of(template: &SimDisk, configuration: &Configuration) -> Result<SimDisk> {
    let sizes = LayoutSizes::new(&configuration.geometry())?;
    let disk = SimDisk::new(sizes.total_bytes(), 1);
    let mut block = [0; BLOCK_BYTES as usize];
    template.read_at(0, &mut block)?;
    let mut put = |at: usize, number: u64| block[at..at + 8].copy_from_slice(&number.to_le_bytes());
    put(8, sizes.total_blocks());
    let saves = 2 + sizes.volume_blocks;
    let places = [
        (0, 1),
        (1, 1),
        (2, sizes.sub_index_blocks()),
        (2, sizes.volume_blocks),
        (saves, sizes.save_blocks()),
        (saves + sizes.save_blocks(), sizes.save_blocks()),
        (sizes.total_blocks() - 1, 1),
    ];
    for (number, (start, blocks)) in places.into_iter().enumerate() {
        put(24 + 24 * number, start);
        put(32 + 24 * number, blocks);
    }
    let payload = 24 + 24 * places.len();
    put(payload + 88, sizes.open_chapter_blocks);
    put(payload + 96, sizes.page_map_blocks);
    disk.write_at(0, &block)?;
    template.read_at(BLOCK, &mut block)?;
    let numbers = [
        (10, configuration.record_pages_per_chapter()),
        (14, configuration.chapters_per_volume()),
        (18, configuration.sparse_chapters_per_volume()),
        (22, configuration.cache_chapters()),
        (30, configuration.volume_index_mean_delta()),
        (34, configuration.bytes_per_page()),
        (38, configuration.sample_rate()),
    ];
    for (at, number) in numbers {
        block[at..at + 4].copy_from_slice(&number.to_le_bytes());
    }
    disk.write_at(BLOCK, &block)?;
    disk.sync()?;
    Ok(disk)
}

/// The configurations that differ in one number by as little as possible.
fn neighbours(world: &World) -> Vec<CustomConfiguration> {
    let own = CustomConfiguration {
        bytes_per_page: world.configuration.bytes_per_page(),
        record_pages_per_chapter: world.configuration.record_pages_per_chapter(),
        chapters_per_volume: world.configuration.chapters_per_volume(),
        ..CustomConfiguration::default()
    };
    let mut all = Vec::new();
    for more in [true, false] {
        let step = |number: u32| if more { number + 1 } else { number - 1 };
        let mut with = |change: &dyn Fn(&mut CustomConfiguration)| {
            let mut changed = own.clone();
            change(&mut changed);
            all.push(changed);
        };
        with(&|custom| custom.record_pages_per_chapter = step(custom.record_pages_per_chapter + 1));
        with(&|custom| custom.chapters_per_volume = step(custom.chapters_per_volume));
        with(&|custom| custom.cache_chapters = step(custom.cache_chapters));
        with(&|custom| custom.bytes_per_page = if more { 8192 } else { 32768 });
        with(&|custom| {
            (custom.sparse_chapters_per_volume, custom.sample_rate) = (1 + u32::from(more), 8);
        });
    }
    // One page more than one less is what it was.
    all.retain(|custom| *custom != own);
    all
}

/// Opens a disk in both modes; returns the first error. Where the configuration is one of those of
/// the headers, only in the mode that refuses: without a save, a recovery would be next, and these
/// indexes have no volume.
fn try_open(
    disk: &SimDisk,
    configuration: Option<&Configuration>,
    nonce: Option<u64>,
    recovers: bool,
) -> Result<Option<IndexError>> {
    let disk = Arc::new(disk.snapshot());
    for mode in [OpenMode::Load, OpenMode::NoRebuild] {
        if mode == OpenMode::Load && !recovers {
            continue;
        }
        let options = OpenOptions {
            configuration: configuration.cloned(),
            nonce: nonce.map(Nonce::new),
            ..open_options(ZoneCount::ONE, mode)
        };
        let result = Index::open(disk.clone(), &options);
        ensure!(disk.counts().writes == 0, "U4: it was written");
        if let Err(error) = result {
            return Ok(Some(error));
        }
    }
    Ok(None)
}

fn check(
    case: &Case,
    sizes: &[Configuration],
    headers: &[SimDisk],
    template: &SimDisk,
    tally: &mut Tally,
) -> Result<()> {
    let error = match case {
        Case::Pair(index, meant) => try_open(&headers[*index], Some(&sizes[*meant]), None, false)?,
        Case::Field(custom) => {
            try_open(template, Some(&Configuration::custom(custom)?), None, true)?
        }
        Case::Nonce(nonce) => try_open(template, None, Some(*nonce), true)?,
        Case::Version(version) => {
            let disk = template.snapshot();
            disk.write_at(24 + 24 * 7 + 72, &version.to_le_bytes())?;
            let disk = SimDisk::from_bytes(&disk.to_vec(), 1);
            try_open(&disk, None, None, true)?
        }
        Case::Nothing(byte) => {
            let bytes = vec![*byte; template.to_vec().len()];
            try_open(&SimDisk::from_bytes(&bytes, 1), None, None, true)?
        }
    };
    let Some(error) = error else {
        tally.clean += 1;
        ensure!(matches!(case, Case::Version(3)), "it opens");
        return Ok(());
    };
    tally.refused += 1;
    ensure!(is_right(case, &error), "the wrong answer: {}", story(&error));
    Ok(())
}

/// Whether an error says what is wrong, with both values.
fn is_right(case: &Case, error: &IndexError) -> bool {
    match (case, error) {
        (Case::Pair(index, meant), IndexError::ConfigurationMismatch { found, wanted, .. }) => {
            index != meant && found != wanted
        }
        (Case::Pair(index, meant), other) => {
            index == meant && other.kind() == ErrorKind::NotSavedCleanly
        }
        (Case::Field(_), IndexError::ConfigurationMismatch { found, wanted, .. }) => {
            found != wanted
        }
        (Case::Nonce(nonce), IndexError::NonceMismatch { found, wanted }) => {
            (found.get(), wanted.get()) == (NONCE, *nonce)
        }
        // It lacks what a converted one has.
        (Case::Version(7), IndexError::Corrupt { field: "payload length", .. }) => true,
        (Case::Version(version), IndexError::UnsupportedVersion { found, .. }) => {
            *found == u64::from(*version) && *version != 3
        }
        (Case::Nothing(_), error) => error.kind() == ErrorKind::NotAnIndex,
        _ => false,
    }
}
