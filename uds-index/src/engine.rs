//! The engine: zones, readers, the chapter writer and the layout, put together.
//!
//! # Threads
//!
//! Zones belong to whoever holds their ports: see [`work`]. The writer's thread belongs to
//! [`writer`], the readers' to the volume. What they share is here.
//!
//! # Invariants
//!
//! 1. No zone is more than one chapter ahead of another.
//! 2. When a request is carried out, its zone's open chapter has room for a record, unless the
//!    index is poisoned.
//! 3. After the first failed write or sync the index is *poisoned*: it answers queries, takes no
//!    changes, and is never saved.
//! 4. A save is valid on storage only while no chapter was written after it: the writer discards
//!    its open chapter first.
//!
//! # Locks
//!
//! The layout's is taken before zones are held; zones are held in order of their numbers by those
//! who hold several. Everything else is taken alone, for moments, also by holders of a zone.

mod census;
mod close;
mod copying;
mod explain;
mod launch;
mod lifecycle;
mod meetings;
mod returns;
mod saving;
mod threads;
mod triage;
mod waiting;
mod work;
mod writer;
mod zone;

use uds_delta_index::DeltaStatistics;
use uds_geometry::{Geometry, VirtualChapter, VolumeIndexParameters, ZoneCount, ZoneId};
use uds_volume::{FinishedRead, Volume};

pub(crate) use self::copying::Current;
pub(crate) use self::saving::check_volume;
pub(crate) use self::threads::Threads;
use self::triage::Triage;
use self::waiting::Waiting;
use self::work::Desk;
use self::zone::{Pages, SparseCounts, Zone};
use crate::callbacks::Callbacks;
use crate::chapters::Chapters;
use crate::flight::Part;
use crate::gate::{Caller, Gate};
use crate::layout::{DiscardPlace, Layout};
use crate::open_chapter::OpenChapter;
use crate::port::{Port, Stall};
use crate::recovery::{Recovery, RecoveryControl, RecoveryReport};
use crate::session::Session;
use crate::statistics::Statistics;
use crate::switch::Switch;
use crate::sync::{Arc, Mutex, lock};
use crate::volume_index::VolumeIndexZone;
use crate::{IndexError, OpenMode};

/// What waits at a zone.
#[derive(Debug)]
enum Task {
    /// Requests.
    Part(Part),
    /// The zone has more to do than it could when it was held last.
    GoOn,
}

type ZonePort = Port<Desk, Task, FinishedRead>;
type Hold<'a> = crate::port::Hold<'a, Desk, Task, FinishedRead>;

/// A zone's place among the others.
#[derive(Debug)]
struct Seat {
    id: ZoneId,
    port: ZonePort,
    /// What the zone was like when somebody last had done something there.
    report: Mutex<Report>,
}

/// What a zone says of itself.
#[derive(Clone, Debug, Default)]
struct Report {
    counted: Statistics,
    lists: DeltaStatistics,
    memory_bytes: u64,
    early_flushes: u64,
    open_records: u64,
    newest: VirtualChapter,
    oldest: VirtualChapter,
    sparse: SparseCounts,
}

/// An open index.
#[derive(Debug)]
pub(crate) struct Engine {
    // Constant after construction.
    geometry: Arc<Geometry>,
    parameters: Arc<VolumeIndexParameters>,
    zone_count: ZoneCount,
    volume: Arc<Volume>,
    callbacks: Callbacks,

    seats: Box<[Seat]>,
    chapters: Chapters<Arc<OpenChapter>, DiscardPlace>,
    gate: Arc<Gate>,
    session: Session,
    /// What the layout and the volume are on.
    storage: Arc<Switch>,
    triage: Option<Triage>,
    /// Held while the index is saved.
    layout: Mutex<Layout>,
}

/// The parts of an index that a save restores, or that start empty.
struct Contents {
    newest: VirtualChapter,
    oldest: VirtualChapter,
    open: Vec<OpenChapter>,
    indexes: Vec<VolumeIndexZone>,
    /// Whether they are those of the save on storage.
    is_saved: bool,
}

/// How an index is to be worked with, and on what.
#[derive(Debug)]
pub(crate) struct Manning {
    pub(crate) zones: ZoneCount,
    pub(crate) read_threads: usize,
    /// What the layout is on.
    pub(crate) storage: Arc<Switch>,
}

