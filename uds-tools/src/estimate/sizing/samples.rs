//! Invented curves of the shapes that data has, for tests.

use uds_geometry::MemorySize;

use super::{Curve, Estimate, Kind, Point};

/// All memory sizes of a curve.
const SIZES: [&str; 14] = [
    "256M", "512M", "768M", "1G", "2G", "4G", "8G", "16G", "32G", "64G", "128G", "256G", "512G",
    "1024G",
];

const TIB: u64 = 1 << 40;

/// A curve of percentages; the last one of a kind stands for all larger sizes. The errors are those
/// of dense and sparse points, in percentage points.
pub(crate) fn curve(
    dense: &[f64],
    sparse: &[f64],
    unlimited: f64,
    errors: (f64, f64),
    total_bytes: u64,
) -> Curve {
    let points = |kind, percents: &[f64], error| {
        let percents = percents.to_vec();
        SIZES.iter().enumerate().map(move |(place, size)| {
            let memory: MemorySize = size.parse().unwrap();
            let percent = percents[place.min(percents.len() - 1)];
            Point { memory, kind, saved_share: percent / 100.0, error: error / 100.0 }
        })
    };
    let points = points(Kind::Dense, dense, errors.0).chain(points(Kind::Sparse, sparse, errors.1));
    let unlimited = Estimate { saved_share: unlimited / 100.0, error: errors.0 / 100.0 };
    Curve::new(points.collect(), unlimited, total_bytes)
}

/// A folder of a few gigabytes: the smallest index finds all, and all is known exactly.
pub(crate) fn flat() -> Curve {
    curve(&[9.726_41], &[9.726_41], 9.726_41, (0.0, 0.0), 3_323_506_688)
}

/// A backup that comes by twice: nothing is found until the whole of it is remembered.
pub(crate) fn step() -> Curve {
    let dense = [5.2, 5.2, 5.3, 5.3, 5.4, 5.6, 41.5, 41.6];
    let sparse = [5.5, 31.2, 39.8, 40.9, 41.0];
    curve(&dense, &sparse, 41.6, (0.15, 0.6), 9 * TIB)
}

/// Virtual machines: the nearest duplicates are close, others far.
pub(crate) fn steps() -> Curve {
    let dense = [22.1, 31.7, 38.4, 41.2, 41.3, 41.4, 41.6];
    let sparse = [40.9, 41.1, 41.2, 41.2, 41.3];
    curve(&dense, &sparse, 41.6, (0.21, 0.34), 6 * TIB)
}

/// Several generations, of which each doubling finds some more; sparse below dense.
pub(crate) fn slope() -> Curve {
    let dense =
        [12.0, 16.9, 20.1, 22.4, 27.8, 33.1, 38.0, 43.2, 48.3, 53.1, 57.9, 60.2, 60.9, 61.0];
    let sparse = [10.1, 14.0, 17.2, 19.5, 24.0, 29.3, 33.9, 38.2, 43.0, 47.7, 51.2, 53.0];
    curve(&dense, &sparse, 61.0, (0.4, 1.9), 300 * TIB)
}

/// More data than any index remembers.
pub(crate) fn too_small() -> Curve {
    let dense = [1.0, 1.2, 1.4, 1.6, 2.5, 4.0, 6.0, 8.0, 11.0, 14.0, 18.0, 22.0, 26.0, 30.0];
    let sparse = [2.0, 3.0, 4.0, 5.0, 7.0, 9.0, 12.0, 15.0, 19.0, 23.0, 26.0, 29.0, 32.0, 34.5];
    curve(&dense, &sparse, 52.0, (0.3, 1.2), 4000 * TIB)
}

/// Data of which nothing comes twice.
pub(crate) fn nothing() -> Curve {
    nothing_of(700 << 20, 0)
}

/// So much of such data, of which so much is zeroes.
pub(crate) fn nothing_of(bytes: u64, zero_bytes: u64) -> Curve {
    curve(&[0.0], &[0.0], 0.0, (0.0, 0.0), bytes).with_zero_bytes(zero_bytes)
}

/// All of them, with names.
pub(crate) fn all() -> [(&'static str, Curve); 6] {
    [
        ("flat", flat()),
        ("step", step()),
        ("steps", steps()),
        ("slope", slope()),
        ("too_small", too_small()),
        ("nothing", nothing()),
    ]
}
