use std::f64::consts::TAU;

use super::{Pose, TUNED_FPS, smooth};

/// How much a head moves besides speaking.
#[derive(Debug, Clone, Copy)]
pub(crate) struct IdleMotion {
    /// How far the head turns; 1 is a calm speaker.
    pub(crate) head: f64,
    /// How far the brows move.
    pub(crate) brows: f64,
    pub(crate) blinks: bool,
    /// The seed of the random numbers: the same for the same inputs.
    pub(crate) seed: u64,
}

/// Adds the motion of a face besides speaking: the head sways and nods with the beat of the voice, eyes blink (rather in
/// pauses), brows rise when speech sets in.
pub(crate) fn add_idle_motion(poses: &mut [Pose], activity: &[f64], fps: f64, idle: IdleMotion) {
    let mut random = Random(idle.seed);
    head(poses, activity, fps, idle.head, &mut random);
    if idle.blinks {
        blinks(poses, &smooth(activity, 2.2, fps), fps, &mut random);
    }
    brows(poses, activity, fps, idle.brows);
}

fn head(poses: &mut [Pose], activity: &[f64], fps: f64, amount: f64, random: &mut Random) {
    let (quick, slow) = (smooth(activity, 2.2, fps), smooth(activity, 12.0, fps));
    let beats: Vec<f64> = quick.iter().zip(&slow).map(|(a, b)| a - b).collect();
    let beats = smooth(&beats, 1.5, fps);
    let talking = smooth(&slow, 8.0, fps);
    let [yaw, pitch, roll, x, y] = [(0.13, 1.9), (0.11, 0.8), (0.09, 0.9), (0.07, 0.012), (0.08, 0.008)]
        .map(|(hz, amplitude)| Sway::new(hz, amplitude, random));
    let phase = random.next() * TAU;
    let late = (2.0 * fps / TUNED_FPS).round() as usize;
    for (i, pose) in poses.iter_mut().enumerate() {
        let time = i as f64 / fps;
        let beat = beats[i.saturating_sub(late)];
        pose.yaw_deg = (amount * (yaw.at(time) + talking[i] * (TAU * 0.21 * time + phase).sin())) as f32;
        pose.pitch_deg = (amount * (pitch.at(time) + 2.2 * beat + 0.5 * slow[i])) as f32;
        pose.roll_deg = (amount * roll.at(time)) as f32;
        pose.shift_x = (amount * x.at(time)) as f32;
        pose.shift_y = (amount * y.at(time)) as f32;
    }
}

/// A sum of three sines whose frequencies share no period: looks random, is smooth at any frame rate.
struct Sway {
    hz: f64,
    amplitude: f64,
    phases: [f64; 3],
}

impl Sway {
    const HARMONICS: [f64; 3] = [1.0, 1.73, 2.9];

    fn new(hz: f64, amplitude: f64, random: &mut Random) -> Self {
        Self { hz, amplitude, phases: std::array::from_fn(|_| random.next() * TAU) }
    }

    fn at(&self, time_s: f64) -> f64 {
        let wave = |j: usize| {
            let harmonic = Self::HARMONICS[j];
            (TAU * self.hz * harmonic * time_s * (1.0 + 0.07 * j as f64) + self.phases[j]).sin() / harmonic.sqrt()
        };
        self.amplitude * (wave(0) + wave(1) + wave(2)) / 1.6
    }
}

/// How far the lids are shut, every 40 ms of a blink.
const BLINK: [f64; 7] = [0.45, 1.0, 1.0, 0.75, 0.45, 0.2, 0.06];

fn blinks(poses: &mut [Pose], loudness: &[f64], fps: f64, random: &mut Random) {
    let last_s = poses.len() as f64 / fps - 0.4;
    let around = (8.0 * fps / TUNED_FPS).round() as usize;
    let mut time_s = 0.9;
    while time_s < last_s {
        let mut start = (time_s * fps) as usize;
        if random.next() < 0.6 {
            let window = start.saturating_sub(around)..(start + around + 1).min(loudness.len());
            start = window.min_by(|&a, &b| loudness[a].total_cmp(&loudness[b])).unwrap_or(start);
        }
        for (k, pose) in poses[start..].iter_mut().enumerate() {
            let at = k as f64 * TUNED_FPS / fps;
            let (knot, part) = (at as usize, at.fract());
            let Some(&here) = BLINK.get(knot) else { break };
            let shut = here + part * (BLINK.get(knot + 1).copied().unwrap_or(0.0) - here);
            pose.blink = pose.blink.max(shut as f32);
        }
        time_s = start as f64 / fps + (1.2 + 0.45 * random.normal()).exp().clamp(1.6, 6.5);
    }
}

fn brows(poses: &mut [Pose], activity: &[f64], fps: f64, amount: f64) {
    let level = smooth(activity, 5.0, fps);
    let onsets: Vec<f64> = (0..level.len()).map(|i| (level[i] - level[i.saturating_sub(1)]).max(0.0)).collect();
    let strongest = onsets.iter().fold(1e-6f64, |a, &b| a.max(b));
    let raised = smooth(&onsets.iter().map(|v| v / strongest).collect::<Vec<_>>(), 4.0, fps);
    for (pose, raised) in poses.iter_mut().zip(raised) {
        pose.brow = (amount * 0.8 * (1.1 * raised).clamp(0.0, 1.0)) as f32;
    }
}

/// Numbers that look random and are the same on every machine (splitmix64).
struct Random(u64);

impl Random {
    /// 0 to 1.
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Normally distributed (Box–Muller).
    fn normal(&mut self) -> f64 {
        let (a, b) = (self.next().max(1e-12), self.next());
        (-2.0 * a.ln()).sqrt() * (TAU * b).cos()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lively(frames: usize, fps: f64, seed: u64) -> Vec<Pose> {
        let mut poses = vec![Pose::default(); frames];
        let activity: Vec<f64> = (0..frames).map(|i| f64::from(u8::from((i / 20) % 3 > 0))).collect();
        add_idle_motion(&mut poses, &activity, fps, IdleMotion { head: 1.0, brows: 1.0, blinks: true, seed });
        poses
    }

    #[test]
    fn a_head_moves_gently_and_blinks_now_and_then() {
        for seed in 0..20 {
            let poses = lively(25 * 60, 25.0, seed);
            assert!(poses.iter().all(|p| p.yaw_deg.abs() < 5.5 && p.pitch_deg.abs() < 4.5 && p.roll_deg.abs() < 2.5));
            assert!(poses.windows(2).all(|w| (w[0].yaw_deg - w[1].yaw_deg).abs() < 0.35), "a jump of the head");
            let blinks = poses.windows(2).filter(|w| w[0].blink < 0.9 && w[1].blink > 0.9).count();
            assert!((8..=36).contains(&blinks), "{blinks} blinks a minute");
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_motion() {
        assert_eq!(lively(200, 30.0, 5), lively(200, 30.0, 5));
        assert_ne!(lively(200, 30.0, 5), lively(200, 30.0, 6));
    }
}
