//! Iterating over the entries of a list.

use uds_geometry::{DeltaKey, DeltaListNumber, RecordName};

use super::DeltaZone;
use crate::DeltaError;
use crate::list::{ListView, Mark, Position};

/// An entry of a delta list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeltaEntry {
    /// The key. Keys never decrease along a list.
    pub key: DeltaKey,
    /// The value.
    pub value: u32,
    /// The whole name, for a collision entry.
    pub name: Option<RecordName>,
}

/// An entry, and where it is in its list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlacedEntry {
    /// The entry.
    pub entry: DeltaEntry,
    /// How much its key is larger than that of the entry before it; of a list's first entry, the
    /// key itself. The collision entries behind an entry have 0.
    pub delta: u32,
    /// The bit where it begins, from the start of its list.
    pub bit_offset: u32,
    /// Its bits, with those of its name.
    pub bits: u32,
}

/// The entries of a list, in order. It ends after the first error.
pub struct Entries<'a> {
    view: ListView<'a>,
    position: Position,
    list: DeltaListNumber,
    is_done: bool,
}

impl<'a> Entries<'a> {
    pub(crate) fn new(view: ListView<'a>, list: DeltaListNumber) -> Self {
        Self { view, position: Position::before(Mark::default()), list, is_done: false }
    }

    /// The next entry, and where it is: as the iterator has it, and together with it.
    ///
    /// # Errors
    ///
    /// [`DeltaError::CorruptList`]; nothing comes after it.
    pub fn next_placed(&mut self) -> Option<Result<PlacedEntry, DeltaError>> {
        if self.is_done {
            return None;
        }
        match self.view.next(&self.position) {
            Ok(position) if position.is_at_end => {
                self.is_done = true;
                None
            }
            Ok(position) => {
                self.position = position;
                let entry = DeltaEntry {
                    key: DeltaKey::new(position.key),
                    value: self.view.value(position.offset),
                    name: position.is_collision.then(|| self.view.name(&position)),
                };
                let Position { delta, offset, bits, .. } = position;
                Some(Ok(PlacedEntry { entry, delta, bit_offset: offset, bits }))
            }
            Err(defect) => {
                self.is_done = true;
                Some(Err(defect.in_list(self.list)))
            }
        }
    }
}

impl Iterator for Entries<'_> {
    type Item = Result<DeltaEntry, DeltaError>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.next_placed()?.map(|placed| placed.entry))
    }
}

impl std::fmt::Debug for Entries<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Entries").field("list", &self.list).finish_non_exhaustive()
    }
}

impl DeltaZone {
    /// The entries of a list, in order.
    ///
    /// # Errors
    ///
    /// [`DeltaError::NoSuchList`]; the iterator yields [`DeltaError::CorruptList`].
    pub fn entries(&self, list: DeltaListNumber) -> Result<Entries<'_>, DeltaError> {
        let index = self.index_of(list)?;
        Ok(Entries::new(self.view(index), list))
    }
}
