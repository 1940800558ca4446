//! Storages that watch what an index does with them.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use uds_volume::sim::{PowerCut, SimDisk};
use uds_volume::{Storage, StorageError};

/// What was done with a storage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Write { offset: u64, bytes: Vec<u8> },
    Sync,
}

/// A simulated disk that remembers all writes and syncs, failed ones too.
#[derive(Debug)]
pub(crate) struct Recorder {
    pub(crate) disk: SimDisk,
    events: Mutex<Vec<Event>>,
}

impl Recorder {
    pub(crate) fn new(disk: SimDisk) -> Arc<Self> {
        Arc::new(Self { disk, events: Mutex::default() })
    }

    /// What was done since the last call.
    pub(crate) fn take(&self) -> Vec<Event> {
        std::mem::take(&mut *self.events.lock().unwrap())
    }
}

impl Storage for Recorder {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), StorageError> {
        self.disk.read_at(offset, buffer)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<(), StorageError> {
        let event = Event::Write { offset, bytes: bytes.to_vec() };
        self.events.lock().unwrap().push(event);
        self.disk.write_at(offset, bytes)
    }

    fn sync(&self) -> Result<(), StorageError> {
        self.events.lock().unwrap().push(Event::Sync);
        self.disk.sync()
    }

    fn len(&self) -> u64 {
        self.disk.len()
    }

    fn now(&self) -> Duration {
        self.disk.now()
    }
}

/// What a power cut left, and when it was.
#[derive(Debug)]
pub(crate) struct Cut {
    /// Writes and syncs before it.
    pub(crate) operations: usize,
    /// What became of the unsynced writes.
    pub(crate) fate: String,
    pub(crate) disk: SimDisk,
}

/// A simulated disk that keeps what a power cut would have left before and after each write and
/// sync: with all unsynced writes lost, with all kept, and with some torn, lost or swapped.
#[derive(Debug)]
pub(crate) struct Cutter {
    disk: SimDisk,
    chances: u64,
    state: Mutex<(usize, Vec<Cut>)>,
}

impl Cutter {
    /// A cutter that tries so many random fates of the unsynced writes at each operation.
    pub(crate) fn new(disk: SimDisk, chances: u64) -> Arc<Self> {
        let cutter = Self { disk, chances, state: Mutex::default() };
        cutter.cut();
        Arc::new(cutter)
    }

    /// All cuts since the last call.
    pub(crate) fn take(&self) -> Vec<Cut> {
        std::mem::take(&mut self.state.lock().unwrap().1)
    }

    fn cut(&self) {
        let mut state = self.state.lock().unwrap();
        let operations = state.0;
        let mut fates = vec![PowerCut::LoseUnsynced];
        if !self.disk.unsynced_writes().is_empty() {
            fates.push(PowerCut::KeepUnsynced);
            let first = operations as u64 * self.chances;
            fates.extend((first..first + self.chances).map(PowerCut::Random));
        }
        for fate in fates {
            let disk = self.disk.power_cut(&fate);
            state.1.push(Cut { operations, fate: format!("{fate:?}"), disk });
        }
        state.0 += 1;
    }
}

impl Storage for Cutter {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), StorageError> {
        self.disk.read_at(offset, buffer)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<(), StorageError> {
        let result = self.disk.write_at(offset, bytes);
        self.cut();
        result
    }

    fn sync(&self) -> Result<(), StorageError> {
        let result = self.disk.sync();
        self.cut();
        result
    }

    fn len(&self) -> u64 {
        self.disk.len()
    }

    fn now(&self) -> Duration {
        self.disk.now()
    }
}
