//! Pages of charts that open from disk: one file, which loads nothing and runs nothing.
//!
//! # Invariants
//!
//! 1. Whatever a name or a path contains stays text.
//! 2. What a picture shows is also in words and in a table below it; nothing depends on colour.
//! 3. The page is ASCII, so that it reads the same whatever it is taken for.

mod bars;
mod curve;
mod estimate;

use std::fmt::Write;

pub(crate) use self::bars::{BarRow, Bars};
pub(crate) use self::estimate::{EstimatePage, signed};
use crate::chart::{Bin, Chart};
use crate::units;

/// What is to be on a page.
pub(crate) struct Page<'a> {
    pub(crate) title: &'a str,
    /// What it is about: names and values.
    pub(crate) facts: &'a [(&'a str, String)],
    pub(crate) charts: &'a [Chart],
}

/// Pixels from one bar to the next.
const ROW: usize = 24;
/// Where bars begin, and how long the longest is, in percent of the width: before them are
/// their names, behind them their shares.
const BARS_AT: f64 = 30.0;
const BARS_LENGTH: f64 = 54.0;

const STYLE: &str = include_str!("html/style.css");

impl Page<'_> {
    /// The page.
    pub(crate) fn html(&self) -> String {
        let mut html = String::new();
        // Writing to a string cannot fail.
        let _ = self.write(&mut html);
        html
    }

    fn write(&self, html: &mut String) -> std::fmt::Result {
        write_document(html, (self.title, ""), |html| {
            write_facts(html, self.facts)?;
            html.push_str("<main>\n");
            for chart in self.charts {
                write_chart(html, chart)?;
            }
            html.write_str("</main>\n")
        })
    }
}

/// A whole page, with rules of style of its own, around what `write_body` writes below the title.
fn write_document(
    html: &mut String,
    (title, own_style): (&str, &str),
    write_body: impl FnOnce(&mut String) -> std::fmt::Result,
) -> std::fmt::Result {
    let title = escaped(title);
    write!(
        html,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" \
         content=\"default-src 'none';style-src 'unsafe-inline'\">\n\
         <title>{title}</title>\n<style>\n{STYLE}{own_style}</style>\n</head>\n\
         <body>\n<h1>{title}</h1>\n"
    )?;
    write_body(html)?;
    writeln!(html, "<footer>Made by uds {}</footer>\n</body>\n</html>", env!("CARGO_PKG_VERSION"))
}

fn write_facts(html: &mut String, facts: &[(&str, String)]) -> std::fmt::Result {
    html.push_str("<dl>\n");
    for (name, value) in facts {
        writeln!(html, "<dt>{}</dt><dd>{}</dd>", escaped(name), escaped(value))?;
    }
    html.write_str("</dl>\n")
}

fn write_chart(html: &mut String, chart: &Chart) -> std::fmt::Result {
    let (id, title) = (escaped(chart.id), escaped(&chart.title));
    writeln!(html, "<section aria-labelledby=\"{id}\">\n<h2 id=\"{id}\">{title}</h2>")?;
    writeln!(html, "<p>{}</p>", escaped(&chart.note))?;
    if chart.bins.is_empty() {
        return html.write_str("<p>Nothing to show.</p>\n</section>\n");
    }
    write_picture(html, chart, &id)?;
    let (by, counts) = (escaped(chart.by), escaped(chart.counts));
    writeln!(
        html,
        "<table>\n<caption>The same in numbers: {} {counts}</caption>\n<thead><tr>\
         <th scope=\"col\">{by}</th><th scope=\"col\">{counts}</th><th scope=\"col\">share</th>\
         </tr></thead>\n<tbody>",
        units::count(chart.total)
    )?;
    for bin in &chart.bins {
        writeln!(
            html,
            "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td></tr>",
            escaped(&bin.label),
            units::count(bin.count),
            escaped(&units::share(bin.count, chart.total))
        )?;
    }
    html.write_str("</tbody>\n</table>\n</section>\n")
}

