//! The sizing curve as a picture: memory to the right, in doublings, and savings upwards.
//!
//! Its width is that of the page, on a telephone as on a wide screen, and its letters keep their
//! size: places along the width are in percent, and whatever has a shape is drawn in pixels
//! around a place. Only the lines between the points are stretched.
//!
//! # Invariants
//!
//! 1. Dense and sparse differ in dashes, marks and labels, not by colour alone.
//! 2. The axis of savings begins at 0; no bar of an error is cut off.
//! 3. What is said of single points stands below the axis, where no line passes.

use std::fmt::Write;

use super::escaped;
use super::estimate::with_sign;
use crate::estimate::sizing::{Answer, Kind, Point};
use crate::units;

/// Where the plot begins and how high it is, in pixels.
const TOP: f64 = 30.0;
const PLOT: f64 = 300.0;
const BOTTOM: f64 = TOP + PLOT;
/// How far below the plot the sizes, the name of the axis, and what is said of points stand.
const SIZES: f64 = BOTTOM + 19.0;
const AXIS: f64 = BOTTOM + 37.0;
const FLAGS: f64 = BOTTOM + 60.0;
const FLAG: f64 = 20.0;
/// From here on, as a part of the width, words go to the left of their place.
const TURN: f64 = 0.45;
/// Between which points the lines have their names: there is room on both sides.
const NAMES: std::ops::RangeInclusive<usize> = 3..=8;
/// The steps of the axis of savings, of which the finest with at most five steps is taken.
const STEPS: [f64; 9] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.25];

/// Where shares and sizes are on the picture.
struct Scale {
    /// The step of the axis of savings, and how many there are.
    step: f64,
    steps: u32,
    /// The binary logarithms of the smallest memory, and how many doublings follow.
    first: f64,
    doublings: f64,
}

/// Writes the picture of an answer that recommends an index.
pub(super) fn write(html: &mut String, answer: &Answer) -> std::fmt::Result {
    let scale = Scale::of(answer);
    let flags = flags(answer);
    let height = FLAGS + FLAG * flags.len().saturating_sub(1) as f64 + 12.0;
    writeln!(
        html,
        "<svg class=\"curve\" role=\"img\" height=\"{height}\" \
         aria-labelledby=\"curve curve-words\">\n<desc id=\"curve-words\">{}</desc>",
        escaped(&in_words(answer))
    )?;
    scale.write_axes(html, answer.curve.of(Kind::Dense))?;
    scale.write_flags(html, &flags)?;
    let y = scale.y(answer.curve.unlimited.saved_share);
    writeln!(html, "<line class=\"limit\" x1=\"0\" x2=\"100%\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>")?;
    for kind in [Kind::Sparse, Kind::Dense] {
        scale.write_line(html, kind, answer.curve.of(kind))?;
    }
    let (at, middle) = scale.place(&answer.advice.point);
    writeln!(html, "<circle class=\"ring\" cx=\"{at:.2}%\" cy=\"{middle:.1}\" r=\"9\"/>")?;
    scale.write_names(html, answer)?;
    let total = escaped(&units::percent(answer.curve.unlimited.saved_share));
    let above = y - 8.0;
    writeln!(
        html,
        "<text x=\"100%\" dx=\"12\" y=\"{above:.1}\" text-anchor=\"end\">\
         no limit: {total}</text>\n</svg>"
    )
}

impl Scale {
    fn of(answer: &Answer) -> Self {
        let curve = &answer.curve;
        let ends = curve.points().iter().map(|point| point.saved_share + point.error);
        let unlimited = curve.unlimited;
        let highest = ends.chain([unlimited.saved_share + unlimited.error]).fold(0.0, f64::max);
        let fits = |step: &&f64| highest / **step <= 5.0;
        let step = STEPS.iter().find(fits).copied().unwrap_or(0.25);
        let steps = ((highest / step - 1e-9).ceil() as u32).max(1);
        let log = |point: Option<&Point>| point.map_or(0.0, |p| (p.memory.bytes() as f64).log2());
        let dense = curve.of(Kind::Dense);
        let first = log(dense.first());
        Self { step, steps, first, doublings: (log(dense.last()) - first).max(1.0) }
    }

