//! Takes the bytes of a request, part by part: each is a file of this machine until it is durable in the store.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use axum::{body::Body, http::StatusCode};
use bytes::Bytes;
use futures_util::StreamExt;
use medley_proto::Name;
use medley_runtime::{Client, Scratch, Upload, UploadId};
use tokio::{
    fs::File,
    io::{AsyncWriteExt, BufWriter},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_util::sync::CancellationToken;

use super::protocol::Checksum;
use crate::problem::Problem;

/// How many bytes become one object, unless a checksum says that all of a request are one.
const PART_BYTES: u64 = 16 << 20;
/// What the spool is handed out in: as much as a part may take.
const SHARE_BYTES: u64 = PART_BYTES;
/// A client that sends nothing for so long is gone.
const IDLE: Duration = Duration::from_secs(30);
/// A client that sends less than this, on average since the first minute, holds the spool's room for too long.
const MIN_BYTES_PER_S: u64 = 1_024;
const GRACE: Duration = Duration::from_secs(60);
/// A request that another one takes over still keeps what has come: until nothing has for so long,
const LULL: Duration = Duration::from_millis(100);
/// and no longer than this.
const LAST_CALL: Duration = Duration::from_secs(2);
/// How long a request waits for an earlier one of the same upload to end.
const HAND_OVER: Duration = Duration::from_secs(20);

/// Who writes which upload in this gateway: one request each. A later one takes over, since whoever sends it has given up the
/// earlier one. Between gateways nothing is locked: parts of both are kept, and neither harms the other.
#[derive(Debug, Clone, Default)]
pub(super) struct Writers(Arc<Mutex<HashMap<UploadId, Writer>>>);

#[derive(Debug, Clone, Default)]
struct Writer {
    stop: CancellationToken,
    ended: CancellationToken,
}

/// One request's turn to write an upload.
#[derive(Debug)]
pub(super) struct Turn {
    writers: Writers,
    id: UploadId,
    writer: Writer,
}

impl Writers {
    fn current(&self, id: UploadId) -> Option<Writer> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    fn enter(&self, id: UploadId) -> Result<Turn, Writer> {
        let mut writers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(other) = writers.get(&id) {
            return Err(other.clone());
        }
        let writer = Writer::default();
        writers.insert(id, writer.clone());
        Ok(Turn { writers: self.clone(), id, writer })
    }

    /// Waits until an earlier request has kept what it has, and takes its place.
    pub(super) async fn take_over(&self, id: UploadId) -> Result<Turn, Problem> {
        let entered = async {
            loop {
                match self.enter(id) {
                    Ok(turn) => return turn,
                    Err(other) => {
                        other.stop.cancel();
                        other.ended.cancelled().await;
                    }
                }
            }
        };
        tokio::time::timeout(HAND_OVER, entered).await.map_err(|_| {
            let detail = "another request writes this upload; try again in a few seconds";
            Problem::new(StatusCode::LOCKED, "upload_locked", detail).retry_after(Duration::from_secs(5))
        })
    }

    /// Ends a request that still writes the upload, so that what it has counts. Returns whether there was one.
    pub(super) async fn interrupt(&self, id: UploadId) -> bool {
        let Some(other) = self.current(id) else { return false };
        other.stop.cancel();
        // When it does not end, what is durable so far is the answer.
        let _ = tokio::time::timeout(HAND_OVER, other.ended.cancelled()).await;
        true
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.writers.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
        self.writer.ended.cancel();
    }
}

/// How much of the disk requests may take together.
#[derive(Debug, Clone)]
pub(super) struct SpoolRoom(Arc<Semaphore>);

impl SpoolRoom {
    pub(super) fn new(bytes: u64) -> Self {
        let shares = usize::try_from(bytes / SHARE_BYTES).unwrap_or(usize::MAX);
        Self(Arc::new(Semaphore::new(shares.clamp(1, Semaphore::MAX_PERMITS))))
    }

    fn share(&self) -> Result<OwnedSemaphorePermit, Problem> {
        self.0.clone().try_acquire_owned().map_err(|_| {
            let detail = "too many uploads are under way for gateway.uploads.spool_bytes; try again in a few seconds";
            let busy = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "service_unavailable", detail);
            busy.retry_after(Duration::from_secs(5))
        })
    }
}

