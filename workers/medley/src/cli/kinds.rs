//! The subcommands of `run` and `submit`: one for each kind of job, its flags made from the kind's schema.

use std::ffi::OsString;

use clap::{Arg, Command, value_parser};
use medley_step::{ErasedRecipe, Registry};
use serde_json::Value;

use super::{direct_run, flags, run, submit, switches::switch};

pub(super) fn command(verb: &'static str, registry: &Registry) -> Command {
    let about = match verb {
        "run" => "Does a job here and now and puts its artifacts into a folder",
        _ => "Hands a job to the workers and prints its id",
    };
    let mut command = Command::new(verb).about(about).subcommand_required(true).arg_required_else_help(true);
    for recipe in registry.recipes() {
        command = command.subcommand(kind_command(verb, recipe));
    }
    command
}

pub(super) fn kind_command(verb: &'static str, recipe: &dyn ErasedRecipe) -> Command {
    let schema = Value::from(recipe.schema());
    let examples = recipe.examples().replace("medley run", &format!("medley {verb}"));
    let roles = recipe.input_roles().join(", ");
    let help = match (recipe.takes_text(), recipe.inputs()) {
        (true, range) if *range.end() > 1 => {
            format!("In order: {roles}. The first may be the text itself; - reads standard input")
        }
        (true, _) => "A file, a URL, or the text itself; - reads standard input".into(),
        (false, range) if *range.end() > 1 => format!("In order, files or URLs: {roles}"),
        (false, _) => "Files or URLs, each a job of its own; - reads standard input".into(),
    };
    // Names of files need not be UTF-8.
    let inputs = Arg::new("inputs")
        .value_name("INPUT")
        .num_args(1..)
        .required(*recipe.inputs().start() > 0)
        .value_parser(value_parser!(OsString))
        .help(help);
    let command = Command::new(String::from(recipe.kind()))
        .about(recipe.about())
        .after_help(format!("Examples:\n{examples}"))
        .arg(inputs)
        .args(recipe.named_inputs().iter().map(|&(flag, _, help)| named(flag, help)))
        .args(flags::flags(&schema).iter().map(|flag| flag.to_arg_of(recipe.kind().as_str())));
    match verb {
        "run" => {
            let direct = direct_run(recipe.kind().as_str()).map(|direct| switch(direct.flag, direct.about));
            run::Args::add_to(command).args(direct)
        }
        _ => submit::Args::add_to(command),
    }
}

fn named(flag: &'static str, help: &'static str) -> Arg {
    Arg::new(flag).long(flag).value_name("FILE").value_parser(value_parser!(OsString)).help(help)
}
