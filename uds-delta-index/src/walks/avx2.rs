//! Steps of all walks at once, with the vector instructions of AVX2.
//!
//! An entry is *plain* if it lies before the end of its walk and at least eight bytes before the
//! end of the memory, its delta is not 0 and its code ends within one load, and the walk is not
//! to stop at it. Nearly all entries are.
//!
//! Twice four walks: while the loads of four are under way, the other four are decoded. Measured in
//! a full index, a step of a walk takes a third of the time that it takes one by one.

#![expect(unsafe_code, reason = "vector instructions; measured, see above")]

use std::arch::x86_64::{
    __m256i, _mm_cvtsi32_si128, _mm256_add_epi64, _mm256_and_si256, _mm256_andnot_si256,
    _mm256_castps_si256, _mm256_castsi256_pd, _mm256_cmpeq_epi64, _mm256_cmpgt_epi64,
    _mm256_cvtepi32_ps, _mm256_loadu_si256, _mm256_mask_i64gather_epi64, _mm256_min_epu32,
    _mm256_movemask_pd, _mm256_mul_epu32, _mm256_or_si256, _mm256_set1_epi64x,
    _mm256_setzero_si256, _mm256_srl_epi64, _mm256_srli_epi64, _mm256_srlv_epi64,
    _mm256_storeu_si256, _mm256_sub_epi64,
};

use super::{LANES, Walks, Words};
use crate::coding::EntryCoding;

/// Walks whose words fit one vector.
const FOUR: usize = 4;
const _: () = assert!(LANES == 2 * FOUR);
/// The most bits of value and field that leave 32 bits of the run of zeros in a load.
const MAX_FIXED_BITS: u32 = 25;
/// The exponent of 1.0 in a number of 32 bits.
const EXPONENT_OF_ONE: i64 = 127;

/// Stands for a processor that has AVX2.
#[derive(Clone, Copy)]
pub(super) struct Avx2(());

impl Avx2 {
    /// Says whether this processor has it, and a load has enough bits for entries of this code.
    #[inline]
    pub(super) fn detect(coding: &EntryCoding) -> Option<Self> {
        let has_room = coding.fixed_bits <= MAX_FIXED_BITS;
        (has_room && is_x86_feature_detected!("avx2")).then_some(Self(()))
    }

    /// [`Walks::pass_plain`].
    #[inline]
    pub(super) fn pass_plain(self, walks: &mut Walks, memory: &[u8], coding: &EntryCoding) -> u32 {
        // SAFETY: `self` is made only where the processor has AVX2.
        unsafe { pass_plain(walks, memory, coding) }
    }
}

/// What all walks share.
struct Shared<'a> {
    memory: &'a [u8],
    /// The first byte that has fewer than seven behind it.
    byte_limit: __m256i,
    value_mask: __m256i,
    field_mask: __m256i,
    value_bits: i32,
    fixed_bits: i32,
    fixed: __m256i,
    /// The largest field of a short code.
    most_short: __m256i,
    increment: __m256i,
}

/// Four walks.
struct Four {
    place: __m256i,
    until: __m256i,
    key: __m256i,
    /// The largest key below the target.
    most_key: __m256i,
    base: __m256i,
    expired: __m256i,
    oldest: __m256i,
    live: __m256i,
}

/// [`Walks::pass_plain`].
///
/// # Safety
///
/// The processor must have AVX2.
#[target_feature(enable = "avx2")]
unsafe fn pass_plain(walks: &mut Walks, memory: &[u8], coding: &EntryCoding) -> u32 {
    // SAFETY: the caller vouches for AVX2, which is all that these functions ask for.
    unsafe {
        let all = |word: u64| _mm256_set1_epi64x(word as i64);
        let shared = Shared {
            memory,
            byte_limit: _mm256_set1_epi64x(memory.len() as i64 - 7),
            value_mask: all(coding.value_mask),
            field_mask: all(coding.field_mask),
            value_bits: coding.value_bits as i32,
            fixed_bits: coding.fixed_bits as i32,
            fixed: all(coding.fixed_bits.into()),
            most_short: _mm256_set1_epi64x(i64::from(coding.min_keys) - 1),
            increment: all(coding.increment.into()),
        };
        let mut low = Four::load(walks, 0);
        let mut high = Four::load(walks, FOUR);
        loop {
            let due = low.step(&shared) | high.step(&shared) << FOUR;
            if due != 0 {
                low.store(walks, 0);
                high.store(walks, FOUR);
                return due;
            }
        }
    }
}

