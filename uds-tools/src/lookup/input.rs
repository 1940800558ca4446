//! Reading what may not come for hours: a pipe, or a person at a terminal.
//!
//! Invariant: the user's wish to stop ends it within a moment, as if nothing more came.

use std::fs::File;
use std::io::{self, Read};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use crate::stop::Stop;

/// How often the wish is looked for.
const TICK: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };

/// A file that is read until its end, or until the user wants to stop.
#[derive(Debug)]
pub(super) struct Input {
    file: File,
    stop: Stop,
}

impl Input {
    pub(super) fn new(file: File, stop: &Stop) -> Self {
        Self { file, stop: stop.clone() }
    }
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !self.stop.is_wished() {
            match poll(&mut [PollFd::new(&self.file, PollFlags::IN)], Some(&TICK)) {
                Ok(0) | Err(Errno::INTR) => {}
                Ok(_) => return self.file.read(buffer),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(0)
    }
}
