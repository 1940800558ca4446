//! The one index that is recommended.
//!
//! # How it is chosen
//!
//! 1. The *aim* is what an unlimited index would save. *Nearly everything* is all of it but a
//!    fiftieth ([`NEARLY`]), or but half a tenth of a percent of the data ([`ROUNDING`]). A dense
//!    index may also miss as much as the error of the total, up to another fiftieth: memory for a
//!    gain that may be noise is not advised.
//! 2. Of each kind, the least memory that finds nearly everything is taken.
//! 3. The dense one is recommended. A sparse one is only where it takes an eighth of the memory or
//!    less ([`LESS_MEMORY`]), or no dense one is enough. It has ten times the window and nine
//!    times the disk of a dense one of the same memory, so that an eighth of the memory takes about
//!    the same disk; with less to gain, its disk, and that it misses what comes alone, count more.
//! 4. Where no index is enough, the aim is what the best of them saves, and that is said.
//! 5. No index is recommended where an unlimited one would save no more than the error of that
//!    number, or than [`ROUNDING`]: it may be nothing.
//!
//! # Invariants
//!
//! 1. What is recommended is a point of the curve.
//! 2. No index of its kind with less memory saves as much.
//! 3. The more an unlimited index would save, all else equal, the more memory each kind is given.

use serde::Serialize;

use super::curve::{Curve, Kind, Point};
use super::sentence;

/// The part of the total that may be missed.
pub(super) const NEARLY: f64 = 0.02;
/// Shares that are this near look the same to people: half of a tenth of a percent.
pub(super) const ROUNDING: f64 = 0.0005;
/// How many times less memory a sparse index has to take.
pub(super) const LESS_MEMORY: u64 = 8;
/// What a byte of memory has to save on storage, at least: it costs some twenty times as much.
const WORTH: u64 = 20;

/// How good the recommended index is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    /// It saves as much as an unlimited index, to a tenth of a percent.
    Everything,
    /// It saves nearly as much.
    NearlyEverything,
    /// None is large enough; this one saves nearly as much as any.
    TooSmall,
    /// There is nothing to save, whatever the index, or no more than the error.
    NothingToSave,
}

/// One index, and why.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Advice {
    #[serde(flatten)]
    pub(crate) point: Point,
    pub(crate) memory_bytes: u64,
    /// What the index takes on disk.
    pub(crate) disk_bytes: u64,
    /// What it would save of what was scanned, and never more than that.
    pub(crate) saved_bytes: u64,
    pub(crate) verdict: Verdict,
    /// The next smaller index of the same kind, and the least of the other kind that finds nearly
    /// everything too, a sparse one only if it takes less memory; as far as there are such.
    pub(crate) alternatives: Vec<Point>,
    /// Why this one, for people.
    pub(crate) sentence: String,
    /// What else to think of, for people: where the index hardly pays.
    pub(crate) hint: Option<String>,
}

/// The least memory of each kind that reaches an aim.
#[derive(Clone, Copy)]
pub(super) struct Least<'a> {
    pub(super) dense: Option<&'a Point>,
    pub(super) sparse: Option<&'a Point>,
}

impl Advice {
    /// What a curve advises.
    pub(super) fn new(curve: &Curve, knee: Option<&Point>) -> Self {
        let (verdict, least, point) = choose(curve);
        let alternatives = alternatives(curve, least, point);
        let mut advice = Self {
            point,
            memory_bytes: point.memory.bytes(),
            disk_bytes: point.disk_bytes(),
            saved_bytes: curve.saved_bytes(&point),
            verdict,
            alternatives,
            sentence: String::new(),
            hint: None,
        };
        advice.sentence = sentence::of(&advice, curve, least);
        advice.hint = advice.hint(curve, knee);
        advice
    }

    /// Whether there is anything to save.
    pub(crate) fn is_worth_an_index(&self) -> bool {
        self.verdict != Verdict::NothingToSave
    }

    fn hint(&self, curve: &Curve, knee: Option<&Point>) -> Option<String> {
        if !self.is_worth_an_index() {
            return None;
        }
        if self.saved_bytes < self.disk_bytes {
            return Some(sentence::costs_more_than_it_saves(self));
        }
        if self.saved_bytes / WORTH < self.memory_bytes {
            return Some(sentence::saves_little(self));
        }
        let knee = knee.filter(|knee| knee.kind == self.point.kind)?;
        let memory = self.memory_bytes.saturating_sub(knee.memory.bytes());
        let saved = self.saved_bytes.saturating_sub(curve.saved_bytes(knee));
        (saved / WORTH < memory).then(|| sentence::knee_would_do(knee, memory, saved))
    }
}

fn choose(curve: &Curve) -> (Verdict, Least<'_>, Point) {
    let best = curve.best();
    let unlimited = curve.unlimited;
    let aim = unlimited.saved_share.max(best);
    // Invariant 1 of the curve: there is a first point, and it is dense.
    let smallest = &curve.points()[0];
    if unlimited.saved_share <= ROUNDING.max(unlimited.error) || curve.total_bytes == 0 {
        let least = Least { dense: Some(smallest), sparse: None };
        return (Verdict::NothingToSave, least, *smallest);
    }
    let least = Least::of(curve, aim);
    if let Some(point) = least.preferred() {
        let is_all = aim - point.saved_share < ROUNDING;
        let verdict = if is_all { Verdict::Everything } else { Verdict::NearlyEverything };
        return (verdict, least, *point);
    }
    // The best point reaches its own share.
    let least = Least::of(curve, best);
    (Verdict::TooSmall, least, *least.preferred().unwrap_or(smallest))
}

impl<'a> Least<'a> {
    fn of(curve: &'a Curve, aim: f64) -> Self {
        let enough = aim - (aim * NEARLY).max(ROUNDING);
        let doubt = curve.unlimited.error.min(aim * NEARLY);
        let least = |kind, enough: f64| {
            // What adds up in floating point may miss what it equals.
            curve.of(kind).iter().find(|point| point.saved_share >= enough - 1e-12)
        };
        Self { dense: least(Kind::Dense, enough - doubt), sparse: least(Kind::Sparse, enough) }
    }

    fn preferred(&self) -> Option<&'a Point> {
        match (self.dense, self.sparse) {
            (Some(dense), Some(sparse))
                if sparse.memory.bytes() * LESS_MEMORY <= dense.memory.bytes() =>
            {
                Some(sparse)
            }
            (dense, sparse) => dense.or(sparse),
        }
    }
}

fn alternatives(curve: &Curve, least: Least<'_>, point: Point) -> Vec<Point> {
    let smaller = curve.of(point.kind).iter().rev().find(|other| other.memory < point.memory);
    let other = match point.kind {
        Kind::Dense => least.sparse.filter(|other| other.memory < point.memory),
        Kind::Sparse => least.dense,
    };
    smaller.into_iter().chain(other).copied().collect()
}

#[cfg(test)]
mod tests;
