//! `medley search`: finds images in a data set that `medley run library` made.

use std::{path::PathBuf, process::ExitCode};

use clap::{Args as _, Command, FromArgMatches};
use medley_caption::library::search::{ComparedBy, Query, SearchError, SearchResults, Searcher};
use medley_models::Models;
use medley_step::{Host, StepError};

use super::{Failed, embed::caption_config, extra::ExtraCommand, outputs};
use crate::config::Config;

#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("what").required(true)), after_help = "\
Examples:
  medley search dataset a cat on a couch       by what is said of the images, exact words first
  medley search dataset --text total           by text that was read in the image
  medley search dataset --image cat.jpg        images that look like this one
  medley search dataset --like 17              images like row 17 of captions.jsonl, counted from 0")]
struct Args {
    /// The folder that `medley run library … -o` made.
    dataset: PathBuf,
    /// What the images show, in a few words.
    #[arg(group = "what", value_name = "WORDS")]
    words: Vec<String>,
    /// A picture; finds those like it.
    #[arg(long, group = "what", value_name = "FILE")]
    image: Option<PathBuf>,
    /// Text in the image.
    #[arg(long, group = "what", value_name = "TEXT")]
    text: Option<String>,
    /// A row of captions.jsonl, counted from 0; finds those like it.
    #[arg(long, group = "what", value_name = "ROW")]
    like: Option<u32>,
    /// The most images to show.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=1000))]
    most: u16,
    /// Prints the rows as JSON, one a line, with `number` and `score`.
    #[arg(long)]
    json: bool,
}

/// Nobody interrupts a search but by ending the process.
struct Alone;

impl Host for Alone {
    fn progress(&self, _done: f64, _total: f64, _unit: &str) {}

    fn checkpoint(&self) -> Result<(), StepError> {
        Ok(())
    }
}

pub(super) const COMMAND: ExtraCommand = ExtraCommand {
    name: "search",
    command: || {
        let about = "Finds images in a data set that `run library` made";
        Args::augment_args(Command::new("search").about(about))
    },
    main: |matches, config| {
        let args = Args::from_arg_matches(matches).map_err(|error| Failed::usage(error.to_string()))?;
        main(&args, config)
    },
};

fn main(args: &Args, config: &Config) -> Result<ExitCode, Failed> {
    let failed = |error: SearchError| Failed::from(StepError::from(error));
    let library = Searcher::open(&args.dataset).map_err(failed)?.configured(caption_config(config)?);
    let query = match (&args.words[..], &args.image, &args.text, args.like) {
        ([_, ..], ..) => Query::Words(args.words.join(" ")),
        (_, Some(image), ..) => Query::Image(image.clone()),
        (_, _, Some(text), _) => Query::Text(text.clone()),
        (.., Some(row)) => Query::Like(row),
        _ => return Err(Failed::usage("say what to look for")),
    };
    let models = Models::open(&Models::default_dir());
    let found = library.search(&query, args.most.into(), &models, &Alone).map_err(failed)?;
    if let Some(note) = note(&query, &found, &library) {
        eprintln!("note: {note}");
    }
    show(&found, args.json)
}

/// What a user should know of how the images were compared.
fn note(query: &Query, found: &SearchResults, library: &Searcher) -> Option<&'static str> {
    match (query, found.by) {
        (Query::Words(_), ComparedBy::Words) if library.has_said_vectors() => Some(
            "the model minilm is not here (medley models pull minilm), so words are looked for as they are in captions, \
             tags, text and names",
        ),
        (Query::Words(_), ComparedBy::Words) if library.model().is_none() => Some(
            "the data set has no embeddings (run the library with --objects or --model), so words are looked for as they \
             are in captions, tags, text and names",
        ),
        (Query::Words(_), ComparedBy::Words) => Some(
            "the CLIP model that made the data set's embeddings is not here (medley models list), so words are looked \
             for in captions, tags, text and names",
        ),
        (Query::Image(_) | Query::Like(_), ComparedBy::PerceptualHash) => Some(
            "compared by perceptual hash: finds copies, crops of little and other encodings of a picture, not other \
             pictures of the same thing",
        ),
        _ => None,
    }
}

fn show(found: &SearchResults, json: bool) -> Result<ExitCode, Failed> {
    for hit in &found.hits {
        if json {
            outputs::print_json_line(hit)?;
        } else {
            let row = &hit.row.row;
            outputs::print_line(&format!("{:>7.3}  {:>7}  {}  {}", hit.score, hit.number, row.path, row.caption))?;
        }
    }
    if found.hits.is_empty() && !json {
        eprintln!("nothing found");
    }
    Ok(ExitCode::SUCCESS)
}
