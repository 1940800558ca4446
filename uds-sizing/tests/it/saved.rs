//! Models that are saved and go on.

use proptest::prelude::*;
use uds_geometry::RecordName;
use uds_sizing::{Candidate, Model, Reference, SizingError, Stream};

use super::real::{PATTERNS, SIZES, Scale};

const SCALE: Scale = Scale { chapter_pages: 1, chapters: 16 };
const SAMPLE_BITS: u32 = 10;

fn candidates() -> Vec<Candidate> {
    let configurations =
        SIZES.iter().flat_map(|&size| [false, true].map(|kind| SCALE.configuration(size, kind)));
    configurations.map(|configuration| Candidate::new(&configuration.geometry())).collect()
}

fn observe(model: &mut Model, stream: &mut Stream, names: &[RecordName]) {
    let references: Vec<_> = names.iter().map(|&name| Reference { name, bytes: 4096 }).collect();
    model.observe(stream, &references, &mut Vec::new());
}

fn saved(model: &Model) -> Vec<u8> {
    let mut bytes = Vec::new();
    model.save(&mut bytes).expect("saved");
    bytes
}

// Guards a pass that goes on: nothing of what the first part saw may be lost or counted again.
#[test]
fn a_saved_model_goes_on_as_if_it_had_never_ended() {
    let names = PATTERNS[0].names(SCALE, 30_000, 5);
    for cut in [0, 1, 9_999, 30_000] {
        let mut stream = Stream::default();
        let mut whole = Model::with_sample_bits(&candidates(), SAMPLE_BITS).unwrap();
        observe(&mut whole, &mut stream, &names[..cut]);
        let bytes = saved(&whole);
        let mut second = Model::load(&candidates(), bytes.as_slice()).unwrap();
        assert_eq!(second.curve(), whole.curve());
        observe(&mut whole, &mut stream.clone(), &names[cut..]);
        observe(&mut second, &mut stream, &names[cut..]);
        assert_eq!(second.curve(), whole.curve());
        assert_eq!(second.log_records(), whole.log_records());
    }
}

// Guards the refusals: of other candidates, of a file that ends early, of something else.
#[test]
fn what_is_no_saved_model_is_refused() {
    let mut model = Model::with_sample_bits(&candidates(), SAMPLE_BITS).unwrap();
    observe(&mut model, &mut Stream::default(), &PATTERNS[1].names(SCALE, 5_000, 1));
    let bytes = saved(&model);
    let error = Model::load(&candidates()[1..], bytes.as_slice()).unwrap_err();
    assert!(error.to_string().contains("number of candidates: found 12, wanted 11"), "{error}");
    let error = Model::load(&candidates(), &bytes[..bytes.len() - 1]).unwrap_err();
    assert!(matches!(error, SizingError::Io { action: "read", .. }), "{error}");
    let error = Model::load(&candidates(), [b'x'; 100].as_slice()).unwrap_err();
    assert!(error.to_string().contains("magic number"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    // Guards against damage that is believed, or that makes the reader hang or panic.
    #[test]
    fn a_damaged_model_is_refused(place in 0.0..1.0_f64, bit in 0_u8..8) {
        let mut model = Model::with_sample_bits(&candidates(), SAMPLE_BITS).unwrap();
        observe(&mut model, &mut Stream::default(), &PATTERNS[1].names(SCALE, 5_000, 1));
        let mut bytes = saved(&model);
        let place = (place * bytes.len() as f64) as usize;
        bytes[place] ^= 1 << bit;
        prop_assert!(Model::load(&candidates(), bytes.as_slice()).is_err());
    }
}
