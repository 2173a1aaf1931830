//! Images in a zip archive, each found by its number.

use std::{
    fs::File,
    io::{self, BufReader, Read},
    path::Path,
};

use ::zip::{ZipArchive, result::ZipError};
use medley_proto::ErrorCode;
use medley_step::StepError;

use super::{At, Entry, Found, PassedOver, looks_like_an_image};
use crate::library::names;

pub(crate) type Archive = ZipArchive<BufReader<File>>;

pub(super) fn open(path: &Path) -> Result<Archive, StepError> {
    ZipArchive::new(BufReader::new(File::open(path)?)).map_err(|error| damaged(path, &error).because(error))
}

fn damaged(path: &Path, error: &ZipError) -> StepError {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let message = format!("{name}: the archive cannot be read ({error}); pack it again");
    StepError::permanent(ErrorCode::MEDIA_UNDECODABLE, message)
}

pub(super) fn walk(path: &Path, found: &mut Found<'_>) -> Result<PassedOver, StepError> {
    let mut archive = open(path)?;
    let mut passed = PassedOver::default();
    for number in 0..archive.len() {
        let name = match archive.name_for_index(number) {
            Some(Ok(name)) => name.into_owned(),
            // It is shown as far as it is text.
            _ => match archive.file_names_raw().nth(number) {
                Some(raw) => String::from_utf8_lossy(raw).into_owned(),
                None => continue,
            },
        };
        if name.ends_with(['/', '\\']) {
            continue;
        }
        // Finder puts a shadow of every file there.
        if !looks_like_an_image(&name) || name.starts_with("__MACOSX/") {
            passed.files += 1;
            continue;
        }
        found(entry(&mut archive, number, names::below(&name)))?;
    }
    Ok(passed)
}

fn entry(archive: &mut Archive, number: usize, path: String) -> Entry {
    match archive.by_index_raw(number) {
        Ok(member) if member.encrypted() => {
            Entry::unreadable(path, ErrorCode::INPUT_FORBIDDEN, "needs a password; pack it without one")
        }
        Ok(member) => Entry {
            bytes: member.size(),
            stamp: format!("crc {:08x}", member.crc32()),
            at: At::Member(number as u64),
            path,
            error: None,
        },
        Err(_) => Entry::unreadable(path, ErrorCode::MEDIA_UNDECODABLE, "the archive is damaged here; pack it again"),
    }
}

/// Unpacks a member, at most `most` bytes and one, and says how many there were; the archive may lie about its size.
pub(super) fn take(archive: &mut Archive, number: u64, into: &Path, most: u64) -> io::Result<u64> {
    let number = usize::try_from(number).map_err(io::Error::other)?;
    let member = archive.by_index(number).map_err(io::Error::other)?;
    io::copy(&mut member.take(most + 1), &mut File::create(into)?)
}
