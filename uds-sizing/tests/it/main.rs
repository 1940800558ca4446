//! The model against real indexes, and against itself.

mod agreement;
mod model;
mod real;
mod saved;