    /// A share in pixels from the top.
    fn y(&self, share: f64) -> f64 {
        BOTTOM - PLOT * share / (self.step * f64::from(self.steps))
    }

    /// A point in percent from the left and pixels from the top.
    fn place(&self, point: &Point) -> (f64, f64) {
        let log = (point.memory.bytes() as f64).log2();
        ((log - self.first) / self.doublings * 100.0, self.y(point.saved_share))
    }

    fn write_axes(&self, html: &mut String, dense: &[Point]) -> std::fmt::Result {
        html.push_str("<text class=\"soft\" x=\"0\" dx=\"-40\" y=\"13\">saved</text>\n");
        let decimals = usize::from(self.step < 0.0099);
        for step in 0..=self.steps {
            let share = self.step * f64::from(step);
            let (y, percent) = (self.y(share), share * 100.0);
            let (class, baseline) = (if step == 0 { "axis" } else { "grid" }, y + 4.5);
            writeln!(
                html,
                "<line class=\"{class}\" x1=\"0\" x2=\"100%\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
                 <text x=\"0\" dx=\"-8\" y=\"{baseline:.1}\" text-anchor=\"end\">\
                 {percent:.decimals$}%</text>"
            )?;
        }
        for point in dense {
            let (x, _) = self.place(point);
            let end = BOTTOM + 5.0;
            write!(
                html,
                "<line class=\"axis\" x1=\"{x:.2}%\" x2=\"{x:.2}%\" y1=\"{BOTTOM}\" y2=\"{end}\"/>"
            )?;
            // Every second doubling: all sizes have no room on a telephone.
            let doublings = (point.memory.bytes() as f64).log2() - self.first;
            if doublings % 2.0 == 0.0 {
                let memory = point.memory;
                write!(
                    html,
                    "<text x=\"{x:.2}%\" y=\"{SIZES}\" text-anchor=\"middle\">{memory}</text>"
                )?;
            }
            html.push('\n');
        }
        writeln!(
            html,
            "<text class=\"soft\" x=\"100%\" dx=\"12\" y=\"{AXIS}\" text-anchor=\"end\">\
             memory of the index</text>"
        )
    }

    /// The line through the points of a kind, and their marks.
    fn write_line(&self, html: &mut String, kind: Kind, points: &[Point]) -> std::fmt::Result {
        if points.is_empty() {
            return Ok(());
        }
        write!(
            html,
            "<g class=\"{}\">\n<svg y=\"0\" width=\"100%\" height=\"{BOTTOM}\" \
             viewBox=\"0 0 1000 {BOTTOM}\" preserveAspectRatio=\"none\"><polyline points=\"",
            kind.as_str()
        )?;
        for point in points {
            let (x, y) = self.place(point);
            write!(html, "{:.1},{y:.1} ", x * 10.0)?;
        }
        html.push_str("\"/></svg>\n");
        for point in points {
            let (x, y) = self.place(point);
            let half = y - self.y(point.saved_share + point.error);
            write!(html, "<svg x=\"{x:.2}%\" y=\"{y:.1}\">")?;
            // A shorter bar would be within the mark.
            if half > 4.0 {
                let high = half.min(y - TOP);
                let low = half.min(BOTTOM - y);
                write!(html, "<path d=\"M-4,-{high:.1}h8m-4,0V{low:.1}m-4,0h8\" fill=\"none\"/>")?;
            }
            html.push_str(match kind {
                Kind::Dense => "<circle r=\"4\"/>",
                Kind::Sparse => "<rect x=\"-4\" y=\"-4\" width=\"8\" height=\"8\"/>",
            });
            html.push_str("</svg>\n");
        }
        html.write_str("</g>\n")
    }

