//! What can be wrong with a configuration.

/// Why a configuration or a geometry was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GeometryError {
    /// A memory size that the format does not have.
    #[error(
        "memory size {text:?} is not one that an index can have: use 256M, 512M, 768M, \
         or a whole number of gigabytes from 1G to 1024G"
    )]
    MemorySize {
        /// What was given.
        text: Box<str>,
    },
    /// A number of the configuration outside its range.
    #[error("{field} is {found}, but must be {wanted}")]
    OutOfRange {
        /// The number, in the specification's words.
        field: &'static str,
        /// What was given.
        found: u64,
        /// The range, in words.
        wanted: &'static str,
    },
}
