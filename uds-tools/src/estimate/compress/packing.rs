//! What compressed blocks take when several of them share a block.
//!
//! # The rule that is assumed
//!
//! - A shared block holds at most [`MAX_FRAGMENTS`] compressed blocks, its *fragments*, and of
//!   its 4096 bytes [`HEADER_BYTES`] say where each begins (this number is ours).
//! - Fragments come one after another, in random order. Each goes into the fullest of
//!   [`OPEN_BLOCKS`] open blocks that has room for it. If none has, the fullest is written, and
//!   a new one begun.
//! - A block that is to be written with a single fragment is written as it was, uncompressed. So
//!   a block that shrinks too little to share one saves nothing, as does one that is alone.
//!
//! # Limits
//!
//! VDO packs what is written at about the same time, with several threads, and only if there is
//! something to pack with; data that is written slowly or is overwritten shares fewer blocks than
//! this says. A random order also mixes what lies together: where all well compressible blocks
//! come in a row, a packer sees more of them at once than here, but it fills no block better.
//!
//! # Invariants
//!
//! 1. No block holds more than [`MAX_FRAGMENTS`] fragments or more than [`ROOM`] bytes of them.
//! 2. What the fragments cost adds up to the number of blocks written.

/// Bytes of a block.
pub(super) const BLOCK_BYTES: u32 = 4096;
/// Fragments that share a block at most, as VDO's.
pub(super) const MAX_FRAGMENTS: usize = 14;
/// Bytes of a shared block that hold no fragment: two for the length of each, and some to know
/// it by.
const HEADER_BYTES: u32 = 32;
/// Bytes of the fragments of a block at most.
pub(super) const ROOM: u32 = BLOCK_BYTES - HEADER_BYTES;
/// Blocks that are being filled at a time.
pub(super) const OPEN_BLOCKS: usize = 16;
/// Fragments after which the blocks that are open at the end do not matter.
const ENOUGH: usize = 1 << 15;

/// What each of the fragments costs, in blocks: 1 if it is alone, else its part of the block.
///
/// If they are `all` that there are, they are packed once, and what stays open in the end is
/// written. Otherwise they stand for many more: they are packed again and again, so that the end
/// does not matter.
pub(super) fn costs(fragments: &[u32], are_all: bool) -> Vec<f64> {
    let rounds = if are_all { 1 } else { ENOUGH.div_ceil(fragments.len().max(1)) };
    let mut costs = vec![0.0; fragments.len()];
    let mut open: Vec<Open> = Vec::with_capacity(OPEN_BLOCKS);
    let mut write = |block: &Open| {
        for at in &block.fragments {
            let part = f64::from(fragments[*at]) / f64::from(block.bytes);
            costs[*at] += part / rounds as f64;
        }
    };
    for (at, bytes) in (0..rounds).flat_map(|_| fragments.iter().enumerate()) {
        let block = match fullest(&open, |block| block.has_room_for(*bytes)) {
            Some(block) => block,
            None if *bytes > ROOM => {
                write(&Open { bytes: *bytes, fragments: vec![at] });
                continue;
            }
            None => {
                if open.len() == OPEN_BLOCKS {
                    let full = fullest(&open, |_| true).expect("there are some");
                    write(&open.swap_remove(full));
                }
                open.push(Open::default());
                open.len() - 1
            }
        };
        open[block].bytes += bytes;
        open[block].fragments.push(at);
    }
    open.iter().for_each(write);
    costs
}

/// A block that is being filled.
#[derive(Debug, Default)]
struct Open {
    bytes: u32,
    fragments: Vec<usize>,
}

impl Open {
    fn has_room_for(&self, bytes: u32) -> bool {
        self.bytes + bytes <= ROOM && self.fragments.len() < MAX_FRAGMENTS
    }
}

/// The fullest of those that are fit; of several, the first.
fn fullest(open: &[Open], is_fit: impl Fn(&Open) -> bool) -> Option<usize> {
    let fit = open.iter().enumerate().filter(|(_, block)| is_fit(block));
    fit.reduce(|best, next| if next.1.bytes > best.1.bytes { next } else { best }).map(|(at, _)| at)
}
