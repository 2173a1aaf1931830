use std::{
    ffi::OsString,
    io::{BufWriter, IsTerminal, Write},
    path::PathBuf,
    process::ExitCode,
    thread,
};

use clap::{Args as _, Command, FromArgMatches};
use medley_caption::{CaptionConfig, CaptionError, Item, Pace, embed};
use medley_clip::{Clip, ClipSpec, Embedder, lines};
use medley_models::Models;
use medley_step::Retryable;
use serde::Deserialize;

use super::{
    Failed,
    completions::ModelNames,
    extra::ExtraCommand,
    new_file::{NewFile, unwritable},
    printable::{plain, printable},
};
use crate::config::{Config, read_small};

/// The largest file of labels.
const LABELS_BYTES: u64 = 64 << 20;

/// What `medley embed` takes.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  medley embed photos/*.jpg -o photos.npy\n  medley embed 'a cat on a couch' -o query.npy\n  \
    medley embed --labels labels.txt -o labels.npy"
)]
struct Args {
    /// Image files; what is no file is a text.
    #[arg(required_unless_present = "labels")]
    inputs: Vec<OsString>,
    /// A file with a text a line, after the inputs.
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
    /// The CLIP model: of the registry or of [caption.models].
    #[arg(
        long,
        default_value = "clip-vit-base-patch32",
        value_parser = ModelNames::of("caption"),
        hide_possible_values = true
    )]
    model: String,
    /// The NumPy file to write.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

pub(super) const COMMAND: ExtraCommand = ExtraCommand {
    name: "embed",
    command: || {
        let about =
            "Turns images and texts into vectors of one space, with a CLIP model: a NumPy file with a row for each";
        Args::augment_args(Command::new("embed").about(about))
    },
    main: |matches, config| {
        let args = Args::from_arg_matches(matches).map_err(|error| Failed::usage(error.to_string()))?;
        main(args, config)
    },
};

fn main(args: Args, config: &Config) -> Result<ExitCode, Failed> {
    let caption = caption_config(config)?;
    let mut items = args.inputs.into_iter().map(item).collect::<Result<Vec<_>, _>>()?;
    if let Some(path) = &args.labels {
        let text = read_small(path, LABELS_BYTES)
            .map_err(|error| Failed::usage(format!("{} cannot be read: {}", path.display(), plain(&error))))?;
        items.extend(lines(&text).into_iter().map(Item::Text));
    }
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let failed = |error: CaptionError| Failed::from(error.into_step_error());
    let spec = ClipSpec::named(&args.model, &caption.models).map_err(|error| failed(error.into()))?;
    let models = Models::open(&Models::default_dir());
    let clip = Clip::open(&models, spec, threads).map_err(|error| failed(error.into()))?;
    let (new, file) = NewFile::create(&args.output)?;
    let mut out = BufWriter::new(file);
    let shown = std::io::stderr().is_terminal();
    let total = items.len();
    let written = embed(&*clip, &items, Pace { threads, batch: 16 }, &mut out, |done| {
        if shown {
            eprint!("\r{done} of {total}");
        }
    });
    if shown {
        eprintln!();
    }
    written.map_err(failed)?;
    out.flush().map_err(|error| unwritable(&args.output, &error))?;
    new.keep()?;
    let line = format!("{} vectors of {} values in {}", items.len(), clip.dim(), args.output.display());
    println!("{}", printable(&line));
    Ok(ExitCode::SUCCESS)
}

/// The owner's models: of `[caption]`, and those that libraries are made with, of `[library]`.
pub(super) fn caption_config(config: &Config) -> Result<CaptionConfig, Failed> {
    let table = |kind: &str| match config.kinds.get(kind) {
        Some(table) => CaptionConfig::deserialize(table)
            .map_err(|error| Failed::usage(format!("[{kind}] of the configuration: {error}"))),
        None => Ok(CaptionConfig::default()),
    };
    let mut caption = table("caption")?;
    caption.models.extend(table("library")?.models);
    Ok(caption)
}

/// A file is an image, all else a text; but what reads like an image's path and is not there is a slip.
fn item(input: OsString) -> Result<Item, Failed> {
    const IMAGES: [&str; 9] = ["jpg", "jpeg", "png", "webp", "gif", "bmp", "tif", "tiff", "ppm"];
    let path = PathBuf::from(input);
    if path.is_file() {
        return Ok(Item::Image(path));
    }
    let extension = path.extension().and_then(|extension| extension.to_str()).map(str::to_ascii_lowercase);
    let is_slip = extension.is_some_and(|extension| IMAGES.contains(&extension.as_str()));
    match path.to_str() {
        Some(text) if !is_slip => Ok(Item::Text(text.to_owned())),
        _ => {
            let message = format!("{} does not exist: check the path", path.display());
            Err(Failed::job(medley_proto::ErrorCode::INPUT_NOT_FOUND, message))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_told_from_images_and_slips() {
        assert_eq!(item("a cat".into()).unwrap(), Item::Text("a cat".into()));
        assert!(item("photos/gone.JPG".into()).is_err());
        let here = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        assert_eq!(item(here.into()).unwrap(), Item::Image(here.into()));
    }
}