/// A part that is being received.
struct Piece {
    scratch: Scratch,
    file: BufWriter<File>,
    bytes: u64,
    shares: Vec<OwnedSemaphorePermit>,
}

/// Why a request's bytes end.
enum Ended {
    /// All were sent.
    Whole,
    /// The connection broke, the client is too slow, or another request takes over.
    Broken(Problem),
}

/// How far the upload has come by a request.
pub(super) struct Received {
    pub(super) offset: u64,
    /// The whole file, when one request sent it and it fits into one part.
    pub(super) file: Option<WholeFile>,
}

/// A whole upload on this machine's disk, and the room that it takes there.
pub(super) struct WholeFile {
    pub(super) scratch: Scratch,
    _shares: Vec<OwnedSemaphorePermit>,
}

/// One request that sends bytes of an upload.
pub(super) struct Receiver {
    pub(super) client: Client,
    pub(super) tenant: Name,
    pub(super) upload: Upload,
    pub(super) room: SpoolRoom,
    pub(super) checksum: Option<Checksum>,
    /// The most that may come.
    pub(super) max_bytes: u64,
    /// Cancelled when the gateway stops.
    pub(super) draining: CancellationToken,
}

impl Receiver {
    /// Keeps what comes, also of a request that breaks off; with a checksum all or nothing.
    pub(super) async fn receive(mut self, body: Body, turn: &Turn) -> Result<Received, Problem> {
        let mut stream = body.into_data_stream();
        let (started, mut total) = (Instant::now(), 0_u64);
        let mut offset = self.upload.offset;
        let mut piece = self.new_piece().await?;
        let mut taken_over: Option<Instant> = None;
        let ended = loop {
            if taken_over.is_some_and(|since| since.elapsed() > LAST_CALL) {
                break Ended::Broken(superseded());
            }
            let patience = if taken_over.is_some() { LULL } else { IDLE };
            let next = tokio::select! {
                next = tokio::time::timeout(patience, stream.next()) => next,
                () = turn.writer.stop.cancelled(), if taken_over.is_none() => {
                    taken_over = Some(Instant::now());
                    continue;
                }
                () = self.draining.cancelled() => break Ended::Broken(stopping()),
            };
            let chunk: Bytes = match next {
                Err(_) if taken_over.is_some() => break Ended::Broken(superseded()),
                Err(_) => break Ended::Broken(slow()),
                Ok(None) => break Ended::Whole,
                Ok(Some(Err(_))) => break Ended::Broken(broken_off()),
                Ok(Some(Ok(chunk))) => chunk,
            };
            total += chunk.len() as u64;
            if total > self.max_bytes {
                return Err(self.too_much());
            }
            self.take(&mut piece, &chunk).await?;
            if self.checksum.is_none() && piece.bytes >= PART_BYTES {
                offset = self.keep(piece, offset).await?;
                piece = self.new_piece().await?;
            }
            let elapsed = started.elapsed();
            if elapsed > GRACE && total / elapsed.as_secs().max(1) < MIN_BYTES_PER_S {
                break Ended::Broken(slow());
            }
        };
        match (ended, self.checksum.take()) {
            (Ended::Broken(problem), Some(_)) => return Err(problem),
            (Ended::Broken(problem), None) => {
                self.keep(piece, offset).await?;
                return Err(problem);
            }
            (Ended::Whole, Some(checksum)) => checksum.verify()?,
            (Ended::Whole, None) => {}
        }
        if offset == 0 && self.upload.bytes == Some(piece.bytes) {
            piece.file.flush().await.map_err(|error| disk(&error))?;
            let Piece { scratch, shares, bytes, .. } = piece;
            return Ok(Received { offset: bytes, file: Some(WholeFile { scratch, _shares: shares }) });
        }
        Ok(Received { offset: self.keep(piece, offset).await?, file: None })
    }

