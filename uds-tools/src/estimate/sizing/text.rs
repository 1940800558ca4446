//! The answer for a terminal: a table with bars, and the recommendation last.
//!
//! # Invariants
//!
//! 1. No line is wider than the canvas, which has 60 columns at least.
//! 2. The rows of the knee and of the recommendation are always there, and are marked with signs.
//! 3. A full bar is all that an unlimited index would save.

use std::fmt::Write;

use uds_geometry::MemorySize;

use super::Answer;
use super::curve::{Estimate, Kind, Point, error_text};
use crate::terminal::Canvas;
use crate::units;

/// Columns of what a row is about.
const LABEL: usize = 8;
/// Columns of a share: `>99.9%`.
const SHARE: usize = 6;
/// Columns of the signs before a share, and the signs.
const SIGNS: usize = 2;
const RECOMMENDED: char = '>';
const KNEE: char = '*';
/// Where the text of a labelled paragraph begins, as in the rest of the report.
const INDENT: usize = 11;

/// The columns that depend on what is shown.
struct Table<'a> {
    answer: &'a Answer,
    canvas: Canvas,
    /// Columns of ` +- 0.3`: none where all is exact.
    error: usize,
    bar: usize,
    /// What a full bar is, as a share.
    full: f64,
}

/// A row: what it is about, and the points of both kinds as far as there are.
type Row<'a> = (MemorySize, [Option<&'a Point>; 2]);

impl Answer {
    /// The answer for people, as the last part of a report.
    pub(crate) fn text(&self, canvas: Canvas) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = Table::new(self, canvas).write(&mut text);
        let _ = self.write_advice(&mut text, canvas);
        text
    }

    fn write_advice(&self, text: &mut String, canvas: Canvas) -> std::fmt::Result {
        let words = match &self.advice.hint {
            Some(hint) => format!("{} {hint}", self.advice.sentence),
            None => self.advice.sentence.clone(),
        };
        let lines = units::wrapped(&words, canvas.columns - INDENT);
        let hanging = format!("\n{:INDENT$}", "");
        writeln!(text, "\n{:<INDENT$}{}", "RECOMMEND", lines.trim_end().replace('\n', &hanging))
    }
}

impl<'a> Table<'a> {
    fn new(answer: &'a Answer, canvas: Canvas) -> Self {
        let unlimited = answer.curve.unlimited;
        let errors = answer.curve.points().iter().map(|point| point.error);
        let widest = errors.chain([unlimited.error]).fold(0.0, f64::max);
        let error = error_text(widest).map_or(0, |error| " +- ".len() + error.len());
        let kinds = if answer.curve.of(Kind::Sparse).is_empty() { 1 } else { 2 };
        let fixed = LABEL + kinds * (2 + SIGNS + SHARE + error + 1);
        let bar = canvas.columns.saturating_sub(fixed) / kinds;
        let full = unlimited.saved_share.max(answer.curve.best());
        Self { answer, canvas, error, bar, full }
    }

    fn write(&self, text: &mut String) -> std::fmt::Result {
        // The header of a kind begins above its shares.
        let width = SHARE + self.error + 1 + self.bar + SIGNS;
        let kinds =
            if self.answer.curve.of(Kind::Sparse).is_empty() { "" } else { "sparse index saves" };
        let header = format!("{:>LABEL$}    {:<width$}{kinds}", "memory", "dense index saves");
        writeln!(text, "{}", header.trim_end())?;
        let rows = self.rows();
        let shown = self.shown(&rows);
        for (memory, points) in &rows[..shown] {
            let cells = points.map(|point| self.cell(point));
            let line = format!("{memory:>LABEL$}  {}  {}", cells[0], cells[1]);
            writeln!(text, "{}", line.trim_end())?;
        }
        if let [(first, _), .., (last, _)] = &rows[shown..] {
            writeln!(text, "{first:>LABEL$}    to {last}: the same")?;
        }
        let unlimited = self.amount(self.answer.curve.unlimited);
        writeln!(text, "{:>LABEL$}  {:SIGNS$}{}", "no limit", "", unlimited.trim_end())?;
        self.write_legend(text)
    }

