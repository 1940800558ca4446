//! What is asked of an index, and what it answers.

use uds_geometry::{RecordData, RecordName};

use crate::IndexError;
use crate::sync::Arc;

/// The kinds of requests (specification, section 11.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// Look the name up; store it with new data if it is absent. A record that is found keeps its
    /// data and moves to the open chapter, so that it is forgotten last.
    Post,
    /// Store the name with new data, whether it is there or not.
    Update,
    /// Look the name up. A record that is found moves to the open chapter.
    Query,
    /// Look the name up and change nothing.
    QueryNoUpdate,
    /// Forget the name.
    Delete,
}

impl Operation {
    /// Whether the operation's purpose is to change the index.
    pub(crate) fn is_change(self) -> bool {
        matches!(self, Self::Post | Self::Update | Self::Delete)
    }
}

/// Where in the index a record was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Location {
    /// In the open chapter, in memory.
    Open,
    /// In a closed chapter that the volume index knows wholly.
    Dense,
    /// In a closed chapter that the volume index knows by samples.
    Sparse,
}

/// The answer to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Answer {
    /// The name was in the index before the request.
    Found {
        /// Its data before the request.
        data: RecordData,
        /// Where it was.
        location: Location,
    },
    /// The name was not in the index before the request.
    Absent,
}

impl Answer {
    /// Whether the name was in the index.
    #[must_use]
    pub const fn is_found(&self) -> bool {
        matches!(self, Self::Found { .. })
    }

    /// The data that the name had in the index, if it was there.
    #[must_use]
    pub const fn data(&self) -> Option<RecordData> {
        match self {
            Self::Found { data, .. } => Some(*data),
            Self::Absent => None,
        }
    }
}

/// One request, and its answer once it has been carried out.
#[derive(Debug)]
pub struct Request {
    pub(crate) operation: Operation,
    pub(crate) name: RecordName,
    pub(crate) data: RecordData,
    pub(crate) answer: Option<Result<Answer, Arc<IndexError>>>,
}

impl Request {
    /// What is asked.
    #[must_use]
    pub const fn operation(&self) -> Operation {
        self.operation
    }

    /// The name it is asked of.
    #[must_use]
    pub const fn name(&self) -> &RecordName {
        &self.name
    }

    /// The new data, of a post or an update; zeroes otherwise.
    #[must_use]
    pub const fn data(&self) -> &RecordData {
        &self.data
    }

    /// The answer, or why there is none; `None` before the request was carried out.
    #[must_use]
    pub const fn answer(&self) -> Option<&Result<Answer, Arc<IndexError>>> {
        self.answer.as_ref()
    }
}

/// A number of requests that travel together.
///
/// Requests for one name are carried out in order, as if each were completed before the next.
/// Requests for different names may pass each other, as while one waits for a page; no answer
/// depends on that. A few hundred to a few thousand a batch are best.
///
/// ```
/// use uds_geometry::{RecordData, RecordName};
/// use uds_index::Batch;
///
/// let mut batch = Batch::new();
/// batch.post(RecordName::of_block(b"a block"), RecordData::new([1; 16]));
/// batch.query(RecordName::of_block(b"another"));
/// assert_eq!(batch.len(), 2);
/// ```
#[derive(Debug, Default)]
pub struct Batch {
    requests: Vec<Request>,
}

impl Batch {
    /// An empty batch.
    #[must_use]
    pub const fn new() -> Self {
        Self { requests: Vec::new() }
    }

    /// An empty batch with room for so many requests.
    #[must_use]
    pub fn with_capacity(count: usize) -> Self {
        Self { requests: Vec::with_capacity(count) }
    }

    /// Adds a request. Operations that take no data ignore `data`.
    pub fn push(&mut self, operation: Operation, name: RecordName, data: RecordData) {
        self.requests.push(Request { operation, name, data, answer: None });
    }

    /// Adds a [`Post`](Operation::Post).
    pub fn post(&mut self, name: RecordName, data: RecordData) {
        self.push(Operation::Post, name, data);
    }

    /// Adds an [`Update`](Operation::Update).
    pub fn update(&mut self, name: RecordName, data: RecordData) {
        self.push(Operation::Update, name, data);
    }

    /// Adds a [`Query`](Operation::Query).
    pub fn query(&mut self, name: RecordName) {
        self.push(Operation::Query, name, RecordData::default());
    }

    /// Adds a [`QueryNoUpdate`](Operation::QueryNoUpdate).
    pub fn query_no_update(&mut self, name: RecordName) {
        self.push(Operation::QueryNoUpdate, name, RecordData::default());
    }

    /// Adds a [`Delete`](Operation::Delete).
    pub fn delete(&mut self, name: RecordName) {
        self.push(Operation::Delete, name, RecordData::default());
    }

    /// The requests, in the order in which they were added.
    #[must_use]
    pub fn requests(&self) -> &[Request] {
        &self.requests
    }

    /// The answers, in the order of the requests; `None` for those not carried out.
    pub fn answers(
        &self,
    ) -> impl ExactSizeIterator<Item = Option<&Result<Answer, Arc<IndexError>>>> {
        self.requests.iter().map(Request::answer)
    }

    /// How many requests there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.requests.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }

    /// Removes all requests, and keeps their memory for new ones.
    pub fn clear(&mut self) {
        self.requests.clear();
    }

    /// What is wrong, if any request has failed.
    pub(crate) fn first_failure(&self) -> Option<IndexError> {
        let mut failures = self.requests.iter().enumerate().filter_map(|(position, request)| {
            request.answer.as_ref()?.as_ref().err().map(|error| (position, error))
        });
        let (first, source) = failures.next()?;
        let failed = 1 + failures.count();
        Some(IndexError::RequestsFailed { failed, first, source: Arc::clone(source) })
    }

    /// Whether the first request has its answer.
    pub(crate) fn is_answered(&self) -> bool {
        self.requests.first().is_some_and(|request| request.answer.is_some())
    }

    /// The answer of a batch of one request.
    pub(crate) fn into_only_answer(mut self) -> Result<Answer, IndexError> {
        match self.requests.pop().and_then(|request| request.answer) {
            Some(Ok(answer)) => Ok(answer),
            Some(Err(error)) => Err(Arc::try_unwrap(error).unwrap_or_else(|source| {
                IndexError::RequestsFailed { failed: 1, first: 0, source }
            })),
            None => Err(IndexError::Panicked),
        }
    }

    /// Takes all requests out. Their memory stays for [`refill`](Self::refill).
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = Request> {
        self.requests.drain(..)
    }

    /// Puts requests in that were taken out with [`drain`](Self::drain).
    pub(crate) fn refill(&mut self, requests: impl Iterator<Item = Request>) {
        self.requests.extend(requests);
    }

    /// Takes all requests out, with their memory.
    pub(crate) fn take_requests(&mut self) -> Vec<Request> {
        std::mem::take(&mut self.requests)
    }

    /// Puts back what was taken out with [`take_requests`](Self::take_requests).
    pub(crate) fn restore(&mut self, requests: Vec<Request>) {
        self.requests = requests;
    }
}
