//! What the system knows of this process.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Processor time of all threads of the process, user and system.
pub(crate) fn cpu_time() -> Duration {
    time_of(ClockId::ProcessCPUTime)
}

/// Processor time of the calling thread, user and system.
pub(crate) fn thread_cpu_time() -> Duration {
    time_of(ClockId::ThreadCPUTime)
}

fn time_of(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    let whole = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::new(whole, u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// Memory that the process has now, in bytes.
pub(crate) fn resident_bytes() -> Option<u64> {
    status("VmRSS:")
}

/// The most memory that the process had: in a whole run, and since a moment in it.
///
/// The system keeps one number, the most since it was told to forget, so the run's is put together
/// from those that were forgotten.
#[derive(Debug)]
pub(crate) struct Peaks {
    /// The most before the last moment.
    most: Option<u64>,
    /// Whether what the system says now is about the time since then.
    is_forgotten: bool,
}

impl Peaks {
    /// A run begins. What the process had before does not count, where the system permits to
    /// forget it.
    pub(crate) fn new() -> Self {
        Self { most: None, is_forgotten: forget_peak() }
    }

    /// A part of the run begins.
    pub(crate) fn begin_part(&mut self) {
        self.most = self.of_run();
        self.is_forgotten = forget_peak();
    }

    /// The most since the last part began, in bytes. None where the system does not say.
    pub(crate) fn of_part(&self) -> Option<u64> {
        status("VmHWM:").filter(|_| self.is_forgotten)
    }

    /// The most in the run, in bytes; where the system does not forget, that of the whole process.
    /// None where the system does not say.
    pub(crate) fn of_run(&self) -> Option<u64> {
        self.most.max(status("VmHWM:"))
    }
}

/// Has the system forget the most memory that the process had, and says whether it does: it may
/// have been built without this, or forbid it.
fn forget_peak() -> bool {
    std::fs::write("/proc/self/clear_refs", "5").is_ok()
}

fn status(what: &str) -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let kibibytes = number_after(&text, what)?;
    kibibytes.checked_mul(1024)
}

/// Bytes that the process has read and written since it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Traffic {
    /// Asked of the system.
    pub(crate) read: u64,
    /// Handed to the system.
    pub(crate) written: u64,
    /// Fetched from storage.
    pub(crate) storage_read: u64,
    /// Written to storage, now or later.
    pub(crate) storage_written: u64,
}

impl Traffic {
    /// Until now. None where the system does not say.
    pub(crate) fn now() -> Option<Self> {
        Self::parse(&std::fs::read_to_string("/proc/self/io").ok()?)
    }

    fn parse(text: &str) -> Option<Self> {
        Some(Self {
            read: number_after(text, "rchar:")?,
            written: number_after(text, "wchar:")?,
            storage_read: number_after(text, "read_bytes:")?,
            storage_written: number_after(text, "write_bytes:")?,
        })
    }

    /// What has come since an earlier moment.
    pub(crate) fn since(self, earlier: Self) -> Self {
        Self {
            read: self.read.saturating_sub(earlier.read),
            written: self.written.saturating_sub(earlier.written),
            storage_read: self.storage_read.saturating_sub(earlier.storage_read),
            storage_written: self.storage_written.saturating_sub(earlier.storage_written),
        }
    }
}

/// The number on the line that begins with `what`.
fn number_after(text: &str, what: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(what))?;
    rest.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    // Guards against a line that is taken for another one, as `cancelled_write_bytes`.
    #[test]
    fn traffic_is_read_line_by_line() {
        let text = "rchar: 1\nwchar: 2\nsyscr: 9\nsyscw: 9\nread_bytes: 3\nwrite_bytes: 4\n\
                    cancelled_write_bytes: 9\n";
        let parsed = Traffic::parse(text).unwrap();
        assert_eq!(parsed, Traffic { read: 1, written: 2, storage_read: 3, storage_written: 4 });
        assert_eq!(Traffic::parse("rchar: 1\n"), None);
        let later = Traffic { read: 5, ..parsed };
        assert_eq!(later.since(parsed).read, 4);
        assert_eq!(number_after("VmHWM:\t  1234 kB\n", "VmHWM:"), Some(1234));
    }

    // Guards against the peak of one phase that is told as that of the next, and against one that
    // is lost from the whole.
    #[test]
    fn each_part_has_its_own_peak() {
        const LARGE: usize = 64 << 20;
        let mut peaks = Peaks::new();
        if !peaks.is_forgotten {
            assert_eq!(peaks.of_part(), None);
            return;
        }
        let peak = |peaks: &Peaks| peaks.of_part().unwrap() as usize;
        // Other tests of the process have memory, too, but less.
        let before = peak(&peaks);
        drop(std::hint::black_box(vec![1_u8; LARGE]));
        let large = peak(&peaks);
        assert!(large >= before + LARGE / 2, "{before} {large}");
        peaks.begin_part();
        assert!(peak(&peaks) <= large - LARGE / 2, "{large} {}", peak(&peaks));
        assert!(peaks.of_run().unwrap() as usize >= large);
    }

    // Guards against a clock that stands still, which would make everything free.
    #[test]
    fn working_costs_processor_time() {
        let (process, thread) = (cpu_time(), thread_cpu_time());
        let mut number = 1;
        while thread_cpu_time() == thread {
            number = std::hint::black_box(crate::workload::mixed(number));
        }
        assert!(cpu_time() > process);
    }
}
