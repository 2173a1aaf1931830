use std::{
    path::{Path, PathBuf},
    process::{ChildStdout, Stdio},
};

use crate::{
    MediaError, Problem,
    audio::{AudioInfo, native::clean, reader::Source},
    ffmpeg::{Input, Limits, Running, command, probe::probe_input},
    sniff::Container,
};

/// A file that an ffmpeg child decodes.
pub(crate) struct External {
    path: PathBuf,
    name: String,
    demuxer: &'static str,
    info: AudioInfo,
    limits: Limits,
    child: Option<(Running, ChildStdout)>,
    /// Bytes of a frame that came in two parts.
    rest: Vec<u8>,
    /// Samples still to be dropped (after a seek).
    drop: u64,
    any: bool,
}

impl External {
    pub(crate) fn open(
        path: &Path,
        name: &str,
        container: Container,
        demuxer: &'static str,
    ) -> Result<Self, MediaError> {
        let probe = probe_input(Input { path, container, demuxer, seekable: true }, name)?;
        let audio = probe.audio.ok_or_else(|| MediaError::new(name, Problem::Empty("sound")))?;
        if audio.rate_hz == 0 || audio.channels == 0 {
            return Err(MediaError::undecodable(name, "its sound has no rate or no channels"));
        }
        let (rate_hz, channels) = (audio.rate_hz, audio.channels);
        let info = AudioInfo { container, rate_hz, channels, duration_s: probe.duration_s, external: true };
        Ok(Self {
            path: path.into(),
            name: name.into(),
            demuxer,
            info,
            limits: Limits::default(),
            child: None,
            rest: Vec::new(),
            drop: 0,
            any: false,
        })
    }

    fn start(&self) -> Result<(Running, ChildStdout), MediaError> {
        let input = Input { path: &self.path, container: self.info.container, demuxer: self.demuxer, seekable: false };
        let mut ffmpeg = command("ffmpeg", &self.limits);
        ffmpeg
            .args(["-nostdin", "-hide_banner", "-loglevel", "error", "-threads", "1"])
            .args(input.args())
            // The first sound track; silence where the container's times leave holes, and at the start.
            .args(["-map", "0:a:0", "-vn", "-sn", "-dn", "-af", "aresample=async=1:first_pts=0"])
            .args([
                "-ac",
                &self.info.channels.to_string(),
                "-ar",
                &self.info.rate_hz.to_string(),
                "-f",
                "f32le",
                "pipe:1",
            ])
            .stdin(input.stdin().map_err(|error| MediaError::io(&self.name, error))?)
            .stdout(Stdio::piped());
        let mut running = Running::spawn(ffmpeg, "ffmpeg", &self.name, &self.limits)?;
        let stdout = running.child().stdout.take().expect("asked for a pipe");
        Ok((running, stdout))
    }
}

impl Source for External {
    fn info(&self) -> &AudioInfo {
        &self.info
    }

    fn next(&mut self, out: &mut Vec<f32>) -> Result<bool, MediaError> {
        let mut block = [0; 1 << 16];
        loop {
            if self.child.is_none() {
                self.child = Some(self.start()?);
            }
            let Some((running, stdout)) = &mut self.child else { return Ok(false) };
            let n = running.read(stdout, &mut block)?;
            if n == 0 {
                let ended = running.finish();
                // Sound up to the damage is worth having; a file that gave none is not.
                return if self.any { Ok(false) } else { ended.map(|()| false) };
            }
            self.any = true;
            self.rest.extend_from_slice(&block[..n]);
            let frame_bytes = 4 * self.info.channels;
            let whole = self.rest.len() / frame_bytes * frame_bytes;
            let dropped = self.drop.min((whole / frame_bytes) as u64);
            self.drop -= dropped;
            let kept = &self.rest[dropped as usize * frame_bytes..whole];
            let scale = 1.0 / self.info.channels as f32;
            out.extend(kept.chunks_exact(frame_bytes).map(|frame| {
                frame.as_chunks::<4>().0.iter().map(|&bytes| clean(f32::from_le_bytes(bytes))).sum::<f32>() * scale
            }));
            let any = !kept.is_empty();
            self.rest.drain(..whole);
            if any {
                return Ok(true);
            }
        }
    }

    fn seek(&mut self, frame: u64) -> Result<u64, MediaError> {
        self.child = None;
        self.rest.clear();
        self.drop = frame;
        Ok(frame)
    }
}
