//! The program of a case: what the reference was told to do.

use std::ops::Range;

use serde::Deserialize;
use uds_geometry::{MAX_ZONES, ZoneCount};

/// One step of a program. Requests are made for every counter of a range, in order.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) enum ProgramStep {
    /// `create:Z`: make a new index and open it with Z zones.
    Create { zones: ZoneCount },
    /// `load:Z`: open the index with Z zones.
    Load { zones: ZoneCount },
    /// `post:A:B:V`: post the names, with data of version V for those that are new.
    Post { counters: Range<u64>, version: u64 },
    /// `update:A:B:V`: give the names data of version V.
    Update { counters: Range<u64>, version: u64 },
    /// `delete:A:B`: delete the names.
    Delete { counters: Range<u64> },
    /// `query:A:B`: look the names up, which moves those found to the open chapter.
    Query { counters: Range<u64> },
    /// `flush`: wait for all requests.
    Flush,
    /// `close`: save and close.
    Close,
    /// `crash`: stop with no save, after all requests completed.
    Crash,
}

/// Why the text of a step was refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum StepError {
    #[error(
        "step {text:?}: there is no operation {operation:?}, use create, load, post, update, \
             delete, query, flush, close or crash"
    )]
    Operation { text: Box<str>, operation: Box<str> },
    #[error("step {text:?} has {found} arguments, but must have {wanted}: {form}")]
    Arguments { text: Box<str>, found: usize, wanted: usize, form: &'static str },
    #[error("step {text:?}: {argument:?} is not a number below 2^64")]
    Number { text: Box<str>, argument: Box<str> },
    #[error("step {text:?}: {found} zones, but an index has 1 to {MAX_ZONES}")]
    Zones { text: Box<str>, found: u64 },
    #[error("step {text:?}: the counters end before they start")]
    Backwards { text: Box<str> },
}

impl ProgramStep {
    fn parse(text: &str) -> Result<Self, StepError> {
        let mut parts = text.split(':');
        let operation = parts.next().unwrap_or_default();
        let arguments: Vec<&str> = parts.collect();
        Ok(match operation {
            "create" => {
                Self::Create { zones: zones(text, numbers(text, &arguments, "create:Z")?)? }
            }
            "load" => Self::Load { zones: zones(text, numbers(text, &arguments, "load:Z")?)? },
            "post" | "update" => {
                let form = if operation == "post" { "post:A:B:V" } else { "update:A:B:V" };
                let [start, end, version] = numbers(text, &arguments, form)?;
                let counters = range(text, start, end)?;
                if operation == "post" {
                    Self::Post { counters, version }
                } else {
                    Self::Update { counters, version }
                }
            }
            "delete" => {
                let [start, end] = numbers(text, &arguments, "delete:A:B")?;
                Self::Delete { counters: range(text, start, end)? }
            }
            "query" => {
                let [start, end] = numbers(text, &arguments, "query:A:B")?;
                Self::Query { counters: range(text, start, end)? }
            }
            "flush" | "close" | "crash" => {
                let [] = numbers(text, &arguments, "flush, close or crash alone")?;
                match operation {
                    "flush" => Self::Flush,
                    "close" => Self::Close,
                    _ => Self::Crash,
                }
            }
            _ => {
                return Err(StepError::Operation {
                    text: text.into(),
                    operation: operation.into(),
                });
            }
        })
    }

    /// The version of data that this step may give to a counter's name.
    pub(crate) fn writes(&self, counter: u64) -> Option<u64> {
        match self {
            Self::Post { counters, version } | Self::Update { counters, version } => {
                counters.contains(&counter).then_some(*version)
            }
            _ => None,
        }
    }
}

impl TryFrom<String> for ProgramStep {
    type Error = StepError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

fn numbers<const N: usize>(
    text: &str,
    arguments: &[&str],
    form: &'static str,
) -> Result<[u64; N], StepError> {
    if arguments.len() != N {
        let found = arguments.len();
        return Err(StepError::Arguments { text: text.into(), found, wanted: N, form });
    }
    let mut numbers = [0; N];
    for (number, &argument) in numbers.iter_mut().zip(arguments) {
        let refused = |_| StepError::Number { text: text.into(), argument: argument.into() };
        *number = argument.parse().map_err(refused)?;
    }
    Ok(numbers)
}

fn zones(text: &str, [count]: [u64; 1]) -> Result<ZoneCount, StepError> {
    let zones = u8::try_from(count).ok().and_then(ZoneCount::new);
    zones.ok_or(StepError::Zones { text: text.into(), found: count })
}

fn range(text: &str, start: u64, end: u64) -> Result<Range<u64>, StepError> {
    if start > end { Err(StepError::Backwards { text: text.into() }) } else { Ok(start..end) }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Guards each form of a step.
    #[test]
    fn steps_are_parsed() {
        let zones = ZoneCount::new(3).unwrap();
        let steps = [
            ("create:3", ProgramStep::Create { zones }),
            ("load:3", ProgramStep::Load { zones }),
            ("post:1:5:7", ProgramStep::Post { counters: 1..5, version: 7 }),
            ("update:1:1:0", ProgramStep::Update { counters: 1..1, version: 0 }),
            ("delete:2:3", ProgramStep::Delete { counters: 2..3 }),
            ("query:0:9", ProgramStep::Query { counters: 0..9 }),
            ("flush", ProgramStep::Flush),
            ("close", ProgramStep::Close),
            ("crash", ProgramStep::Crash),
        ];
        for (text, wanted) in steps {
            assert_eq!(ProgramStep::parse(text), Ok(wanted), "{text}");
        }
    }

    // Guards whoever writes a case: the error names the step and what it must be.
    #[test]
    fn broken_steps_are_explained() {
        let broken = [
            ("merge:1", "there is no operation \"merge\""),
            ("", "there is no operation \"\""),
            ("post:1:5", "has 2 arguments, but must have 3: post:A:B:V"),
            ("close:1", "has 1 arguments, but must have 0"),
            ("query:0:x", "\"x\" is not a number"),
            ("query:0:18446744073709551616", "is not a number below 2^64"),
            ("query:-1:1", "\"-1\" is not a number"),
            ("create:0", "0 zones, but an index has 1 to 16"),
            ("load:256", "256 zones"),
            ("delete:5:4", "end before they start"),
        ];
        for (text, wanted) in broken {
            let error = ProgramStep::parse(text).unwrap_err().to_string();
            assert!(error.contains(wanted) && error.contains(&format!("{text:?}")), "{error}");
        }
    }

    // Guards the ends of a range, and steps that write nothing.
    #[test]
    fn what_a_step_writes() {
        let post = ProgramStep::parse("post:5:7:3").unwrap();
        assert_eq!(
            [4, 5, 6, 7].map(|counter| post.writes(counter)),
            [None, Some(3), Some(3), None]
        );
        assert_eq!(ProgramStep::parse("query:5:7").unwrap().writes(5), None);
    }
}
