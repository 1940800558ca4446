//! Bar charts: what is in them, and how they look in a terminal.
//!
//! # Invariants
//!
//! 1. No line of a chart's text is wider than the canvas.
//! 2. A chart has at most 20 bars, and those that stand apart.

use std::fmt::Write;

use serde::Serialize;
use uds_index::Distribution;

use crate::terminal::Canvas;
use crate::units;

/// The most bars of a chart, those that stand apart not counted.
const MAX_BARS: u64 = 20;

/// Counts by some number, in bins.
#[derive(Debug, Serialize)]
pub(crate) struct Chart {
    /// Its name for programs.
    pub(crate) id: &'static str,
    pub(crate) title: String,
    /// What it shows, in a sentence or two.
    pub(crate) note: String,
    /// What the bins are made of: "chapters ago".
    pub(crate) by: &'static str,
    /// What is counted: "records".
    pub(crate) counts: &'static str,
    pub(crate) total: u64,
    pub(crate) bins: Vec<Bin>,
}

/// A bar.
#[derive(Debug, Serialize)]
pub(crate) struct Bin {
    pub(crate) label: String,
    /// The first number of the bin, and the last.
    pub(crate) first: u64,
    pub(crate) last: u64,
    pub(crate) count: u64,
    /// Of the total, from 0 to 1.
    pub(crate) share: f64,
}

impl Chart {
    /// A chart without bars.
    pub(crate) fn new(
        id: &'static str,
        title: impl Into<String>,
        note: impl Into<String>,
        (counts, by): (&'static str, &'static str),
    ) -> Self {
        let (title, note) = (title.into(), note.into());
        Self { id, title, note, by, counts, total: 0, bins: Vec::new() }
    }

    /// Adds bars for the numbers from `first` on, one after the other, and their counts. `apart` is
    /// the name of a bar for the first number alone.
    pub(crate) fn with_row(
        mut self,
        mut first: u64,
        counts: &[u64],
        apart: Option<&'static str>,
    ) -> Self {
        let mut rest = counts;
        if let (Some(label), Some((&count, others))) = (apart, counts.split_first()) {
            self.bins.push(Bin { label: label.into(), first, last: first, count, share: 0.0 });
            (first, rest) = (first + 1, others);
        }
        let width = width_for(rest.len() as u64) as usize;
        for (place, of_bin) in rest.chunks(width.max(1)).enumerate() {
            let from = first + (place * width) as u64;
            self.push(from, from + of_bin.len() as u64 - 1, of_bin.iter().sum());
        }
        self.with_shares()
    }

    /// Adds bars for the numbers that were counted.
    pub(crate) fn with_distribution(mut self, numbers: &Distribution) -> Self {
        let (Some(min), Some(max)) = (numbers.min(), numbers.max()) else { return self };
        let (min, max) = (u64::from(min), u64::from(max));
        let mut width = width_for(max - min + 1);
        // Bins begin at multiples of their width, which can take one more.
        while max / width - min / width >= MAX_BARS {
            width *= 2;
        }
        let mut counts = vec![0; (max / width - min / width + 1) as usize];
        for (number, count) in numbers.iter() {
            counts[(u64::from(number) / width - min / width) as usize] += count;
        }
        for (bin, count) in (min / width..).zip(counts) {
            self.push(bin * width, (bin + 1) * width - 1, count);
        }
        self.with_shares()
    }

    fn push(&mut self, first: u64, last: u64, count: u64) {
        let label = if first == last {
            units::count(first)
        } else {
            format!("{}-{}", units::count(first), units::count(last))
        };
        self.bins.push(Bin { label, first, last, count, share: 0.0 });
    }

    fn with_shares(mut self) -> Self {
        self.total = self.bins.iter().map(|bin| bin.count).sum();
        for bin in &mut self.bins {
            bin.share = bin.count as f64 / self.total.max(1) as f64;
        }
        self
    }

    /// The largest count of a bin.
    pub(crate) fn largest(&self) -> u64 {
        self.bins.iter().map(|bin| bin.count).max().unwrap_or(0)
    }

