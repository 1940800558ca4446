//! The border between the workload and what is measured.

use uds_geometry::Record;

/// What is asked for each record of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// Look the name up, and store the record if it is absent. In a key-value store: get, then put
    /// if there is nothing.
    Post,
    /// Look the name up, and change nothing.
    Query,
}

/// What a store holds: numbers of records, counted in the order of their posting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The first record that a query is sure to find.
    pub oldest: u64,
    /// The one after the last.
    pub end: u64,
    /// How many of the last count as recent: in an index, the last four chapters.
    pub recent: u64,
}

impl Window {
    /// How many records there are in it.
    #[must_use]
    pub const fn len(&self) -> u64 {
        self.end.saturating_sub(self.oldest)
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The record in its middle.
    #[must_use]
    pub const fn middle(&self) -> u64 {
        self.oldest + self.len() / 2
    }
}

/// A store under measurement: it keeps 16 bytes of data for 16-byte names, and forgets the oldest
/// when it is full, or has no such limit.
pub trait Subject: Send + Sync + Sized {
    /// Requests ready to be run, with room for their answers. Made once, used again.
    type Batch: Send;
    /// Why something could not be done.
    type Error: std::error::Error + Send + Sync + 'static;

    /// An empty batch.
    fn batch(&self) -> Self::Batch;

    /// Replaces what a batch has by one request for each record. Not measured.
    fn fill(&self, batch: &mut Self::Batch, operation: Operation, records: &[Record]);

    /// Carries out a batch and waits for its answers. Measured. Several threads may call it at
    /// once.
    ///
    /// # Errors
    ///
    /// Where a request could not be carried out.
    fn run(&self, batch: &mut Self::Batch) -> Result<(), Self::Error>;

    /// How many names of a batch that was run, and was filled with these records, were found. Not
    /// measured.
    ///
    /// # Errors
    ///
    /// Where a request has no answer, or wrong data as far as that can be known.
    fn found(&self, batch: &Self::Batch, records: &[Record]) -> Result<u64, Self::Error>;

    /// What it holds. Called after new records were posted in the order of their numbers from 0
    /// on, and nothing else was.
    ///
    /// A store that knows the ages of its records by chapters leaves out the oldest chapter if it
    /// is not whole, and the newest that is not closed.
    fn window(&self) -> Window;

    /// Makes everything durable and closes it.
    ///
    /// # Errors
    ///
    /// Where that cannot be done.
    fn close(self) -> Result<(), Self::Error>;
}

/// How a store was left that is to be opened again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// By [`Subject::close`].
    Closed,
    /// By [`Maker::abandon`].
    Abandoned,
}

/// Makes and opens the one store that is measured.
pub trait Maker {
    /// Why something could not be done.
    type Error: std::error::Error + Send + Sync + 'static;
    /// What is made.
    type Subject: Subject<Error = Self::Error>;

    /// Makes an empty store. Called once.
    ///
    /// # Errors
    ///
    /// Where that cannot be done.
    fn create(&self) -> Result<Self::Subject, Self::Error>;

    /// Opens the store, so that it can be used. Measured.
    ///
    /// # Errors
    ///
    /// Where that cannot be done, or the store was not left as `ending` says.
    fn open(&self, ending: Ending) -> Result<Self::Subject, Self::Error>;

    /// Ends a store as a kill would: nothing is saved.
    ///
    /// # Errors
    ///
    /// Where that cannot be done.
    fn abandon(&self, subject: Self::Subject) -> Result<(), Self::Error>;

    /// What the store takes on storage, in bytes.
    fn bytes_on_storage(&self) -> u64;
}
