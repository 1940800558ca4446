//! The page of an estimate: the recommendation in large letters, the curve, its table, and where
//! the savings are.

use std::fmt::Write;

use super::bars::Bars;
use super::{curve, escaped, write_document, write_facts};
use crate::estimate::sizing::{Answer, Kind, Point};
use crate::units;

/// What is beside the style of all pages.
const STYLE: &str = include_str!("estimate.css");

/// What is to be on the page.
pub(crate) struct EstimatePage<'a> {
    pub(crate) title: &'a str,
    /// What was scanned: names and values.
    pub(crate) facts: &'a [(&'a str, String)],
    pub(crate) answer: &'a Answer,
    /// Where the savings are.
    pub(crate) bars: &'a [Bars],
}

impl EstimatePage<'_> {
    /// The page.
    pub(crate) fn html(&self) -> String {
        let mut html = String::new();
        // Writing to a string cannot fail.
        let _ = write_document(&mut html, (self.title, STYLE), |html| self.write_body(html));
        html
    }

    fn write_body(&self, html: &mut String) -> std::fmt::Result {
        self.write_advice(html)?;
        write_facts(html, self.facts)?;
        html.push_str("<main>\n");
        // Lines along the bottom, and zeroes, would say no more than the recommendation.
        if self.answer.advice.is_worth_an_index() {
            self.write_curve(html)?;
        }
        for bars in self.bars {
            bars.write(html)?;
        }
        html.write_str("</main>\n")
    }

    fn write_advice(&self, html: &mut String) -> std::fmt::Result {
        let advice = &self.answer.advice;
        html.push_str("<section class=\"advice\" aria-labelledby=\"advice\">\n");
        html.push_str("<h2 id=\"advice\">Recommended index</h2>\n<p class=\"large\">");
        if advice.is_worth_an_index() {
            let share = with_sign(&advice.point.estimate().text());
            writeln!(
                html,
                "<strong>{}</strong> <span>saves {share}</span></p>",
                advice.point.name()
            )?;
        } else {
            html.push_str("<strong>None</strong></p>\n");
        }
        writeln!(html, "<p>{}</p>", with_sign(&advice.sentence))?;
        if let Some(hint) = &advice.hint {
            writeln!(html, "<p><strong>Note:</strong> {}</p>", escaped(hint))?;
        }
        html.write_str("</section>\n")
    }

    fn write_curve(&self, html: &mut String) -> std::fmt::Result {
        html.push_str(
            "<section class=\"wide\" aria-labelledby=\"curve\">\n<div>\n\
             <h2 id=\"curve\">What an index of each size saves</h2>\n\
             <p>Share of all that was read. Upright bars, and the numbers after the sign \
             &#177;, say how far off it may be: 19 times of 20 the truth is within them.</p>\n",
        );
        curve::write(html, self.answer)?;
        html.push_str("</div>\n");
        self.write_table(html)?;
        html.write_str("</section>\n")
    }

    fn write_table(&self, html: &mut String) -> std::fmt::Result {
        html.push_str(
            "<table>\n<caption>The same in numbers, and what each index takes on disk</caption>\n\
             <thead><tr><th scope=\"col\">memory</th><th scope=\"col\">dense saves \
             <small>on disk</small></th><th scope=\"col\">sparse saves <small>on disk</small>\
             </th></tr></thead>\n<tbody>\n",
        );
        let curve = &self.answer.curve;
        for dense in curve.of(Kind::Dense) {
            let sparse = curve.at(dense.memory, Kind::Sparse);
            let chosen = [Some(dense), sparse].into_iter().flatten().any(|p| self.is_chosen(p));
            let class = if chosen { " class=\"chosen\"" } else { "" };
            write!(html, "<tr{class}><th scope=\"row\">{}</th>", dense.memory)?;
            for point in [Some(dense), sparse] {
                self.write_cells(html, point)?;
            }
            html.push_str("</tr>\n");
        }
        let unlimited = with_sign(&curve.unlimited.text());
        writeln!(
            html,
            "<tr class=\"all\"><th scope=\"row\">no limit</th><td>{unlimited} <small></small></td>\
             <td></td></tr>\n</tbody>\n</table>"
        )
    }

    /// The share of an index, in strong letters where it is recommended, and its disk.
    fn write_cells(&self, html: &mut String, point: Option<&Point>) -> std::fmt::Result {
        let Some(point) = point else { return html.write_str("<td></td>") };
        let (share, disk) = (with_sign(&point.estimate().text()), units::bytes(point.disk_bytes()));
        if self.is_chosen(point) {
            write!(html, "<td><strong>&#9654; {share}</strong> <small>{disk}</small></td>")
        } else {
            write!(html, "<td>{share} <small>{disk}</small></td>")
        }
    }

    fn is_chosen(&self, point: &Point) -> bool {
        let advice = &self.answer.advice;
        advice.is_worth_an_index() && advice.point == *point
    }
}

/// A text with the sign that stands for its `+-`.
pub(crate) fn signed(text: &str) -> String {
    text.replace("+-", "\u{b1}")
}

/// The same, escaped.
pub(super) fn with_sign(text: &str) -> String {
    escaped(&signed(text))
}

#[cfg(test)]
mod tests;
