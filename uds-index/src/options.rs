//! How an index is created, opened and suspended.

use uds_geometry::{Configuration, Nonce, ZoneCount};

/// How many threads read pages unless the options say otherwise.
const DEFAULT_READ_THREADS: usize = 2;

/// How to create an index.
///
/// The default is nonce 0, fresh nonce info, one zone, at the start of the storage.
#[derive(Clone, Debug)]
pub struct CreateOptions {
    /// A number that says to whom the index belongs. Whoever opens it can ask for it.
    pub nonce: Nonce,
    /// The unique bytes that the index's other nonces come from; `None` makes new ones.
    ///
    /// Two indexes with the same nonce info at the same offset, filled with the same requests in
    /// one zone and without read threads, have the same chapters byte for byte. Never use the
    /// info of an index that was on the same storage before: its old chapters would be taken
    /// for new ones.
    pub nonce_info: Option<[u8; 32]>,
    /// The block of 4096 bytes where the index begins; what lies before it is left alone.
    pub offset_blocks: u64,
    /// Into how many zones the index is divided in memory: so many threads can work on it at
    /// once. More zones than processor cores are of no use.
    pub zones: ZoneCount,
    /// How many threads read pages of the volume, at most 16: so many reads are in flight at once.
    /// With 0 each zone reads its pages itself and waits for them, which makes everything that an
    /// index of one zone does depend on its requests alone.
    pub read_threads: usize,
}

impl Default for CreateOptions {
    fn default() -> Self {
        Self {
            nonce: Nonce::default(),
            nonce_info: None,
            offset_blocks: 0,
            zones: ZoneCount::ONE,
            read_threads: DEFAULT_READ_THREADS,
        }
    }
}

/// What becomes of an index that was not closed cleanly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OpenMode {
    /// It is recovered from its volume: everything is there but the records of the open chapter,
    /// and of one that was being written.
    #[default]
    Load,
    /// It is refused, with [`IndexError::NotSavedCleanly`].
    ///
    /// [`IndexError::NotSavedCleanly`]: crate::IndexError::NotSavedCleanly
    NoRebuild,
}

/// What becomes of the records of the open chapter when an index is suspended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SuspendMode {
    /// They are saved: a copy of the storage is as good as a closed index.
    #[default]
    Save,
    /// They stay in memory: a copy of the storage has to be recovered where chapters were filled
    /// since the last save, and lacks them.
    NoSave,
}

/// How to open an index.
///
/// The default takes the index at the start of the storage as it is, with one zone, and recovers
/// it if it was not closed cleanly.
#[derive(Clone, Debug)]
pub struct OpenOptions {
    /// The configuration that the index must have; `None` accepts any.
    pub configuration: Option<Configuration>,
    /// The nonce that the index must have been created with; `None` accepts any.
    pub nonce: Option<Nonce>,
    /// The block of 4096 bytes where the index begins.
    pub offset_blocks: u64,
    /// What becomes of an index that was not closed cleanly.
    pub mode: OpenMode,
    /// Into how many zones the index is divided in memory; it can be another number than before.
    pub zones: ZoneCount,
    /// How many threads read pages of the volume, at most 16: so many reads are in flight at once.
    /// With 0 each zone reads its pages itself and waits for them, which makes everything that an
    /// index of one zone does depend on its requests alone.
    pub read_threads: usize,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self {
            configuration: None,
            nonce: None,
            offset_blocks: 0,
            mode: OpenMode::default(),
            zones: ZoneCount::ONE,
            read_threads: DEFAULT_READ_THREADS,
        }
    }
}
