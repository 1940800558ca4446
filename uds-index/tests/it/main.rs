//! The index through its public API.

mod common;
mod damage;
mod disks;
mod faults;
mod layout;
mod limits;
mod model;
mod power_cuts;
mod saves;
mod smoke;
mod statistics;
mod threads;
