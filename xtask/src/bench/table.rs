//! Figures in columns.
//!
//! Tables with two sides take 76 columns: a name and four figures do not fit in 60.

use std::fmt;

use super::line::{Line, Time};

/// A benchmark on two sides: what each round said.
#[derive(Clone, Debug, Default)]
pub(crate) struct Compared {
    pub(crate) base: Vec<Line>,
    pub(crate) ours: Vec<Line>,
}

/// How long ours takes for one of the base's.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Ratio {
    median: f64,
    least: f64,
    most: f64,
}

/// The table of all benchmarks that both sides have, and sentences on what else there is.
pub(crate) struct Comparison<'a>(pub(crate) &'a [(String, Compared)]);

/// One measurement, for whoever waits.
pub(crate) fn measured(line: &Line) -> String {
    match line.time {
        Some(Time { median, spread }) => {
            format!("{:<38} {median:>11.2} ns +- {spread:.2}", line.name)
        }
        None => format!("{:<38} not measured", line.name),
    }
}

/// The middle of some numbers; 0 where there are none.
fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    let half = numbers.len() / 2;
    match numbers.len() {
        0 => 0.0,
        count if count % 2 == 1 => numbers[half],
        _ => (numbers[half - 1] + numbers[half]) / 2.0,
    }
}

fn medians(lines: &[Line]) -> Vec<f64> {
    lines.iter().filter_map(|line| Some(line.time?.median)).collect()
}

impl Compared {
    /// Of the rounds that both sides have. None where a time is missing or nothing.
    fn ratio(&self) -> Option<Ratio> {
        let pairs = medians(&self.base).into_iter().zip(medians(&self.ours));
        let ratios: Vec<f64> =
            pairs.filter(|(base, _)| *base > 0.0).map(|(base, ours)| ours / base).collect();
        let least = ratios.iter().copied().min_by(f64::total_cmp)?;
        let most = ratios.iter().copied().max_by(f64::total_cmp)?;
        Some(Ratio { median: median(ratios), least, most })
    }

    /// The hashes of the two sides, where they are not the same.
    fn different_hashes(&self) -> Option<(u64, u64)> {
        let (base, ours) = (self.base.first()?.hash, self.ours.first()?.hash);
        (base != ours).then_some((base, ours))
    }
}

impl fmt::Display for Comparison<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<38} {:>9} {:>9} {:>6}  spread",
            "ns an operation", "base", "ours", "ratio"
        )?;
        for (name, compared) in self.0 {
            let Some(ratio) = compared.ratio() else { continue };
            let [base, ours] = [&compared.base, &compared.ours].map(|side| median(medians(side)));
            let Ratio { median, least, most } = ratio;
            write!(f, "{name:<38} {base:>9.1} {ours:>9.1} {median:>6.2}  {least:.2}-{most:.2}")?;
            // The sentence below says more.
            writeln!(f, "{}", if compared.different_hashes().is_some() { " !" } else { "" })?;
        }
        for (name, compared) in self.0 {
            if let Some((base, ours)) = compared.different_hashes() {
                writeln!(f, "! {name}: the hash differs, they do other work:")?;
                writeln!(f, "  base {base:016x}, ours {ours:016x}")?;
            }
        }
        for (name, compared) in self.0 {
            match (compared.base.is_empty(), compared.ours.is_empty()) {
                (true, false) => writeln!(f, "{name}: only ours has it")?,
                (false, true) => writeln!(f, "{name}: only the base has it")?,
                _ => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(name: &str, hash: u64, medians: &[f64]) -> Vec<Line> {
        let time = |&median| Some(Time { median, spread: 0.0 });
        medians.iter().map(|median| Line { name: name.into(), time: time(median), hash }).collect()
    }

    fn row(name: &str, base: Vec<Line>, ours: Vec<Line>) -> (String, Compared) {
        (name.into(), Compared { base, ours })
    }

    // Guards against a ratio the wrong way round, one of times from different rounds, and one of
    // different work that nobody notices.
    #[test]
    fn sides_are_compared_round_by_round() {
        let rows = [
            row("a.b", lines("a.b", 1, &[10.0, 20.0, 40.0]), lines("a.b", 1, &[5.0, 20.0, 60.0])),
            row("a.c", lines("a.c", 1, &[8.0, 10.0]), lines("a.c", 2, &[8.0, 30.0])),
            row("a.d", Vec::new(), lines("a.d", 1, &[1.0])),
            row("a.e", lines("a.e", 1, &[1.0]), Vec::new()),
        ];
        let wanted = "\
ns an operation                             base      ours  ratio  spread
a.b                                         20.0      20.0   1.00  0.50-1.50
a.c                                          9.0      19.0   2.00  1.00-3.00 !
! a.c: the hash differs, they do other work:
  base 0000000000000001, ours 0000000000000002
a.d: only ours has it
a.e: only the base has it
";
        assert_eq!(Comparison(&rows).to_string(), wanted);
    }

    // Guards against a division by a time that was not measured.
    #[test]
    fn no_time_gives_no_ratio() {
        let line = Line { name: "a".into(), time: None, hash: 1 };
        let one = Compared { base: vec![line.clone()], ours: vec![line.clone()] };
        assert_eq!(one.ratio(), None);
        let zero = Compared { base: lines("a", 1, &[0.0]), ours: lines("a", 1, &[1.0]) };
        assert_eq!(zero.ratio(), None);
        assert_eq!(measured(&line), format!("{:<38} not measured", "a"));
    }
}