fn write_picture(html: &mut String, chart: &Chart, id: &str) -> std::fmt::Result {
    let height = ROW * (chart.bins.len() + 1);
    writeln!(
        html,
        "<svg role=\"img\" height=\"{height}\" aria-labelledby=\"{id} {id}-words\">\n\
         <desc id=\"{id}-words\">{}</desc>",
        escaped(&in_words(chart))
    )?;
    let (by, largest) = (escaped(chart.by), chart.largest().max(1));
    let names_at = BARS_AT - 2.0;
    writeln!(
        html,
        "<text x=\"{names_at}%\" y=\"16\" text-anchor=\"end\" font-style=\"italic\">{by}</text>"
    )?;
    for (row, bin) in (1..).zip(&chart.bins) {
        let top = row * ROW;
        let length = bin.count as f64 / largest as f64 * BARS_LENGTH;
        let (label, baseline) = (escaped(&bin.label), top + 16);
        write!(
            html,
            "<text x=\"{names_at}%\" y=\"{baseline}\" text-anchor=\"end\">{label}</text>"
        )?;
        if bin.count > 0 {
            let (at, bar, height) = (BARS_AT, top + 3, ROW - 6);
            write!(
                html,
                "<rect x=\"{at}%\" y=\"{bar}\" width=\"{length:.2}%\" height=\"{height}\"/>"
            )?;
        }
        let (end, share) = (BARS_AT + length, escaped(&units::share(bin.count, chart.total)));
        writeln!(html, "<text x=\"{end:.2}%\" dx=\"7\" y=\"{baseline}\">{share}</text>")?;
    }
    writeln!(
        html,
        "<line x1=\"{BARS_AT}%\" x2=\"{BARS_AT}%\" y1=\"{ROW}\" y2=\"{height}\"/>\n</svg>"
    )
}

/// What a chart shows, for those who do not see it.
fn in_words(chart: &Chart) -> String {
    let (bars, total) = (chart.bins.len() as u64, units::count(chart.total));
    let mut words = format!(
        "{} by {}: {} for {total} {} in all.",
        units::counted(bars, "bar"),
        chart.by,
        if bars == 1 { "it stands" } else { "they stand" },
        chart.counts
    );
    let longest = chart.bins.iter().reduce(|a: &Bin, b| if b.count > a.count { b } else { a });
    if let Some(bin) = longest.filter(|bin| bin.count > 0) {
        let _ = write!(
            words,
            " The longest is that of {}: {} {}, {}.",
            bin.label,
            units::count(bin.count),
            chart.counts,
            units::share(bin.count, chart.total)
        );
    }
    words
}

/// A text as it is written in a page: without markup, and in ASCII.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            ' '..='~' => escaped.push(character),
            // Nothing else below 160 is a character that a page may have.
            // Those that turn the direction of what follows would spoof names of files.
            '\0'..='\u{9f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                escaped.push_str("&#65533;");
            }
            _ => {
                let _ = write!(escaped, "&#{};", u32::from(character));
            }
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    // Guards against names that become markup, or bytes that a browser has to guess at.
    #[test]
    fn names_stay_text() {
        let evil = "<script>alert(1)</script>&\"'\u{1}\u{202e}\u{e9}\u{1f600}";
        let text = escaped(evil);
        assert!(text.is_ascii());
        assert_eq!(
            text,
            "&lt;script&gt;alert(1)&lt;/script&gt;&amp;&quot;&#39;&#65533;&#65533;&#233;&#128512;"
        );
        let chart =
            Chart::new("id", evil, evil, ("records", "chapters")).with_row(0, &[3, 0], None);
        let facts = [("Index", evil.to_owned())];
        let html = Page { title: evil, facts: &facts, charts: &[chart] }.html();
        assert!(html.is_ascii() && !html.contains("<script"), "{html}");
        for outside in ["src=", "href=", "url(", "@import", "http://", "https://"] {
            assert!(!html.contains(outside), "{outside} would need a network");
        }
    }

    // Guards the words that stand for a picture.
    #[test]
    fn pictures_have_words() {
        let chart = Chart::new("id", "T", "N.", ("records", "age")).with_row(0, &[1, 6, 2], None);
        assert_eq!(
            in_words(&chart),
            "3 bars by age: they stand for 9 records in all. \
             The longest is that of 1: 6 records, 66.7%."
        );
        let empty = Chart::new("id", "T", "N.", ("records", "age")).with_row(0, &[0], None);
        assert_eq!(in_words(&empty), "1 bar by age: it stands for 0 records in all.");
    }
}
