//! The engine: the zones, the chapter writer and the layout, put together.
//!
//! Whoever holds the engine is alone with it; [`Index`](crate::Index) sees to that.
//!
//! # Invariants
//!
//! 1. All zones have the same newest chapter: they are closed together. (The format allows one
//!    chapter of difference; zones with threads of their own will use that.)
//! 2. When a request is carried out, every zone's open chapter has room for a record, unless the
//!    index is poisoned.
//! 3. After the first failed write or sync the index is *poisoned*: it answers queries, takes no
//!    changes, and is never saved.
//! 4. A save is valid on storage only while no chapter was written after it: the writer discards
//!    its open chapter first.

mod close;
mod saving;
mod writer;
mod zone;

use uds_geometry::{
    Geometry, SubIndexParameters, VirtualChapter, VolumeIndexParameters, ZoneCount,
};
use uds_volume::Volume;

use self::writer::ChapterWriter;
use self::zone::Zone;
use crate::IndexError;
use crate::layout::Layout;
use crate::open_chapter::OpenChapter;
use crate::request::{Answer, Operation, Request};
use crate::statistics::Statistics;
use crate::sync::Arc;
use crate::volume_index::SubIndexZone;

/// How many requests wait for memory together before they are carried out.
const REQUESTS_TOUCHED_TOGETHER: usize = 64;

/// An open index, in the hands of one thread at a time.
#[derive(Debug)]
pub(crate) struct Engine {
    geometry: Arc<Geometry>,
    parameters: Arc<SubIndexParameters>,
    zone_count: ZoneCount,
    layout: Layout,
    volume: Arc<Volume>,
    zones: Vec<Zone>,
    writer: ChapterWriter,
    /// Whether the latest save on storage still stands for the state of the volume.
    save_stands: bool,
    poison: Option<Arc<IndexError>>,
    /// Whether requests are being carried out. Still set when they are begun, it says that a
    /// panic cut off the ones before.
    is_running: bool,
    statistics: Statistics,
}

/// The parts of an index that a save restores, or that start empty.
struct Contents {
    newest: VirtualChapter,
    oldest: VirtualChapter,
    open: Vec<OpenChapter>,
    indexes: Vec<SubIndexZone>,
}

impl Engine {
    /// An engine for a new index, whose layout is planned and will be formatted.
    pub(crate) fn create(layout: Layout, zone_count: ZoneCount) -> Result<Self, IndexError> {
        let geometry = layout.configuration().geometry();
        let parameters = dense_parameters(&geometry)?;
        let volume = open_volume(&layout, geometry)?;
        let contents = Contents {
            newest: VirtualChapter::ZERO,
            oldest: VirtualChapter::ZERO,
            open: empty_open_chapters(volume.geometry(), zone_count)?,
            indexes: zone_count
                .zones()
                .map(|zone| SubIndexZone::new(&parameters, zone, zone_count))
                .collect::<Result<_, _>>()?,
        };
        let mut engine = Self::assemble(layout, parameters, volume, zone_count, contents)?;
        // A new index has no save, so the first close must write one.
        for zone in &mut engine.zones {
            zone.is_changed = true;
        }
        Ok(engine)
    }

    /// An engine for the index that `layout` describes, as its latest save has it.
    pub(crate) fn load(layout: Layout, zone_count: ZoneCount) -> Result<Self, IndexError> {
        let geometry = layout.configuration().geometry();
        let parameters = dense_parameters(&geometry)?;
        // Without a save nothing else is needed, however large it claims to be.
        let latest = saving::latest(&layout, &geometry)?;
        let volume = open_volume(&layout, geometry)?;
        let contents = saving::load(&layout, latest, &parameters, &volume, zone_count)?;
        let mut engine = Self::assemble(layout, parameters, volume, zone_count, contents)?;
        engine.save_stands = true;
        Ok(engine)
    }

    fn assemble(
        layout: Layout,
        parameters: Arc<SubIndexParameters>,
        volume: Arc<Volume>,
        zone_count: ZoneCount,
        contents: Contents,
    ) -> Result<Self, IndexError> {
        let geometry = Arc::new(volume.geometry().clone());
        let Contents { newest, oldest, open, indexes } = contents;
        let zone = |(open, index)| Zone {
            geometry: Arc::clone(&geometry),
            volume: Arc::clone(&volume),
            newest,
            oldest,
            open,
            closed: None,
            index,
            is_changed: false,
        };
        let zones: Vec<_> = open.into_iter().zip(indexes).map(zone).collect();
        let writer = ChapterWriter::start(Arc::clone(&volume))?;
        Ok(Self {
            geometry,
            parameters,
            zone_count,
            layout,
            volume,
            zones,
            writer,
            save_stands: false,
            poison: None,
            is_running: false,
            statistics: Statistics::default(),
        })
    }

