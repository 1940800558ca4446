//! Real indexes, scaled down, to hold the model against; and data whose reuse distances are known.

use std::sync::Arc;

use uds_geometry::{Configuration, CustomConfiguration, LayoutSizes, RecordData, RecordName};
use uds_index::{Batch, CreateOptions, Index};
use uds_sizing::{Candidate, Curve, Model, Outcome, Reference, Stream};
use uds_volume::MemoryStorage;

/// Posts of a batch.
const BATCH: usize = 1024;
/// Records of a page of 4096 bytes.
const PAGE_RECORDS: u32 = 128;

/// A kind and size of index: the format's, each chapter and window so much smaller.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    /// What the size is called that is scaled down.
    pub(crate) name: &'static str,
    /// Chapters' records, in those of a 256M index.
    pages: u32,
    /// Chapters, in those of a 1G index.
    volumes: u32,
}

/// Six sizes.
pub(crate) const SIZES: [Size; 6] = [
    Size { name: "256M", pages: 1, volumes: 1 },
    Size { name: "512M", pages: 2, volumes: 1 },
    Size { name: "768M", pages: 3, volumes: 1 },
    Size { name: "1G", pages: 4, volumes: 1 },
    Size { name: "2G", pages: 4, volumes: 2 },
    Size { name: "4G", pages: 4, volumes: 4 },
];

/// By how much the indexes are smaller.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scale {
    /// Pages of 128 records of a chapter of the smallest size, in place of 512.
    pub(crate) chapter_pages: u32,
    /// Chapters of the smallest size, in place of 1024.
    pub(crate) chapters: u32,
}

impl Scale {
    /// Records of the window of the smallest dense size.
    pub(crate) fn window(self) -> u32 {
        self.chapter_pages * PAGE_RECORDS * self.chapters
    }

    /// The configuration of a size and kind.
    pub(crate) fn configuration(self, size: Size, is_sparse: bool) -> Configuration {
        let base = self.chapters * size.volumes;
        Configuration::custom(&CustomConfiguration {
            bytes_per_page: 4096,
            record_pages_per_chapter: self.chapter_pages * size.pages,
            chapters_per_volume: if is_sparse { 10 * base } else { base },
            sparse_chapters_per_volume: if is_sparse { 19 * base / 2 } else { 0 },
            sample_rate: if is_sparse { 32 } else { 0 },
            ..CustomConfiguration::default()
        })
        .expect("scaled sizes are in their ranges")
    }
}

/// The share of the names that a real index finds.
pub(crate) fn real_share(configuration: &Configuration, names: &[RecordName]) -> f64 {
    let sizes = LayoutSizes::new(&configuration.geometry()).expect("a layout");
    let storage = Arc::new(MemoryStorage::new(sizes.total_bytes()));
    let options = CreateOptions { read_threads: 0, ..CreateOptions::default() };
    let index = Index::create(storage, configuration, &options).expect("an index");
    let mut batch = Batch::with_capacity(BATCH);
    let mut found = 0;
    for posted in names.chunks(BATCH) {
        for &name in posted {
            batch.post(name, RecordData::new([0; 16]));
        }
        index.run(&mut batch).expect("posted");
        found += batch.answers().flatten().flatten().filter(|answer| answer.is_found()).count();
        batch.clear();
    }
    found as f64 / names.len().max(1) as f64
}

/// The model's answer for all sizes, each dense and then sparse.
pub(crate) fn modelled(scale: Scale, sample_bits: u32, names: &[RecordName]) -> Curve {
    let candidates: Vec<_> = SIZES
        .iter()
        .flat_map(|&size| [false, true].map(|kind| scale.configuration(size, kind)))
        .map(|configuration| Candidate::new(&configuration.geometry()))
        .collect();
    let mut model = Model::with_sample_bits(&candidates, sample_bits).expect("a model");
    let (mut stream, mut outcomes) = (Stream::default(), Vec::<Outcome>::new());
    for posted in names.chunks(BATCH) {
        let references: Vec<_> =
            posted.iter().map(|&name| Reference { name, bytes: 4096 }).collect();
        outcomes.clear();
        model.observe(&mut stream, &references, &mut outcomes);
    }
    model.curve()
}

