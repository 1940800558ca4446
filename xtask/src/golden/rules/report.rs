//! Which rules were judged, and which are broken where.

use std::collections::BTreeSet;
use std::fmt::{self, Debug, Display, Formatter};

use super::rule::Rule;

/// Violations that are told; the others are counted.
const TOLD: usize = 5;

/// The judgement of an image.
#[derive(Debug, Default)]
pub(crate) struct Report {
    judged: BTreeSet<Rule>,
    broken: BTreeSet<Rule>,
    told: Vec<String>,
    violations: usize,
}

impl Report {
    /// Judges a rule; `found` says what was found where, if it is broken.
    pub(super) fn ask(&mut self, rule: Rule, holds: bool, found: impl FnOnce() -> String) {
        self.judged.insert(rule);
        if holds {
            return;
        }
        self.broken.insert(rule);
        self.violations += 1;
        if self.told.len() < TOLD {
            self.told.push(format!("{rule}: {}", found()));
        }
    }

    /// Judges a rule that wants a value.
    pub(super) fn equal<T: PartialEq + Debug>(
        &mut self,
        rule: Rule,
        place: impl Display,
        found: &T,
        wanted: &T,
    ) {
        self.ask(rule, found == wanted, || format!("{place}: {found:?}, not {wanted:?}"));
    }

    /// Judges a rule that wants zeroes.
    pub(super) fn zero(&mut self, rule: Rule, place: impl Display, bytes: &[u8]) {
        let first = bytes.iter().position(|&byte| byte != 0);
        self.ask(rule, first.is_none(), || {
            format!("{place}: byte {} of them is not zero", first.unwrap_or(0))
        });
    }

    /// The rules that were judged.
    pub(crate) fn judged(&self) -> &BTreeSet<Rule> {
        &self.judged
    }

    /// Those of them that are broken.
    #[cfg(test)]
    pub(crate) fn broken(&self) -> &BTreeSet<Rule> {
        &self.broken
    }

    /// Whether none is broken.
    pub(crate) fn is_kept(&self) -> bool {
        self.broken.is_empty()
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.is_kept() {
            return write!(f, "{} rules of the format kept", self.judged.len());
        }
        write!(f, "{} violations: {}", self.violations, self.told.join("; "))
    }
}
