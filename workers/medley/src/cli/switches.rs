//! Flags that are on or off. Each may be written `--flag`, `--flag true`, `--flag false`, `--flag=false` and `--no-flag`;
//! the last one counts.
//!
//! `--flag photo.jpg` must not take the input for its value, which a parser of arguments cannot promise by itself: so the
//! words are put into one form, `--flag=false`, before it reads them.

use std::{collections::BTreeSet, ffi::OsString};

use clap::{Arg, Command, value_parser};

/// A switch that is off when it is not given.
pub(super) fn switch(name: &'static str, help: &'static str) -> Arg {
    shaped(Arg::new(name).long(name).help(help)).default_value("false").hide_default_value(true)
}

/// Makes a switch of an argument, which is `None` when it is not given.
pub(super) fn shaped(arg: Arg) -> Arg {
    let id = arg.get_id().clone();
    arg.num_args(0..=1)
        .require_equals(true)
        .default_missing_value("true")
        .value_parser(value_parser!(bool))
        .value_name("true|false")
        .hide_possible_values(true)
        .overrides_with(id)
}

fn is_switch(arg: &Arg) -> bool {
    arg.is_require_equals_set()
}

/// The words of a command line with every switch of its kind of job in the form `--flag=value`.
pub(super) fn normalised(words: Vec<OsString>, root: &Command) -> Vec<OsString> {
    let Some((switches, start)) = switches_of(&words, root) else { return words };
    let mut out: Vec<OsString> = words[..start].to_vec();
    let mut rest = words[start..].iter().peekable();
    while let Some(word) = rest.next() {
        if word == "--" {
            out.push(word.clone());
            out.extend(rest.cloned());
            break;
        }
        let Some(flag) = word.to_str().and_then(|word| word.strip_prefix("--")) else {
            out.push(word.clone());
            continue;
        };
        let (name, value) = match meaning(flag, &switches) {
            Some(meaning) => meaning,
            None => {
                out.push(word.clone());
                continue;
            }
        };
        let given = rest.next_if(|next| *next == "true" || *next == "false");
        let on = given.is_none_or(|given| given == "true") == value;
        out.push(format!("--{name}={on}").into());
    }
    out
}

/// The switch that a flag without `=` stands for, and what it says without a value.
fn meaning<'a>(flag: &'a str, switches: &'a BTreeSet<String>) -> Option<(&'a str, bool)> {
    if switches.contains(flag) {
        return Some((flag, true));
    }
    if let Some(name) = flag.strip_prefix("no-").filter(|name| switches.contains(*name)) {
        return Some((name, false));
    }
    // `--lower-third` is the opposite of `--no-lower-third`.
    switches.iter().find(|name| name.strip_prefix("no-") == Some(flag)).map(|name| (name.as_str(), false))
}

/// The names of the switches of the kind of job that the words ask for, and the place of the first word after its name.
fn switches_of(words: &[OsString], root: &Command) -> Option<(BTreeSet<String>, usize)> {
    let mut command = root;
    let mut start = 1;
    for _ in 0..2 {
        let (at, found) = next_command(&words[start..], command)?;
        (command, start) = (found, start + at + 1);
    }
    let others: BTreeSet<&str> =
        command.get_arguments().filter(|arg| !is_switch(arg)).filter_map(Arg::get_long).collect();
    let switches = command.get_arguments().filter(|arg| is_switch(arg)).filter_map(Arg::get_long);
    // A flag of the kind's own comes before the opposite of another.
    let switches = switches.filter(|name| !others.contains(name)).map(str::to_owned).collect();
    Some((switches, start))
}

