//! What `uds` writes about itself: manual pages and completion scripts.

use std::fs::{self, OpenOptions};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::{Ran, Uds, finish, skipped};

const SHELLS: [&str; 5] = ["bash", "zsh", "fish", "powershell", "elvish"];

/// The commands that `uds --help` lists, `help` excepted.
fn commands(uds: &Uds) -> Vec<String> {
    let found = crate::schema::commands(uds);
    let found: Vec<_> = found.into_iter().filter(|command| command != "help").collect();
    assert!(found.len() >= 8, "{found:?}");
    found
}

/// Whether a program can be run here.
fn is_here(program: &str) -> bool {
    let run = Command::new("sh").args(["-c", &format!("command -v {program}")]).output();
    run.is_ok_and(|output| output.status.success())
}

fn shell(uds: &Uds, program: &str, arguments: &[&str]) -> Ran {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(uds.directory.path()).env("MANWIDTH", "60");
    finish(command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()))
}

// Guards against a shell whose script is empty, or does not know a command.
#[test]
fn each_shell_learns_every_command() {
    let uds = Uds::new();
    let commands = commands(&uds);
    for shell in SHELLS {
        let ran = uds.run(&["completions", shell]);
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{shell}");
        for command in &commands {
            assert!(ran.stdout.contains(command.as_str()), "{shell} has not {command}");
        }
        assert!(ran.stdout.contains("one-file-system"), "{shell} has not the options");
    }
    uds.run(&["completions", "dos"]).failed(2, &["bash", "powershell"]);
}

// Guards against a script that bash does not take, or that completes nothing: what it offers for
// the beginning of a command, of an option, and of an option's value.
#[test]
fn bash_completes_with_its_script() {
    if !is_here("bash") {
        return skipped("bash_completes_with_its_script", "there is no bash");
    }
    let uds = Uds::new();
    uds.write("script", uds.run(&["completions", "bash"]).stdout.as_bytes());
    let checked = shell(&uds, "bash", &["-n", "script"]);
    assert_eq!((checked.code, checked.stderr.as_str()), (Some(0), ""));
    let offered = |words: &str| {
        let test = format!(
            ". ./script; COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); \
             complete -p uds > registered; name=$(sed 's/.*-F \\([^ ]*\\).*/\\1/' registered); \
             $name uds \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD-1]}}\"; \
             echo \"${{COMPREPLY[@]}}\""
        );
        let ran = shell(&uds, "bash", &["--norc", "-c", &test]);
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{words}");
        ran.stdout.trim().to_owned()
    };
    assert_eq!(offered("uds ver"), "verify");
    assert_eq!(offered("uds est"), "estimate");
    assert_eq!(offered("uds verify --de"), "--deep");
    assert_eq!(offered("uds info --format j"), "json");
}

// Guards the page that people read: its sections, its paragraphs, its examples line by line.
#[test]
fn a_manual_page() {
    let uds = Uds::new();
    let ran = uds.run(&["man", "verify"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    let version = concat!("uds ", env!("CARGO_PKG_VERSION"));
    insta::assert_snapshot!(ran.stdout.replace(version, "uds [version]"));
    let own = uds.run(&["man"]);
    assert!(own.stdout.contains("uds\\-verify(1)"), "{}", own.stdout);
    uds.run(&["man", "frobnicate"]).failed(2, &["frobnicate", "estimate", "verify"]);
}

// Guards against a command without a page, a page that differs from the printed one, and roff
// that a formatter complains of.
#[test]
fn every_command_has_a_page() {
    let uds = Uds::new();
    let ran = uds.run(&["man", "--dir", "deep/pages"]);
    assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.as_str()), (Some(0), "", ""));
    let mut wanted = vec![("uds.1".to_owned(), vec!["man".to_owned()])];
    for command in commands(&uds) {
        wanted.push((format!("uds-{command}.1"), vec!["man".into(), command]));
    }
    let parts = ["chapters", "chapter", "index-page", "page-map", "saves"];
    let count = fs::read_dir(uds.path("deep/pages")).unwrap().count();
    assert_eq!(count, wanted.len() + parts.len());
    for part in parts {
        check_part(&uds, "dump", part);
    }
    for (file, arguments) in &wanted {
        let page = fs::read_to_string(uds.path("deep/pages").join(file)).unwrap();
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        assert_eq!(page, uds.run(&arguments).stdout, "{file}");
        for section in ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "\"EXIT STATUS\""] {
            assert!(page.contains(&format!("\n.SH {section}\n")), "{file} has no {section}");
        }
        assert!(page.contains(".TP\n\\fB130\\fR\nstopped by"), "{file}: {page}");
        if file != "uds.1" {
            let name = file.trim_end_matches(".1").replace('-', " ");
            assert!(page.contains(&format!("\n.SH EXAMPLES\n.nf\n{name}")), "{file}: {page}");
            read_as_people_do(&uds, file);
        }
    }
}

/// Checks the page of a part of a command: it is there, the command's page leads to it, and it has
/// the options that only the part has.
fn check_part(uds: &Uds, command: &str, part: &str) {
    let path = uds.path("deep/pages");
    let page = fs::read_to_string(path.join(format!("uds-{command}-{part}.1"))).unwrap();
    assert_eq!(page, uds.run(&["man", &format!("{command}-{part}")]).stdout, "{part}");
    let leads = format!("uds-{command}-{part}(1)").replace('-', "\\-");
    let of_command = fs::read_to_string(path.join(format!("uds-{command}.1"))).unwrap();
    assert!(of_command.contains(&leads), "{of_command}");
    for section in ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "\"SEE ALSO\""] {
        assert!(page.contains(&format!("\n.SH {section}\n")), "{part} has no {section}");
    }
    let takes_slot = ["chapter", "index-page"].contains(&part);
    assert_eq!(page.contains("\\fB\\-\\-slot\\fR"), takes_slot, "{part}: {page}");
}

/// Formats a page for a terminal of 60 columns, if there is something to do it with.
fn read_as_people_do(uds: &Uds, file: &str) {
    if !is_here("groff") {
        return skipped("every_command_has_a_page", "there is no groff");
    }
    let path = Path::new("deep/pages").join(file);
    let ran = shell(uds, "groff", &["-man", "-Tascii", "-ww", "-P-cbou", path.to_str().unwrap()]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{file}");
    let command = file.trim_start_matches("uds-").trim_end_matches(".1");
    let example = format!("\n       uds {command}");
    assert!(ran.stdout.contains(&example), "{file}: no line of its own: {}", ran.stdout);
    assert!(ran.stdout.contains("\n       0      done\n"), "{file}: {}", ran.stdout);
}

// Guards against a panic when the reader of a pipe has gone, and against pages that were lost
// without a word.
#[test]
fn where_nothing_can_be_written() {
    let uds = Uds::new();
    for arguments in [["completions", "zsh"], ["man", "info"]] {
        let (writer, reader) = UnixStream::pair().unwrap();
        drop(reader);
        let ran = finish(uds.command(&arguments).stdout(Stdio::from(OwnedFd::from(writer))));
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{arguments:?}");
        match OpenOptions::new().write(true).open("/dev/full") {
            Ok(full) => finish(uds.command(&arguments).stdout(full)).failed(3, &["No space left"]),
            Err(_) => skipped("where_nothing_can_be_written", "there is no /dev/full"),
        }
    }
    uds.write("file", b"x");
    uds.run(&["man", "--dir", "file/pages"]).failed(3, &["file/pages", "cannot make"]);
    uds.run(&["man", "info", "--dir", "pages"]).failed(2, &["--dir"]);
}