    fn rows(&self) -> Vec<Row<'a>> {
        let curve = &self.answer.curve;
        let dense = curve.of(Kind::Dense).iter();
        dense
            .map(|point| (point.memory, [Some(point), curve.at(point.memory, Kind::Sparse)]))
            .collect()
    }

    /// How many rows are shown: of those at the end that read the same, the first.
    fn shown(&self, rows: &[Row<'_>]) -> usize {
        let text =
            |points: &[Option<&Point>; 2]| points.map(|point| point.map(|p| p.estimate().text()));
        let end = rows.last().map(|(_, points)| text(points));
        let same = rows.iter().rev().take_while(|(_, points)| Some(text(points)) == end).count();
        let marked = rows.iter().rposition(|(_, points)| {
            points.iter().flatten().any(|point| !self.signs(point).is_empty())
        });
        let shown = (rows.len() - same + 1).max(marked.map_or(0, |row| row + 1));
        // One row takes no more place than what would stand for it.
        if rows.len() - shown <= 1 { rows.len() } else { shown }
    }

    fn signs(&self, point: &Point) -> String {
        let mut signs = String::new();
        if self.is_recommended(point) {
            signs.push(RECOMMENDED);
        }
        if self.answer.knee.as_ref() == Some(point) {
            signs.push(KNEE);
        }
        signs
    }

    fn is_recommended(&self, point: &Point) -> bool {
        self.answer.advice.is_worth_an_index() && self.answer.advice.point == *point
    }

    fn cell(&self, point: Option<&Point>) -> String {
        let Some(point) = point else { return String::new() };
        format!("{:>SIGNS$}{}", self.signs(point), self.amount(point.estimate()))
    }

    fn amount(&self, estimate: Estimate) -> String {
        let share = units::percent(estimate.saved_share);
        let error = error_text(estimate.error).map(|error| format!(" +- {error}"));
        let (part, whole) = (parts(estimate.saved_share), parts(self.full));
        format!(
            "{share:>SHARE$}{:<error_width$} {:<bar$}",
            error.unwrap_or_default(),
            self.canvas.bar(part, whole, self.bar),
            error_width = self.error,
            bar = self.bar,
        )
    }

    fn write_legend(&self, text: &mut String) -> std::fmt::Result {
        let mut signs = Vec::new();
        if self.answer.advice.is_worth_an_index() {
            signs.push(format!("{RECOMMENDED} recommended"));
        }
        if self.answer.knee.is_some() {
            signs.push(format!("{KNEE} knee: beyond it more memory gains less"));
        }
        if signs.is_empty() { Ok(()) } else { writeln!(text, "  {}", signs.join(", ")) }
    }
}

/// A share in whole parts, fine enough for a bar.
fn parts(share: f64) -> u64 {
    (share * 1e9) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estimate::sizing::samples;

    const PLAIN: Canvas = Canvas { columns: 60, is_unicode: false };

    fn widest(text: &str) -> usize {
        text.lines().map(|line| line.chars().count()).max().unwrap_or(0)
    }

    // Guards the layout that people read, for each shape of curve.
    #[test]
    fn tables_of_every_shape() {
        let mut texts = String::new();
        for (name, curve) in samples::all() {
            let text = Answer::new(curve).text(PLAIN);
            assert!(widest(&text) <= 60 && text.is_ascii(), "{text}");
            texts.push_str(&format!("--- {name}\n{text}\n"));
        }
        insta::assert_snapshot!(texts);
    }

    // Guards the width where it is easily forgotten: wide canvases, wide errors, shares of all.
    #[test]
    fn no_line_is_wider_than_the_canvas() {
        let wide_errors = samples::curve(&[99.99], &[0.01], 99.99, (12.0, 34.0), u64::MAX);
        for curve in samples::all().map(|(_, curve)| curve).into_iter().chain([wide_errors]) {
            for (columns, is_unicode) in [(60, false), (60, true), (97, true), (120, true)] {
                let text = Answer::new(curve.clone()).text(Canvas { columns, is_unicode });
                assert!(widest(&text) <= columns, "{columns}: {text}");
            }
        }
    }

    // Guards against a fold that swallows the row that everybody looks for.
    #[test]
    fn marked_rows_are_never_folded() {
        // All shares look alike, and yet the smallest index is not enough.
        let curve = samples::curve(&[1.451, 1.451, 1.549], &[0.0], 1.549, (0.0, 0.0), 1 << 50);
        let text = Answer::new(curve).text(PLAIN);
        assert!(text.lines().any(|line| line.contains("768M  >")), "{text}");
        assert!(text.contains("      1G    to 1024G: the same"), "{text}");
    }

    // Guards a curve of dense points only, as a caller may have it.
    #[test]
    fn dense_alone_is_a_table() {
        let curve = samples::slope();
        let dense = curve.of(Kind::Dense).to_vec();
        let alone = super::super::Curve::new(dense, curve.unlimited, curve.total_bytes);
        let text = Answer::new(alone).text(PLAIN);
        assert!(widest(&text) <= 60 && !text.contains("sparse"), "{text}");
    }
}