/// The first word that names a subcommand; before it stand only flags and, after `--config`, a file.
fn next_command<'a>(words: &[OsString], command: &'a Command) -> Option<(usize, &'a Command)> {
    let mut is_value = false;
    for (at, word) in words.iter().enumerate() {
        if std::mem::take(&mut is_value) {
            continue;
        }
        is_value = word == "--config";
        if word.to_str().is_some_and(|word| word.starts_with('-')) {
            continue;
        }
        return Some((at, command.find_subcommand(word)?));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{cli::command, kinds::kinds};

    fn read(words: &[&str]) -> Vec<String> {
        let words = words.iter().map(OsString::from).collect();
        normalised(words, &command(&kinds().registry())).into_iter().map(|word| word.into_string().unwrap()).collect()
    }

    #[test]
    fn only_true_and_false_are_values() {
        let caption = |words: &[&str]| read(&[&["medley", "run", "caption"], words].concat())[3..].join(" ");
        assert_eq!(caption(&["--text", "photo.jpg"]), "--text=true photo.jpg");
        assert_eq!(caption(&["--text", "false", "photo.jpg"]), "--text=false photo.jpg");
        assert_eq!(caption(&["photo.jpg", "--text", "true"]), "photo.jpg --text=true");
        assert_eq!(caption(&["--no-text", "photo.jpg"]), "--text=false photo.jpg");
        assert_eq!(caption(&["--no-text", "false"]), "--text=true");
        assert_eq!(caption(&["--text=false", "--json", "--", "--text"]), "--text=false --json=true -- --text");
        assert_eq!(caption(&["--model", "x", "true"]), "--model x true");
        let news =
            |words: &[&str]| read(&[&["medley", "--config", "run", "submit", "news"], words].concat())[5..].join(" ");
        assert_eq!(news(&["--no-lower-third", "a"]), "--no-lower-third=true a");
        assert_eq!(news(&["--lower-third"]), "--no-lower-third=false");
        assert_eq!(news(&["--no-no-lower-third"]), "--no-lower-third=false");
        assert_eq!(read(&["medley", "list", "--json", "true"]), ["medley", "list", "--json", "true"]);
        assert_eq!(read(&["medley"]), ["medley"]);
    }

    /// Every switch of every kind, as the schemas have them.
    #[test]
    fn every_switch_takes_every_form() {
        let registry = kinds().registry();
        let mut seen = 0;
        for verb in ["run", "submit"] {
            for recipe in registry.recipes() {
                let kind = String::from(recipe.kind());
                let schema = serde_json::to_value(recipe.schema()).unwrap();
                for flag in super::super::flags::flags(&schema).iter().filter(|flag| flag.is_switch()) {
                    let long = flag.to_arg().get_long().unwrap().to_owned();
                    let value = |words: &[&str]| {
                        let words = [&["medley", verb, &kind], words, &["photo.jpg", "second.png"]].concat();
                        let words = normalised(words.iter().map(OsString::from).collect(), &command(&registry));
                        let matches = command(&registry).try_get_matches_from(words).unwrap();
                        let matches = matches.subcommand().unwrap().1.subcommand().unwrap().1.clone();
                        let inputs: Vec<&OsString> = matches.get_many::<OsString>("inputs").unwrap().collect();
                        assert_eq!(inputs, ["photo.jpg", "second.png"], "--{long} of {kind} took an input");
                        matches.get_one::<bool>(&long.replace('-', "_")).copied()
                    };
                    let (on, no) = (format!("--{long}"), format!("--no-{long}"));
                    assert_eq!(value(&[]), None);
                    for (words, says) in [
                        (vec![&*on], true),
                        (vec![&*on, "true"], true),
                        (vec![&*on, "false"], false),
                        (vec![&format!("{on}=true")], true),
                        (vec![&format!("{on}=false")], false),
                        (vec![&*no], false),
                        (vec![&*on, &*no], false),
                        (vec![&*no, &*on], true),
                    ] {
                        assert_eq!(value(&words), Some(says), "{kind}: {words:?}");
                    }
                    seen += 1;
                }
            }
        }
        assert!(seen > 20, "the schemas have {seen} switches");
    }
}
