//! The crate as its users see it: whole zones and whole chapters, through the public interface.

mod chapter;
mod memory;
mod volume_index;
