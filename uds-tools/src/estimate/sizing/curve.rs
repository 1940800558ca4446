//! What indexes of every size would have saved, and what one without limits.
//!
//! # Invariants
//!
//! 1. A curve has at least one dense point; all dense points come first, and those of a kind
//!    ascend in memory, no size twice.
//! 2. Shares are of `total_bytes`, from 0 to 1.
//! 3. Never more bytes are saved than were read: the last block of a file counts in full in
//!    `total_bytes`, and has fewer bytes in `most_bytes`.

use serde::{Serialize, Serializer};
use uds_geometry::{LayoutSizes, MemorySize};

use crate::size::configuration;
use crate::units;

/// The two kinds of index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// Knows all that it remembers.
    Dense,
    /// Remembers ten times as much, and finds what comes in the company of others.
    Sparse,
}

impl Kind {
    /// The word for it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Dense => "dense",
            Self::Sparse => "sparse",
        }
    }
}

/// A share of the data that would be saved.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Estimate {
    /// From 0 to 1.
    pub(crate) saved_share: f64,
    /// Half the width of the 95% interval, as a share of the data too; 0 where it is exact.
    pub(crate) error: f64,
}

/// What one index would have saved.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Point {
    #[serde(serialize_with = "in_words")]
    pub(crate) memory: MemorySize,
    pub(crate) kind: Kind,
    /// From 0 to 1.
    pub(crate) saved_share: f64,
    /// Half the width of the 95% interval, as a share of the data too; 0 where it is exact.
    pub(crate) error: f64,
}

/// What every index would have saved.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Curve {
    #[serde(rename = "curve")]
    points: Vec<Point>,
    pub(crate) unlimited: Estimate,
    /// What the shares are of.
    #[serde(skip)]
    pub(crate) total_bytes: u64,
    /// The bytes of the data itself, which is all that can be saved.
    #[serde(skip)]
    most_bytes: u64,
    /// The bytes of `total_bytes` in blocks of zeroes only.
    #[serde(skip)]
    zero_bytes: u64,
}

fn in_words<S: Serializer>(memory: &MemorySize, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(memory)
}

impl Estimate {
    /// For people: `41.2% +- 0.3`, and `41.2%` where it is exact.
    pub(crate) fn text(self) -> String {
        match error_text(self.error) {
            Some(error) => format!("{} +- {error}", units::percent(self.saved_share)),
            None => units::percent(self.saved_share),
        }
    }
}

/// An error for people, in percentage points: rounded up, so that none is told smaller than it
/// is. None where there is no error.
pub(crate) fn error_text(error: f64) -> Option<String> {
    // Without the last digits, an error of exactly 0.3 points would become 0.4.
    let tenths = (error * 1000.0 - 1e-6).ceil();
    (error > 0.0).then(|| format!("{:.1}", tenths.max(1.0) / 10.0))
}

impl Point {
    /// What was estimated.
    pub(crate) fn estimate(&self) -> Estimate {
        Estimate { saved_share: self.saved_share, error: self.error }
    }

    /// The index in words: `1G dense`.
    pub(crate) fn name(&self) -> String {
        format!("{} {}", self.memory, self.kind.as_str())
    }

    /// What the index takes on disk, in bytes.
    pub(crate) fn disk_bytes(&self) -> u64 {
        let geometry = configuration(self.memory, self.kind == Kind::Sparse).geometry();
        // Every index of a named size has a layout.
        LayoutSizes::new(&geometry).map_or(0, |sizes| sizes.total_bytes())
    }
}

impl Curve {
    /// A curve of these points, in any order; the shares are of `total_bytes`.
    ///
    /// # Panics
    ///
    /// Where there is no dense point, or one twice.
    pub(crate) fn new(mut points: Vec<Point>, unlimited: Estimate, total_bytes: u64) -> Self {
        points.sort_by_key(|point| (point.kind, point.memory));
        let place = |point: &Point| (point.kind, point.memory);
        assert!(points.windows(2).all(|two| place(&two[0]) < place(&two[1])), "invariant 1");
        assert!(points.first().is_some_and(|point| point.kind == Kind::Dense), "invariant 1");
        Self { points, unlimited, total_bytes, most_bytes: total_bytes, zero_bytes: 0 }
    }

