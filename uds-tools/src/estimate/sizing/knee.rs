//! Where more memory stops paying.
//!
//! The knee is found on the dense curve, with a logarithmic axis of memory. The curve *ends* at the
//! least memory that saves as much as the most, but for [`ROUNDING`] and a two-hundredth of it;
//! what follows is flat, and would move the knee the further it is drawn. A straight line goes from
//! the smallest index to the end. The knee is the point that is furthest above that line, and
//! the one of less memory where two are as far.
//!
//! | shape | knee |
//! |---|---|
//! | flat: the smallest index saves within a fiftieth, or within its error, of the end | none |
//! | a point lies above the line by a tenth of its rise or more | the furthest above |
//! | otherwise, and the last step to the end is half of the rise or more | the end |
//! | otherwise: a line, or one that grows ever steeper | none |
//!
//! The end is a knee only if hardly anything is left beyond it: not where the curve is cut off
//! by the largest index, and an unlimited one would save more.

use super::advice::{NEARLY, ROUNDING};
use super::curve::{Curve, Kind, Point};

/// By how much of the rise a point must be above the line.
const ABOVE: f64 = 0.1;
/// How much of the rise the last step must be.
const STEP: f64 = 0.5;

/// The knee of a curve.
pub(super) fn of(curve: &Curve) -> Option<Point> {
    let dense = curve.of(Kind::Dense);
    let (first, most) = (dense.first()?, highest(dense));
    let end = dense.iter().position(|point| most - point.saved_share <= ROUNDING.max(most / 200.0));
    let dense = &dense[..=end?];
    let last = dense.last()?;
    let rise = last.saved_share - first.saved_share;
    if rise <= (most * NEARLY).max(first.error).max(ROUNDING) {
        return None;
    }
    let place = |point: &Point| (point.memory.bytes() as f64).log2();
    let width = place(last) - place(first);
    let height = |point: &Point| {
        let along = (place(point) - place(first)) / width;
        (point.saved_share - first.saved_share) / rise - along
    };
    let inner = &dense[..dense.len() - 1];
    let furthest = inner.iter().reduce(|a, b| if height(b) > height(a) + 1e-9 { b } else { a })?;
    if height(furthest) >= ABOVE {
        return Some(*furthest);
    }
    let step = last.saved_share - inner.last()?.saved_share;
    let left = curve.unlimited.saved_share - last.saved_share;
    let is_all = left <= curve.unlimited.saved_share * NEARLY + ROUNDING;
    (step >= rise * STEP && is_all).then_some(*last)
}

fn highest(points: &[Point]) -> f64 {
    points.iter().map(|point| point.saved_share).fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estimate::sizing::samples;

    fn knee(dense: &[f64], unlimited: f64) -> Option<String> {
        let curve = samples::curve(dense, dense, unlimited, (0.0, 0.0), 1 << 40);
        of(&curve).map(|point| point.memory.to_string())
    }

    // Guards each shape of the table at the top.
    #[test]
    fn every_shape_has_its_knee_or_none() {
        let cases: [(&str, &[f64], f64, Option<&str>); 11] = [
            ("nothing", &[0.0], 0.0, None),
            ("flat", &[9.7], 9.7, None),
            ("nearly flat", &[9.6, 9.65, 9.7], 9.7, None),
            ("one step", &[5.2, 5.2, 5.3, 5.3, 5.4, 5.6, 41.5, 41.6], 41.6, Some("8G")),
            ("one step at once", &[5.0, 41.0], 41.0, Some("512M")),
            ("a bend", &[22.1, 31.7, 38.4, 41.2, 41.3, 41.4, 41.6], 41.6, Some("1G")),
            ("two steps", &[1.0, 20.0, 20.0, 20.0, 20.0, 20.0, 20.0, 30.0], 30.0, Some("512M")),
            ("a small step, a large one", &[1.0, 2.0, 2.0, 2.0, 2.0, 2.0, 30.0], 30.0, Some("8G")),
            ("steeper", &[1.0, 2.0, 3.0, 4.0, 8.0, 16.0, 28.0, 40.0], 40.0, None),
            (
                "cut off",
                &[0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 30.0],
                60.0,
                None,
            ),
            (
                "not cut off",
                &[0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 30.0],
                30.0,
                Some("1024G"),
            ),
        ];
        for (shape, dense, unlimited, expected) in cases {
            assert_eq!(knee(dense, unlimited).as_deref(), expected, "{shape}");
        }
    }

    // Guards against a knee that moves when only the flat end grows longer or has noise.
    #[test]
    fn the_flat_end_does_not_move_the_knee() {
        let flat = [22.1, 31.7, 38.4, 41.2, 41.5, 41.6];
        let noisy = [22.1, 31.7, 38.4, 41.2, 41.5, 41.6, 41.6, 41.62, 41.59, 41.63, 41.6];
        assert_eq!(knee(&flat, 41.6), knee(&noisy, 41.63));
    }

    // Guards against a knee in what may be noise only.
    #[test]
    fn a_rise_within_the_error_has_no_knee() {
        let dense = [3.0, 3.5];
        let sure = samples::curve(&dense, &dense, 3.5, (0.1, 0.1), 1 << 40);
        let unsure = samples::curve(&dense, &dense, 3.5, (0.6, 0.6), 1 << 40);
        assert!(of(&sure).is_some() && of(&unsure).is_none());
    }
}
