//! The line that a micro-benchmark prints: `bench: NAME MEDIAN SPREAD HASH`.
//!
//! Times are nanoseconds an operation, or `-` where nothing was measured. The crate
//! `uds-bench-support` writes it; other commits' benchmarks are read by the same rules, so that
//! the line may grow at its end and must not change otherwise.

use anyhow::{Context, Result};

/// What a micro-benchmark said.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) time: Option<Time>,
    pub(crate) hash: u64,
}

/// Nanoseconds an operation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Time {
    pub(crate) median: f64,
    /// The scaled median absolute deviation of the samples.
    pub(crate) spread: f64,
}

/// The lines among all that a program printed.
pub(crate) fn parse_all(output: &str) -> Result<Vec<Line>> {
    let lines = output.lines().filter_map(|line| Some((line, line.strip_prefix("bench: ")?)));
    lines
        .map(|(line, rest)| parse(rest).with_context(|| format!("`{line}` cannot be read")))
        .collect()
}

fn parse(text: &str) -> Option<Line> {
    let mut words = text.split(' ');
    let name = words.next()?.to_owned();
    let (median, spread) = (words.next()?, words.next()?);
    let hash = u64::from_str_radix(words.next()?, 16).ok()?;
    let time = match (median, spread) {
        ("-", "-") => None,
        _ => Some(Time { median: number(median)?, spread: number(spread)? }),
    };
    Some(Line { name, time, hash })
}

/// A time: neither negative nor infinite.
fn number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite() && *number >= 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    // Guards against figures of one benchmark that are taken for another's, and against chatter
    // that is taken for figures.
    #[test]
    fn lines_are_found_among_others() {
        let output = "\
a.sort.10               time:   [1.30 us 1.31 us 1.32 us]
bench: a.sort.10 130.20 0.11 00000000000000ab
bench: a.find - - ffffffffffffffff later fields
";
        let wanted = [
            Line {
                name: "a.sort.10".into(),
                time: Some(Time { median: 130.2, spread: 0.11 }),
                hash: 0xab,
            },
            Line { name: "a.find".into(), time: None, hash: u64::MAX },
        ];
        assert_eq!(parse_all(output).unwrap(), wanted);
    }

    // Guards against a broken line that counts as no benchmark, or as a time of nothing.
    #[test]
    fn broken_lines_are_errors() {
        for rest in ["a", "a 1.0 2.0", "a 1.0 - ab", "a x 2.0 ab", "a NaN 0 ab", "a -1 0 ab"] {
            let error = parse_all(&format!("bench: {rest}\n")).unwrap_err();
            assert_eq!(error.to_string(), format!("`bench: {rest}` cannot be read"));
        }
    }
}
