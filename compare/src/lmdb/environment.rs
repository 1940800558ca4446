//! Opens an LMDB environment: the only place of this crate where `unsafe` is needed.
//!
//! heed marks both calls as `unsafe`, because whoever changes the file under the map, or breaks
//! the lock file, makes references to its pages lie; and because some flags give up promises.
//!
//! Invariants:
//! 1. The folder belongs to this process alone: the caller made it in a folder of its own run.
//! 2. The environment is opened once at a time: heed refuses a second opening.
//! 3. Transactions live for a batch and are over before their function returns.
//! 4. Of the flags that give up promises only `NO_SYNC` is set. What it gives up is durability
//!    when the machine fails, not the meaning of the map in a running process. `WRITE_MAP` lets
//!    stray writes reach the file; safe code makes none.

use std::path::Path;

use heed::{Env, EnvFlags, EnvOpenOptions, WithoutTls};

/// Opens the environment in a folder, and makes it if there is none.
#[expect(unsafe_code, reason = "heed has no safe way to open an environment")]
pub(super) fn open(folder: &Path, map_bytes: usize) -> Result<Env<WithoutTls>, heed::Error> {
    let mut options = EnvOpenOptions::new().read_txn_without_tls();
    options.map_size(map_bytes);
    let flags = EnvFlags::NO_SYNC | EnvFlags::WRITE_MAP | EnvFlags::NO_READ_AHEAD;
    // SAFETY: see invariant 4.
    unsafe { options.flags(flags) };
    // SAFETY: see invariants 1 to 3.
    unsafe { options.open(folder) }
}
