//! The names of the rules, their sections, and what each says.

use std::fmt::{self, Display, Formatter};

macro_rules! rules {
    ($($name:ident $section:literal $text:literal)*) => {
        /// A rule of the format.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum Rule {
            $(#[doc = $text] $name,)*
        }

        impl Rule {
            /// All of them.
            #[cfg(test)]
            pub(crate) const ALL: &[Self] = &[$(Self::$name,)*];

            /// The section of the specification that has it, and its words.
            fn words(self) -> (&'static str, &'static str) {
                match self {
                    $(Self::$name => ($section, $text),)*
                }
            }
        }
    };
}

rules! {
    FileSize "10.1" "the image has all blocks of the index"
    TableMagic "10.2" "a region table begins with its magic bytes"
    TableBlocks "10.2" "a region table covers the blocks of the index or slot"
    TableType "10.2" "a region table has the type of what it is for"
    TableVersion "10.2" "a region table has version 1"
    TableCount "10.2" "a region table has as many regions as there are"
    TablePayload "10.2" "a region table has the payload length of its type"
    RegionTiling "10.1" "regions begin and end where they should, without gaps"
    RegionKind "10.1" "regions have the kinds and instances of their places"
    RegionZero "10.2" "the unused word of a region is zero"
    TableRest "10.2" "the rest of a header block is zero"
    SuperLabel "10.3" "the super block has its label"
    SuperNonce "10.5" "the nonce is that of the nonce info"
    SuperVersion "10.3" "the version of the super block is 3"
    SuperBlockSize "10.3" "blocks have 4096 bytes"
    SuperIndexes "10.3" "there is one index"
    SuperSaves "10.3" "there are two saves"
    SuperZero "10.3" "the unused word of the super block is zero"
    SuperOpenChapter "10.3" "the blocks of a saved open chapter are right"
    SuperPageMap "10.3" "the blocks of a saved page map are right"
    ConfigMagic "10.4" "the configuration begins with its magic bytes"
    ConfigVersion "10.4" "the configuration has version 06.02"
    ConfigGeometry "10.4" "record pages, chapters and sparse chapters are those asked for"
    ConfigCache "10.4" "cache chapters are those asked for"
    ConfigZero "10.4" "the unused word of the configuration is zero"
    ConfigMeanDelta "10.4" "the mean delta of the volume index is 4096"
    ConfigPageSize "10.4" "the page size is the one asked for"
    ConfigSampleRate "10.4" "the sample rate is the one asked for"
    ConfigNonce "10.4" "the client's nonce is the one asked for"
    ConfigRest "10.4" "the rest of the configuration block is zero"
    SealUntouched "10.3" "the seal block is never written"
    UnsavedPayload "10.7" "the payload of an unsaved slot is zero"
    SaveTime "10.7" "the time of a save is not 0"
    SaveOrder "10.7" "the newer save has the later time"
    SaveNonce "10.5" "the nonce of a save is that of its time and slot"
    SaveVersion "10.7" "the version of a save is 1"
    SaveZero "10.7" "the unused words of a save are zero"
    StateSignature "10.7" "the signature of a save's state is -1"
    StateVersion "10.7" "the version of a save's state is 301"
    SaveWindow "2.5" "the oldest chapter of a save follows from its newest"
    LastSave "10.7" "the last chapter of a save is the one before its newest"
    CleanState "10.7" "the latest save can be loaded if and only if the index was closed"
    Discard "10.7" "a save that no longer counts has its open chapter overwritten with zeroes"
    OpenVersion "5.5" "the saved open chapter has version 02.00"
    OpenCount "5.5" "the saved open chapter has no more records than its zones hold"
    OpenNames "5.3" "no name is twice in the saved open chapter"
    OpenRest "10.7" "the last block of the saved open chapter ends with zeroes"
    MapMagic "8" "the page map begins with its magic bytes"
    MapUpdate "8" "the page map's latest update is the newest closed chapter"
    MapOrder "8" "the lists of a chapter's row of the page map do not go back, and exist"
    MapEntries "8" "the page map says which lists the index pages have"
    MapRest "10.7" "the last block of the page map ends with zeroes"
    SparseMagic "9.9" "the volume index of a sparse index begins with its magic bytes"
    SparseRate "9.9" "the saved sample rate is that of the index"
    SubMagic "9.9" "a sub-index begins with its magic bytes"
    SubNonce "9.9" "a sub-index has the volume's nonce"
    SubWindow "9.3" "a sub-index has the window of its newest chapter"
    SubLists "9.9" "a sub-index has the lists of its zone"
    DeltaMagic "3.11" "a delta index begins with its magic bytes"
    DeltaZone "3.11" "a delta index has its zone's number, of as many zones as there are"
    DeltaLists "3.11" "a delta index has the lists of its zone"
    DeltaCounts "3.11" "records and collisions are counted right, over all zones"
    ItemTag "3.11" "a saved list has the tag of its index"
    ItemPhase "3.11" "a saved list begins in the first of its bytes"
    ItemBytes "3.11" "a saved list has the bytes that its size says"
    ItemList "3.11" "saved lists are in order, and are just those that are not empty"
    ItemJunk "3.11" "bits around a saved list are zero"
    GuardItem "3.11" "a guard item ends the stream"
    StreamRest "10.7" "the last block of a volume index ends with zeroes"
    VolumeKeys "9.1" "keys of the volume index have 20 bits"
    VolumeListEnds "3.5" "the last entry of a saved list ends where the list does"
    VolumeCollisions "3.3" "a name in a saved list belongs to that list and key"
    FlushChapters "9.2" "no list's oldest chapter is newer than the newest"
    EntryWindow "9.4" "entries are of chapters from the list's oldest to the newest"
    EntryLeads "9.4" "entries of closed chapters lead to records of these"
    OpenKnown "9.5" "the volume index knows the records of the open chapter"
    HeaderPage "7.1" "the header page of the volume is never written"
    ChapterSlot "2.4" "the chapters of the window are in their slots"
    PageNonce "3.10" "index pages have the volume's nonce"
    PageFirst "4" "index pages begin where the ones before end"
    PageLast "4" "the index pages of a chapter have all lists"
    PageOffsets "3.10" "lists are back to back, from the table's end to before the guard"
    PageGuard "3.10" "seven bytes of ones end an index page"
    PageJunk "3.10" "bits between the lists and the guard are zero"
    PagePacking "3.10" "an index page is left only when the next list does not fit"
    PageListEnds "3.5" "the last entry of a list ends where the list does"
    PageKeys "1" "keys of a chapter's index have no more bits than addresses"
    PageValues "4" "entries name record pages that there are"
    PageCollisions "3.3" "a name in a list of a page belongs to that list and key"
    ChapterIndex "4" "a chapter's index leads to its records, and to nothing else"
    HeapOrder "6" "the records of a page are in heap order"
    FillRecord "5.4" "only one record of a chapter is repeated, with the same data"
}

impl Display for Rule {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (section, words) = self.words();
        write!(f, "section {section}, {words}")
    }
}