impl Engine {
    /// A new index, whose layout is planned and will be formatted.
    pub(crate) fn create(layout: Layout, manning: Manning) -> Result<Threads, IndexError> {
        let geometry = layout.geometry();
        let parameters = Arc::new(VolumeIndexParameters::new(&geometry)?);
        let volume = open_volume(&layout, geometry)?;
        let zone_count = manning.zones;
        let contents = Contents {
            newest: VirtualChapter::ZERO,
            oldest: VirtualChapter::ZERO,
            open: empty_open_chapters(volume.geometry(), zone_count)?,
            indexes: zone_count
                .zones()
                .map(|zone| VolumeIndexZone::new(&parameters, zone, zone_count))
                .collect::<Result<_, _>>()?,
            is_saved: false,
        };
        Self::assemble(layout, parameters, volume, manning, contents)
    }

    /// The index that `layout` describes, as its latest save has it, or as it is recovered from
    /// its volume.
    pub(crate) fn load(
        layout: Layout,
        manning: Manning,
        mode: OpenMode,
        control: &RecoveryControl,
    ) -> Result<(Threads, Option<RecoveryReport>), IndexError> {
        let geometry = layout.geometry();
        let parameters = Arc::new(VolumeIndexParameters::new(&geometry)?);
        // Without a save nothing else is needed, however large the index claims to be.
        let loaded = saving::latest(&layout, &geometry).and_then(|save| {
            let volume = open_volume(&layout, geometry.clone())?;
            let contents = saving::load(&layout, save, &parameters, &volume, manning.zones)?;
            Ok((volume, contents))
        });
        let reason = match loaded {
            Ok((volume, contents)) => {
                return Ok((Self::assemble(layout, parameters, volume, manning, contents)?, None));
            }
            Err(IndexError::NotSavedCleanly { reason }) if mode == OpenMode::Load => reason,
            Err(error) => return Err(error),
        };
        tracing::info!(reason = &reason as &dyn std::error::Error, "recovering the index");
        // Of a save that cannot be used nothing is taken over (trap 8).
        let volume = open_volume(&layout, geometry)?;
        let zones = manning.zones;
        let recovery = Recovery { volume: &volume, parameters: &parameters, zones, control };
        let (indexes, report) = recovery.run()?;
        let contents = Contents {
            newest: report.newest_chapter,
            oldest: report.oldest_chapter,
            open: empty_open_chapters(volume.geometry(), zones)?,
            indexes,
            is_saved: false,
        };
        Ok((Self::assemble(layout, parameters, volume, manning, contents)?, Some(report)))
    }

    pub(crate) fn geometry(&self) -> &Arc<Geometry> {
        &self.geometry
    }

    /// Writes the layout of a new index.
    pub(crate) fn format(&self) -> Result<(), IndexError> {
        lock(&self.layout).format()
    }

    fn seat(&self, zone: ZoneId) -> &Seat {
        &self.seats[usize::from(zone.get())]
    }

    /// Waits until the batches that came before are done and the chapters that they filled are on
    /// the volume.
    ///
    /// # Errors
    ///
    /// [`IndexError::Poisoned`].
    pub(crate) fn flush(&self, caller: Caller) -> Result<(), IndexError> {
        self.gate.wait_for_those_before(caller);
        self.wait_for_writer()
    }

    /// Waits until every chapter that a zone has closed is written.
    fn wait_for_writer(&self) -> Result<(), IndexError> {
        self.chapters.wait_until_written().map_err(|cause| IndexError::Poisoned { cause })
    }

    /// Whether the index takes no changes any more, because something that matters has failed.
    fn is_poisoned(&self) -> bool {
        self.chapters.has_failed()
    }

    /// Makes the index take no more changes, because of `error` or what came before it.
    fn poison_with(&self, error: IndexError) {
        self.chapters.fail(Arc::new(error));
        self.resume_zones();
    }

    /// Whether the index still takes changes.
    fn check_poison(&self) -> Result<(), IndexError> {
        match self.chapters.failure() {
            Some(cause) => Err(IndexError::Poisoned { cause }),
            None => Ok(()),
        }
    }

