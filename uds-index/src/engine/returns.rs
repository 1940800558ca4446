//! How reads get back to the zones that wait for them.

use uds_volume::{FinishedRead, ReadCompletion};

use super::Engine;
use crate::sync::{OnceLock, Weak};

/// The readers' way to the engine, which is made after them.
#[derive(Debug, Default)]
pub(super) struct Returns {
    engine: OnceLock<Weak<Engine>>,
}

impl Returns {
    /// Opens the way. Nothing is read before.
    pub(super) fn lead_to(&self, engine: Weak<Engine>) {
        // Once for each engine, so it is not set yet.
        let _ = self.engine.set(engine);
    }
}

impl ReadCompletion for Returns {
    fn finished(&self, reads: &mut Vec<FinishedRead>) {
        // Readers end before the engine does, so it is there while anybody waits.
        let Some(engine) = self.engine.get().and_then(Weak::upgrade) else { return };
        while let Some(first) = reads.first() {
            let zone = first.zone;
            let (of_zone, others) = reads.drain(..).partition(|read| read.zone == zone);
            *reads = others;
            let of_zone: Vec<_> = of_zone;
            engine.seat(zone).port.push_retries(of_zone);
        }
    }
}
