//! The code of a delta list's entries (specification, section 3.3).
//!
//! An entry is, in increasing bit order: its value, the code of its delta, and for a collision
//! entry the 16 bytes of its name. The code of a delta is a field of `min_bits` bits; where the
//! field is `min_keys` or more, a run of zeros and a one follow, each zero adding `increment`.
//!
//! Invariants:
//! 1. `1 <= value_bits <= 25` and `min_bits <= 25`: one store holds value and field, and one load
//!    holds the field and 32 bits or more of the run.
//! 2. `code_bits` and `decode` agree on every delta: an entry decodes to as many bits as it took.

use uds_geometry::{DeltaCoding, RecordName};

use crate::DeltaError;
use crate::bits::{LOAD_BITS, load, mask, store, store_name, store_zeros};

/// Bits that a collision entry adds for its name.
pub(crate) const NAME_BITS: u32 = 128;
/// The most bits of a value (specification, section 3.3).
pub(crate) const MAX_VALUE_BITS: u32 = 25;

/// The code of a delta index's entries: the delta code and the width of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EntryCoding {
    pub(crate) value_mask: u64,
    pub(crate) field_mask: u64,
    pub(crate) value_bits: u32,
    min_bits: u32,
    pub(crate) min_keys: u32,
    pub(crate) increment: u32,
    /// Bits of value and field: those that every entry has.
    pub(crate) fixed_bits: u32,
}

/// What the bits at the start of an entry say. Whether it is a collision depends on its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Decoded {
    pub(crate) delta: u32,
    /// Bits of value and code, without a name.
    pub(crate) bits: u32,
}

impl EntryCoding {
    /// The code for values of `value_bits` bits.
    pub(crate) fn new(coding: DeltaCoding, value_bits: u32) -> Result<Self, DeltaError> {
        if !(1..=MAX_VALUE_BITS).contains(&value_bits) {
            return Err(DeltaError::InvalidArgument {
                what: "number of bits of a value",
                found: u64::from(value_bits),
                wanted: "from 1 to 25",
            });
        }
        Ok(Self {
            value_mask: mask(value_bits),
            field_mask: mask(coding.min_bits()),
            value_bits,
            min_bits: coding.min_bits(),
            min_keys: coding.min_keys(),
            increment: coding.increment(),
            fixed_bits: value_bits + coding.min_bits(),
        })
    }

    /// Whether a value fits its field.
    pub(crate) fn holds(&self, value: u32) -> bool {
        u64::from(value) <= self.value_mask
    }

    /// Bits of an ordinary entry with this delta. May exceed what a list can hold.
    #[inline]
    pub(crate) fn entry_bits(&self, delta: u32) -> u64 {
        let fixed = u64::from(self.fixed_bits);
        match delta.checked_sub(self.min_keys) {
            None => fixed,
            Some(beyond) => fixed + u64::from(beyond / self.increment) + 1,
        }
    }

    /// Bits of a collision entry.
    pub(crate) fn collision_bits(&self) -> u32 {
        self.fixed_bits + NAME_BITS
    }

    /// Decodes the entry at `position` of a list that ends at `end`. `None` where the run of zeros
    /// does not end within the list, or the delta exceeds 32 bits.
    #[inline(always)]
    pub(crate) fn decode(&self, memory: &[u8], position: u64, end: u64) -> Option<Decoded> {
        self.decode_code(memory, self.code_of(position), end)
    }

    /// Where the code of the entry at `position` starts: behind its value.
    #[inline(always)]
    pub(crate) fn code_of(&self, position: u64) -> u64 {
        position + u64::from(self.value_bits)
    }

    /// Decodes the entry whose code starts at `code`.
    ///
    /// Each entry's place depends on the one before it, so what counts is how long this takes from
    /// `code` to `bits`, not how much it does.
    #[inline(always)]
    pub(crate) fn decode_code(&self, memory: &[u8], code: u64, end: u64) -> Option<Decoded> {
        let word = load(memory, code);
        let field = (word & self.field_mask) as u32;
        let run = word >> self.min_bits;
        if run == 0 {
            return self.decode_slowly(memory, code, end, field);
        }
        // No branch here: whether a delta is long is a coin toss that no predictor wins.
        let long_mask = 0_u32.wrapping_sub(u32::from(field >= self.min_keys));
        let zeros = run.trailing_zeros();
        let delta = field + (zeros & long_mask) * self.increment;
        Some(Decoded { delta, bits: self.fixed_bits + ((zeros + 1) & long_mask) })
    }

