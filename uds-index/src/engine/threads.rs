//! The threads of an index: how they begin, and how they end.
//!
//! | thread | how many | ends when |
//! |---|---|---|
//! | `uds-zone-N` | one a zone | its port was stopped and nothing is left to do there |
//! | `uds-reader-N` | as asked | [`Readers`] goes, and everything queued is read |
//! | `uds-writer` | one | it was stopped, and the chapter it has is written |
//! | `uds-callback` | one | everything was called and the engine is gone |
//!
//! They end in that order, after the last batch has passed the gate. Nothing then is at a port, in
//! the read queue or, but for a chapter that every zone has closed, with the writer.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::JoinHandle;

use uds_geometry::{VolumeIndexParameters, ZoneCount};
use uds_sparse_cache::ZoneCache;
use uds_volume::{ReadCompletion, Readers, Volume};

use super::returns::Returns;
use super::triage::Triage;
use super::zone::Sparse;
use super::{Contents, Desk, Engine, Manning, Pages, Seat, Zone, writer};
use crate::IndexError;
use crate::callbacks::{CallbackThread, Callbacks};
use crate::chapters::Chapters;
use crate::gate::{Caller, Gate, MAX_REQUESTS_IN_FLIGHT};
use crate::layout::Layout;
use crate::open_chapter::OpenChapter;
use crate::session::Session;
use crate::sync::{Arc, Mutex};

/// An engine and its threads. Dropping this ends both.
#[derive(Debug)]
pub(crate) struct Threads {
    /// The callback thread waits for the engine to go, so nobody else keeps it for long. `None`
    /// only while it goes.
    engine: Option<Arc<Engine>>,
    zones: Vec<JoinHandle<()>>,
    readers: Option<Readers>,
    writer: Option<JoinHandle<()>>,
    callback: Option<CallbackThread>,
}

impl Engine {
    /// Puts an engine together and sets it to work.
    pub(super) fn assemble(
        layout: Layout,
        parameters: Arc<VolumeIndexParameters>,
        volume: Arc<Volume>,
        manning: Manning,
        contents: Contents,
    ) -> Result<Threads, IndexError> {
        let zone_count = manning.zones;
        let returns = Arc::new(Returns::default());
        let readers = match manning.read_threads {
            0 => None,
            count => {
                let completion: Arc<dyn ReadCompletion> = returns.clone();
                Some(volume.start_readers(count, &completion)?)
            }
        };
        // A save that could not be used must not become usable again, when a page of it can be
        // read that could not, after chapters were written: it is discarded like any other.
        let discard = layout.discard_place();
        let (callbacks, callback) = Callbacks::start()?;
        let geometry = Arc::new(volume.geometry().clone());
        let Contents { newest, oldest, open, indexes, is_saved } = contents;
        let hooks = indexes.iter().filter_map(|index| index.hooks().cloned()).collect();
        let mut caches = match geometry.is_sparse() {
            true => ZoneCache::for_zones(&geometry, zone_count)?.into_iter(),
            false => Vec::new().into_iter(),
        };
        let mut seats = Vec::with_capacity(open.len());
        for (id, (open, index)) in zone_count.zones().zip(open.into_iter().zip(indexes)) {
            let pages = match &readers {
                Some(readers) => Pages::Readers(readers.searcher(id)?),
                None => Pages::Direct(Arc::clone(&volume)),
            };
            let zone = Zone {
                geometry: Arc::clone(&geometry),
                pages,
                newest,
                oldest,
                spare: Some(OpenChapter::new(open.capacity())?),
                open,
                closed: None,
                index,
                sparse: caches.next().map(Sparse::new),
                is_alone: zone_count == ZoneCount::ONE,
                // A new index has no save, so the first close must write one.
                is_changed: !is_saved,
            };
            seats.push(Seat::new(id, Desk::new(zone)));
        }
        let engine = Arc::new(Self {
            geometry,
            parameters,
            zone_count,
            volume,
            callbacks,
            seats: seats.into(),
            chapters: Chapters::new(zone_count, newest, discard),
            gate: Arc::new(Gate::new(MAX_REQUESTS_IN_FLIGHT)),
            session: Session::default(),
            storage: manning.storage,
            triage: Triage::new(hooks),
            layout: Mutex::new(layout),
        });
        returns.lead_to(Arc::downgrade(&engine));
        Threads::start(engine, readers, callback)
    }

    fn work_at(&self, seat: &Seat) {
        while let Some(hold) = seat.port.wait_for_work() {
            // What requests do is caught where they are executed; this is for the rest.
            let work = AssertUnwindSafe(|| self.work(seat, hold, &|| false));
            if catch_unwind(work).is_err() {
                self.poison_with(IndexError::Panicked);
            }
        }
    }
}

impl Threads {
    fn start(
        engine: Arc<Engine>,
        readers: Option<Readers>,
        callback: CallbackThread,
    ) -> Result<Self, IndexError> {
        // Whatever fails from here on, what was started is ended: by the end of this, after which
        // nobody may keep the engine. So the clone comes second, and goes first.
        let mut threads = Self {
            engine: Some(engine),
            zones: Vec::new(),
            readers,
            writer: None,
            callback: Some(callback),
        };
        let engine = Arc::clone(threads.shared());
        threads.writer = Some(writer::start(&engine)?);
        for (number, seat) in engine.seats.iter().enumerate() {
            let engine = Arc::clone(&engine);
            let thread = std::thread::Builder::new()
                .name(format!("uds-zone-{}", seat.id.get()))
                .spawn(move || engine.work_at(&engine.seats[number]))
                .map_err(|source| IndexError::Thread { thread: "zone", source })?;
            threads.zones.push(thread);
        }
        Ok(threads)
    }

    pub(crate) fn engine(&self) -> &Engine {
        self.shared()
    }

    fn shared(&self) -> &Arc<Engine> {
        self.engine.as_ref().expect("the engine goes when the threads do")
    }

    /// Whose thread the caller is.
    pub(crate) fn caller(&self) -> Caller {
        let current = std::thread::current().id();
        match &self.callback {
            Some(callback) if callback.id() == current => Caller::Completion,
            _ => Caller::Other,
        }
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        let caller = self.caller();
        let Some(engine) = self.engine.take() else { return };
        engine.gate.stop();
        engine.gate.wait_for_those_before(caller);
        for seat in &engine.seats {
            seat.port.stop();
        }
        // None of these threads panics: they catch what requests do.
        for zone in self.zones.drain(..) {
            let _ = zone.join();
        }
        drop(self.readers.take());
        engine.chapters.stop();
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
        // The callback thread goes on until the engine, and so all that lands, is gone.
        drop(engine);
        if let (Some(callback), Caller::Other) = (self.callback.take(), caller) {
            callback.join();
        }
    }
}