/// Data whose reuse distances are known: runs of new names, and runs that repeat what was posted
/// a given number of posts ago.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pattern {
    pub(crate) name: &'static str,
    /// Posts of a run at least, and at most.
    pub(crate) run: (u32, u32),
    /// How far back runs are repeated, in windows of the smallest dense size, and how many in
    /// a hundred runs are. The rest is new.
    pub(crate) distances: &'static [(f64, u32)],
    /// Of a hundred posts, how many are of a few names that come everywhere.
    pub(crate) common: u32,
    /// How many such names there are. One alone is a sample of sparse indexes.
    pub(crate) common_names: u64,
    /// Sources whose runs are mixed, 256 posts of each at a time.
    pub(crate) sources: usize,
}

/// The patterns.
pub(crate) const PATTERNS: [Pattern; 7] = [
    Pattern {
        name: "long runs, six distances",
        run: (2000, 20_000),
        distances: &[(0.5, 8), (1.5, 8), (2.5, 8), (3.5, 8), (6.0, 8), (12.0, 8)],
        common: 0,
        common_names: 1000,
        sources: 1,
    },
    Pattern {
        name: "short runs",
        run: (5, 120),
        distances: &[(0.5, 10), (2.2, 10), (5.0, 10), (9.0, 10)],
        common: 0,
        common_names: 1000,
        sources: 1,
    },
    Pattern {
        name: "middling runs, common names",
        run: (100, 2000),
        distances: &[(0.7, 10), (3.0, 15), (7.0, 10)],
        common: 5,
        common_names: 1000,
        sources: 1,
    },
    Pattern {
        name: "lone duplicates",
        run: (1, 1),
        distances: &[(0.5, 12), (2.0, 12), (6.0, 12)],
        common: 1,
        common_names: 1000,
        sources: 1,
    },
    Pattern {
        name: "four sources mixed",
        run: (500, 10_000),
        distances: &[(0.6, 10), (1.8, 10), (3.2, 10), (10.0, 10)],
        common: 2,
        common_names: 1000,
        sources: 4,
    },
    Pattern {
        name: "backups: all of it again",
        run: (20_000, 60_000),
        distances: &[(3.0, 60), (6.5, 30)],
        common: 1,
        common_names: 1000,
        sources: 2,
    },
    Pattern {
        name: "lone duplicates, one hot name",
        run: (1, 1),
        distances: &[(3.0, 40)],
        common: 5,
        common_names: 1,
        sources: 1,
    },
];

impl Pattern {
    /// So many names, the same for each seed.
    pub(crate) fn names(&self, scale: Scale, count: usize, seed: u64) -> Vec<RecordName> {
        let mut random = Random(seed);
        let mut posted: Vec<RecordName> = Vec::with_capacity(count);
        let mut fresh = 0;
        let mut runs = vec![(0, 0); self.sources];
        'posts: loop {
            for (length, distance) in &mut runs {
                for _ in 0..256 {
                    if *length == 0 {
                        let span = u64::from(self.run.1 - self.run.0) + 1;
                        *length = u64::from(self.run.0) + random.next() % span;
                        *distance = self.distance(scale, &mut random);
                    }
                    *length -= 1;
                    let is_common = random.next() % 100 < u64::from(self.common);
                    let repeated =
                        (*distance > 0).then(|| posted.len().checked_sub(*distance)).flatten();
                    let name = match repeated {
                        _ if is_common && self.common_names == 1 => hot_name(),
                        _ if is_common => name(random.next() % self.common_names),
                        Some(place) => posted[place],
                        None => {
                            fresh += 1;
                            name((seed << 40) + 1000 + fresh)
                        }
                    };
                    posted.push(name);
                    if posted.len() == count {
                        break 'posts;
                    }
                    if self.sources == 1 && *length == 0 {
                        break;
                    }
                }
            }
        }
        posted
    }

    /// How many posts back the next run is repeated from, or 0 for new names.
    fn distance(&self, scale: Scale, random: &mut Random) -> usize {
        let mut dice = (random.next() % 100) as u32;
        for &(windows, percent) in self.distances {
            if dice < percent {
                let jitter = 0.9 + (random.next() % 2000) as f64 / 10_000.0;
                return (windows * jitter * f64::from(scale.window())) as usize;
            }
            dice -= percent;
        }
        0
    }
}

/// The name of a number.
fn name(number: u64) -> RecordName {
    RecordName::of_block(&number.to_le_bytes())
}

/// A name that sparse indexes take as a sample.
fn hot_name() -> RecordName {
    let mut names = (1 << 60..).map(name);
    names.find(|name| name.sample_bits() % 32 == 0).expect("one in 32 is")
}

/// Numbers that look random: a xorshift with a multiplication behind it.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 20
    }
}
