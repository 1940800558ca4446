//! The chapters of an image: where their pages lie and what they hash to (specification,
//! section 7.1).

use std::io::{Read, Seek, SeekFrom};

use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};
use uds_geometry::{
    BLOCK_BYTES, ChapterPage, Geometry, IndexPageNumber, Nonce, PhysicalChapter, RECORD_BYTES,
    Record, RecordPageNumber, VirtualChapter,
};

use super::page::IndexPage;

/// Blocks of an index before its volume: the header and the configuration.
const BLOCKS_BEFORE_VOLUME: u64 = 2;

/// The volume of an image.
pub(crate) struct Chapters<'a, R> {
    geometry: &'a Geometry,
    start: u64,
    image: R,
    buffer: Vec<u8>,
}

/// A chapter that was read whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Chapter {
    pub(crate) virtual_chapter: VirtualChapter,
    /// The SHA-256 of its pages in order, with the undefined bits of index pages zeroed.
    pub(crate) sha256: [u8; 32],
}

impl<'a, R: Read + Seek> Chapters<'a, R> {
    /// The chapters of an index that starts at a block of an image.
    pub(crate) fn new(geometry: &'a Geometry, offset_blocks: u64, image: R) -> Self {
        let start = offset_blocks.saturating_add(BLOCKS_BEFORE_VOLUME);
        Self {
            geometry,
            start: start.saturating_mul(u64::from(BLOCK_BYTES)),
            image,
            buffer: vec![0; geometry.bytes_per_page() as usize],
        }
    }

    /// The client's nonce in the configuration block (specification, section 10.4).
    pub(crate) fn client_nonce(&mut self) -> Result<Nonce> {
        let block = self.start - u64::from(BLOCK_BYTES);
        let mut bytes = [0; 50];
        let doing = || format!("cannot read the configuration block at byte {block}");
        self.image.seek(SeekFrom::Start(block)).with_context(doing)?;
        self.image.read_exact(&mut bytes).with_context(doing)?;
        ensure!(bytes.starts_with(b"ALBIC"), "no configuration block at byte {block}");
        let mut nonce = [0; 8];
        nonce.copy_from_slice(&bytes[42..]);
        Ok(Nonce::new(u64::from_le_bytes(nonce)))
    }

    /// Reads the chapter in a slot, hashes it, and hands each of its records to `visit`.
    ///
    /// Fails where the pages are not those of one whole chapter that belongs there.
    pub(crate) fn read(
        &mut self,
        slot: PhysicalChapter,
        mut visit: impl FnMut(Record),
    ) -> Result<Chapter> {
        let count = self.geometry.chapters_per_volume();
        ensure!(slot.get() < count, "slot {slot} is beyond the {count} of the volume");
        let mut hash = Sha256::new();
        let virtual_chapter = self.index_pages(slot, &mut hash)?;
        for number in 0..self.geometry.record_pages_per_chapter() {
            self.load(slot, ChapterPage::Record(RecordPageNumber::new(number)))?;
            hash.update(&self.buffer);
            for bytes in self.buffer.chunks_exact(RECORD_BYTES) {
                let mut record = [0; RECORD_BYTES];
                record.copy_from_slice(bytes);
                visit(Record::from_bytes(&record));
            }
        }
        Ok(Chapter { virtual_chapter, sha256: hash.finalize().into() })
    }

    fn index_pages(&mut self, slot: PhysicalChapter, hash: &mut Sha256) -> Result<VirtualChapter> {
        let mut chapter = None;
        let mut next_list = 0;
        for number in 0..self.geometry.index_pages_per_chapter() {
            let place = || format!("slot {slot}, index page {number}");
            self.load(slot, ChapterPage::Index(IndexPageNumber::new(number)))?;
            let page = IndexPage::read(&self.buffer).with_context(place)?;
            let found = page.virtual_chapter;
            let wanted = *chapter.get_or_insert(found);
            ensure!(found == wanted, "{}: of chapter {found}, not {wanted}", place());
            let first = u32::from(page.first_list);
            ensure!(first == next_list, "{}: starts at list {first}, not {next_list}", place());
            next_list += u32::from(page.list_count);
            page.zero_undefined(&mut self.buffer);
            hash.update(&self.buffer);
        }
        let lists = self.geometry.delta_lists_per_chapter();
        ensure!(next_list == lists, "slot {slot}: {next_list} lists, not {lists}");
        let chapter = chapter.context("a chapter without index pages")?;
        let mapped = self.geometry.physical_chapter(chapter);
        ensure!(mapped == slot, "slot {slot}: chapter {chapter} belongs into slot {mapped}");
        Ok(chapter)
    }

