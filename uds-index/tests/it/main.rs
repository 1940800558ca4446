//! The index through its public API.

mod common;
mod disks;
mod layout;
mod model;
mod power_cuts;
mod saves;
mod smoke;
