//! A simulated disk that keeps what a power cut could leave, for every *epoch*: the time between
//! two syncs.
//!
//! What survives a cut within an epoch is everything before it and some of the *pieces* of what was
//! written in it: parts of writes that lie in one block of 4096 bytes. Every cut after a number of
//! writes leaves one of these sets, so the sets are all that there is to try.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use uds_volume::sim::SimDisk;
use uds_volume::{Storage, StorageError};

use crate::world::{BLOCK, World};

const SECTORS_PER_BLOCK: u64 = BLOCK / 512;

/// What was written between two syncs.
#[derive(Debug)]
pub struct Epoch {
    /// The disk just before the sync that ended the epoch.
    pub disk: SimDisk,
    /// The pieces, in the order in which they were written.
    pub pieces: Vec<Piece>,
    /// Whether pages of the volume were written.
    pub has_chapter: bool,
    /// Whether a saved open chapter was discarded.
    pub has_discard: bool,
    /// Whether a save slot was marked as unsaved or saved.
    pub has_slot_header: bool,
}

/// A part of a write that lies in one block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The position of the write among those of the epoch.
    pub write: usize,
    /// Its first byte on the disk.
    pub offset: u64,
}

impl Epoch {
    fn new(world: &World, disk: SimDisk) -> Self {
        let volume = 2 * BLOCK..world.slot(0);
        let slots = [world.slot(0), world.slot(1)];
        let mut epoch = Self {
            pieces: Vec::new(),
            has_chapter: false,
            has_discard: false,
            has_slot_header: false,
            disk,
        };
        for (write, place) in epoch.disk.unsynced_writes().iter().enumerate() {
            let end = place.offset + place.length;
            let first = place.offset / BLOCK;
            for block in first..end.div_ceil(BLOCK) {
                epoch.pieces.push(Piece { write, offset: place.offset.max(block * BLOCK) });
            }
            epoch.has_chapter |= volume.contains(&place.offset);
            epoch.has_discard |= place.length == 512;
            epoch.has_slot_header |= slots.contains(&place.offset);
        }
        epoch
    }

    /// The disk after a cut that left the pieces that `keep` wants, by their positions.
    pub fn cut(&self, mut keep: impl FnMut(usize) -> bool) -> SimDisk {
        let fates: Vec<bool> = (0..self.pieces.len()).map(&mut keep).collect();
        let position = |write: usize, offset: u64| {
            let block = offset / BLOCK;
            self.pieces.iter().position(|p| p.write == write && p.offset / BLOCK == block)
        };
        // A copy, because a cut uses up the disk's chance.
        self.disk.snapshot().power_cut_with(0..self.disk.unsynced_writes().len(), |sector| {
            position(sector.write, sector.offset).is_some_and(|piece| fates[piece])
        })
    }

    /// As [`cut`](Self::cut), by the 512 bytes: `keep` gets the piece and the sector within it.
    pub fn cut_sectors(&self, mut keep: impl FnMut(usize, u64) -> bool) -> SimDisk {
        let pieces = &self.pieces;
        self.disk.snapshot().power_cut_with(0..self.disk.unsynced_writes().len(), |sector| {
            let block = sector.offset / BLOCK;
            let is_it = |p: &Piece| p.write == sector.write && p.offset / BLOCK == block;
            let within = sector.offset / 512 % SECTORS_PER_BLOCK;
            pieces.iter().position(is_it).is_some_and(|piece| keep(piece, within))
        })
    }
}

/// A simulated disk that remembers its epochs.
#[derive(Debug)]
pub struct Recorder {
    world: Arc<World>,
    disk: SimDisk,
    epochs: Mutex<Vec<Epoch>>,
}

impl Recorder {
    /// A recorder of what happens to `disk`.
    #[must_use]
    pub fn new(world: Arc<World>, disk: SimDisk) -> Arc<Self> {
        Arc::new(Self { world, disk, epochs: Mutex::default() })
    }

    /// The disk.
    pub const fn disk(&self) -> &SimDisk {
        &self.disk
    }

    /// How many epochs with writes have ended.
    pub fn epochs(&self) -> usize {
        self.epochs.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// The epochs so far; the recorder forgets them.
    pub fn take(&self) -> Vec<Epoch> {
        std::mem::take(&mut *self.epochs.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Storage for Recorder {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), StorageError> {
        self.disk.read_at(offset, buffer)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<(), StorageError> {
        self.disk.write_at(offset, bytes)
    }

    fn sync(&self) -> Result<(), StorageError> {
        let before = self.disk.snapshot();
        if !before.unsynced_writes().is_empty() {
            let epoch = Epoch::new(&self.world, before);
            self.epochs.lock().unwrap_or_else(PoisonError::into_inner).push(epoch);
        }
        self.disk.sync()
    }

    fn len(&self) -> u64 {
        self.disk.len()
    }

    fn now(&self) -> Duration {
        self.disk.now()
    }
}
