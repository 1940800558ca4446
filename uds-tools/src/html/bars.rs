//! Bars with a name, a value and a share each: a table that is a picture, too.
//!
//! # Invariants
//!
//! 1. A label of any length, of any characters and in any direction stays in its row: it is
//!    shortened in the middle, where paths differ least, and its whole is in the cell's `title`.
//! 2. What is not nothing has a bar.

use std::fmt::Write;

use super::escaped;

/// The most characters of a label.
const LABEL: usize = 80;
/// How many of them are from its beginning, where it is shortened.
const BEGINNING: usize = 28;

/// A section of a page.
#[derive(Clone, Debug)]
pub(crate) struct Bars {
    /// Its name in the page: letters, digits and `-`, each once.
    pub(crate) id: &'static str,
    pub(crate) title: String,
    /// What it shows, in a sentence or two.
    pub(crate) note: String,
    /// What the labels, the values and the shares are.
    pub(crate) columns: [&'static str; 3],
    pub(crate) rows: Vec<BarRow>,
}

/// A bar.
#[derive(Clone, Debug)]
pub(crate) struct BarRow {
    pub(crate) label: String,
    /// Its length; the longest of a section fills the column.
    pub(crate) value: u64,
    pub(crate) value_text: String,
    pub(crate) share_text: String,
}

impl Bars {
    /// Writes the section.
    pub(super) fn write(&self, html: &mut String) -> std::fmt::Result {
        let (id, title) = (escaped(self.id), escaped(&self.title));
        writeln!(html, "<section class=\"bars\" aria-labelledby=\"{id}\">")?;
        writeln!(html, "<h2 id=\"{id}\">{title}</h2>\n<p>{}</p>", escaped(&self.note))?;
        if self.rows.is_empty() {
            return html.write_str("<p>Nothing to show.</p>\n</section>\n");
        }
        // Laid out as a grid, which takes a table's roles from it.
        html.push_str("<table role=\"table\">\n<thead><tr role=\"row\">");
        for column in self.columns {
            write!(html, "<th scope=\"col\" role=\"columnheader\">{}</th>", escaped(column))?;
        }
        html.push_str("</tr></thead>\n<tbody>\n");
        let longest = self.rows.iter().map(|row| row.value).max().unwrap_or(0).max(1);
        for row in &self.rows {
            row.write(html, longest)?;
        }
        html.write_str("</tbody>\n</table>\n</section>\n")
    }
}

impl BarRow {
    fn write(&self, html: &mut String, longest: u64) -> std::fmt::Result {
        html.push_str("<tr role=\"row\"><th scope=\"row\" role=\"rowheader\">");
        match shortened(&self.label) {
            Some(short) => {
                let (whole, short) = (escaped(&self.label), escaped(&short));
                write!(html, "<bdi title=\"{whole}\">{short}</bdi>")?;
            }
            None => write!(html, "<bdi>{}</bdi>", escaped(&self.label))?,
        }
        if self.value > 0 {
            let percent = self.value as f64 * 100.0 / longest as f64;
            write!(html, "<div class=\"bar\" style=\"width:{percent:.2}%\"></div>")?;
        }
        let (value, share) = (escaped(&self.value_text), escaped(&self.share_text));
        writeln!(html, "</th><td role=\"cell\">{value}</td><td role=\"cell\">{share}</td></tr>")
    }
}

/// A label without its middle, if it is too long.
fn shortened(label: &str) -> Option<String> {
    let count = label.chars().count();
    if count <= LABEL {
        return None;
    }
    let beginning: String = label.chars().take(BEGINNING).collect();
    let end: String = label.chars().skip(count - (LABEL - BEGINNING - 1)).collect();
    Some(format!("{beginning}\u{2026}{end}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    // Guards against labels that break out of their row, and against lost bars.
    #[test]
    fn hostile_labels_stay_in_their_row() {
        let evil = format!("</bdi><b onclick='x'>\u{202e}\u{1b}[2J{}/file.txt", "d/".repeat(2000));
        let rows = [(evil.clone(), 0), (evil, u64::MAX), ("short".to_owned(), 1)];
        let row = |(label, value)| BarRow {
            label,
            value,
            value_text: "<1>".into(),
            share_text: "&".into(),
        };
        let bars = Bars {
            id: "id",
            title: "<T>".into(),
            note: "<N>".into(),
            columns: ["<a>", "b", "c"],
            rows: rows.map(row).to_vec(),
        };
        let mut html = String::new();
        bars.write(&mut html).unwrap();
        assert!(html.is_ascii() && !html.contains("<b ") && !html.contains("<1>"), "{html}");
        assert_eq!(html.matches("</bdi>").count(), 3);
        assert_eq!(html.matches("class=\"bar\"").count(), 2, "no bar for nothing");
        assert!(html.contains("width:100.00%") && html.contains("width:0.00%"));
    }

    // Guards the ends of a shortened label, where the name of a file is.
    #[test]
    fn labels_are_shortened_in_the_middle() {
        assert_eq!(shortened(&"\u{e9}".repeat(LABEL)), None);
        let long = format!("/home/{}/name.tar", "x".repeat(LABEL));
        let short = shortened(&long).unwrap();
        assert_eq!(short.chars().count(), LABEL);
        assert!(short.starts_with("/home/x") && short.ends_with("x/name.tar"));
    }
}