impl Four {
    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn load(walks: &Walks, first: usize) -> Self {
        // SAFETY: the caller vouches for AVX2. Four words from `first` on lie within the array, or
        // the slicing panics.
        unsafe {
            let four = |words: &Words| _mm256_loadu_si256(words[first..][..FOUR].as_ptr().cast());
            Self {
                place: four(&walks.place),
                until: four(&walks.until),
                key: four(&walks.key),
                most_key: _mm256_sub_epi64(four(&walks.target), _mm256_set1_epi64x(1)),
                base: four(&walks.base),
                expired: four(&walks.expired),
                oldest: four(&walks.oldest),
                live: four(&walks.live),
            }
        }
    }

    /// Stores what steps change.
    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn store(&self, walks: &mut Walks, first: usize) {
        // SAFETY: as in `load`.
        unsafe {
            let store = |words: &mut Words, four: __m256i| {
                _mm256_storeu_si256(words[first..][..FOUR].as_mut_ptr().cast(), four);
            };
            store(&mut walks.place, self.place);
            store(&mut walks.key, self.key);
            store(&mut walks.oldest, self.oldest);
        }
    }

    /// Takes a step of each walk that is at a plain entry. Returns those that are not.
    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn step(&mut self, shared: &Shared<'_>) -> u32 {
        // SAFETY: the caller vouches for AVX2. The gather reads eight bytes at each byte number
        // that `can_load` admits: these are at least 0, because a place is a number of 64 bits
        // shifted right, and below `byte_limit`, which leaves eight bytes to the end of `memory`.
        unsafe {
            let byte = _mm256_srli_epi64::<3>(self.place);
            let is_within = _mm256_cmpgt_epi64(shared.byte_limit, byte);
            let is_before = _mm256_cmpgt_epi64(self.until, self.place);
            let can_load = _mm256_and_si256(_mm256_and_si256(is_within, is_before), self.live);
            let bytes = shared.memory.as_ptr().cast();
            let none = _mm256_setzero_si256();
            let word = _mm256_mask_i64gather_epi64::<1>(none, bytes, byte, can_load);
            let phase = _mm256_and_si256(self.place, _mm256_set1_epi64x(7));
            let word = _mm256_srlv_epi64(word, phase);

            let value = _mm256_and_si256(word, shared.value_mask);
            let code = _mm256_srl_epi64(word, _mm_cvtsi32_si128(shared.value_bits));
            let field = _mm256_and_si256(code, shared.field_mask);
            let run = _mm256_srl_epi64(word, _mm_cvtsi32_si128(shared.fixed_bits));
            // The number of trailing zeros is the exponent of the lowest bit, as a float.
            let run = _mm256_and_si256(run, _mm256_set1_epi64x(u32::MAX.into()));
            let lowest = _mm256_and_si256(run, _mm256_sub_epi64(none, run));
            let float = _mm256_castps_si256(_mm256_cvtepi32_ps(lowest));
            let exponent =
                _mm256_and_si256(_mm256_srli_epi64::<23>(float), _mm256_set1_epi64x(0xff));
            let zeros = _mm256_sub_epi64(exponent, _mm256_set1_epi64x(EXPONENT_OF_ONE));
            let is_long = _mm256_cmpgt_epi64(field, shared.most_short);
            let long_zeros = _mm256_and_si256(zeros, is_long);
            let beyond = _mm256_mul_epu32(long_zeros, shared.increment);
            let delta = _mm256_add_epi64(field, beyond);
            // `is_long` is -1 where it is true: the one behind the zeros.
            let bits = _mm256_add_epi64(shared.fixed, _mm256_sub_epi64(long_zeros, is_long));

            let key = _mm256_add_epi64(self.key, delta);
            let relative = _mm256_and_si256(_mm256_sub_epi64(value, self.base), shared.value_mask);
            let is_odd =
                _mm256_or_si256(_mm256_cmpeq_epi64(run, none), _mm256_cmpeq_epi64(delta, none));
            let is_stop = _mm256_or_si256(
                _mm256_cmpgt_epi64(key, self.most_key),
                _mm256_cmpgt_epi64(self.expired, relative),
            );
            let is_plain = _mm256_andnot_si256(_mm256_or_si256(is_odd, is_stop), can_load);

            self.place = _mm256_add_epi64(self.place, _mm256_and_si256(bits, is_plain));
            self.key = _mm256_add_epi64(self.key, _mm256_and_si256(delta, is_plain));
            let not_plain = _mm256_cmpeq_epi64(is_plain, none);
            self.oldest = _mm256_min_epu32(self.oldest, _mm256_or_si256(relative, not_plain));
            let due = _mm256_and_si256(not_plain, self.live);
            _mm256_movemask_pd(_mm256_castsi256_pd(due)) as u32
        }
    }
}
