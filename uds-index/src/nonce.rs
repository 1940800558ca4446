//! The chain of nonces that ties the parts of an index together (specification, section 10.5).
//!
//! The super block's nonce comes from random bytes, the volume's from the super block's, a save's
//! from the volume's. What carries a wrong one belongs to another index, or to an older one in the
//! same place.

use std::hash::{BuildHasher, RandomState};

use uds_geometry::{Nonce, murmur3_x64_128};

/// The start value of the super block's nonce.
const PRIMARY_START: u64 = 0xa1b1_e0fc;

/// Bytes of the random material that a super block's nonce is computed from.
pub(crate) const NONCE_INFO_BYTES: usize = 32;

/// `H(start, data)`.
fn hash(start: u64, data: &[u8]) -> Nonce {
    let seed = (start ^ (start >> 27)) as u32;
    let hash = murmur3_x64_128(data, seed);
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&hash[4..12]);
    Nonce::new(u64::from_le_bytes(bytes))
}

/// The nonce of a super block with this nonce info.
pub(crate) fn super_block_nonce(info: &[u8; NONCE_INFO_BYTES]) -> Nonce {
    hash(PRIMARY_START, info)
}

fn secondary(nonce: Nonce, data: &[u8]) -> Nonce {
    hash(nonce.get().wrapping_add(1), data)
}

/// The nonce of the volume whose sub-index region starts at block `sub_index_start`.
pub(crate) fn volume_nonce(super_block: Nonce, sub_index_start: u64) -> Nonce {
    let mut data = [0; 16];
    data[..8].copy_from_slice(&sub_index_start.to_le_bytes());
    let nonce = secondary(super_block, &data);
    if nonce.get() == 0 {
        secondary(Nonce::new(super_block.get().wrapping_neg()), &data)
    } else {
        nonce
    }
}

/// The nonce of a save made at `timestamp` (milliseconds) in the slot that starts at `slot_start`.
pub(crate) fn save_nonce(volume: Nonce, timestamp: u64, version: u32, slot_start: u64) -> Nonce {
    let mut data = [0; 32];
    data[..8].copy_from_slice(&timestamp.to_le_bytes());
    data[16..20].copy_from_slice(&version.to_le_bytes());
    data[24..].copy_from_slice(&slot_start.to_le_bytes());
    secondary(volume, &data)
}

/// Unique nonce info: the time and four random bytes, repeated.
pub(crate) fn fresh_nonce_info(now_nanoseconds: u64) -> [u8; NONCE_INFO_BYTES] {
    // The standard library's hasher keys are its one portable source of randomness.
    let random = RandomState::new().hash_one(now_nanoseconds) as u32;
    let mut pattern = [0; 12];
    pattern[..8].copy_from_slice(&now_nanoseconds.to_le_bytes());
    pattern[8..].copy_from_slice(&random.to_le_bytes());
    repeat(&pattern)
}

fn repeat(pattern: &[u8; 12]) -> [u8; NONCE_INFO_BYTES] {
    std::array::from_fn(|i| pattern[i % pattern.len()])
}

#[cfg(test)]
mod tests {
    use super::*;

    // Guards every nonce of the format: example 14.5.
    #[test]
    fn worked_example() {
        let info = repeat(&std::array::from_fn(|i| i as u8));
        let super_block = super_block_nonce(&info);
        assert_eq!(super_block, Nonce::new(0x3b9c_2fcf_a17f_8e4d));
        let volume = volume_nonce(super_block, 2);
        assert_eq!(volume, Nonce::new(0x8c3c_b5bf_ecce_0f00));
        assert_eq!(volume_nonce(super_block, 3), Nonce::new(0x4c5c_a318_9b5e_b107));
        let save = save_nonce(volume, 1_700_000_000_000, 1, 573_450);
        assert_eq!(save, Nonce::new(0xd843_2b71_ce8d_45cc));
        let counting = std::array::from_fn(|i| i as u8);
        assert_eq!(super_block_nonce(&counting), Nonce::new(0x9936_2694_4abb_c835));
    }

    // Guards against two indexes created in the same nanosecond taking each other's pages.
    #[test]
    fn fresh_info_is_unique() {
        assert_ne!(fresh_nonce_info(1), fresh_nonce_info(1));
    }
}