    /// The same curve, of data of which not more than `bytes` can be saved: what was read, without
    /// what the last blocks of files are padded with.
    pub(crate) fn with_most_bytes(mut self, bytes: u64) -> Self {
        self.most_bytes = bytes;
        self
    }

    /// The same curve, of data of which so many bytes are in blocks of zeroes only.
    pub(crate) fn with_zero_bytes(mut self, bytes: u64) -> Self {
        self.zero_bytes = bytes;
        self
    }

    /// Whether all blocks are of zeroes only; false where there is none.
    pub(super) fn is_of_zeroes(&self) -> bool {
        self.total_bytes > 0 && self.zero_bytes >= self.total_bytes
    }

    /// What the index of a point would save, in bytes (invariant 3).
    pub(super) fn saved_bytes(&self, point: &Point) -> u64 {
        let bytes = (point.saved_share * self.total_bytes as f64).round() as u64;
        bytes.min(self.most_bytes)
    }

    /// All points.
    pub(crate) fn points(&self) -> &[Point] {
        &self.points
    }

    /// The points of a kind, from the least memory to the most.
    pub(crate) fn of(&self, kind: Kind) -> &[Point] {
        let dense = self.points.partition_point(|point| point.kind == Kind::Dense);
        match kind {
            Kind::Dense => &self.points[..dense],
            Kind::Sparse => &self.points[dense..],
        }
    }

    /// The point of an index, if the curve has it.
    pub(crate) fn at(&self, memory: MemorySize, kind: Kind) -> Option<&Point> {
        self.of(kind).iter().find(|point| point.memory == memory)
    }

    /// The most that any index on the curve saves, as a share.
    pub(crate) fn best(&self) -> f64 {
        self.points.iter().map(|point| point.saved_share).fold(0.0, f64::max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estimate::sizing::samples;

    // Guards against an error that is told smaller than it is, or where there is none.
    #[test]
    fn errors_are_rounded_up() {
        let cases = [(0.0, None), (1e-9, Some("0.1")), (0.003, Some("0.3")), (0.0031, Some("0.4"))];
        for (error, expected) in cases {
            assert_eq!(error_text(error).as_deref(), expected, "{error}");
        }
        assert_eq!(Estimate { saved_share: 0.412, error: 0.003 }.text(), "41.2% +- 0.3");
        assert_eq!(Estimate { saved_share: 0.0, error: 0.0 }.text(), "0.0%");
    }

    // Guards the order of the points, and the form that programs read.
    #[test]
    fn points_have_their_order() {
        let curve = samples::step();
        let mut points = curve.points().to_vec();
        points.reverse();
        let turned = Curve::new(points, curve.unlimited, curve.total_bytes);
        assert_eq!(turned.points(), curve.points());
        assert_eq!((turned.of(Kind::Dense).len(), turned.of(Kind::Sparse).len()), (14, 14));
        let memory = MemorySize::MB_256;
        let first = Point { memory, kind: Kind::Dense, saved_share: 0.25, error: 0.5 };
        let first = serde_json::to_value(first).unwrap();
        let expected = serde_json::json!(
            {"memory": "256M", "kind": "dense", "saved_share": 0.25, "error": 0.5}
        );
        assert_eq!(first, expected);
    }

    // Guards the disk of an index against another number than that of uds size.
    #[test]
    fn disk_is_that_of_uds_size() {
        let curve = samples::step();
        let disk = |kind| curve.at(MemorySize::GB_1, kind).unwrap().disk_bytes();
        assert_eq!(units::bytes(disk(Kind::Dense)), "10.4 GiB");
        assert_eq!(units::bytes(disk(Kind::Sparse)), "89.5 GiB");
    }
}
