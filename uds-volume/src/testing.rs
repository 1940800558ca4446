//! Chance for unit tests.

use uds_geometry::{Record, RecordData, RecordName};

/// A source of records that depends on its seed alone.
pub(crate) struct Random(crate::sim::Random);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(crate::sim::Random::new(seed))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0.next()
    }

    fn bytes(&mut self) -> [u8; 16] {
        let (low, high) = (u128::from(self.next()), u128::from(self.next()));
        (high << 64 | low).to_le_bytes()
    }

    /// A record of random name and data.
    pub(crate) fn record(&mut self) -> Record {
        Record { name: RecordName::new(self.bytes()), data: RecordData::new(self.bytes()) }
    }
}
