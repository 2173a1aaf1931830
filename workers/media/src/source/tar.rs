//! Images in a tar archive, each located by its offset.

use std::{
    fs::File,
    io::{self, BufReader, Read, Seek, SeekFrom},
    path::Path,
};

use ::tar::{Archive, EntryType};
use medley_proto::{ErrorCode, Sha256};
use medley_step::StepError;
use sha2::Digest;

use super::{Accepts, Entry, Location, OnImage, Skipped};
use crate::member_names;

pub(super) fn walk(path: &Path, accepts: Accepts, on_image: &mut OnImage<'_>) -> Result<Skipped, StepError> {
    let damaged = |error: io::Error| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let message = format!("{name}: the archive cannot be read ({error}); pack it again");
        StepError::permanent(ErrorCode::MEDIA_UNDECODABLE, message).because(error)
    };
    let mut archive = Archive::new(BufReader::with_capacity(1 << 16, File::open(path)?));
    let mut skipped = Skipped::default();
    let mut block = vec![0; 1 << 16];
    let mut images = 0_u64;
    for member in archive.entries_with_seek().map_err(damaged)? {
        let mut member = match member {
            Ok(member) => member,
            // The members before the damage are sound.
            Err(_) if images > 0 => {
                on_image(cut_off(path, images))?;
                break;
            }
            Err(error) => return Err(damaged(error)),
        };
        let name = String::from_utf8_lossy(&member.path_bytes()).into_owned();
        match member.header().entry_type() {
            EntryType::Regular | EntryType::Continuous if accepts(&name) => {
                let (bytes, at) = (member.size(), Location::Offset(member.raw_file_position()));
                // A tar has no checksums of contents, so the content is hashed.
                images += 1;
                let Ok(stamp) = content(&mut member, &mut block) else {
                    on_image(cut_off(path, images))?;
                    break;
                };
                on_image(Entry { path: member_names::below(&name), bytes, stamp, at, error: None })?;
            }
            EntryType::Symlink | EntryType::Link if accepts(&name) => {
                on_image(Entry::unreadable(
                    member_names::below(&name),
                    ErrorCode::INPUT_FORBIDDEN,
                    "is a link in an archive; pack the file itself",
                ))?;
            }
            EntryType::Directory => {}
            _ => skipped.files += 1,
        }
    }
    Ok(skipped)
}

/// An entry for everything after the damage.
fn cut_off(path: &Path, images: u64) -> Entry {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let what = format!("the archive is damaged or cut off behind its image {images}; pack it again");
    Entry::unreadable(name, ErrorCode::MEDIA_UNDECODABLE, &what)
}

fn content(member: &mut impl Read, block: &mut [u8]) -> io::Result<String> {
    let mut hash = sha2::Sha256::new();
    loop {
        match member.read(block)? {
            0 => return Ok(Sha256::new(hash.finalize().into()).to_string()),
            read => hash.update(&block[..read]),
        }
    }
}

pub(super) fn take(archive: &mut File, offset: u64, bytes: u64, into: &Path) -> io::Result<()> {
    archive.seek(SeekFrom::Start(offset))?;
    let copied = io::copy(&mut archive.take(bytes), &mut File::create(into)?)?;
    if copied == bytes { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}
