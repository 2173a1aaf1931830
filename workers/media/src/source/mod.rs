//! Finds and reads many files of one job: below a folder of this machine or a remote one, in an archive, or named by a list.

mod folder;
mod path_list;
mod paths;
mod remote;
mod tar;
mod zip;

use std::{
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
};

use medley_proto::ErrorCode;
use medley_step::{Host, LocalInput, StepError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::remote::Remote;

/// Why a file of many has no result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RowError {
    pub code: ErrorCode,
    /// One sentence that names the file and says what to do.
    pub message: String,
}

/// Whether a file of this name is wanted.
pub type Accepts = fn(&str) -> bool;

/// The largest image file that is read from a remote folder or an archive, or packed into a training archive.
pub const MAX_IMAGE_BYTES: u64 = 256 << 20;

/// One image of a library: a line of the list that the first step makes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The path as the user knows it, below the folder or in the archive, with `/` between folders.
    pub path: String,
    pub bytes: u64,
    /// Changes when the file changes. It is a digest of the content where that is known without reading the file.
    pub stamp: String,
    #[serde(default, skip_serializing_if = "Location::is_by_path")]
    pub at: Location,
    /// Why the image cannot be read, when the walk shows that already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<RowError>,
}

/// The place of an image's bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Location {
    /// Below the folder, under the path that the user knows.
    #[default]
    Path,
    /// Below the folder, under a path that is not UTF-8: its bytes in hex.
    RawPath(String),
    /// The member of this number of a zip archive.
    Member(u64),
    /// Location this offset of a tar archive.
    Offset(u64),
}

impl Location {
    fn is_by_path(&self) -> bool {
        *self == Self::Path
    }
}

impl Entry {
    pub fn unreadable(path: String, code: ErrorCode, what: &str) -> Self {
        let message = format!("{path}: {what}");
        let stamp = code.to_string();
        Self { path, bytes: 0, stamp, at: Location::Path, error: Some(RowError { code, message }) }
    }
}

/// Called with each image; an error ends the walk.
pub type OnImage<'a> = dyn FnMut(Entry) -> Result<(), StepError> + 'a;

/// How much a walk skipped.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// Files that do not look like images by name.
    pub files: u64,
    /// Folders that may not be read, links to folders, folders nested too deeply.
    pub folders: u64,
}

/// The inputs of a job, as one source of images.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageSource {
    Folder(PathBuf),
    /// The input of this number, a remote folder.
    Remote(usize),
    Zip(PathBuf),
    Tar(PathBuf),
    /// Paths below a folder: of the list itself, or one that was given with it.
    List {
        list: PathBuf,
        root: PathBuf,
    },
}

impl ImageSource {
    /// A folder, an archive or a list; or a folder and a list of paths below it.
    ///
    /// # Errors
    /// When the inputs are none of these.
    pub fn of(inputs: &[LocalInput]) -> Result<Self, StepError> {
        match inputs {
            [one] if one.is_remote() => Ok(Self::Remote(0)),
            [one] if one.is_folder() => Ok(Self::Folder(one.path.canonicalize()?)),
            [one] => Self::of_file(one),
            inputs if inputs.iter().any(LocalInput::is_remote) => Err(StepError::permanent(
                ErrorCode::PARAMS_INVALID,
                "a folder that lies elsewhere stands alone; give a list only together with a folder of this machine",
            )),
            [a, b] if a.is_folder() != b.is_folder() => {
                let (folder, list) = if a.is_folder() { (a, b) } else { (b, a) };
                match Self::of_file(list)? {
                    Self::List { list, .. } => Ok(Self::List { list, root: folder.path.canonicalize()? }),
                    _ => Err(StepError::bad_input(
                        ErrorCode::PARAMS_INVALID,
                        list,
                        "an archive stands alone; give only a list of paths together with a folder",
                    )),
                }
            }
            _ => Err(StepError::permanent(
                ErrorCode::PARAMS_INVALID,
                "give one folder, one archive or one list; or a folder and a list of paths below it",
            )),
        }
    }

