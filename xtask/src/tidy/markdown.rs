//! What links need to know of Markdown: links, headings and their anchors, outside of code.

/// The links and anchors of a Markdown text.
#[derive(Debug, Default)]
pub(crate) struct Page<'a> {
    /// Targets with the lines they stand on.
    pub(crate) links: Vec<(usize, &'a str)>,
    /// What `#...` can name.
    pub(crate) anchors: Vec<String>,
    /// The headings' anchors before repetitions were numbered.
    slugs: Vec<String>,
}

/// Reads a Markdown text.
pub(crate) fn read(text: &str) -> Page<'_> {
    let mut page = Page::default();
    let mut fence: Option<&str> = None;
    for (number, line) in (1..).zip(text.lines()) {
        let trimmed = line.trim_start();
        let mark = ["```", "~~~"].into_iter().find(|mark| trimmed.starts_with(mark));
        match (fence, mark) {
            (None, Some(mark)) => fence = Some(mark),
            (Some(open), Some(mark)) if open == mark => fence = None,
            (Some(_), _) => {}
            (None, None) => read_line(&mut page, number, line),
        }
    }
    page
}

fn read_line<'a>(page: &mut Page<'a>, number: usize, line: &'a str) {
    let heading = line.trim_start_matches('#');
    let level = line.len() - heading.len();
    if (1..=6).contains(&level) && (heading.is_empty() || heading.starts_with(' ')) {
        let slug = slug(heading.trim());
        let before = page.slugs.iter().filter(|&given| *given == slug).count();
        page.anchors.push(if before == 0 { slug.clone() } else { format!("{slug}-{before}") });
        page.slugs.push(slug);
    }
    for attribute in ["id=\"", "name=\""] {
        for (at, start) in line.match_indices(attribute) {
            let value = &line[at + start.len()..];
            page.anchors.extend(value.split_once('"').map(|(value, _)| value.to_owned()));
        }
    }
    let spans = code_spans(line);
    for (at, start) in line.match_indices("](") {
        let in_code = spans.iter().any(|&(open, close)| (open..close).contains(&at));
        let target = &line[at + start.len()..];
        if let (false, Some(end)) = (in_code, closing_parenthesis(target)) {
            page.links.push((number, without_title(&target[..end])));
        }
    }
    // `[label]: target`
    if line.starts_with('[') && !line.starts_with("[^") {
        if let Some((_, target)) = line.split_once("]: ") {
            page.links.push((number, without_title(target)));
        }
    }
}

/// The anchor that the usual forges make of a heading.
fn slug(heading: &str) -> String {
    let mut slug = String::new();
    // Of a link in a heading only the text counts.
    let mut rest = heading;
    while let Some((before, after)) = rest.split_once("](") {
        slug.push_str(before);
        rest = closing_parenthesis(after).map_or("", |end| &after[end + 1..]);
    }
    slug.push_str(rest);
    let kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
    slug.to_lowercase().chars().filter(kept).map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// The parts of a line between backticks.
fn code_spans(line: &str) -> Vec<(usize, usize)> {
    let mut spans = Vec::new();
    let mut at = 0;
    while let Some(open) = line[at..].find('`').map(|found| at + found) {
        let ticks = line[open..].bytes().take_while(|&byte| byte == b'`').count();
        let inside = open + ticks;
        let Some(length) = line[inside..].find(&line[open..inside]) else { break };
        at = inside + length + ticks;
        spans.push((open, at));
    }
    spans
}

fn closing_parenthesis(text: &str) -> Option<usize> {
    let mut depth = 1_usize;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'(' => depth += 1,
            b')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(at);
        }
    }
    None
}

/// A link's target without the title that may follow it, and without angle brackets.
fn without_title(target: &str) -> &str {
    let target = target.trim();
    if let Some(inside) = target.strip_prefix('<') {
        return inside.split('>').next().unwrap_or(inside);
    }
    target.split_whitespace().next().unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;

    // Guards against links that nobody checks, and code that is taken for a link.
    #[test]
    fn links_are_read() {
        let text = "[a](one.md) ![b](two.png \"title\") `[c](code)`\n\
                    ```\n[d](fenced.md)\n```\n\
                    [e]: three.md#x\n[^1]: note\n[f](<four five.md>) [g](six_(7).md)\n";
        let wanted = [
            (1, "one.md"),
            (1, "two.png"),
            (5, "three.md#x"),
            (7, "four five.md"),
            (7, "six_(7).md"),
        ];
        assert_eq!(read(text).links, wanted);
    }

    // Guards anchors: punctuation goes, spaces become hyphens, repetitions are numbered.
    #[test]
    fn anchors_are_read() {
        let text = "# What it is, and isn't\n## `uds verify` -- how\n## A_b\n## A_b\n## A_b\n\
                    ```\n# no heading\n```\n#nor this\n## See [the page](x.md) (2)\n\
                    <a id=\"own\"></a>\n";
        let wanted = [
            "what-it-is-and-isnt",
            "uds-verify----how",
            "a_b",
            "a_b-1",
            "a_b-2",
            "see-the-page-2",
            "own",
        ];
        assert_eq!(read(text).anchors, wanted);
    }
}
