//! The arguments of `uds dump`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::IndexArgs;

pub(super) const HELP: &str = "\
Prints what is in an index, as it lies there; works on one that
was not closed cleanly, or is damaged, too. The exit code is 1
where what was printed is damaged.

Examples:
  uds dump /var/tmp/my.uds chapters
  uds dump /var/tmp/my.uds chapter 12 --format csv
  uds dump /var/tmp/my.uds chapter open
  uds dump /var/tmp/my.uds index-page 12 0
  uds dump /var/tmp/my.uds page-map --format jsonl
  uds dump /var/tmp/my.uds saves";

#[derive(Args, Debug)]
#[command(subcommand_value_name = "WHAT", subcommand_help_heading = "What")]
pub(crate) struct DumpArgs {
    /// The file or block device that holds the index
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(subcommand)]
    pub(crate) what: What,
    /// Where in the file the index starts, in blocks of 4 KiB
    /// [default: the first block that looks like it]
    #[arg(long, value_name = "BLOCKS", global = true)]
    offset: Option<u64>,
    /// How to print the rows
    #[arg(long, value_name = "FORMAT", default_value = "text", global = true)]
    pub(crate) format: DumpFormat,
    /// No progress bar, even on a terminal
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
}

impl DumpArgs {
    /// The index that is meant.
    pub(crate) fn index(&self) -> IndexArgs {
        IndexArgs { file: self.file.clone(), offset: self.offset }
    }
}

/// What is printed.
#[derive(Debug, Subcommand)]
pub(crate) enum What {
    /// What each slot of the volume holds: a row a slot
    Chapters,
    /// The records of a chapter, page by page, in the order of their names
    Chapter {
        /// The number of the chapter, or `open` for the one in the latest save
        #[arg(value_name = "NUMBER", required_unless_present = "slot", conflicts_with = "slot")]
        chapter: Option<Chapter>,
        /// Whatever is in this slot of the volume instead
        #[arg(long, value_name = "SLOT")]
        slot: Option<u32>,
    },
    /// An index page: its lists and their entries
    #[command(override_usage = "uds dump <FILE> index-page <CHAPTER> <PAGE>\n       \
                                uds dump <FILE> index-page --slot <SLOT> <PAGE>")]
    IndexPage {
        /// The number of the chapter, and that of the page in it, from 0
        #[arg(value_names = ["CHAPTER", "PAGE"], num_args = 1..=2, required = true)]
        numbers: Vec<u64>,
        /// The page of whatever is in this slot of the volume instead
        #[arg(long, value_name = "SLOT")]
        slot: Option<u32>,
    },
    /// The index page map of the latest save, beside the index pages
    PageMap,
    /// Both save slots, and which one the index would be opened with
    Saves,
}

/// A chapter, as a command line gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Chapter {
    Closed(u64),
    Open,
}

impl std::str::FromStr for Chapter {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "open" {
            return Ok(Self::Open);
        }
        let wanted = |_| "give the number of a chapter, or `open`".to_owned();
        text.parse().map(Self::Closed).map_err(wanted)
    }
}

/// The form of the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DumpFormat {
    /// Aligned text for people
    Text,
    /// JSON lines: an object a row, after a first one that says what they are
    Jsonl,
    /// Comma-separated values: the names of the columns, then a line a row
    Csv,
}
