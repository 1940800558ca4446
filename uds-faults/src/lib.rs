//! Fault campaigns: what an index does when its disk, its clock or its files misbehave.
//!
//! A [campaign](campaign::Campaign) is a row of the table in `docs/faults.md`: thousands of cases
//! of one class of faults, each on a small index of its own on a simulated disk, each decided by
//! its number. `cargo xtask faults` runs them.
//!
//! | module | what |
//! |---|---|
//! | [`world`] | small indexes: shapes, names, data that say what they are |
//! | [`script`], [`scripts`] | what is done with an index, step by step |
//! | [`recorder`], [`trace`] | what a script has written, cut where power can be cut |
//! | [`oracle`] | what was stored, when, where: which answers are right |
//! | [`judge`] | opens what a fault left, and says whether it is what must be there |
//! | [`image`] | indexes to damage, and the check of what damage did |
//! | [`patterns`] | names that crowd |
//! | [`campaign`] | many cases, on all cores |
//! | [`rows`] | the campaigns |
#![forbid(unsafe_code)]

pub mod campaign;
pub mod image;
pub mod judge;
pub mod oracle;
pub mod patterns;
pub mod recorder;
pub mod report;
pub mod rows;
pub mod script;
pub mod scripts;
pub mod trace;
pub mod world;