    fn of_file(input: &LocalInput) -> Result<Self, StepError> {
        let path = input.path.canonicalize()?;
        let mut head = Vec::new();
        File::open(&path)?.take(4_096).read_to_end(&mut head)?;
        let unsupported = |what: &str| Err(StepError::bad_input(ErrorCode::MEDIA_UNSUPPORTED, input, what));
        if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") {
            return Ok(Self::Zip(path));
        }
        if head.get(257..262) == Some(b"ustar") {
            return Ok(Self::Tar(path));
        }
        if [&b"\x1f\x8b"[..], b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd", b"7z\xbc\xaf", b"Rar!"]
            .iter()
            .any(|magic| head.starts_with(magic))
        {
            return unsupported(
                "an archive that cannot be read from its middle; unpack it, or give a .zip or a plain .tar",
            );
        }
        let cut = head.len().saturating_sub(if head.len() == 4_096 { 4 } else { 0 });
        let is_text = !head.contains(&0)
            && match std::str::from_utf8(&head) {
                Ok(_) => true,
                // The last character may be cut off.
                Err(error) => error.valid_up_to() >= cut && cut > 0,
            };
        if !is_text {
            return unsupported(
                "neither a .zip, a .tar nor a list of paths in UTF-8; `medley run caption` takes single images",
            );
        }
        let root = path.parent().unwrap_or(Path::new("/")).to_owned();
        Ok(Self::List { list: path, root })
    }

    /// Whether stamps come from the images' content anyway.
    pub fn is_remote(&self) -> bool {
        matches!(self, Self::Remote(_))
    }

    /// Calls `on_image` with each file whose name is accepted ([`is_image`], [`is_page`]), always in the same order. A list
    /// names what it wants.
    ///
    /// # Errors
    /// When the folder or archive cannot be read, or `on_image` fails.
    pub fn walk(&self, host: &dyn Host, accepts: Accepts, on_image: &mut OnImage<'_>) -> Result<Skipped, StepError> {
        match self {
            Self::Folder(root) => folder::walk(root, accepts, on_image),
            Self::Remote(input) => Remote { host, input: *input }.walk(accepts, on_image),
            Self::Zip(path) => zip::walk(path, accepts, on_image),
            Self::Tar(path) => tar::walk(path, accepts, on_image),
            Self::List { list, root } => path_list::walk(list, root, on_image),
        }
    }

    /// A reader of single images. Opens archives once.
    ///
    /// # Errors
    /// When the archive cannot be opened.
    pub fn open<'a>(&self, host: &'a dyn Host) -> Result<Reader<'a>, StepError> {
        Ok(match self {
            Self::Folder(root) | Self::List { root, .. } => Reader::Below(root.clone()),
            Self::Remote(input) => Reader::Remote(Remote { host, input: *input }),
            Self::Zip(path) => Reader::Zip(Box::new(zip::open(path)?)),
            Self::Tar(path) => Reader::Tar(File::open(path)?),
        })
    }
}

/// Gets at the bytes of single images.
#[derive(Debug)]
pub enum Reader<'a> {
    Below(PathBuf),
    Remote(Remote<'a>),
    Zip(Box<zip::Archive>),
    Tar(File),
}

