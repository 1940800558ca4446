//! Memory sizes: the one number from which an index's shape follows (specification, section 2.1).

use std::fmt;
use std::str::FromStr;

use crate::GeometryError;

/// How much memory an index is made for: 256, 512 or 768 megabytes, or 1 to 1024 gigabytes.
///
/// The index needs about as much memory as this says, and the size of its window follows from it.
///
/// ```
/// use uds_geometry::MemorySize;
///
/// let size: MemorySize = "512M".parse()?;
/// assert_eq!(size, MemorySize::MB_512);
/// assert_eq!("2G".parse::<MemorySize>()?.to_string(), "2G");
/// assert!("300M".parse::<MemorySize>().is_err());
/// # Ok::<(), uds_geometry::GeometryError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemorySize {
    megabytes: u32,
}

const MEGABYTES_PER_GIGABYTE: u32 = 1024;
const MAX_GIGABYTES: u32 = 1024;

impl MemorySize {
    /// 256 megabytes, the smallest size.
    pub const MB_256: Self = Self { megabytes: 256 };
    /// 512 megabytes.
    pub const MB_512: Self = Self { megabytes: 512 };
    /// 768 megabytes.
    pub const MB_768: Self = Self { megabytes: 768 };
    /// One gigabyte.
    pub const GB_1: Self = Self { megabytes: 1024 };

    /// A whole number of gigabytes, 1 to 1024.
    ///
    /// # Errors
    ///
    /// [`GeometryError::MemorySize`] outside that range.
    pub fn gigabytes(count: u32) -> Result<Self, GeometryError> {
        if (1..=MAX_GIGABYTES).contains(&count) {
            Ok(Self { megabytes: count * MEGABYTES_PER_GIGABYTE })
        } else {
            Err(GeometryError::MemorySize { text: format!("{count}G").into() })
        }
    }

    /// The size and the *reduced* flag that a `memory_size` number of dm-vdo stands for: negative
    /// for megabytes, positive for gigabytes (specification, table 2.1).
    ///
    /// # Errors
    ///
    /// [`GeometryError::MemorySize`] for every other number.
    pub fn from_code(code: i32) -> Result<(Self, bool), GeometryError> {
        match code {
            -256 | -512 | -768 => Ok((Self { megabytes: code.unsigned_abs() }, false)),
            -1280 | -1536 | -1792 => Ok((Self { megabytes: code.unsigned_abs() - 1024 }, true)),
            1..=1024 => Ok((Self::gigabytes(code.unsigned_abs())?, false)),
            4097..=5120 => Ok((Self::gigabytes(code.unsigned_abs() - 4096)?, true)),
            _ => Err(GeometryError::MemorySize { text: code.to_string().into() }),
        }
    }

    /// The `memory_size` number of dm-vdo for this size; the inverse of
    /// [`from_code`](Self::from_code).
    #[must_use]
    pub const fn code(self, reduced: bool) -> i32 {
        if self.megabytes < MEGABYTES_PER_GIGABYTE {
            -(self.megabytes as i32) - if reduced { 1024 } else { 0 }
        } else {
            self.whole_gigabytes() as i32 + if reduced { 4096 } else { 0 }
        }
    }

    /// The size in bytes.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        (self.megabytes as u64) << 20
    }

    /// All sizes, from the smallest to the largest.
    pub fn all() -> impl Iterator<Item = Self> {
        [Self::MB_256, Self::MB_512, Self::MB_768].into_iter().chain(
            (1..=MAX_GIGABYTES).map(|count| Self { megabytes: count * MEGABYTES_PER_GIGABYTE }),
        )
    }

    /// Record pages of a chapter.
    pub(crate) const fn record_pages_per_chapter(self) -> u32 {
        if self.megabytes < MEGABYTES_PER_GIGABYTE { self.megabytes / 4 } else { 256 }
    }

    /// Chapters of a dense index that is not reduced.
    pub(crate) const fn base_chapters(self) -> u32 {
        if self.megabytes < MEGABYTES_PER_GIGABYTE { 1024 } else { 1024 * self.whole_gigabytes() }
    }

    const fn whole_gigabytes(self) -> u32 {
        self.megabytes / MEGABYTES_PER_GIGABYTE
    }
}

impl fmt::Display for MemorySize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // `pad`, so that tables can align the sizes.
        if self.megabytes < MEGABYTES_PER_GIGABYTE {
            f.pad(&format!("{}M", self.megabytes))
        } else {
            f.pad(&format!("{}G", self.whole_gigabytes()))
        }
    }
}

impl FromStr for MemorySize {
    type Err = GeometryError;

    /// Reads `256M`, `512M`, `768M`, `1G` to `1024G`; also lower case, `MB`, `MiB` and the like,
    /// and `1024M` for `1G`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = || GeometryError::MemorySize { text: text.into() };
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let unit = text[digits.len()..].to_ascii_uppercase();
        let count: u32 = digits.parse().map_err(|_| refused())?;
        let megabytes = match unit.as_str() {
            "M" | "MB" | "MIB" => count,
            "G" | "GB" | "GIB" => count.checked_mul(MEGABYTES_PER_GIGABYTE).ok_or_else(refused)?,
            _ => return Err(refused()),
        };
        match megabytes {
            256 | 512 | 768 => Ok(Self { megabytes }),
            _ if megabytes % MEGABYTES_PER_GIGABYTE == 0 => {
                Self::gigabytes(megabytes / MEGABYTES_PER_GIGABYTE).map_err(|_| refused())
            }
            _ => Err(refused()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Guards table 2.1 in both directions.
    #[test]
    fn codes_of_dm_vdo() {
        for size in MemorySize::all() {
            for reduced in [false, true] {
                assert_eq!(MemorySize::from_code(size.code(reduced)), Ok((size, reduced)));
            }
        }
        assert_eq!(MemorySize::from_code(-1536), Ok((MemorySize::MB_512, true)));
        for code in [0, -1, -255, 1025, 4096, 5121, i32::MIN, i32::MAX] {
            assert!(MemorySize::from_code(code).is_err(), "{code}");
        }
    }

    // Guards the sizes that a command line may name.
    #[test]
    fn texts() {
        for text in ["256M", "256mb", "256MiB", "1G", "1024M", "1024G", "16gib"] {
            assert!(text.parse::<MemorySize>().is_ok(), "{text}");
        }
        for text in [
            "", "G", "0G", "0M", "1025G", "300M", "-1G", "1.5G", "256", "1T", "5000000G", "1\u{e9}",
        ] {
            assert!(text.parse::<MemorySize>().is_err(), "{text}");
        }
    }
}
