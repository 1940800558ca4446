//! The answer.

/// A number of records, and of the bytes that they name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amount {
    /// Records: posts of a name.
    pub records: u64,
    /// Bytes of the blocks that they name.
    pub bytes: u64,
}

/// What was found, and would not have been stored again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Posts that found their name.
    pub records: u64,
    /// Bytes of their blocks.
    pub bytes: u64,
    /// Half the width of the interval around `bytes` that holds the true number in 95 of 100
    /// cases; 0 where the number is exact. Of a sparse index it includes an allowance for the
    /// model, which is no such interval: a fifth of what it remembers and is not thought to find.
    pub error_bytes: u64,
}

/// What each candidate would have found, and an index without limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Curve {
    /// All that was observed.
    pub observed: Amount,
    /// What an index that never forgets would have found.
    pub unlimited: Found,
    /// What the candidates would have found, in the order in which the model got them.
    pub found: Vec<Found>,
    /// One name in so many is in the sample: 1 while all are.
    pub sampled_one_in: u64,
}
