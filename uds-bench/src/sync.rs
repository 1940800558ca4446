//! The only module that names `std::sync`.

pub(crate) use std::sync::{Arc, Barrier, Mutex, PoisonError};
