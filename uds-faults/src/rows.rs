//! The campaigns, a module a row or a few that belong together.

mod astray;
mod bad_blocks;
mod bit_flips;
mod failures;
mod lives;
mod mismatch;
mod names;
mod power_cuts;
mod torn_pages;
mod truncation;

use crate::campaign::Campaign;

/// All campaigns, in the order of their rows.
pub const CAMPAIGNS: [Campaign; 17] = [
    power_cuts::CAMPAIGN,
    torn_pages::TORN,
    torn_pages::LOST,
    bit_flips::HEADERS,
    bit_flips::INDEX_PAGES,
    bit_flips::RECORDS,
    bit_flips::VOLUME_INDEX,
    bit_flips::FREE,
    truncation::CAMPAIGN,
    failures::FULL,
    failures::ERRORS,
    mismatch::CAMPAIGN,
    names::OVERFLOWS,
    names::ADVERSARIAL,
    lives::CLOCK,
    astray::CAMPAIGN,
    lives::PROGRAMS,
];
