//! A recommendation in words, for an administrator who reads nothing else.

use super::advice::{Advice, Least, ROUNDING, Verdict};
use super::curve::{Curve, Kind, Point};
use crate::units;

const EVERYTHING: &str = "finds everything";

/// Why an index is recommended, what it saves and costs, and what others would save.
pub(super) fn of(advice: &Advice, curve: &Curve, least: Least<'_>) -> String {
    if advice.verdict == Verdict::NothingToSave {
        return nothing(curve);
    }
    let mut sentence = headline(advice, curve);
    if advice.verdict == Verdict::TooSmall {
        let total = units::percent(curve.unlimited.saved_share);
        sentence = format!(
            "No index is large enough for all: an unlimited one would save {total}. Divide the \
             data among several. {sentence}"
        );
    }
    let mut others = Vec::new();
    for other in &advice.alternatives {
        let share = units::percent(other.saved_share);
        others.push(if other.kind == advice.point.kind {
            format!("{} {share}", other.memory)
        } else {
            format!("{} {share} with {} of disk", other.name(), units::bytes(other.disk_bytes()))
        });
    }
    if !others.is_empty() {
        sentence.push_str(&format!(" Instead: {}.", others.join("; ")));
    }
    if advice.point.kind == Kind::Sparse {
        sentence.push_str(" A sparse index misses duplicates that come alone.");
    }
    if advice.verdict != Verdict::TooSmall
        && advice.point.kind == Kind::Sparse
        && least.dense.is_none()
    {
        sentence.push_str(" No dense index is large enough.");
    }
    sentence
}

fn nothing(curve: &Curve) -> String {
    let unlimited = curve.unlimited;
    if curve.total_bytes == 0 {
        return "Nothing was read.".into();
    }
    if curve.is_of_zeroes() {
        return "Nothing to save by deduplication: all blocks are zero ones, which take no index."
            .into();
    }
    let what = if unlimited.error > 0.0 {
        format!("Nothing to save within the error ({}).", unlimited.text())
    } else if unlimited.saved_share > 0.0 {
        format!("Next to nothing to save: {}.", unlimited.text())
    } else {
        return "Nothing to save: no block of this data was found twice.".into();
    };
    format!("{what} This data is not worth an index.")
}

fn headline(advice: &Advice, curve: &Curve) -> String {
    let point = &advice.point;
    let costs = format!(
        "{} saved, {}, with {} of disk for the index",
        point.estimate().text(),
        units::bytes(advice.saved_bytes),
        units::bytes(advice.disk_bytes)
    );
    let is_smallest = curve.of(point.kind).first() == Some(point);
    let finds = finds(point, curve);
    match advice.verdict {
        Verdict::Everything if is_smallest => {
            format!("{}, the smallest, {finds}: {costs}.", point.name())
        }
        Verdict::Everything => format!("{} {finds}: {costs}.", point.name()),
        Verdict::NearlyEverything => {
            format!("{}: {costs}{}.", point.name(), less_than_all(point, curve))
        }
        _ => format!("{}: {costs}.", point.name()),
    }
}

/// How much an index finds that is called enough: everything only where that is known.
fn finds(point: &Point, curve: &Curve) -> &'static str {
    let is_exact = point.error == 0.0 && curve.unlimited.error == 0.0;
    if is_exact && point.saved_share >= curve.unlimited.saved_share {
        EVERYTHING
    } else {
        "finds nearly everything"
    }
}

/// What is spared by not finding everything.
fn less_than_all(point: &Point, curve: &Curve) -> String {
    let total = curve.unlimited.saved_share.max(curve.best());
    let finds_all = |other: &&Point| total - other.saved_share < ROUNDING;
    let share = units::percent(total);
    match curve.of(Kind::Dense).iter().find(finds_all) {
        Some(all) if all.memory > point.memory => {
            let spared = all.memory.bytes() - point.memory.bytes();
            let (spared, name) = (units::bytes(spared), all.name());
            let name = if point.kind == all.kind { all.memory.to_string() } else { name };
            let which = if finds(all, curve) == EVERYTHING {
                format!(" that {EVERYTHING} ({share})")
            } else {
                format!(", which would save {}", units::percent(all.saved_share))
            };
            format!(", and {spared} of memory less than the {name}{which}")
        }
        _ => format!("; an unlimited index would save {share}"),
    }
}

/// The hint for an index that takes more than it gives.
pub(super) fn costs_more_than_it_saves(advice: &Advice) -> String {
    format!(
        "The index takes more disk ({}) than it saves here ({}): it pays only if there is more \
         data like this.",
        units::bytes(advice.disk_bytes),
        units::bytes(advice.saved_bytes)
    )
}

/// The hint for an index that gives little for its memory.
pub(super) fn saves_little(advice: &Advice) -> String {
    let times = advice.saved_bytes as f64 / advice.memory_bytes as f64;
    format!(
        "Its memory hardly pays: each GiB of it saves {times:.1} GiB of storage, and memory costs \
         some 20 times as much."
    )
}

/// The hint where the knee is the better bargain.
pub(super) fn knee_would_do(knee: &Point, memory: u64, saved: u64) -> String {
    format!(
        "The knee, {}, is the better bargain: {} more memory saves only {} more storage.",
        knee.name(),
        units::bytes(memory),
        units::bytes(saved)
    )
}
