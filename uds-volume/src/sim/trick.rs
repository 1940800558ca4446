//! Operations of a simulated disk that report success and have done something else.

/// What becomes of an operation of a [`SimDisk`](super::SimDisk) that goes astray, and is reported
/// as a success.
///
/// ```
/// use uds_volume::Storage;
/// use uds_volume::sim::{SimDisk, Trick};
///
/// let disk = SimDisk::new(1 << 20, 1);
/// // The second write from now arrives at byte 8192.
/// disk.trick(Trick::WriteElsewhere { to: 8192 }, 2);
/// disk.write_at(0, b"one")?;
/// disk.write_at(4096, b"two")?;
/// let mut bytes = [0; 3];
/// disk.read_at(4096, &mut bytes)?;
/// assert_eq!(&bytes, &[0; 3]);
/// disk.read_at(8192, &mut bytes)?;
/// assert_eq!(&bytes, b"two");
/// # Ok::<(), uds_volume::StorageError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trick {
    /// A write arrives at another byte. What does not fit there is lost.
    WriteElsewhere {
        /// The byte.
        to: u64,
    },
    /// A write arrives where it should and at another byte, too.
    WriteTwice {
        /// The other byte.
        to: u64,
    },
    /// A write does not arrive at all.
    WriteNowhere,
    /// A read gets bytes from another place; zeroes past the end.
    ReadElsewhere {
        /// The byte where it reads.
        from: u64,
    },
    /// A read gets what each block held before it was written last.
    ReadOlder,
}

impl Trick {
    /// Whether it is a write that goes astray.
    pub(super) const fn is_of_writes(self) -> bool {
        matches!(self, Self::WriteElsewhere { .. } | Self::WriteTwice { .. } | Self::WriteNowhere)
    }
}

/// A trick that is to be played.
#[derive(Clone, Copy, Debug)]
pub(super) struct Planned {
    trick: Trick,
    /// Matching operations that go right before.
    spared: u64,
}

impl Planned {
    pub(super) const fn new(trick: Trick, n: u64) -> Self {
        Self { trick, spared: n.saturating_sub(1) }
    }
}

/// The trick to be played on the next operation of a class; it is used up.
pub(super) fn next(planned: &mut Vec<Planned>, is_write: bool) -> Option<Trick> {
    let mut played = None;
    planned.retain_mut(|plan| {
        if plan.trick.is_of_writes() != is_write || played.is_some() {
            return true;
        }
        if plan.spared > 0 {
            plan.spared -= 1;
            return true;
        }
        played = Some(plan.trick);
        false
    });
    played
}