    /// Tells the zones that wait for a chapter to be written how far the writer is.
    fn resume_zones(&self) {
        for seat in &self.seats {
            seat.port.resume(Stall::Chapter, self.chapters.progress());
        }
    }

    /// What the index has done, and what it holds.
    pub(crate) fn statistics(&self) -> Statistics {
        let reports: Vec<Report> =
            self.seats.iter().map(|seat| lock(&seat.report).clone()).collect();
        let ahead = reports.iter().max_by_key(|report| report.newest);
        let (newest, oldest) =
            ahead.map_or_else(Default::default, |report| (report.newest, report.oldest));
        let mut statistics = Statistics::default();
        let mut lists = DeltaStatistics::default();
        statistics.memory_used = self.volume.memory_bytes();
        for report in &reports {
            statistics.add(&report.counted);
            lists = lists.plus(report.lists);
            statistics.memory_used += report.memory_bytes;
            statistics.early_flushes += report.early_flushes;
            statistics.sparse_chapters_cached += report.sparse.loaded;
            statistics.sparse_chapters_unreadable += report.sparse.failed;
            // What a zone has in a chapter that another has closed is no longer open.
            if report.newest == newest {
                statistics.open_chapter_records += report.open_records;
            }
        }
        statistics.entries_indexed = lists.records;
        statistics.collisions = lists.collisions;
        statistics.entries_discarded = lists.discards;
        statistics.overflows = lists.overflows;
        statistics.rebalances = lists.rebalances;
        statistics.chapter_index_overflows = self.chapters.unindexed();
        statistics.newest_chapter = newest;
        statistics.oldest_chapter = oldest;
        statistics.chapters_forgotten = oldest.get();
        statistics.records_forgotten =
            oldest.get().saturating_mul(u64::from(self.geometry.records_per_chapter()));
        let pages = self.volume.statistics();
        statistics.pages_read = pages.pages_read;
        statistics.page_cache_hits = pages.index_page_hits + pages.record_page_hits;
        statistics
    }
}

impl Seat {
    fn new(id: ZoneId, desk: Desk) -> Self {
        let report = Mutex::new(desk.report());
        Self { id, port: Port::new(desk), report }
    }

    /// Lets others know what the zone is like.
    fn publish(&self, desk: &Desk) {
        *lock(&self.report) = desk.report();
    }
}

impl Desk {
    fn new(zone: Zone) -> Self {
        let (waiting, counted) = (Waiting::default(), Statistics::default());
        Self { zone, waiting, counted, is_noted: false }
    }

    fn report(&self) -> Report {
        let zone = &self.zone;
        let closed = zone.closed.as_ref().map_or(0, |closed| closed.memory_bytes());
        // The captain answers for the whole cache.
        let cached = zone.sparse.as_ref().filter(|sparse| sparse.cache.is_captain());
        let cached = cached.map_or(0, |sparse| sparse.cache.memory_bytes());
        let memory_bytes = zone.index.memory_bytes() + zone.open.memory_bytes() + closed + cached;
        Report {
            counted: self.counted.clone(),
            lists: zone.index.statistics(),
            memory_bytes: memory_bytes as u64,
            early_flushes: zone.index.early_flushes(),
            open_records: zone.open.live_count() as u64,
            newest: zone.newest,
            oldest: zone.oldest,
            sparse: zone
                .sparse
                .as_ref()
                .map_or_else(SparseCounts::default, |sparse| sparse.counted),
        }
    }
}

/// The volume of an index. Nothing is read.
pub(crate) fn open_volume(layout: &Layout, geometry: Geometry) -> Result<Arc<Volume>, IndexError> {
    let volume = Volume::new(
        Arc::clone(layout.storage()),
        geometry,
        layout.volume_start_byte(),
        layout.volume_nonce(),
    )?;
    Ok(Arc::new(volume))
}

/// Empty open chapters, one a zone.
fn empty_open_chapters(
    geometry: &Geometry,
    zone_count: ZoneCount,
) -> Result<Vec<OpenChapter>, IndexError> {
    let capacity = zone_capacity(geometry, zone_count);
    zone_count.zones().map(|_| OpenChapter::new(capacity)).collect()
}

/// A zone's share of a chapter's records.
fn zone_capacity(geometry: &Geometry, zone_count: ZoneCount) -> u32 {
    geometry.records_per_chapter() / u32::from(zone_count.get())
}
