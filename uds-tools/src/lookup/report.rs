//! What `uds lookup` says of one name.

use std::path::Path;

use serde::Serialize;
use uds_geometry::VirtualChapter;
use uds_index::{Answer, Explanation, IndexError, Location, NameCopy, Standing};

use super::names::Asked;
use super::steps::Steps;
use crate::units;

/// One name: an element of the JSON object.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) name: String,
    /// The file whose block has the name.
    pub(super) file: Option<String>,
    /// The number of that block in its file.
    pub(super) block: Option<u64>,
    /// `found`, `absent` or `failed`.
    pub(super) status: &'static str,
    /// `open`, `dense` or `sparse`.
    pub(super) location: Option<&'static str>,
    pub(super) data: Option<String>,
    pub(super) error: Option<String>,
    pub(super) explanation: Option<Steps>,
    pub(super) copies: Option<Vec<CopyReport>>,
}

/// A copy of a name on the volume.
#[derive(Debug, Serialize)]
pub(super) struct CopyReport {
    pub(super) chapter: Option<u64>,
    pub(super) slot: u32,
    pub(super) record_page: u32,
    pub(super) offset: u64,
    pub(super) node: u32,
    pub(super) data: String,
    pub(super) is_indexed: bool,
    /// `current`, `superseded`, `forgotten`, `needs_company` or `unreachable`.
    pub(super) standing: &'static str,
}

impl Report {
    /// What is said of a name with this answer.
    pub(super) fn new(asked: &Asked, answer: Result<Answer, &IndexError>) -> Self {
        let (status, location, data, error) = match answer {
            Ok(Answer::Found { data, location }) => {
                let location = match location {
                    Location::Open => "open",
                    Location::Dense => "dense",
                    Location::Sparse => "sparse",
                };
                ("found", Some(location), Some(data.to_string()), None)
            }
            Ok(Answer::Absent) => ("absent", None, None, None),
            Err(error) => ("failed", None, None, Some(units::chain(error))),
        };
        let block = asked.block.as_ref();
        Self {
            name: asked.name.to_string(),
            file: block.map(|(path, _)| Path::display(path).to_string()),
            block: block.map(|(_, number)| *number),
            status,
            location,
            data,
            error,
            explanation: None,
            copies: None,
        }
    }

    /// What is said of a name whose look-up was explained.
    pub(super) fn explained(asked: &Asked, explanation: &Explanation, with_steps: bool) -> Self {
        let mut report = Self::new(asked, explanation.answer());
        report.explanation = with_steps.then(|| Steps::new(explanation));
        report
    }

    /// Adds the copies of the name.
    pub(super) fn add_copies<'a>(
        &mut self,
        copies: impl Iterator<Item = &'a NameCopy>,
        explanation: &Explanation,
    ) {
        self.copies = Some(copies.map(|copy| CopyReport::new(copy, explanation)).collect());
    }
}

impl CopyReport {
    fn new(copy: &NameCopy, explanation: &Explanation) -> Self {
        let standing = match copy.standing(explanation) {
            Standing::Current => "current",
            Standing::Superseded => "superseded",
            Standing::Forgotten => "forgotten",
            Standing::NeedsCompany => "needs_company",
            Standing::Unreachable => "unreachable",
            Standing::Unknown => "unknown",
        };
        Self {
            chapter: copy.chapter.map(VirtualChapter::get),
            slot: copy.place.slot.get(),
            record_page: copy.page.get(),
            offset: copy.place.offset,
            node: copy.node,
            data: copy.data.to_string(),
            is_indexed: copy.is_indexed,
            standing,
        }
    }
}
