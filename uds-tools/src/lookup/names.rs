//! The names that are asked for: from the command line, from standard input, or of the blocks of
//! files.
//!
//! # Invariants
//!
//! 1. Names come in the order of the command line, those of blocks last.
//! 2. Memory is that of a line or a block, however many names there are.
//! 3. Where the user wants to stop, no more names come.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use uds_geometry::{NAME_BYTES, RecordName};

use super::input::Input;
use crate::cli::LookupArgs;
use crate::estimate::{BLOCK_BYTES, Naming, is_zero};
use crate::exit::{Exit, Failure, complain};
use crate::stop::Stop;
use crate::units;

/// A line of standard input that is longer holds no name.
const MAX_LINE: u64 = 256;

/// A name that is asked for.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) name: RecordName,
    /// The file and the number of the block whose name it is.
    pub(super) block: Option<(Rc<Path>, u64)>,
}

/// Where names come from.
#[derive(Debug)]
pub(super) enum Source {
    Name(RecordName),
    Input,
    Blocks(PathBuf),
}

/// The sources that the command line names.
///
/// # Errors
///
/// A name that is none.
pub(super) fn sources(arguments: &LookupArgs) -> Result<Vec<Source>, Failure> {
    let source = |text: &String| match text.as_str() {
        "-" => Ok(Source::Input),
        text => Ok(Source::Name(parse(text).map_err(Failure::usage)?)),
    };
    let names = arguments.names.iter().map(source);
    names.chain(arguments.block.iter().map(|path| Ok(Source::Blocks(path.clone())))).collect()
}

/// Reads a name; what is wrong with it, where it is none.
pub(super) fn parse(text: &str) -> Result<RecordName, String> {
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text);
    let digits: Vec<u8> = digits.bytes().filter(|byte| !matches!(byte, b'-' | b':')).collect();
    let wanted = 2 * NAME_BYTES;
    let wrong = |what: String| {
        Err(format!("{text:?} is not a name: {what}. A name is {wanted} hexadecimal digits"))
    };
    if let Some(other) = text.chars().find(|c| !c.is_ascii_hexdigit() && !"-:xX".contains(*c)) {
        return wrong(format!("it has {other:?} in it"));
    }
    if digits.len() != wanted {
        return wrong(format!("it has {}", units::counted(digits.len() as u64, "digit")));
    }
    let mut name = [0; NAME_BYTES];
    for (byte, pair) in name.iter_mut().zip(digits.chunks(2)) {
        let digit = |at: usize| char::from(pair[at]).to_digit(16);
        match (digit(0), digit(1)) {
            (Some(high), Some(low)) => *byte = (16 * high + low) as u8,
            _ => return wrong("it has an x within".into()),
        }
    }
    Ok(RecordName::new(name))
}

/// All names, one after the other. It ends after the first failure.
pub(super) struct Names {
    sources: std::vec::IntoIter<Source>,
    naming: Naming,
    stop: Stop,
    reading: Reading,
}

/// The source at hand.
enum Reading {
    Nothing,
    Input {
        lines: BufReader<Input>,
        line: u64,
    },
    Blocks(Blocks),
    /// A name could not be had.
    Over,
}

struct Blocks {
    path: Rc<Path>,
    file: BufReader<Input>,
    number: u64,
    zeroes: u64,
}

impl Names {
    /// The names of some sources, blocks being named like this.
    pub(super) fn new(sources: Vec<Source>, naming: Naming, stop: &Stop) -> Self {
        let (sources, stop) = (sources.into_iter(), stop.clone());
        Self { sources, naming, stop, reading: Reading::Nothing }
    }

    /// The next name of the source at hand.
    fn next_here(&mut self) -> Result<Option<Asked>, Failure> {
        match &mut self.reading {
            Reading::Nothing | Reading::Over => Ok(None),
            Reading::Input { lines, line } => next_line(lines, line),
            Reading::Blocks(blocks) => blocks.next(self.naming),
        }
    }

    /// Goes on to a source.
    fn begin(&mut self, source: Source) -> Result<Option<Asked>, Failure> {
        self.reading = match source {
            Source::Name(name) => return Ok(Some(Asked { name, block: None })),
            Source::Input => {
                // Not the lock of the library: a second `-` would wait for the first to let it go.
                let input = io::stdin().as_fd().try_clone_to_owned().map_err(cannot_read_input)?;
                let lines = BufReader::new(Input::new(input.into(), &self.stop));
                Reading::Input { lines, line: 0 }
            }
            Source::Blocks(path) => {
                let cannot = |error| cannot_read(&path, error);
                let file = Input::new(File::open(&path).map_err(cannot)?, &self.stop);
                let file = BufReader::with_capacity(64 << 10, file);
                Reading::Blocks(Blocks { path: path.into(), file, number: 0, zeroes: 0 })
            }
        };
        Ok(None)
    }

