//! JPEGs of four inks, made here bit by bit: nothing that Rust has writes them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use medley_media::picture::{self, Picture, PictureLimits};

/// Bits, the first the highest; stuffed as a JPEG's data are.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    filled: u32,
    last: u8,
}

impl Bits {
    fn put(&mut self, value: u32, count: u32) {
        for bit in (0..count).rev() {
            self.last = self.last << 1 | (value >> bit & 1) as u8;
            self.filled += 1;
            if self.filled == 8 {
                self.bytes.push(self.last);
                if self.last == 0xff {
                    self.bytes.push(0);
                }
                (self.filled, self.last) = (0, 0);
            }
        }
    }

    fn end(mut self) -> Vec<u8> {
        while self.filled > 0 {
            self.put(1, 1);
        }
        self.bytes
    }
}

fn segment(marker: u8, data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u16 + 2).to_be_bytes();
    [&[0xff, marker, length[0], length[1]], data].concat()
}

/// Blocks of 8 × 8 px side by side, each of one colour of four channels. `adobe` is the transform of an Adobe marker.
fn jpeg(blocks: &[[u8; 4]], adobe: Option<u8>) -> Vec<u8> {
    let mut data = Bits::default();
    let mut before = [0i32; 4];
    for block in blocks {
        for (&value, before) in block.iter().zip(&mut before) {
            // A flat block is its mean: eight times the value around zero, quantised by one.
            let mean = 8 * (i32::from(value) - 128);
            let difference = mean - *before;
            *before = mean;
            let size = 32 - difference.unsigned_abs().leading_zeros();
            data.put(size, 4);
            let bits = if difference < 0 { difference + (1 << size) - 1 } else { difference };
            data.put(bits as u32, size);
            data.put(0, 1);
        }
    }
    let sizes: Vec<u8> = (0..12).collect();
    let means = [&[0x00, 0, 0, 0, 12][..], &[0; 12], &sizes].concat();
    let rest = [&[0x10, 1][..], &[0; 15], &[0x00]].concat();
    let channels: Vec<u8> = (1..=4).flat_map(|id| [id, 0x11, 0]).collect();
    let width = (8 * blocks.len() as u16).to_be_bytes();
    let scan: Vec<u8> = [4].into_iter().chain((1..=4).flat_map(|id| [id, 0x00])).chain([0, 63, 0]).collect();
    let mut file = vec![0xff, 0xd8];
    if let Some(transform) = adobe {
        file.extend(segment(0xee, &[&b"Adobe\0\x64\0\0\0\0"[..], &[transform]].concat()));
    }
    file.extend(segment(0xdb, &[&[0u8][..], &[1; 64]].concat()));
    file.extend(segment(0xc0, &[&[8, 0, 8, width[0], width[1], 4][..], &channels].concat()));
    file.extend(segment(0xc4, &means));
    file.extend(segment(0xc4, &rest));
    file.extend(segment(0xda, &scan));
    file.extend(data.end());
    file.extend([0xff, 0xd9]);
    file
}

fn colours(file: &[u8], blocks: u32) -> Vec<[u8; 3]> {
    let picture: Picture = picture::from_bytes(file, "inks.jpg", &PictureLimits::default()).unwrap();
    assert_eq!((picture.width_px, picture.height_px), (8 * blocks, 8));
    (0..blocks).map(|block| picture.pixel(8 * block + 4, 4)).collect()
}

fn assert_near(found: &[[u8; 3]], expected: &[[u8; 3]]) {
    let near = found.iter().flatten().zip(expected.iter().flatten()).all(|(a, b)| a.abs_diff(*b) <= 2);
    assert!(near && found.len() == expected.len(), "{found:?}, not {expected:?}");
}

/// No ink, full cyan, full yellow, half black, everything.
const INKS: [[u8; 4]; 5] = [[0, 0, 0, 0], [255, 0, 0, 0], [0, 0, 255, 0], [0, 0, 0, 128], [255; 4]];
const SEEN: [[u8; 3]; 5] = [[255; 3], [0, 255, 255], [255, 255, 0], [127; 3], [0; 3]];

#[test]
fn inks_are_seen_as_on_paper() {
    assert_near(&colours(&jpeg(&INKS, None), 5), &SEEN);
}

#[test]
fn adobes_inks_are_upside_down() {
    let inverted = INKS.map(|block| block.map(|ink| 255 - ink));
    assert_near(&colours(&jpeg(&inverted, Some(0)), 5), &SEEN);
}

#[test]
fn adobes_luma_and_chroma_are_of_the_inks() {
    // White paper, mid grey by three inks, black by the fourth. Luma and chroma are of the complement of inks that are
    // upside down themselves (libjpeg's YCCK), so that paper has luma 0.
    let blocks = [[0, 128, 128, 255], [128, 128, 128, 255], [0, 128, 128, 0]];
    assert_near(&colours(&jpeg(&blocks, Some(2)), 3), &[[255; 3], [128; 3], [0; 3]]);
}
