//! What happened to names, and which answers follow from that.

use crate::world::World;

/// What became of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Stored,
    Deleted,
    /// Not of a name: everything in chapters from `lo` on was lost.
    Crashed,
    /// Not of a name: everything since the event at position `lo` was lost.
    Forgotten,
}

/// Something that happened to a name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Event {
    pub(super) number: u32,
    pub(super) version: u32,
    /// The chapter that it happened in: with several zones, one of two.
    pub(super) lo: u32,
    pub(super) hi: u32,
    pub(super) kind: Kind,
}

impl Event {
    pub(super) fn is_loss(&self) -> bool {
        matches!(self.kind, Kind::Crashed | Kind::Forgotten)
    }
}

/// What is known of a name at some moment.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Known {
    /// The version stored last, and in which chapter.
    pub(super) latest: Option<(u32, u32, u32)>,
    /// Whether it was deleted after that.
    pub(super) is_deleted: bool,
    /// Whether the deletion may have been undone by a recovery.
    pub(super) may_return: bool,
}

/// Which answer a name must get.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Wanted {
    pub(super) must: bool,
    pub(super) may: bool,
    pub(super) least: u32,
    pub(super) most: u32,
}

pub(super) fn apply(known: &mut Known, event: &Event) {
    match event.kind {
        Kind::Stored => {
            known.latest = Some((event.version, event.lo, event.hi));
            (known.is_deleted, known.may_return) = (false, false);
        }
        Kind::Deleted => (known.is_deleted, known.may_return) = (true, false),
        Kind::Crashed | Kind::Forgotten => {}
    }
}

/// What an index in which the chapter `newest` is open must answer, if nothing was lost.
pub(super) fn wanted_clean(known: &Known, world: &World, newest: u32) -> Wanted {
    let Some((version, lo, hi)) = known.latest else { return Wanted::default() };
    let oldest = (newest + 1).saturating_sub(world.window());
    if known.is_deleted {
        // A recovery may have brought it back. Of a sparse index any chapter may be recalled.
        let may = known.may_return || world.is_sparse();
        let most = if world.is_sparse() { u32::MAX } else { version };
        return Wanted { must: false, may, least: 0, most };
    }
    if world.is_sparse() && lo < oldest {
        return Wanted { must: false, may: true, least: 0, most: u32::MAX };
    }
    Wanted { must: lo >= oldest, may: hi >= oldest, least: version, most: version }
}

/// What an index must answer after a recovery, by what is durable.
pub(super) fn wanted_recovered(durable: &Known, world: &World, newest: u32) -> Wanted {
    let anything = Wanted { must: false, may: true, least: 0, most: u32::MAX };
    let Some((version, lo, _)) = durable.latest else { return anything };
    let oldest = (newest + 1).saturating_sub(world.window());
    // A record that was deleted from the open chapter was never written: an older copy may return.
    if durable.is_deleted {
        return anything;
    }
    let must = lo >= oldest;
    let least = if must || !world.is_sparse() { version } else { 0 };
    Wanted { must, least, ..anything }
}
