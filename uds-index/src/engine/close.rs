//! Closing a chapter (specification, section 11.6).

use super::writer::ClosedChapter;
use super::{Engine, zone_capacity};
use crate::open_chapter::OpenChapter;
use crate::sync::Arc;

impl Engine {
    /// Closes the open chapter of every zone and hands it to the writer, once the chapter before
    /// it is on the volume.
    ///
    /// Where that chapter could not be written, or memory is short, nothing is closed and the index
    /// is poisoned.
    pub(super) fn close_chapter(&mut self) {
        if self.wait_for_writer().is_err() {
            return;
        }
        let capacity = zone_capacity(&self.geometry, self.zone_count);
        // All or nothing: what can fail comes before the first zone changes.
        let spares = self
            .zones
            .iter_mut()
            .map(|zone| match zone.closed.take().map(Arc::try_unwrap) {
                Some(Ok(written)) => Ok(written),
                // Before the second chapter, or while somebody else still looks at it.
                Some(Err(_)) | None => OpenChapter::new(capacity),
            })
            .collect::<Result<Vec<_>, _>>();
        let spares = match spares {
            Ok(spares) => spares,
            Err(error) => return self.poison_with(error),
        };
        let chapter = self.zones[0].newest;
        let newest = chapter.next();
        let expiring = self.geometry.chapters_to_expire(newest);
        let mut closed = Vec::with_capacity(self.zones.len());
        for (zone, mut spare) in self.zones.iter_mut().zip(spares) {
            spare.reset();
            let full = Arc::new(std::mem::replace(&mut zone.open, spare));
            zone.closed = Some(Arc::clone(&full));
            closed.push(full);
            zone.newest = newest;
            zone.index.set_open_chapter(newest);
        }
        let oldest = self.zones[0].oldest;
        for count in 0..expiring {
            self.volume.forget_chapter(oldest.later_by(count));
        }
        for zone in &mut self.zones {
            zone.oldest = oldest.later_by(expiring);
        }
        let discard =
            std::mem::take(&mut self.save_stands).then(|| self.layout.discard_place()).flatten();
        self.writer.write(ClosedChapter { chapter, zones: closed, discard });
    }
}