    /// The names of the lines, where these are furthest apart: the upper one's above it, to the
    /// left, and the lower one's below it, to the right, where lines that rise leave room.
    fn write_names(&self, html: &mut String, answer: &Answer) -> std::fmt::Result {
        let (dense, sparse) = (answer.curve.of(Kind::Dense), answer.curve.of(Kind::Sparse));
        let of_both = |at: usize| Some((dense.get(at)?, sparse.get(at)?));
        let distance = |(a, b): &(&Point, &Point)| (a.saved_share - b.saved_share).abs();
        let furthest = NAMES.filter_map(of_both).reduce(|a, b| {
            // The first of equals.
            if distance(&b) > distance(&a) { b } else { a }
        });
        let (upper, lower) = match furthest {
            Some((dense, sparse)) if sparse.saved_share > dense.saved_share => {
                (Some(sparse), Some(dense))
            }
            Some((dense, sparse)) => (Some(dense), Some(sparse)),
            None => (dense.get(*NAMES.start()).or(dense.first()), None),
        };
        for (point, (dx, dy, anchor)) in
            [(upper, (-9.0, -9.0, "end")), (lower, (9.0, 19.0, "start"))]
        {
            let Some(point) = point else { continue };
            let ((x, y), kind) = (self.place(point), point.kind.as_str());
            // Near the axis of sizes there is no room below.
            let (dx, dy, anchor) =
                if y + dy > BOTTOM - 2.0 { (9.0, -9.0, "start") } else { (dx, dy, anchor) };
            let baseline = y + dy;
            writeln!(
                html,
                "<g class=\"{kind}\"><text class=\"kind\" x=\"{x:.2}%\" dx=\"{dx}\" \
                 y=\"{baseline:.1}\" text-anchor=\"{anchor}\">{kind}</text></g>"
            )?;
        }
        Ok(())
    }

    fn write_flags(&self, html: &mut String, flags: &[Flag]) -> std::fmt::Result {
        for (row, flag) in flags.iter().enumerate() {
            let ((x, y), class) = (self.place(&flag.point), flag.class);
            let baseline = FLAGS + FLAG * row as f64;
            let tip = baseline - 10.0;
            let (dx, anchor) = if x < TURN * 100.0 { (10, "start") } else { (-10, "end") };
            writeln!(
                html,
                "<line class=\"guide {class}\" x1=\"{x:.2}%\" x2=\"{x:.2}%\" y1=\"{y:.1}\" \
                 y2=\"{BOTTOM}\"/><svg x=\"{x:.2}%\" y=\"{tip}\">\
                 <path class=\"caret\" d=\"M0,0l5,9h-10z\"/></svg>\
                 <text x=\"{x:.2}%\" dx=\"{dx}\" y=\"{baseline}\" \
                 text-anchor=\"{anchor}\">{}</text>",
                with_sign(&flag.words)
            )?;
        }
        Ok(())
    }
}

/// What is said of a point.
struct Flag {
    point: Point,
    class: &'static str,
    words: String,
}

fn flags(answer: &Answer) -> Vec<Flag> {
    let advice = &answer.advice;
    let mut flags = Vec::new();
    let is_both = answer.knee == Some(advice.point);
    let also = if is_both { ", knee" } else { "" };
    let words = format!("recommended{also}: {}", advice.point.name());
    flags.push(Flag { point: advice.point, class: "advised", words });
    if let Some(point) = answer.knee.filter(|_| !is_both) {
        flags.push(Flag { point, class: "knee", words: format!("knee: {}", point.name()) });
    }
    flags
}

/// What the picture shows, for those who do not see it.
fn in_words(answer: &Answer) -> String {
    let curve = &answer.curve;
    let mut words = String::from("Saved share by the memory of the index.");
    for (name, kind) in [("Dense", Kind::Dense), ("Sparse", Kind::Sparse)] {
        let [first, .., last] = curve.of(kind) else { continue };
        let (low, high) = (units::percent(first.saved_share), units::percent(last.saved_share));
        let (small, large) = (first.memory, last.memory);
        // Writing to a string cannot fail.
        let _ = write!(words, " {name}: from {low} with {small} to {high} with {large}.");
    }
    let _ = write!(words, " Without a limit: {}.", units::percent(curve.unlimited.saved_share));
    if let Some(knee) = &answer.knee {
        let _ = write!(words, " The knee is at {}.", knee.name());
    }
    let _ = write!(words, " Recommended: {}.", answer.advice.point.name());
    words
}