    fn try_next(&mut self) -> Result<Option<Asked>, Failure> {
        loop {
            let next = self.next_here();
            // What was read to a part when the wish came is neither a name nor wrong.
            if self.stop.is_wished() {
                return Ok(None);
            }
            if let Some(asked) = next? {
                return Ok(Some(asked));
            }
            let Some(source) = self.sources.next() else { return Ok(None) };
            if let Some(asked) = self.begin(source)? {
                return Ok(Some(asked));
            }
        }
    }
}

impl Iterator for Names {
    type Item = Result<Asked, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        if matches!(self.reading, Reading::Over) {
            return None;
        }
        let next = self.try_next();
        if next.is_err() {
            self.reading = Reading::Over;
        }
        next.transpose()
    }
}

/// The name in the next line that is not empty.
fn next_line(lines: &mut BufReader<Input>, line: &mut u64) -> Result<Option<Asked>, Failure> {
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        let read = lines.by_ref().take(MAX_LINE).read_until(b'\n', &mut bytes);
        let read = read.map_err(cannot_read_input)?;
        if read == 0 {
            return Ok(None);
        }
        *line += 1;
        let text = String::from_utf8_lossy(&bytes);
        let text = text.trim();
        if !text.is_empty() {
            let wrong = |what| Failure::usage(format_args!("line {line} of the input: {what}"));
            return Ok(Some(Asked { name: parse(text).map_err(wrong)?, block: None }));
        }
    }
}

impl Blocks {
    /// The name of the next block that is not all zeroes.
    fn next(&mut self, naming: Naming) -> Result<Option<Asked>, Failure> {
        let mut block = Vec::with_capacity(BLOCK_BYTES);
        loop {
            block.clear();
            let read = self.file.by_ref().take(BLOCK_BYTES as u64).read_to_end(&mut block);
            if read.map_err(|error| cannot_read(&self.path, error))? == 0 {
                self.tell_zeroes();
                return Ok(None);
            }
            // The last block of a file is padded, as VDO pads it.
            block.resize(BLOCK_BYTES, 0);
            let number = self.number;
            self.number += 1;
            if is_zero(&block) {
                self.zeroes += 1;
                continue;
            }
            let name = naming.name(&block);
            return Ok(Some(Asked { name, block: Some((Rc::clone(&self.path), number)) }));
        }
    }

    fn tell_zeroes(&mut self) {
        if self.zeroes > 0 {
            let blocks = units::counted(self.zeroes, "block");
            complain(format_args!(
                "{:?}: {blocks} of zeroes left out: VDO does not store them",
                self.path
            ));
            self.zeroes = 0;
        }
    }
}

fn cannot_read_input(error: io::Error) -> Failure {
    let error = anyhow::Error::new(error).context("cannot read names from standard input");
    Failure::new(Exit::InputOutput, error)
}

fn cannot_read(path: &Path, error: io::Error) -> Failure {
    let error = anyhow::Error::new(error).context(format!("cannot read {path:?}"));
    Failure::new(Exit::InputOutput, error)
}

#[cfg(test)]
mod tests {
    use super::*;

    // Guards the notations that a name comes in, and against a name that is read as another one.
    #[test]
    fn names_are_read_or_refused() {
        let fox = "43796d74e3938645c389397e23fcfd54";
        let wanted = RecordName::of_block(b"The quick brown fox jumps over the lazy dog");
        for text in [
            fox,
            "43796D74E3938645C389397E23FCFD54",
            "0x43796d74e3938645c389397e23fcfd54",
            "43796d74-e3938645-c389397e-23fcfd54",
            "43:79:6d:74:e3:93:86:45:c3:89:39:7e:23:fc:fd:54",
        ] {
            assert_eq!(parse(text), Ok(wanted), "{text}");
        }
        let wrong = [
            ("", "0 digits"),
            ("43796d74e3938645c389397e23fcfd5", "31 digits"),
            ("43796d74e3938645c389397e23fcfd540", "33 digits"),
            ("43796d74e3938645c389397e23fcfd5g", "'g'"),
            ("4379 6d74e3938645c389397e23fcfd54", "' '"),
            ("x43796d74e3938645c389397e23fcfd5", "an x"),
            ("43796d74e3938645c389397e23fcf\u{e9}", "'\u{e9}'"),
        ];
        for (text, why) in wrong {
            let error = parse(text).unwrap_err();
            assert!(error.contains(why) && error.contains("32 hexadecimal"), "{error}");
        }
    }
}