    pub(crate) fn geometry(&self) -> &Arc<Geometry> {
        &self.geometry
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Carries out requests, in order. Each gets an answer.
    pub(crate) fn run(&mut self, requests: &mut [Request]) {
        self.notice_panic();
        self.notice_writer();
        self.is_running = true;
        for requests in requests.chunks_mut(REQUESTS_TOUCHED_TOGETHER) {
            for request in &*requests {
                let zone = self.zone_of(request);
                std::hint::black_box(self.zones[zone].index.touch(&request.name));
            }
            for request in requests {
                let result = self.execute(request);
                if let Ok(answer) = &result {
                    self.statistics.count(request.operation, answer);
                }
                request.answer = Some(result.map_err(Arc::new));
            }
        }
        self.is_running = false;
    }

    /// Poisons the index where a panic cut off requests.
    fn notice_panic(&mut self) {
        if self.is_running {
            self.poison_with(IndexError::Panicked);
        }
    }

    fn zone_of(&self, request: &Request) -> usize {
        if self.zones.len() == 1 {
            return 0;
        }
        let (list, _) = self.parameters.locate(&request.name);
        usize::from(self.parameters.zone_of(list, self.zone_count).get())
    }

    fn execute(&mut self, request: &Request) -> Result<Answer, IndexError> {
        let mut operation = request.operation;
        if self.poison.is_some() {
            if operation.is_change() {
                self.check_poison()?;
            }
            // There is no room any more for what a query would move.
            operation = Operation::QueryNoUpdate;
        }
        let zone = self.zone_of(request);
        let done = self.zones[zone].execute(operation, &request.name, &request.data)?;
        if done.is_full {
            // The request itself is done: if this fails, the next change is refused.
            self.close_chapter();
        }
        Ok(done.answer)
    }

    /// Waits until nothing is on its way to the volume.
    ///
    /// # Errors
    ///
    /// [`IndexError::Poisoned`].
    pub(crate) fn flush(&mut self) -> Result<(), IndexError> {
        self.notice_panic();
        self.wait_for_writer()
    }

    /// Waits until the writer has nothing to do.
    fn wait_for_writer(&mut self) -> Result<(), IndexError> {
        self.writer.wait_until_idle();
        self.notice_writer();
        self.check_poison()
    }

    /// Poisons the index where the writer has failed.
    fn notice_writer(&mut self) {
        if let Some(failure) = self.writer.failure() {
            self.poison.get_or_insert(failure);
        }
    }

    /// Makes the index take no more changes, because of `error` or what came before it.
    fn poison_with(&mut self, error: IndexError) {
        self.poison.get_or_insert_with(|| Arc::new(error));
    }

    /// Whether the index still takes changes.
    fn check_poison(&self) -> Result<(), IndexError> {
        match &self.poison {
            Some(cause) => Err(IndexError::Poisoned { cause: Arc::clone(cause) }),
            None => Ok(()),
        }
    }

    /// What the index has done, and what it holds.
    pub(crate) fn statistics(&self) -> Statistics {
        let mut statistics = self.statistics.clone();
        let mut memory = self.volume.memory_bytes();
        let mut lists = uds_delta_index::DeltaStatistics::default();
        for zone in &self.zones {
            lists = lists.plus(zone.index.statistics());
            memory += zone.index.memory_bytes() as u64;
            memory += zone.open.memory_bytes() as u64;
            memory += zone.closed.as_ref().map_or(0, |closed| closed.memory_bytes() as u64);
            statistics.early_flushes += zone.index.early_flushes();
            statistics.open_chapter_records += zone.open.live_count() as u64;
        }
        statistics.memory_used = memory;
        statistics.entries_indexed = lists.records;
        statistics.collisions = lists.collisions;
        statistics.entries_discarded = lists.discards;
        statistics.overflows = lists.overflows;
        statistics.rebalances = lists.rebalances;
        statistics.chapter_index_overflows = self.writer.unindexed_records();
        let zone = &self.zones[0];
        statistics.newest_chapter = zone.newest;
        statistics.oldest_chapter = zone.oldest;
        statistics.chapters_forgotten = zone.oldest.get();
        statistics.records_forgotten =
            zone.oldest.get().saturating_mul(u64::from(self.geometry.records_per_chapter()));
        let pages = self.volume.statistics();
        statistics.pages_read = pages.pages_read;
        statistics.page_cache_hits = pages.index_page_hits + pages.record_page_hits;
        statistics
    }
}

/// The parameters of a dense volume index.
fn dense_parameters(geometry: &Geometry) -> Result<Arc<SubIndexParameters>, IndexError> {
    if geometry.is_sparse() {
        return Err(IndexError::Unsupported { what: "a sparse index" });
    }
    Ok(Arc::new(VolumeIndexParameters::new(geometry)?.non_hook))
}

fn open_volume(layout: &Layout, geometry: Geometry) -> Result<Arc<Volume>, IndexError> {
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
