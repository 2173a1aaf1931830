//! Images in a zip archive, each located by its number.

use std::{
    fs::File,
    io::{self, BufReader, Read},
    path::Path,
};

use ::zip::{ZipArchive, result::ZipError};
use medley_proto::ErrorCode;
use medley_step::StepError;

use super::{Accepts, Entry, Location, OnImage, Skipped};
use crate::member_names;

pub(crate) type Archive = ZipArchive<BufReader<File>>;

pub(super) fn open(path: &Path) -> Result<Archive, StepError> {
    ZipArchive::new(BufReader::new(File::open(path)?)).map_err(|error| damaged(path, &error).because(error))
}

fn damaged(path: &Path, error: &ZipError) -> StepError {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let message = format!("{name}: the archive cannot be read ({error}); pack it again");
    StepError::permanent(ErrorCode::MEDIA_UNDECODABLE, message)
}

pub(super) fn walk(path: &Path, accepts: Accepts, on_image: &mut OnImage<'_>) -> Result<Skipped, StepError> {
    let mut archive = open(path)?;
    let mut skipped = Skipped::default();
    for number in 0..archive.len() {
        let name = match archive.name_for_index(number) {
            Some(Ok(name)) => name.into_owned(),
            // A damaged name is shown as far as it is text.
            _ => match archive.file_names_raw().nth(number) {
                Some(raw) => String::from_utf8_lossy(raw).into_owned(),
                None => continue,
            },
        };
        if name.ends_with(['/', '\\']) {
            continue;
        }
        // macOS Finder adds a hidden copy of every file there.
        if !accepts(&name) || name.starts_with("__MACOSX/") {
            skipped.files += 1;
            continue;
        }
        on_image(entry(&mut archive, number, member_names::below(&name)))?;
    }
    Ok(skipped)
}

fn entry(archive: &mut Archive, number: usize, path: String) -> Entry {
    match archive.by_index_raw(number) {
        Ok(member) if member.encrypted() => {
            Entry::unreadable(path, ErrorCode::INPUT_FORBIDDEN, "needs a password; pack it without one")
        }
        Ok(member) => Entry {
            bytes: member.size(),
            stamp: format!("crc {:08x}", member.crc32()),
            at: Location::Member(number as u64),
            path,
            error: None,
        },
        Err(_) => Entry::unreadable(path, ErrorCode::MEDIA_UNDECODABLE, "the archive is damaged here; pack it again"),
    }
}

/// Unpacks at most `max_bytes` + 1 bytes of a member, whatever size the archive claims, and returns how many there were.
pub(super) fn take(archive: &mut Archive, number: u64, into: &Path, max_bytes: u64) -> io::Result<u64> {
    let number = usize::try_from(number).map_err(io::Error::other)?;
    let member = archive.by_index(number).map_err(io::Error::other)?;
    io::copy(&mut member.take(max_bytes + 1), &mut File::create(into)?)
}