    async fn new_piece(&self) -> Result<Piece, Problem> {
        let share = self.room.share()?;
        let scratch = self.client.scratch()?;
        let file = File::create(scratch.path()).await.map_err(|error| disk(&error))?;
        Ok(Piece { scratch, file: BufWriter::with_capacity(256 << 10, file), bytes: 0, shares: vec![share] })
    }

    async fn take(&mut self, piece: &mut Piece, chunk: &[u8]) -> Result<(), Problem> {
        if let Some(checksum) = &mut self.checksum {
            checksum.update(chunk);
        }
        piece.file.write_all(chunk).await.map_err(|error| disk(&error))?;
        piece.bytes += chunk.len() as u64;
        while piece.bytes > SHARE_BYTES * piece.shares.len() as u64 && self.checksum.is_some() {
            piece.shares.push(self.room.share()?);
        }
        Ok(())
    }

    /// Makes a piece durable; returns where the next one begins.
    async fn keep(&self, mut piece: Piece, start: u64) -> Result<u64, Problem> {
        piece.file.flush().await.map_err(|error| disk(&error))?;
        self.client.put_upload_part(&self.tenant, self.upload.id, start, piece.scratch.path()).await?;
        Ok(start + piece.bytes)
    }

    fn too_much(&self) -> Problem {
        let detail = match self.upload.bytes {
            Some(bytes) => {
                format!("the body goes beyond the upload's length of {bytes} bytes; HEAD says how far it has come")
            }
            None => format!("the body is larger than the {} bytes that limits.input_bytes leaves", self.max_bytes),
        };
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "media_too_large", detail)
    }
}

fn disk(error: &std::io::Error) -> Problem {
    tracing::warn!(%error, "the work folder cannot be written");
    let detail = "the gateway's work folder cannot be written now; try again in a few seconds";
    let away = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "service_unavailable", detail);
    away.retry_after(Duration::from_secs(10))
}

fn superseded() -> Problem {
    let detail = "another request took over this upload; HEAD says how far it has come";
    Problem::new(StatusCode::LOCKED, "upload_locked", detail)
}

fn stopping() -> Problem {
    let detail = "the gateway stops; go on with the upload in a few seconds";
    let away = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "service_unavailable", detail);
    away.retry_after(Duration::from_secs(5))
}

fn slow() -> Problem {
    let detail = "the body came too slowly; HEAD says how far the upload has come";
    Problem::new(StatusCode::REQUEST_TIMEOUT, "upload_too_slow", detail)
}

fn broken_off() -> Problem {
    Problem::bad_request("upload_broken_off", "the body broke off; HEAD says how far the upload has come")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_later_request_takes_over() {
        let (writers, id) = (Writers::default(), "01JD0000000000000000000000".parse().unwrap());
        let first = writers.take_over(id).await.unwrap();
        let stop = first.writer.stop.clone();
        let keeping = tokio::spawn(async move {
            stop.cancelled().await;
            drop(first);
        });
        let second = writers.take_over(id).await.unwrap();
        keeping.await.unwrap();
        assert!(!second.writer.stop.is_cancelled());
        drop(second);
        assert!(!writers.interrupt(id).await);
    }

    #[test]
    fn the_spool_has_room_for_so_much() {
        let room = SpoolRoom::new(2 * SHARE_BYTES + 1);
        let _both = (room.share().unwrap(), room.share().unwrap());
        assert_eq!(room.share().unwrap_err().status, StatusCode::SERVICE_UNAVAILABLE);
    }
}
