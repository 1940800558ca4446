//! How much index the data needs: the curve, its knee, and one recommendation.
//!
//! | module | part |
//! |---|---|
//! | `curve` | what indexes of every size and kind would save |
//! | `knee` | where more memory stops paying |
//! | `advice` | the one index that is recommended, and why |
//! | `sentence` | the same in words |
//! | `text` | all of it for a terminal |
//!
//! Arithmetic on plain data only: whoever has the numbers fills a [`Curve`] and makes an
//! [`Answer`] of it, which prints itself and is what the JSON object gets.

mod advice;
mod curve;
mod knee;
#[cfg(test)]
pub(crate) mod samples;
mod sentence;
mod text;

use serde::Serialize;

pub(crate) use advice::Advice;
pub(crate) use curve::{Curve, Estimate, Kind, Point, error_text};

/// The whole answer to "How much index do I need?": four fields of the JSON object, `curve`,
/// `unlimited`, `knee` and `recommendation`.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Answer {
    #[serde(flatten)]
    pub(crate) curve: Curve,
    /// Where more memory stops paying, on the dense curve; none where there is no such point.
    pub(crate) knee: Option<Point>,
    #[serde(rename = "recommendation")]
    pub(crate) advice: Advice,
}

impl Answer {
    /// The answer that a curve gives.
    pub(crate) fn new(curve: Curve) -> Self {
        let knee = knee::of(&curve);
        let advice = Advice::new(&curve, knee.as_ref());
        // Noise has no knee.
        let knee = knee.filter(|_| advice.is_worth_an_index());
        Self { curve, knee, advice }
    }

    /// Whether the smallest index would save what one without limits does, to half a tenth of a
    /// percent.
    pub(crate) fn is_smallest_enough(&self) -> bool {
        let smallest = &self.curve.points()[0];
        self.curve.unlimited.saved_share - smallest.saved_share < advice::ROUNDING
    }
}