    /// The chart for a terminal.
    pub(crate) fn text(&self, canvas: Canvas) -> String {
        let mut text = format!("{}\n", self.title);
        for line in units::wrapped(&self.note, canvas.columns - 2).lines() {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "  {line}");
        }
        if self.bins.is_empty() {
            text.push_str("  (nothing to show)\n");
            return text;
        }
        let count = |bin: &Bin| units::count(bin.count);
        let widest = |of: &dyn Fn(&Bin) -> usize| self.bins.iter().map(of).max().unwrap_or(0);
        let labels = widest(&|bin| bin.label.len()).max(self.by.len());
        let counts = widest(&|bin| count(bin).len()).max(self.counts.len());
        let _ = writeln!(text, "  {:>labels$}  {:>counts$}", self.by, self.counts);
        // Two columns before, two between, seven for the share, and one.
        let columns = canvas.columns.saturating_sub(labels + counts + 13);
        for bin in &self.bins {
            let share = units::share(bin.count, self.total);
            let bar = canvas.bar(bin.count, self.largest(), columns);
            let line =
                format!("  {:>labels$}  {:>counts$}  {share:>6} {bar}", bin.label, count(bin));
            let _ = writeln!(text, "{}", line.trim_end());
        }
        text
    }
}

/// The width of the bins for so many numbers: a power of two, as the sizes of indexes are.
fn width_for(numbers: u64) -> u64 {
    numbers.div_ceil(MAX_BARS).max(1).next_power_of_two()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn empty() -> Chart {
        Chart::new("id", "Title", "A note.", ("lists", "entries"))
    }

    // Guards against a bin too many, a number without a bin, and bins that do not follow.
    #[test]
    fn every_number_has_a_bin() {
        for numbers in (0..200).chain([1023, 1024, 10239, 10240]) {
            let row = empty().with_row(0, &vec![1; numbers], Some("open"));
            assert_eq!(row.total, numbers as u64);
            assert!(row.bins.len() as u64 <= MAX_BARS + 1, "{numbers}");
            let mut next = 0;
            for bin in &row.bins {
                assert_eq!((bin.first, bin.count), (next, bin.last - bin.first + 1));
                next = bin.last + 1;
            }
            assert_eq!(next, numbers as u64);
        }
    }

    // Guards bins that begin anywhere, and the last one.
    #[test]
    fn distributions_are_wholly_shown() {
        for (min, max) in [(0, 0), (5, 5), (0, 19), (1, 20), (7, 47), (181, 334), (0, 65535)] {
            let numbers: Distribution = (min..=max).collect();
            let chart = empty().with_distribution(&numbers);
            assert_eq!(chart.total, numbers.count());
            assert!(chart.bins.len() as u64 <= MAX_BARS, "{min} {max}");
            let (first, last) = (&chart.bins[0], &chart.bins[chart.bins.len() - 1]);
            assert!(first.first <= u64::from(min) && u64::from(min) <= first.last);
            assert!(last.first <= u64::from(max) && u64::from(max) <= last.last);
        }
        assert_eq!(empty().with_distribution(&Distribution::default()).bins.len(), 0);
    }

    // Guards the width of lines, and bars against each other.
    #[test]
    fn charts_fit_their_canvas() {
        let counts = [0, 1, 1000, 1_000_000_000_000, 77];
        let chart = empty().with_row(0, &counts, Some("open"));
        for (columns, is_unicode) in [(60, false), (60, true), (119, true)] {
            let text = chart.text(Canvas { columns, is_unicode });
            let widths: Vec<usize> = text.lines().map(|line| line.chars().count()).collect();
            assert_eq!(widths.iter().max(), Some(&columns), "{text}");
            assert_eq!(text.is_ascii(), !is_unicode);
        }
        let text = empty().text(Canvas { columns: 60, is_unicode: false });
        assert_eq!(text, "Title\n  A note.\n  (nothing to show)\n");
    }
}
