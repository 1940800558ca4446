//! The page of an estimate, for every shape of curve.

use super::super::{BarRow, Bars, EstimatePage};
use crate::estimate::sizing::{Answer, Curve, Kind, samples};

fn bars() -> Vec<Bars> {
    let row = |label: &str, value: u64, value_text: &str, share_text: &str| BarRow {
        label: label.into(),
        value,
        value_text: value_text.into(),
        share_text: share_text.into(),
    };
    let long = format!("/srv/vm/{}/disk \u{202e}<b>0.qcow2", "generations/of/images".repeat(9));
    vec![
        Bars {
            id: "directories",
            title: "By directory".into(),
            note: "Where the duplicates are, by the first directories below what was given.".into(),
            columns: ["directory", "saved", "share"],
            rows: vec![
                row("/srv/vm/images", 1_500_000_000_000, "1.36 TiB", "55.2%"),
                row(&long, 900_000_000_000, "838.2 GiB", "33.1%"),
                row("/srv/vm/empty", 0, "0 B", "0.0%"),
            ],
        },
        Bars {
            id: "age",
            title: "By age of the duplicate".into(),
            note: "How far back the same block was seen.".into(),
            columns: ["seen before", "saved", "share"],
            rows: vec![
                row("less than 1 GiB ago", 10_000, "9.8 KiB", "0.1%"),
                row("1 to 16 GiB ago", 200_000_000_000, "186.3 GiB", "20.3%"),
                row("16 to 256 GiB ago", 800_000_000_000, "745.1 GiB", "79.6%"),
            ],
        },
        Bars {
            id: "types",
            title: "By file type".into(),
            note: "By the ending of the name.".into(),
            columns: ["type", "saved", "share"],
            rows: Vec::new(),
        },
    ]
}

fn page(curve: Curve) -> String {
    let facts = [
        ("Scanned", "/srv/vm, /srv/<backup>: 5.98 TiB in 1,204,331 files".to_owned()),
        ("Blocks", "1,605,177,344 of 4 KiB, 3.1% of them zero".to_owned()),
        ("Names", "a sample of one in 1,024".to_owned()),
    ];
    let answer = Answer::new(curve);
    let title = "How much index does /srv/vm need?";
    EstimatePage { title, facts: &facts, answer: &answer, bars: &bars() }.html()
}

/// How often each element that must be closed is open at the end.
fn unclosed(html: &str) -> i64 {
    let void = ["<!DOCTYPE", "<meta", "<circle", "<rect", "<line", "<path", "<polyline"];
    let opened = html.matches('<').count() - html.matches("</").count();
    let unclosable: usize = void.iter().map(|name| html.matches(name).count()).sum();
    (opened - unclosable) as i64 - html.matches("</").count() as i64
}

// Guards what any page must be: whole, ASCII, without scripts and without a network.
#[test]
fn pages_of_every_shape_are_whole() {
    for (name, curve) in samples::all() {
        let html = page(curve);
        assert!(html.is_ascii() && !html.contains("<script") && !html.contains("<b>"), "{name}");
        for outside in ["src=", "href=", "url(", "@import", "http://", "https://", "NaN", "inf%"] {
            assert!(!html.contains(outside), "{name}: {outside}");
        }
        assert_eq!(unclosed(&html), 0, "{name}");
        for id in html.split(" id=\"").skip(1).map(|rest| rest.split('"').next().unwrap()) {
            assert_eq!(html.matches(&format!(" id=\"{id}\"")).count(), 1, "{name}: {id}");
        }
    }
}

// Guards the page as it is looked at; change it only with a look at it in a browser.
#[test]
fn an_ordinary_page() {
    let html = page(samples::steps());
    insta::assert_snapshot!(html.split_once("</style>").unwrap().1);
}

// Guards against marks outside of the plot: shares of all, and errors wider than what they are of.
#[test]
fn nothing_is_drawn_outside_of_the_plot() {
    let full = samples::curve(&[0.0, 50.0, 100.0], &[100.0], 100.0, (40.0, 60.0), u64::MAX);
    for curve in samples::all().map(|(_, curve)| curve).into_iter().chain([full]) {
        let html = page(curve.clone());
        if curve.best() == 0.0 {
            assert!(!html.contains("<svg"), "nothing to draw");
            continue;
        }
        let picture = html.split_once("<polyline").unwrap().1.split_once("</section>").unwrap().0;
        let marks: Vec<f64> = picture
            .split("%\" y=\"")
            .skip(1)
            .filter_map(|rest| rest.split('"').next()?.parse().ok())
            .collect();
        assert!(marks.len() >= curve.of(Kind::Dense).len() * 2);
        assert!(marks.iter().all(|y| (0.0..=350.0).contains(y)), "{marks:?}");
    }
}