impl Reader<'_> {
    /// Makes images available as local files. An image that is no local file yet is written to its path from `spare`.
    ///
    /// # Errors
    /// On failures that may pass, such as a store that does not answer. A failure of one image is that image's error.
    pub fn files(
        &mut self,
        entries: &[Entry],
        spare: impl Fn(usize) -> PathBuf,
    ) -> Result<Vec<Result<PathBuf, RowError>>, StepError> {
        let Self::Remote(remote) = self else {
            let file = |(n, entry): (usize, &Entry)| readable(entry).and_then(|()| self.file(entry, &spare(n)));
            return Ok(entries.iter().enumerate().map(file).collect());
        };
        let known: Vec<_> = entries.iter().map(readable).collect();
        let wanted = entries.iter().enumerate().filter(|(n, _)| known[*n].is_ok());
        let wanted: Vec<_> = wanted.map(|(n, entry)| (entry, spare(n))).collect();
        let mut fetched = remote.fetch(&wanted)?.into_iter();
        let missing = || StepError::internal("an image was not answered for");
        known
            .into_iter()
            .map(|known| match known {
                Ok(()) => fetched.next().ok_or_else(missing),
                Err(error) => Ok(Err(error)),
            })
            .collect()
    }

    fn file(&mut self, entry: &Entry, spare: &Path) -> Result<PathBuf, RowError> {
        let damaged = |error: &dyn std::fmt::Display| {
            refused(
                &entry.path,
                ErrorCode::MEDIA_UNDECODABLE,
                &format!("the archive is damaged here ({error}); pack it again"),
            )
        };
        match (self, &entry.at) {
            (Self::Below(root), at @ (Location::Path | Location::RawPath(_))) => paths::inside(root, &entry.path, at),
            (Self::Zip(archive), Location::Member(number)) => {
                let bytes = zip::take(archive, *number, spare, MAX_IMAGE_BYTES).map_err(|error| damaged(&error))?;
                if bytes > MAX_IMAGE_BYTES { Err(large(&entry.path, bytes)) } else { Ok(spare.to_owned()) }
            }
            (Self::Tar(file), Location::Offset(offset)) => {
                tar::take(file, *offset, entry.bytes, spare).map_err(|error| damaged(&error))?;
                Ok(spare.to_owned())
            }
            _ => Err(refused(&entry.path, ErrorCode::INTERNAL, "is not where the list says; please report it")),
        }
    }

    /// The image's bytes; none when the image can no longer be read.
    ///
    /// # Errors
    /// As [`Reader::files`].
    pub fn bytes(&mut self, entry: &Entry, spare: &Path) -> Result<Option<Vec<u8>>, StepError> {
        let files = self.files(std::slice::from_ref(entry), |_| spare.to_owned())?;
        let [Ok(path)] = &files[..] else { return Ok(None) };
        let mut bytes = Vec::new();
        let read = File::open(path).and_then(|file| file.take(MAX_IMAGE_BYTES + 1).read_to_end(&mut bytes));
        if path == spare {
            fs::remove_file(spare)?;
        }
        Ok(read.is_ok().then_some(bytes))
    }
}

/// An error that is known before the image is opened.
fn readable(entry: &Entry) -> Result<(), RowError> {
    match &entry.error {
        Some(error) => Err(error.clone()),
        None if entry.bytes > MAX_IMAGE_BYTES => Err(large(&entry.path, entry.bytes)),
        None => Ok(()),
    }
}

fn large(path: &str, bytes: u64) -> RowError {
    let what = format!("has {bytes} bytes, more than the {MAX_IMAGE_BYTES} of an image; take it out");
    refused(path, ErrorCode::MEDIA_TOO_LARGE, &what)
}

fn refused(path: &str, code: ErrorCode, what: &str) -> RowError {
    RowError { code, message: format!("{path}: {what}") }
}

/// Whether a file counts as an image, by its name. Its real format is found when it is opened.
pub fn is_image(name: &str) -> bool {
    ends_in(
        name,
        &[
            "jpg", "jpeg", "jpe", "jfif", "png", "webp", "gif", "bmp", "tif", "tiff", "pnm", "ppm", "pgm", "pbm",
            "heic", "heif", "avif",
        ],
    )
}

/// Whether a file counts as a scanned page, by its name: an image or a PDF.
pub fn is_page(name: &str) -> bool {
    is_image(name) || ends_in(name, &["pdf"])
}

fn ends_in(name: &str, endings: &[&str]) -> bool {
    // macOS (`._a.jpg`) and other programs leave hidden files.
    let hidden = name.rsplit('/').next().is_some_and(|last| last.starts_with('.'));
    !hidden && name.rsplit_once('.').is_some_and(|(_, end)| endings.iter().any(|known| end.eq_ignore_ascii_case(known)))
}
