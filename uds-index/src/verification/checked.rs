//! How much a verification has looked at.

/// What was looked at, whether or not something was wrong with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Checked {
    /// Chapters of which at least an index page could be read.
    pub chapters: u64,
    /// Index pages that are what they should be.
    pub index_pages: u64,
    /// Delta lists of these pages.
    pub index_lists: u64,
    /// Entries of these lists.
    pub index_entries: u64,
    /// Record pages that could be read.
    pub record_pages: u64,
    /// Records on these pages.
    pub records: u64,
    /// Those of them that repeat a record of the same chapter: they fill the places of deleted
    /// ones, and of those that a zone did not have.
    pub copies: u64,
    /// Those of them that cannot be found because there was no room for them in the index of their
    /// chapter. No damage: the format has it so.
    pub records_without_room: u64,
    /// Those of them that were not looked up because the index page for them is damaged.
    pub records_not_looked_up: u64,
    /// Records in the saved open chapter.
    pub open_chapter_records: u64,
    /// Delta lists of the saved volume index, empty ones too.
    pub volume_index_lists: u64,
    /// Entries of these lists.
    pub volume_index_entries: u64,
    /// Those of them that are of chapters that the index has forgotten, and go when their list is
    /// used next.
    pub volume_index_expired: u64,
    /// Entries of the saved index page map that were compared with index pages.
    pub page_map_entries: u64,
    /// Bytes that were read.
    pub bytes_read: u64,
    /// What a deep verification has compared.
    pub deep: Option<DeepChecked>,
}

/// What was compared between the volume index and the chapters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeepChecked {
    /// Entries of the volume index that lead to a record.
    pub entries_matched: u64,
    /// Entries for records that their chapter does not have.
    pub entries_dangling: u64,
    /// Entries that lead to no record of a chapter that is damaged, or cannot be read wholly.
    pub entries_not_checked: u64,
    /// Records that no entry of the volume index leads to: newer ones with the same names have
    /// taken their places, or they were deleted, or are copies, or there was no room for them.
    pub records_superseded: u64,
    /// Records of sparse chapters that are no samples: the volume index does not know them.
    pub records_not_sampled: u64,
}

impl Checked {
    /// Adds what another thread has looked at.
    pub(super) fn add(&mut self, other: &Self) {
        self.chapters += other.chapters;
        self.index_pages += other.index_pages;
        self.index_lists += other.index_lists;
        self.index_entries += other.index_entries;
        self.record_pages += other.record_pages;
        self.records += other.records;
        self.copies += other.copies;
        self.records_without_room += other.records_without_room;
        self.records_not_looked_up += other.records_not_looked_up;
        self.open_chapter_records += other.open_chapter_records;
        self.volume_index_lists += other.volume_index_lists;
        self.volume_index_entries += other.volume_index_entries;
        self.volume_index_expired += other.volume_index_expired;
        self.page_map_entries += other.page_map_entries;
        self.bytes_read += other.bytes_read;
    }
}
