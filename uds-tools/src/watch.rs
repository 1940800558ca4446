//! Work that takes a while: a bar on standard error shows how far it is, and Ctrl-C ends it.

use std::io::{IsTerminal, stderr};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::stop::Stop;

/// How often the watcher looks.
const TICK: Duration = Duration::from_millis(100);

/// What is done at a moment, and how far that is.
pub(crate) struct Stage {
    pub(crate) what: &'static str,
    pub(crate) done: u64,
    pub(crate) total: u64,
}

/// How work is watched.
pub(crate) struct Watch<'a> {
    /// What it is called: "recovering".
    pub(crate) name: &'static str,
    pub(crate) quiet: bool,
    pub(crate) stop: &'a Stop,
}

impl Watch<'_> {
    /// Does `work`. Shows its stage while it has one, and calls `abandon` once it is to stop.
    pub(crate) fn over<T>(
        &self,
        stage: impl Fn() -> Option<Stage> + Send,
        abandon: impl Fn() + Send,
        work: impl FnOnce() -> T,
    ) -> T {
        let (done, is_done) = channel::<()>();
        let shows = !self.quiet && stderr().is_terminal();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                let mut bar = None;
                while is_done.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
                    if self.stop.is_wished() {
                        abandon();
                    }
                    if let Some(stage) = stage().filter(|_| shows) {
                        self.show(&stage, &mut bar);
                    }
                }
                if let Some(bar) = bar {
                    bar.finish_and_clear();
                }
            });
            let result = work();
            drop(done);
            result
        })
    }

    fn show(&self, stage: &Stage, bar: &mut Option<ProgressBar>) {
        let bar = bar.get_or_insert_with(|| {
            let template = "{prefix}: {msg} {wide_bar} {pos}/{len}, {eta} left";
            let style = ProgressStyle::with_template(template);
            let style = style.expect("the template is well formed");
            ProgressBar::new(0).with_style(style).with_prefix(self.name)
        });
        bar.set_message(stage.what);
        bar.set_length(stage.total);
        bar.set_position(stage.done);
    }
}
