//! Operations of a simulated disk that fail.

use std::io;
use std::ops::Range;

use super::random::Random;
use crate::storage::Operation;

/// Which operations of a [`SimDisk`](super::SimDisk) fail, and how.
///
/// ```
/// use std::io::ErrorKind;
/// use uds_volume::sim::{Fault, SimDisk};
/// use uds_volume::{Operation, Storage};
///
/// let disk = SimDisk::new(1 << 20, 1);
/// // The third write from now finds the disk full; later ones succeed.
/// disk.inject(Fault::of(Operation::Write).nth(3).kind(ErrorKind::StorageFull));
/// // One bad block, for ever.
/// disk.inject(Fault::of(Operation::Read).within(8192..12288).forever());
/// assert!(disk.read_at(0, &mut [0; 8192]).is_ok());
/// assert!(disk.read_at(0, &mut [0; 8193]).is_err());
/// ```
#[derive(Clone, Debug)]
pub struct Fault {
    operation: Option<Operation>,
    range: Option<Range<u64>>,
    /// Matching operations that still succeed.
    spared: u64,
    one_in: u64,
    forever: bool,
    kind: io::ErrorKind,
}

impl Fault {
    /// The next operation of one sort fails, once, with an I/O error.
    #[must_use]
    pub const fn of(operation: Operation) -> Self {
        Self {
            operation: Some(operation),
            range: None,
            spared: 0,
            one_in: 1,
            forever: false,
            kind: io::ErrorKind::Other,
        }
    }

    /// The next operation of any sort fails, once, with an I/O error.
    #[must_use]
    pub const fn of_any() -> Self {
        Self { operation: None, ..Self::of(Operation::Read) }
    }

    /// It is the `n`-th matching operation from now that fails; 1 is the next, as is 0.
    #[must_use]
    pub const fn nth(mut self, n: u64) -> Self {
        self.spared = n.saturating_sub(1);
        self
    }

    /// All later matching operations fail too.
    #[must_use]
    pub const fn forever(mut self) -> Self {
        self.forever = true;
        self
    }

    /// Only one in `count` matching operations fails, by chance, for ever.
    #[must_use]
    pub const fn one_in(mut self, count: u64) -> Self {
        self.one_in = if count == 0 { 1 } else { count };
        self.forever = true;
        self
    }

    /// Only reads and writes that touch a byte of `range` match.
    #[must_use]
    pub const fn within(mut self, range: Range<u64>) -> Self {
        self.range = Some(range);
        self
    }

    /// The error's kind.
    #[must_use]
    pub const fn kind(mut self, kind: io::ErrorKind) -> Self {
        self.kind = kind;
        self
    }

    /// How an operation fails by this fault, and whether the fault remains.
    pub(super) fn consult(
        &mut self,
        operation: Operation,
        offset: u64,
        length: u64,
        random: &mut Random,
    ) -> (Option<io::ErrorKind>, bool) {
        if !self.matches(operation, offset, length) {
            return (None, true);
        }
        if self.spared > 0 {
            self.spared -= 1;
            return (None, true);
        }
        if self.one_in > 1 && random.below(self.one_in) != 0 {
            return (None, true);
        }
        (Some(self.kind), self.forever)
    }

    fn matches(&self, operation: Operation, offset: u64, length: u64) -> bool {
        self.operation.is_none_or(|wanted| wanted == operation)
            && self.range.as_ref().is_none_or(|range| {
                offset < range.end && range.start < offset.saturating_add(length)
            })
    }
}
