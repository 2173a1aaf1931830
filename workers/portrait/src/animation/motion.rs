use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom, Write},
    path::Path,
};

use serde::{Deserialize, Serialize};

use super::AIMS;
use crate::PortraitError;

/// What a face does in one frame. Articulation is 0 to about 1, turns are degrees, shifts are eye distances.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Pose {
    pub(crate) jaw: f32,
    pub(crate) wide: f32,
    pub(crate) round: f32,
    pub(crate) upper: f32,
    pub(crate) lower: f32,
    pub(crate) press: f32,
    pub(crate) tuck: f32,
    pub(crate) tongue: f32,
    /// From the mouth of the photo (0) to a closed one (1).
    pub(crate) close: f32,
    pub(crate) blink: f32,
    pub(crate) brow: f32,
    pub(crate) yaw_deg: f32,
    pub(crate) pitch_deg: f32,
    pub(crate) roll_deg: f32,
    pub(crate) shift_x: f32,
    pub(crate) shift_y: f32,
}

const VALUES: usize = 16;

impl Pose {
    /// A mouth that aims at this, in a face at rest.
    pub(crate) fn of_mouth(aims: &[f64; AIMS]) -> Self {
        let [jaw, wide, round, upper, lower, press, tuck, tongue] = aims.map(|v| v as f32);
        Self { jaw, wide, round, upper, lower, press, tuck, tongue, ..Self::default() }
    }

    fn values(&self) -> [f32; VALUES] {
        [
            self.jaw,
            self.wide,
            self.round,
            self.upper,
            self.lower,
            self.press,
            self.tuck,
            self.tongue,
            self.close,
            self.blink,
            self.brow,
            self.yaw_deg,
            self.pitch_deg,
            self.roll_deg,
            self.shift_x,
            self.shift_y,
        ]
    }

    fn from_values(v: [f32; VALUES]) -> Self {
        let [
            jaw,
            wide,
            round,
            upper,
            lower,
            press,
            tuck,
            tongue,
            close,
            blink,
            brow,
            yaw_deg,
            pitch_deg,
            roll_deg,
            shift_x,
            shift_y,
        ] = v;
        Self {
            jaw,
            wide,
            round,
            upper,
            lower,
            press,
            tuck,
            tongue,
            close,
            blink,
            brow,
            yaw_deg,
            pitch_deg,
            roll_deg,
            shift_x,
            shift_y,
        }
    }
}

/// The poses of a whole clip.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Motion {
    pub(crate) fps: u32,
    pub(crate) poses: Vec<Pose>,
}

#[derive(Serialize, Deserialize)]
struct Header {
    medley_motion: u16,
    fps: u32,
    frames: usize,
}

const HEADER_BYTES: usize = 128;
const FRAME_BYTES: usize = VALUES * 4;

impl Motion {
    /// Writes `motion.f32`: a line of JSON padded to 128 bytes, then 16 little-endian floats a frame, so that a
    /// segment reads its own frames and nothing else.
    pub(crate) fn write(&self, mut out: impl Write) -> io::Result<()> {
        let header = serde_json::to_string(&Header { medley_motion: 1, fps: self.fps, frames: self.poses.len() })?;
        writeln!(out, "{header:width$}", width = HEADER_BYTES - 1)?;
        for pose in &self.poses {
            for value in pose.values() {
                out.write_all(&value.to_le_bytes())?;
            }
        }
        Ok(())
    }
}

/// Reads parts of a `motion.f32`.
#[derive(Debug)]
pub(crate) struct MotionReader {
    file: File,
    pub(crate) fps: u32,
    pub(crate) frames: usize,
}

impl MotionReader {
    pub(crate) fn open(path: &Path) -> Result<Self, PortraitError> {
        let mut file = File::open(path)?;
        let mut header = [0; HEADER_BYTES];
        file.read_exact(&mut header)?;
        let Header { fps, frames, .. } = serde_json::from_slice(&header).map_err(io::Error::from)?;
        Ok(Self { file, fps, frames })
    }

    /// The poses of frames `from..to`, cut at the clip's end.
    pub(crate) fn read(&mut self, from: usize, to: usize) -> Result<Vec<Pose>, PortraitError> {
        let (from, to) = (from.min(self.frames), to.min(self.frames));
        self.file.seek(SeekFrom::Start((HEADER_BYTES + from * FRAME_BYTES) as u64))?;
        let mut bytes = vec![0; (to - from) * FRAME_BYTES];
        self.file.read_exact(&mut bytes)?;
        let value = |frame: &[u8], k: usize| {
            f32::from_le_bytes([frame[4 * k], frame[4 * k + 1], frame[4 * k + 2], frame[4 * k + 3]])
        };
        Ok(bytes
            .chunks_exact(FRAME_BYTES)
            .map(|frame| Pose::from_values(std::array::from_fn(|k| value(frame, k))))
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_motion_are_what_was_written() {
        let poses: Vec<Pose> =
            (0..50u8).map(|i| Pose::from_values(std::array::from_fn(|k| f32::from(i) + k as f32 / 16.0))).collect();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("motion.f32");
        Motion { fps: 25, poses: poses.clone() }.write(File::create(&path).unwrap()).unwrap();
        let mut reader = MotionReader::open(&path).unwrap();
        assert_eq!((reader.fps, reader.frames), (25, 50));
        assert_eq!(reader.read(10, 20).unwrap(), poses[10..20]);
        assert_eq!(reader.read(45, 99).unwrap(), poses[45..]);
    }
}
