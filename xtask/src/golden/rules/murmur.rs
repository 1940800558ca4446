//! MurmurHash3 x64-128, and the nonces that are made of it (specification, section 10.5).

const C1: u64 = 0x87c3_7b91_1142_53d5;
const C2: u64 = 0x4cf5_ad43_2745_937f;

/// The two halves of the hash.
fn murmur(data: &[u8], seed: u32) -> [u64; 2] {
    let (mut h1, mut h2) = (u64::from(seed), u64::from(seed));
    let word = |bytes: &[u8]| {
        bytes.iter().rev().fold(0_u64, |number, &byte| number << 8 | u64::from(byte))
    };
    let mix1 = |k: u64| k.wrapping_mul(C1).rotate_left(31).wrapping_mul(C2);
    let mix2 = |k: u64| k.wrapping_mul(C2).rotate_left(33).wrapping_mul(C1);
    let mut blocks = data.chunks_exact(16);
    for block in &mut blocks {
        h1 = (h1 ^ mix1(word(&block[..8]))).rotate_left(27).wrapping_add(h2);
        h1 = h1.wrapping_mul(5).wrapping_add(0x52dc_e729);
        h2 = (h2 ^ mix2(word(&block[8..]))).rotate_left(31).wrapping_add(h1);
        h2 = h2.wrapping_mul(5).wrapping_add(0x3849_5ab5);
    }
    let tail = blocks.remainder();
    h2 ^= mix2(word(tail.get(8..).unwrap_or_default()));
    h1 ^= mix1(word(&tail[..tail.len().min(8)]));
    h1 ^= data.len() as u64;
    h2 ^= data.len() as u64;
    h1 = h1.wrapping_add(h2);
    h2 = h2.wrapping_add(h1);
    h1 = finish(h1);
    h2 = finish(h2);
    h1 = h1.wrapping_add(h2);
    [h1, h2.wrapping_add(h1)]
}

fn finish(mut k: u64) -> u64 {
    k = (k ^ k >> 33).wrapping_mul(0xff51_afd7_ed55_8ccd);
    k = (k ^ k >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    k ^ k >> 33
}

fn nonce(start: u64, data: &[u8]) -> u64 {
    let [h1, h2] = murmur(data, (start ^ start >> 27) as u32);
    // Bytes 4 to 12 of the hash.
    h1 >> 32 | h2 << 32
}

/// The nonce of the super block.
pub(super) fn primary(nonce_info: &[u8]) -> u64 {
    nonce(0xa1b1_e0fc, nonce_info)
}

/// The nonce of an index whose super block has nonce `primary`, and that begins after block
/// `sub_index` - 1.
pub(super) fn volume(primary: u64, sub_index: u64) -> u64 {
    let mut data = [0; 16];
    data[..8].copy_from_slice(&sub_index.to_le_bytes());
    match nonce(primary.wrapping_add(1), &data) {
        0 => nonce(primary.wrapping_neg().wrapping_add(1), &data),
        found => found,
    }
}

/// The nonce of a save in the slot that begins at a block.
pub(super) fn save(volume: u64, timestamp: u64, slot: u64) -> u64 {
    let mut data = [0; 32];
    data[..8].copy_from_slice(&timestamp.to_le_bytes());
    data[16] = 1;
    data[24..].copy_from_slice(&slot.to_le_bytes());
    nonce(volume.wrapping_add(1), &data)
}

#[cfg(test)]
mod tests {
    use super::*;

    // Guards the hash and the three nonces (examples 14.4 and 14.5 of the specification): what
    // is computed wrongly here would accuse every image.
    #[test]
    fn the_examples() {
        let fox = murmur(b"The quick brown fox jumps over the lazy dog", 0x62ea_60be);
        let bytes: Vec<u8> = fox.iter().flat_map(|half| half.to_le_bytes()).collect();
        let name = bytes.iter().fold(0_u128, |number, &byte| number << 8 | u128::from(byte));
        assert_eq!(format!("{name:032x}"), "43796d74e3938645c389397e23fcfd54");
        let info: Vec<u8> = (0..12).cycle().take(32).collect();
        assert_eq!(primary(&info), 0x3b9c_2fcf_a17f_8e4d);
        assert_eq!(primary(&(0..32).collect::<Vec<_>>()), 0x9936_2694_4abb_c835);
        let two = volume(primary(&info), 2);
        assert_eq!(
            (two, volume(primary(&info), 3)),
            (0x8c3c_b5bf_ecce_0f00, 0x4c5c_a318_9b5e_b107)
        );
        assert_eq!(save(two, 1_700_000_000_000, 573_450), 0xd843_2b71_ce8d_45cc);
    }
}
