//! The one bit-counting rule that every derived size rests on.

/// Number of binary digits of `value`, where 0 and 1 both have one digit (specification,
/// section 0).
///
/// ```
/// assert_eq!(uds_geometry::bits_per(0), 1);
/// assert_eq!(uds_geometry::bits_per(1023), 10);
/// assert_eq!(uds_geometry::bits_per(1024), 11);
/// ```
#[must_use]
pub const fn bits_per(value: u64) -> u32 {
    if value == 0 { 1 } else { u64::BITS - value.leading_zeros() }
}

#[cfg(test)]
mod tests {
    use super::bits_per;

    // Guards against an off-by-one at the powers of two, which would shift every table.
    #[test]
    fn digits_at_the_edges() {
        let expected = [(0, 1), (1, 1), (2, 2), (3, 2), (4, 3), (1023, 10), (1024, 11)];
        for (value, digits) in expected {
            assert_eq!(bits_per(value), digits, "bits_per({value})");
        }
        assert_eq!(bits_per(u64::MAX), 64);
    }
}
