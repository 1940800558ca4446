//! The arguments of `uds estimate`.

use std::path::PathBuf;

use clap::{Args, value_parser};
use uds_geometry::{MemorySize, Nonce};

use crate::estimate::{Chunker, Naming};
use crate::output::Format;
use crate::units::{parse_memory, parse_nonce};

pub(super) const HELP: &str = "\
Files are cut into blocks of 4 KiB, as VDO does; the last block
of a file is padded with zeroes. All-zero blocks are counted
apart: VDO does not store them. A hard-linked file is read once,
symbolic links inside directories are not followed, and an
unreadable file is reported at the end.

No index is made, and nothing is written: a model says what
indexes of each size would save. --index, --memory, --sparse or
--temp-dir ask for a real index: then the counts are what it
finds, and it is removed in the end unless --index keeps it.

The flags of vdoestimator, VDO's own estimator, are accepted:
--memorySize, --reuse, --dedupeOnly, --compressionOnly, --verbose.

Examples:
  uds estimate ~/.cargo ~/.rustup
  uds estimate --html report.html /srv
  find . -newer stamp -print0 | uds estimate -0 --files-from -
  uds estimate --exclude '*.iso' --exclude .git ~
  uds estimate --format json /srv > estimate.json
  uds estimate --memory 1G /srv
  uds estimate --index /var/tmp/srv.uds /srv";

#[derive(Args, Debug)]
pub(crate) struct EstimateArgs {
    /// Files, directories and block devices to read
    #[arg(required_unless_present = "files_from", value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// Read also the paths that FILE lists, one a line (- for standard
    /// input)
    #[arg(long, value_name = "FILE")]
    pub(crate) files_from: Option<PathBuf>,
    /// The paths of --files-from end with a NUL, not with a newline
    #[arg(short = '0', long, requires = "files_from")]
    pub(crate) null: bool,
    /// Leave out what matches GLOB in the given directories, in the
    /// syntax of .gitignore; can be given several times
    #[arg(long, value_name = "GLOB")]
    pub(crate) exclude: Vec<String>,
    /// Leave out what matches the patterns in FILE
    #[arg(long, value_name = "FILE")]
    pub(crate) exclude_from: Vec<PathBuf>,
    /// Heed the files .ignore in directories
    #[arg(long)]
    pub(crate) ignore: bool,
    /// Post to a real index with so much memory: 256M, 512M, 768M or 1G to
    /// 1024G; or a number of gigabytes, 0.25 for 256M [default: no index;
    /// where one is asked for, 256M or what that of --index has]
    #[arg(long, alias = "memorySize", value_name = "SIZE", value_parser = parse_memory)]
    pub(crate) memory: Option<MemorySize>,
    /// Post to a real index, a sparse one: ten times the window in the same memory, for
    /// duplicates that come in the company of others
    #[arg(long)]
    pub(crate) sparse: bool,
    /// Post to a real index, kept in FILE: created if absent, extended if present
    #[arg(long, value_name = "FILE")]
    pub(crate) index: Option<PathBuf>,
    /// Fail where the file of --index holds no index yet
    #[arg(long, hide = true, requires = "index")]
    pub(crate) reuse: bool,
    /// The nonce of the index of --index [default: one that stands for
    /// --hash where the index is new, else the one that it has]
    #[arg(long, value_name = "N", value_parser = parse_nonce, requires = "index")]
    pub(crate) nonce: Option<Nonce>,
    /// Where in the file of --index the index starts, in blocks of 4 KiB
    #[arg(long, value_name = "BLOCKS", default_value_t = 0, requires = "index")]
    pub(crate) offset: u64,
    /// How blocks are named: murmur is VDO's way, blake3 resists forgery
    #[arg(long, value_name = "HASH", default_value = "murmur")]
    pub(crate) hash: Naming,
    /// How files are cut: fixed for blocks of 4 KiB, VDO's, or
    /// fastcdc:MIN:AVG:MAX for chunks that the content bounds, of so many
    /// bytes, for example fastcdc:2K:8K:64K
    #[arg(long, value_name = "CHUNKER", default_value_t = Chunker::Fixed)]
    pub(crate) chunker: Chunker,
    /// Threads that read and hash, 1 to 1024 [default: one for each core]
    #[arg(long, value_name = "N", value_parser = value_parser!(u16).range(1..=1024))]
    pub(crate) threads: Option<u16>,
    /// Stay on the file systems of the given paths
    #[arg(short = 'x', long)]
    pub(crate) one_file_system: bool,
    /// Post to a real index in DIR, a temporary one [default: no index;
    /// where one is asked for, the system's place for such files]
    #[arg(long, value_name = "DIR", conflicts_with = "index")]
    pub(crate) temp_dir: Option<PathBuf>,
    /// Do not look how well a sample of the blocks compresses
    #[arg(long, alias = "dedupeOnly")]
    pub(crate) dedupe_only: bool,
    /// Look only how well a sample of the blocks compresses
    #[arg(
        long,
        alias = "compressionOnly",
        conflicts_with_all = ["dedupe_only", "index", "memory", "sparse", "temp_dir", "html"]
    )]
    pub(crate) compression_only: bool,
    /// Write the result to FILE as a page for a browser, too
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    /// Replace the FILE of --html if it exists
    #[arg(long, requires = "html")]
    pub(crate) force: bool,
    /// Accepted, and of no effect: the result says all
    #[arg(long, hide = true)]
    pub(crate) verbose: bool,
    /// How to print the result
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(crate) format: Format,
    /// No progress bar, even on a terminal
    #[arg(short, long)]
    pub(crate) quiet: bool,
}
