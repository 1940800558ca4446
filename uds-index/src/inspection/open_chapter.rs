//! The records of the open chapter, as the latest save has them.

use std::io::Read;

use uds_geometry::{RECORD_BYTES, Record};

use super::Inspector;
use crate::IndexError;
use crate::error::{Reading, UncleanReason};
use crate::layout::RegionReader;
use crate::open_chapter::read_header;

/// The records of a saved open chapter, in the order of the save: the first of each zone in turn,
/// then the second, and so on. It ends after the first error.
pub struct OpenChapterRecords<'a> {
    input: RegionReader<'a>,
    slot: u8,
    offset: u64,
    left: u32,
}

impl Inspector {
    /// The records of the open chapter in the latest save.
    ///
    /// # Errors
    ///
    /// [`IndexError::NotSavedCleanly`] where there is no save, or its open chapter was discarded
    /// because chapters were written since; [`IndexError::Corrupt`], and those of the storage.
    pub fn open_chapter(&self) -> Result<OpenChapterRecords<'_>, IndexError> {
        let Some((slot, save)) = self.layout.latest_save() else {
            return Err(IndexError::NotSavedCleanly { reason: UncleanReason::NoSave });
        };
        let place = self.layout.slot(slot).open_chapter(save.zones);
        let mut input = RegionReader::new(&**self.layout.storage(), place);
        let left = read_header(&mut input, place.start)?;
        let most = self.geometry().records_per_chapter();
        if left > most {
            let reading = Reading { structure: "saved open chapter", block: place.start };
            return Err(reading.corrupt("record count", left.into(), most.into()));
        }
        let offset = place.start * u64::from(uds_geometry::BLOCK_BYTES);
        Ok(OpenChapterRecords { input, slot: slot as u8, offset, left })
    }
}

impl OpenChapterRecords<'_> {
    /// The save slot, 0 or 1, that they are in.
    #[must_use]
    pub const fn save_slot(&self) -> u8 {
        self.slot
    }

    /// The first byte of the saved open chapter on the storage.
    #[must_use]
    pub const fn offset(&self) -> u64 {
        self.offset
    }

    /// How many records are to come.
    #[must_use]
    pub const fn remaining(&self) -> u32 {
        self.left
    }
}

impl Iterator for OpenChapterRecords<'_> {
    type Item = Result<Record, IndexError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let mut bytes = [0; RECORD_BYTES];
        let read = self.input.read_exact(&mut bytes).map_err(IndexError::from_stream);
        if read.is_err() {
            self.left = 0;
        }
        Some(read.map(|()| Record::from_bytes(&bytes)))
    }
}

impl std::fmt::Debug for OpenChapterRecords<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenChapterRecords")
            .field("slot", &self.slot)
            .field("left", &self.left)
            .finish_non_exhaustive()
    }
}