    fn load(&mut self, slot: PhysicalChapter, page: ChapterPage) -> Result<()> {
        let page = self.geometry.physical_page(slot, page);
        let offset = u64::from(page.get()) * u64::from(self.geometry.bytes_per_page());
        let position = self.start.saturating_add(offset);
        let doing = || format!("cannot read page {page} of the volume, at byte {position}");
        self.image.seek(SeekFrom::Start(position)).with_context(doing)?;
        self.image.read_exact(&mut self.buffer).with_context(doing)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use uds_geometry::{Configuration, CustomConfiguration};

    use super::super::page::tests::empty;
    use super::*;

    const PAGE: usize = 4096;
    const OFFSET_BLOCKS: u64 = 5;

    fn geometry() -> Geometry {
        let custom = CustomConfiguration {
            bytes_per_page: PAGE as u32,
            record_pages_per_chapter: 1,
            chapters_per_volume: 2,
            ..CustomConfiguration::default()
        };
        Configuration::custom(&custom).unwrap().geometry()
    }

    /// A page with as many lists as the geometry has, all of them empty.
    fn index_page(geometry: &Geometry, chapter: u64) -> Vec<u8> {
        let lists = geometry.delta_lists_per_chapter() as usize;
        let mut page = empty(PAGE, chapter, 0);
        page[18..20].copy_from_slice(&(lists as u16).to_le_bytes());
        let end = 160 + 19 * (lists + 1);
        for bit in 0..19 * (lists + 1) {
            let (at, mask) = ((160 + bit) / 8, 1 << ((160 + bit) % 8));
            page[at] &= !mask;
            if end >> (bit % 19) & 1 == 1 {
                page[at] |= mask;
            }
        }
        page
    }

    /// An image whose slot 1 holds chapter 3, and the pages of that chapter.
    fn image(geometry: &Geometry) -> (Vec<u8>, Vec<Vec<u8>>) {
        let lists = geometry.delta_lists_per_chapter() as u16;
        let mut pages = vec![index_page(geometry, 3)];
        for _ in 1..geometry.index_pages_per_chapter() {
            pages.push(empty(PAGE, 3, lists));
        }
        pages.push((0..PAGE).map(|at| (at / RECORD_BYTES) as u8).collect());
        let before = (OFFSET_BLOCKS as usize + 2) * 4096 + PAGE * (1 + pages.len());
        let mut image = vec![0xee; before];
        let config = (OFFSET_BLOCKS as usize + 1) * 4096;
        image[config..][..5].copy_from_slice(b"ALBIC");
        image[config + 42..][..8].copy_from_slice(&7_u64.to_le_bytes());
        for page in &pages {
            image.extend(page);
        }
        (image, pages)
    }

    // Guards the place of every page, the order of the hash, and the records handed out.
    #[test]
    fn chapters_are_hashed() {
        let geometry = geometry();
        let (mut image, pages) = image(&geometry);
        // Junk where the format defines nothing: on the first page, before the guard.
        let first = image.len() - PAGE * pages.len();
        image[first + PAGE - 8] = 0x5a;
        let mut chapters = Chapters::new(&geometry, OFFSET_BLOCKS, Cursor::new(&image));
        let mut names = Vec::new();
        let chapter = chapters
            .read(PhysicalChapter::new(1), |record| names.push(record.name.as_bytes()[0]))
            .unwrap();
        assert_eq!(chapter.virtual_chapter, VirtualChapter::new(3));
        assert_eq!(chapter.sha256, <[u8; 32]>::from(Sha256::digest(pages.concat())));
        assert_eq!(names, (0..=127).collect::<Vec<u8>>());
    }

    // Guards the block that names the index's owner.
    #[test]
    fn the_nonce_is_read() {
        let geometry = geometry();
        let (image, _) = image(&geometry);
        let mut chapters = Chapters::new(&geometry, OFFSET_BLOCKS, Cursor::new(&image));
        assert_eq!(chapters.client_nonce().unwrap(), Nonce::new(7));
        let mut elsewhere = Chapters::new(&geometry, 0, Cursor::new(&image));
        assert!(elsewhere.client_nonce().is_err());
    }

    // Guards against hashing whatever lies there: slots that hold no chapter, or another's.
    #[test]
    fn wrong_chapters_are_refused() {
        let geometry = geometry();
        let (image, pages) = image(&geometry);
        let first = image.len() - PAGE * pages.len();
        let read = |image: &[u8], slot| {
            let mut chapters = Chapters::new(&geometry, OFFSET_BLOCKS, Cursor::new(image));
            format!("{:#}", chapters.read(PhysicalChapter::new(slot), |_| {}).unwrap_err())
        };
        assert!(read(&image, 2).contains("beyond the 2"));
        assert!(read(&image, 0).contains("slot 0, index page 0: list count"));
        assert!(read(&image[..image.len() - 1], 1).contains("cannot read page"));
        let with = |at: usize, value: u8| {
            let mut image = image.clone();
            image[first + at] = value;
            read(&image, 1)
        };
        assert!(with(16, 1).contains("starts at list 1, not 0"));
        assert_eq!(pages.len(), 2, "the chapter has one index page");
        assert!(with(8, 4).contains("belongs into slot 0"));
    }
}
