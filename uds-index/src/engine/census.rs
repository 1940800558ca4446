//! Counting the volume index while it is in use: zone by zone, each held for moments.

use std::ops::ControlFlow;

use super::{Engine, Seat};
use crate::IndexError;
use crate::census::{Census, Counter, Portion, SurveyControl, Window};

impl Engine {
    /// Counts the entries of the volume index.
    ///
    /// # Errors
    ///
    /// [`IndexError::Abandoned`].
    pub(crate) fn census(&self, control: &SurveyControl) -> Result<Census, IndexError> {
        let (non_hook, hook) = (&self.parameters.non_hook, self.parameters.hook.as_ref());
        let lists = non_hook.list_count + hook.map_or(0, |hook| hook.list_count);
        control.control.enter_phase((), lists.into());
        let mut names = Counter::new(non_hook, Portion::SHORT);
        let mut samples = hook.map(|hook| Counter::new(hook, Portion::SHORT));
        let mut window = Window::default();
        for seat in &self.seats {
            self.count_part(seat, false, &mut names, &mut window, control)?;
            if let Some(samples) = &mut samples {
                self.count_part(seat, true, samples, &mut window, control)?;
            }
        }
        Ok(Census {
            oldest_chapter: window.oldest,
            newest_chapter: window.newest,
            names: names.finish(window),
            samples: samples.map(|samples| samples.finish(window)),
        })
    }

    /// Counts one part of one zone, and learns the window from it.
    fn count_part(
        &self,
        seat: &Seat,
        is_hook: bool,
        counter: &mut Counter,
        window: &mut Window,
        control: &SurveyControl,
    ) -> Result<(), IndexError> {
        let mut next = 0;
        loop {
            control.control.check()?;
            // As for a save: who holds the zone now goes first, everybody else waits.
            let mut hold = seat.port.hold_exclusively();
            let zone = &hold.zone().zone;
            window.oldest = window.oldest.max(zone.oldest);
            window.newest = window.newest.max(zone.newest);
            let count = |part: &_| counter.count(part, seat.id, next, *window);
            let counted = zone.index.with_part(is_hook, count);
            drop(hold);
            let (lists, is_over) = match counted {
                Some(ControlFlow::Continue(lists)) => (lists, false),
                Some(ControlFlow::Break(lists)) => (lists, true),
                None => return Ok(()),
            };
            control.control.step(lists.into());
            if is_over {
                return Ok(());
            }
            next += lists;
        }
    }
}
