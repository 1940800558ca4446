//! The index through its public API.

mod common;
mod damage;
mod disks;
mod faults;
mod layout;
mod model;
mod power_cuts;
mod saves;
mod smoke;
mod threads;