    /// Decodes the entry at `position` as [`decode`](Self::decode) does, and its value: with one
    /// load, for those who are not in a hurry to know where the next entry is.
    #[inline(always)]
    pub(crate) fn decode_with_value(
        &self,
        memory: &[u8],
        position: u64,
        end: u64,
    ) -> Option<(u32, Decoded)> {
        let word = load(memory, position);
        let value = (word & self.value_mask) as u32;
        let field = (word >> self.value_bits & self.field_mask) as u32;
        let run = word >> self.fixed_bits;
        if run == 0 {
            return Some((value, self.decode(memory, position, end)?));
        }
        let long_mask = 0_u32.wrapping_sub(u32::from(field >= self.min_keys));
        let zeros = run.trailing_zeros();
        let delta = field + (zeros & long_mask) * self.increment;
        Some((value, Decoded { delta, bits: self.fixed_bits + ((zeros + 1) & long_mask) }))
    }

    /// The rare entry whose field has nothing but zeros behind it, as far as one load goes.
    #[cold]
    #[inline(never)]
    fn decode_slowly(&self, memory: &[u8], code: u64, end: u64, field: u32) -> Option<Decoded> {
        if field < self.min_keys {
            return Some(Decoded { delta: field, bits: self.fixed_bits });
        }
        let mut zeros = 0;
        let run_start = code + u64::from(self.min_bits);
        while run_start + zeros < end {
            let word = load(memory, run_start + zeros);
            if word != 0 {
                zeros += u64::from(word.trailing_zeros());
                let delta = u64::from(field) + zeros.checked_mul(u64::from(self.increment))?;
                return Some(Decoded {
                    delta: u32::try_from(delta).ok()?,
                    bits: u32::try_from(u64::from(self.fixed_bits) + zeros + 1).ok()?,
                });
            }
            zeros += u64::from(LOAD_BITS);
        }
        None
    }

    /// Writes an ordinary entry and returns where it ends.
    pub(crate) fn encode(&self, memory: &mut [u8], position: u64, value: u32, delta: u32) -> u64 {
        let beyond = delta.checked_sub(self.min_keys);
        let field = beyond.map_or(delta, |beyond| beyond % self.increment + self.min_keys);
        let fixed = u64::from(value) | u64::from(field) << self.value_bits;
        store(memory, position, self.fixed_bits, fixed);
        let run_start = position + u64::from(self.fixed_bits);
        let Some(beyond) = beyond else { return run_start };
        let zeros = u64::from(beyond / self.increment);
        store_zeros(memory, run_start, zeros);
        store(memory, run_start + zeros, 1, 1);
        run_start + zeros + 1
    }

    /// Writes a collision entry and returns where it ends.
    pub(crate) fn encode_collision(
        &self,
        memory: &mut [u8],
        position: u64,
        value: u32,
        name: &RecordName,
    ) -> u64 {
        let name_start = self.encode(memory, position, value, 0);
        store_name(memory, name_start, name.as_bytes());
        name_start + u64::from(NAME_BITS)
    }

    /// The value of the entry at `position`.
    #[inline]
    pub(crate) fn value(&self, memory: &[u8], position: u64) -> u32 {
        (load(memory, position) & self.value_mask) as u32
    }

    /// A value, counted from `base` modulo the number of values that there are.
    #[inline]
    pub(crate) fn value_from(&self, value: u32, base: u64) -> u64 {
        u64::from(value).wrapping_sub(base) & self.value_mask
    }

    /// Overwrites the value of the entry at `position`.
    pub(crate) fn set_value(&self, memory: &mut [u8], position: u64, value: u32) {
        store(memory, position, self.value_bits, u64::from(value));
    }
}

#[cfg(test)]
mod tests;
