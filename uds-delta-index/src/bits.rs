//! Bit fields in byte slices.
//!
//! Bit `k` of a slice is bit `k mod 8` of byte `k / 8`, counted from the least significant
//! (specification, section 0): the slice is one huge little-endian number. Every access is a safe
//! load or store of eight bytes at any alignment.
//!
//! Invariants:
//! 1. A load never fails: bits beyond the slice read as zero. So bytes from disk cannot panic here.
//! 2. A store or move touches no bit outside its field.

/// Bits that every load yields, whatever the position's place in its byte.
pub(crate) const LOAD_BITS: u32 = 57;

/// Bits of a byte.
const BYTE: u64 = 8;

/// The bits from `position` on: at least [`LOAD_BITS`] of them are good, the rest are zero or good.
#[inline(always)]
pub(crate) fn load(memory: &[u8], position: u64) -> u64 {
    let byte = (position / BYTE) as usize;
    let word = match memory.get(byte..byte + 8).and_then(|bytes| bytes.first_chunk::<8>()) {
        Some(bytes) => u64::from_le_bytes(*bytes),
        None => load_near_end(memory, byte),
    };
    word >> (position % BYTE)
}

/// A load of which some bytes, or all, lie beyond the slice.
#[cold]
#[inline(never)]
fn load_near_end(memory: &[u8], byte: usize) -> u64 {
    let mut bytes = [0; 8];
    let rest = memory.get(byte..).unwrap_or_default();
    let count = rest.len().min(8);
    bytes[..count].copy_from_slice(&rest[..count]);
    u64::from_le_bytes(bytes)
}

/// The 64 bits from `position` on.
#[inline]
pub(crate) fn load_64(memory: &[u8], position: u64) -> u64 {
    let low = load(memory, position);
    let phase = position % BYTE;
    if phase == 0 {
        return low;
    }
    let next = memory.get((position / BYTE) as usize + 8).copied().unwrap_or_default();
    low | u64::from(next) << (64 - phase)
}

/// The 128 bits from `position` on, as the bytes of a name.
#[inline]
pub(crate) fn load_name(memory: &[u8], position: u64) -> [u8; 16] {
    let mut name = [0; 16];
    name[..8].copy_from_slice(&load_64(memory, position).to_le_bytes());
    name[8..].copy_from_slice(&load_64(memory, position + 64).to_le_bytes());
    name
}

/// Writes the low `width` bits of `value`, at most [`LOAD_BITS`], at `position`.
///
/// # Panics
///
/// Where a bit of the field lies beyond the slice: a bug of the caller.
#[inline]
pub(crate) fn store(memory: &mut [u8], position: u64, width: u32, value: u64) {
    debug_assert!(width <= LOAD_BITS, "a field of {width} bits does not fit a store");
    let byte = (position / BYTE) as usize;
    let phase = position % BYTE;
    let mask = mask(width) << phase;
    let value = (value << phase) & mask;
    if let Some(bytes) = memory.get_mut(byte..).and_then(|rest| rest.first_chunk_mut::<8>()) {
        *bytes = (u64::from_le_bytes(*bytes) & !mask | value).to_le_bytes();
        return;
    }
    for index in 0..(phase + u64::from(width)).div_ceil(BYTE) {
        let shift = index * BYTE;
        let target = &mut memory[byte + index as usize];
        *target = *target & !((mask >> shift) as u8) | (value >> shift) as u8;
    }
}

/// Writes 16 bytes at `position`.
pub(crate) fn store_name(memory: &mut [u8], position: u64, name: &[u8; 16]) {
    for (index, bytes) in name.chunks_exact(4).enumerate() {
        let word = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        store(memory, position + 32 * index as u64, 32, u64::from(word));
    }
}

/// Writes `count` zero bits at `position`.
pub(crate) fn store_zeros(memory: &mut [u8], position: u64, count: u64) {
    let mut done = 0;
    while done < count {
        let width = (count - done).min(u64::from(LOAD_BITS)) as u32;
        store(memory, position + done, width, 0);
        done += u64::from(width);
    }
}

/// The low `width` bits set; `width` below 64.
#[inline(always)]
pub(crate) const fn mask(width: u32) -> u64 {
    (1 << width) - 1
}

/// Copies `count` bits from one slice to another.
pub(crate) fn copy_bits(source: &[u8], from: u64, target: &mut [u8], to: u64, count: u64) {
    let mut done = (BYTE - to % BYTE) % BYTE;
    done = done.min(count);
    store(target, to, done as u32, load(source, from));
    while count - done >= 64 {
        store_word(target, to + done, load_64(source, from + done));
        done += 64;
    }
    while done < count {
        let width = (count - done).min(u64::from(LOAD_BITS)) as u32;
        store(target, to + done, width, load(source, from + done));
        done += u64::from(width);
    }
}

/// Moves `count` bits within a slice; the old and the new place may overlap.
pub(crate) fn move_bits(memory: &mut [u8], from: u64, to: u64, count: u64) {
    match to.cmp(&from) {
        std::cmp::Ordering::Less => move_down(memory, from, to, count),
        std::cmp::Ordering::Greater => move_up(memory, from, to, count),
        std::cmp::Ordering::Equal => {}
    }
}

/// Moves towards bit 0. Ascending: each word is read before anything at or above it is written.
fn move_down(memory: &mut [u8], from: u64, to: u64, count: u64) {
    let mut done = (BYTE - to % BYTE) % BYTE;
    done = done.min(count);
    let head = load(memory, from);
    store(memory, to, done as u32, head);
    while count - done >= 64 {
        let word = load_64(memory, from + done);
        store_word(memory, to + done, word);
        done += 64;
    }
    while done < count {
        let width = (count - done).min(u64::from(LOAD_BITS)) as u32;
        let bits = load(memory, from + done);
        store(memory, to + done, width, bits);
        done += u64::from(width);
    }
}

/// Moves away from bit 0. Descending: the mirror image of [`move_down`].
fn move_up(memory: &mut [u8], from: u64, to: u64, count: u64) {
    let mut left = count;
    let tail = ((to + count) % BYTE).min(count);
    left -= tail;
    let bits = load(memory, from + left);
    store(memory, to + left, tail as u32, bits);
    while left >= 64 {
        left -= 64;
        let word = load_64(memory, from + left);
        store_word(memory, to + left, word);
    }
    while left > 0 {
        let width = left.min(u64::from(LOAD_BITS)) as u32;
        left -= u64::from(width);
        let bits = load(memory, from + left);
        store(memory, to + left, width, bits);
    }
}

/// Writes 64 bits at a position that is a whole number of bytes.
#[inline]
fn store_word(memory: &mut [u8], position: u64, word: u64) {
    debug_assert!(position % BYTE == 0, "a word is stored at a byte");
    let byte = (position / BYTE) as usize;
    memory[byte..byte + 8].copy_from_slice(&word.to_le_bytes());
}

#[cfg(test)]
mod tests;
