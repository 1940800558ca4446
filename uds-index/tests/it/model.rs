//! Random programs, compared with a model: a hash map that forgets by chapters (row F21).

mod biased;
mod programs;
mod reference;
