//! The schemas of the JSON output, in `docs/schema`: every output of every test is held against
//! the schema of its command, and the schemas themselves against the rules that they share.
//!
//! # Invariants
//!
//! 1. Each command that offers `--format json` or `jsonl` has a schema `docs/schema/COMMAND.json`,
//!    and `docs/json.md` leads to it.
//! 2. A schema describes every property, requires all of them, and admits no others: a field that
//!    comes or goes fails a test.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::support::{Ran, Uds};

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs")
}

fn parsed(path: &Path) -> Value {
    let text = fs::read_to_string(path).unwrap_or_else(|error| {
        panic!("{}: {error}; output in JSON needs a schema", path.display())
    });
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Checks what a run of `command` has printed: one object with `--format json`, an object a line
/// with `--format jsonl`. Other output passes.
#[track_caller]
pub(crate) fn check(command: &Command, ran: &Ran) {
    let arguments: Vec<_> = command.get_args().map(OsStr::to_string_lossy).collect();
    // A shell that starts the program has its name among its arguments.
    let program = arguments.iter().position(|argument| {
        Path::new(argument.as_ref()).file_name().is_some_and(|name| name == "uds")
    });
    let Some((name, arguments)) = arguments[program.map_or(0, |at| at + 1)..].split_first() else {
        return;
    };
    let format = arguments.iter().enumerate().find_map(|(at, argument)| {
        argument.strip_prefix("--format=").or_else(|| {
            (argument == "--format").then(|| arguments.get(at + 1)).flatten().map(AsRef::as_ref)
        })
    });
    if ran.stdout.is_empty() {
        return;
    }
    match format {
        Some("json") => objects(name, &[&ran.stdout]),
        Some("jsonl") => objects(name, &ran.stdout.lines().collect::<Vec<_>>()),
        _ => {}
    }
}

/// Checks objects against the schema of a command.
#[track_caller]
fn objects(name: &str, texts: &[&str]) {
    let path = docs().join("schema").join(name).with_extension("json");
    let schema = jsonschema::draft202012::new(&parsed(&path)).unwrap();
    for (number, text) in texts.iter().enumerate() {
        let object = serde_json::from_str(text)
            .unwrap_or_else(|error| panic!("uds {name}: object {number}: {error}: {text}"));
        let differences = differences(&schema, &object);
        assert!(
            differences.is_empty(),
            "object {number} of uds {name} is not as {} says:\n{differences}\n{text}",
            path.display()
        );
    }
}

/// What differs, and where: a line each.
fn differences(schema: &jsonschema::Validator, object: &Value) -> String {
    let lines = schema.iter_errors(object).map(|error| {
        let place = error.instance_path().to_string();
        let place = if place.is_empty() { "the object" } else { &place };
        format!("  {place}: {error} (schema: {})\n", error.schema_path())
    });
    lines.collect()
}

/// Checks a part of a schema, and what is in it, for invariant 2.
fn check_part(place: &str, part: &Value) {
    if let Some(properties) = part.get("properties").map(|value| value.as_object().unwrap()) {
        assert_eq!(part["additionalProperties"], false, "{place}: additionalProperties");
        let required = part["required"].as_array().map(Vec::as_slice).unwrap_or_default();
        let mut required: Vec<_> = required.iter().map(|name| name.as_str().unwrap()).collect();
        required.sort_unstable();
        let mut names: Vec<_> = properties.keys().map(String::as_str).collect();
        names.sort_unstable();
        assert_eq!(required, names, "{place}: all properties are required");
        for (name, property) in properties {
            let place = format!("{place}.{name}");
            let described = property["description"].as_str().is_some_and(|text| text.len() > 10);
            assert!(described, "{place}: it has no description");
            let says_what = ["type", "enum", "const", "$ref", "oneOf", "anyOf"]
                .iter()
                .any(|word| property.get(word).is_some());
            assert!(says_what, "{place}: anything would do");
        }
    }
    match part {
        Value::Object(members) => {
            let is_object = match &part["type"] {
                Value::Array(types) => types.iter().any(|name| name == "object"),
                name => name == "object",
            };
            assert!(!is_object || members.contains_key("properties"), "{place}: any object");
            for (name, member) in members {
                check_part(&format!("{place}.{name}"), member);
            }
        }
        Value::Array(members) => {
            for (number, member) in members.iter().enumerate() {
                check_part(&format!("{place}[{number}]"), member);
            }
        }
        _ => {}
    }
}

/// The commands that `uds --help` lists.
pub(crate) fn commands(uds: &Uds) -> Vec<String> {
    let help = uds.run(&["--help"]).stdout;
    let list = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let list = list.take_while(|line| !line.is_empty());
    // The words of a description that goes on in the next line are further to the right.
    let names = list.filter(|line| line.find(|letter| letter != ' ') == Some(2));
    names.map(|line| line.split_whitespace().next().unwrap().to_owned()).collect()
}

/// Whether a command takes `--format json` or `jsonl`: a wrong format has the right ones named.
fn offers_json(uds: &Uds, command: &str) -> bool {
    let told = uds.run(&[command, "--format", "?"]).stderr;
    let Some((_, formats)) = told.split_once("[possible values: ") else { return false };
    formats.split([',', ' ', ']']).any(|word| word == "json" || word == "jsonl")
}

// Guards the promise of docs/json.md: a command that prints JSON says in a schema what it prints,
// and that schema can be found.
#[test]
fn each_command_with_json_has_a_schema_that_is_listed() {
    let uds = Uds::new();
    let mut wanted: Vec<_> =
        commands(&uds).into_iter().filter(|command| offers_json(&uds, command)).collect();
    wanted.sort_unstable();
    for known in ["estimate", "info", "rebuild", "size", "verify"] {
        assert!(wanted.iter().any(|name| name == known), "{known} is not in {wanted:?}");
    }
    let mut found: Vec<_> = fs::read_dir(docs().join("schema"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    found.sort_unstable();
    assert_eq!(found, wanted, "schemas, and commands that print JSON");
    let page = fs::read_to_string(docs().join("json.md")).unwrap();
    for name in found {
        assert!(
            page.contains(&format!("(schema/{name}.json)")),
            "docs/json.md leads not to {name}"
        );
    }
}

// Guards the schemas: each is one, says what every field means, and lets no field come or go
// unnoticed.
#[test]
fn the_schemas_are_valid_and_complete() {
    for entry in fs::read_dir(docs().join("schema")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.display().to_string();
        let schema = parsed(&path);
        if let Err(error) = jsonschema::draft202012::meta::validate(&schema) {
            panic!("{name}: {}: {error}", error.instance_path());
        }
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema", "{name}");
        for word in ["title", "description"] {
            assert!(schema[word].as_str().is_some_and(|text| text.len() > 5), "{name}: {word}");
        }
        check_part(&name, &schema);
    }
}

// Guards against a validation that lets everything pass: a field too many, one too few, one of
// another type, one out of its range, each named with its place.
#[test]
fn what_differs_from_a_schema_is_told() {
    let schema = jsonschema::draft202012::new(&parsed(&docs().join("schema/size.json"))).unwrap();
    let uds = Uds::new();
    let good = uds.run(&["size", "--memory", "1G", "--format", "json"]).json();
    assert_eq!(differences(&schema, &good), "");
    let bad = |change: &dyn Fn(&mut Value)| {
        let mut object = good.clone();
        change(&mut object);
        differences(&schema, &object)
    };
    let cases = [
        (bad(&|object| object["color"] = 1.into()), ["the object", "color"]),
        (bad(&|object| object["sizes"][1]["color"] = 1.into()), ["/sizes/1", "color"]),
        (
            bad(&|object| drop(object.as_object_mut().unwrap().remove("data_bytes"))),
            ["the object", "data_bytes"],
        ),
        (bad(&|object| object["sizes"][0]["memory"] = 1.into()), ["/sizes/0/memory", "string"]),
        (bad(&|object| object["block_size"] = 100.into()), ["/block_size", "512"]),
        (bad(&|object| object["schema_version"] = 2.into()), ["/schema_version", "1"]),
    ];
    for (told, words) in cases {
        for word in words {
            assert!(told.contains(word), "{word:?} is not in {told:?}");
        }
    }
}
