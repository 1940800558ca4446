//! One manual page, in roff.
//!
//! The words after the arguments in `--help` are prose, and blocks of a heading that ends with a
//! colon and indented lines: `Examples:` and `Exit codes:`. On a page, prose is filled into
//! paragraphs of the description, examples are kept line by line, and exit codes are a list.

use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

/// The name of a command's page, `uds-estimate` for example.
pub(super) fn name(command: &Command) -> &str {
    command.get_display_name().unwrap_or_else(|| command.get_name())
}

/// The page of a command of `root`, or of `root` itself.
pub(super) fn of(command: &Command, root: &Command) -> String {
    let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let blocks: Vec<_> = help.split("\n\n").map(Block::new).collect();
    let version = root.get_version().unwrap_or_default();
    let man = Man::new(command.clone());

    // By hand: the library leaves an empty date out, and the version becomes the date.
    let mut page =
        format!(".TH {} 1 \"\" \"uds {version}\" \"uds\"\n", name(command).to_uppercase());
    page += &part(|to| man.render_name_section(to));
    page += &text(&synopsis(command));
    page += &text(&description(command, &blocks));
    page += &part(|to| man.render_options_section(to));
    if command.has_subcommands() {
        page += &part(|to| man.render_subcommands_section(to));
    }
    page += &text(&lists(&blocks));
    page += &text(&see_also(command, root));
    // What makes apostrophes come out as such, once.
    Roff::new().render() + &page
}

/// What a function renders, without the definitions that go before each rendering.
fn part(render: impl FnOnce(&mut dyn std::io::Write) -> std::io::Result<()>) -> String {
    let mut bytes = Vec::new();
    // Writing to memory cannot fail.
    let _ = render(&mut bytes);
    let text = String::from_utf8_lossy(&bytes);
    text.strip_prefix(&Roff::new().render()).unwrap_or(&text).to_owned()
}

fn text(roff: &Roff) -> String {
    part(|to| roff.to_writer(to))
}

/// A piece of a help text, between empty lines.
enum Block<'a> {
    /// Text that can be filled.
    Prose(Vec<&'a str>),
    /// A heading, and lines that are to stay as they are.
    List(&'a str, Vec<&'a str>),
}

impl<'a> Block<'a> {
    fn new(text: &'a str) -> Self {
        let mut lines = text.lines();
        let heading = lines.next().and_then(|line| line.strip_suffix(':'));
        match heading {
            Some(heading) if lines.clone().all(|line| line.starts_with("  ")) => {
                Self::List(heading, lines.collect())
            }
            _ => Self::Prose(text.lines().collect()),
        }
    }
}

/// How the command is called, as `--help` has it.
fn synopsis(command: &Command) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["SYNOPSIS"]);
    let usage = command.clone().render_usage().to_string();
    for (number, line) in usage.trim_start_matches("Usage:").lines().enumerate() {
        let line = line.trim();
        if number > 0 {
            roff.control("br", []);
        }
        let program = name(command).replace('-', " ");
        match line.strip_prefix(&program) {
            Some(rest) => roff.text([bold(program), roman(rest)]),
            None => roff.text([roman(line)]),
        };
    }
    roff
}

/// What the command does, and the paragraphs that go on from there.
fn description(command: &Command, blocks: &[Block]) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["DESCRIPTION"]);
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    let stop = if about.ends_with(char::is_alphanumeric) { "." } else { "" };
    roff.text([roman(format!("{about}{stop}"))]);
    for block in blocks {
        let Block::Prose(lines) = block else { continue };
        roff.control("PP", []);
        for line in lines {
            roff.text([roman(*line)]);
        }
    }
    roff
}

/// A section for each block that has a heading.
fn lists(blocks: &[Block]) -> Roff {
    let mut roff = Roff::new();
    for block in blocks {
        match block {
            Block::Prose(_) => {}
            Block::List("Exit codes", lines) => exit_codes(&mut roff, lines),
            Block::List(heading, lines) => {
                roff.control("SH", [heading.to_uppercase().as_str()]);
                roff.control("nf", []);
                for line in lines {
                    roff.text([roman(line.strip_prefix("  ").unwrap_or(line))]);
                }
                roff.control("fi", []);
            }
        }
    }
    roff
}

/// The codes as a list of terms; a line without a code goes on with what the one before says.
fn exit_codes(roff: &mut Roff, lines: &[&str]) {
    roff.control("SH", ["EXIT STATUS"]);
    for line in lines {
        let (code, words) = line.split_at(line.find(char::is_alphabetic).unwrap_or(0));
        // A line that goes on may begin with a bracket.
        let (code, words) = match code.trim().trim_end_matches('(') {
            "" => ("", line.trim()),
            code => (code, words),
        };
        if !code.is_empty() {
            roff.control("TP", []);
            roff.text([bold(code)]);
        }
        roff.text([roman(words)]);
    }
}

/// The other pages.
fn see_also(command: &Command, root: &Command) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["SEE ALSO"]);
    let others = std::iter::once(root)
        .chain(root.get_subcommands())
        .filter(|other| name(other) != name(command));
    let names: Vec<_> = others.map(name).collect();
    let last = names.len().saturating_sub(1);
    for (number, name) in names.into_iter().enumerate() {
        roff.text([bold(name), roman(if number < last { "(1)," } else { "(1)" })]);
    }
    roff
}
