//! One voice: a wave whose pitch moves, an envelope, filters, an echo.
//!
//! Waves are made at four times the sample rate and brought down through a filter, so that what a
//! square or a saw has above the audible does not come back as a whistle.

use crate::generate::synth::maths::{Dice, semitones, sine, tangent};

/// How many times finer the wave is made.
const FINER: usize = 4;
/// Taps of the filter that brings it down, for each sample.
const TAPS: usize = 16 * FINER;
/// Values of noise in one period of its pitch.
const NOISE_VALUES: f64 = 16.0;
/// Pitches that are played, in Hz.
const PITCHES: (f64, f64) = (8.0, 20_000.0);

/// The form of a wave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wave {
    Square,
    Saw,
    Triangle,
    Sine,
    Noise,
}

impl Wave {
    pub(super) fn from_word(word: &str) -> Option<Self> {
        Some(match word {
            "square" => Self::Square,
            "saw" => Self::Saw,
            "triangle" => Self::Triangle,
            "sine" => Self::Sine,
            "noise" => Self::Noise,
            _ => return None,
        })
    }
}

/// What a voice plays. Seconds, Hz and semitones; the table of parameters says what each of them is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Voice {
    pub(super) wave: Wave,
    pub(super) pitch: f64,
    pub(super) slide: f64,
    pub(super) bend: f64,
    pub(super) jump: f64,
    pub(super) jump_at: f64,
    pub(super) vibrato: f64,
    pub(super) vibrato_rate: f64,
    pub(super) duty: f64,
    pub(super) duty_sweep: f64,
    pub(super) attack: f64,
    pub(super) hold: f64,
    pub(super) decay: f64,
    pub(super) punch: f64,
    /// 20 kHz lets everything pass.
    pub(super) low_pass: f64,
    pub(super) low_pass_sweep: f64,
    pub(super) resonance: f64,
    /// 0 lets everything pass.
    pub(super) high_pass: f64,
    pub(super) repeat: f64,
    pub(super) echo: f64,
    pub(super) echo_level: f64,
    /// 0 keeps all of them.
    pub(super) bits: u32,
}

impl Voice {
    /// A plain tone of a second at 440 Hz.
    pub(super) const PLAIN: Self = Self {
        wave: Wave::Square,
        pitch: 440.0,
        slide: 0.0,
        bend: 0.0,
        jump: 0.0,
        jump_at: 0.0,
        vibrato: 0.0,
        vibrato_rate: 0.0,
        duty: 0.5,
        duty_sweep: 0.0,
        attack: 0.005,
        hold: 0.8,
        decay: 0.195,
        punch: 0.0,
        low_pass: 20_000.0,
        low_pass_sweep: 0.0,
        resonance: 0.0,
        high_pass: 0.0,
        repeat: 0.0,
        echo: 0.0,
        echo_level: 0.0,
        bits: 0,
    };

    /// Seconds from the start to the end of the decay.
    pub(super) fn seconds(&self) -> f64 {
        self.attack + self.hold + self.decay
    }

    /// The voice with its envelope stretched to a length.
    pub(super) fn stretched(mut self, seconds: f64) -> Self {
        let factor = seconds / self.seconds();
        self.attack *= factor;
        self.hold *= factor;
        self.decay *= factor;
        self
    }

    /// The whole voice slower or faster, so that it lasts so long: what moves arrives at the same place.
    pub(super) fn paced(mut self, seconds: f64) -> Self {
        let factor = seconds / self.seconds();
        self.slide /= factor;
        self.bend /= factor * factor;
        self.jump_at *= factor;
        self.duty_sweep /= factor;
        self.low_pass_sweep /= factor;
        self.repeat /= factor;
        self.stretched(seconds)
    }

    /// `frames` samples at `rate`, about within ±1.
    pub(super) fn play(&self, rate: u32, frames: usize, dice: &mut Dice) -> Vec<f64> {
        let fine_rate = f64::from(rate) * FINER as f64;
        let fine = self.raw_wave(fine_rate, frames * FINER + TAPS, dice);
        let mut samples = bring_down(&fine, frames);
        self.filter(&mut samples, f64::from(rate));
        self.shape(&mut samples, f64::from(rate));
        self.add_echo(&mut samples, f64::from(rate));
        self.coarsen(&mut samples);
        samples
    }

    /// The bare wave.
    fn raw_wave(&self, rate: f64, count: usize, dice: &mut Dice) -> Vec<f64> {
        /// Samples over which the pitch stands still.
        const BLOCK: usize = 16;
        let mut samples = Vec::with_capacity(count);
        let (mut phase, mut noise) = (0.0f64, dice.between(-1.0, 1.0));
        while samples.len() < count {
            let seconds = samples.len() as f64 / rate;
            let step = self.pitch_at(seconds) / rate;
            let duty = (self.duty + self.duty_sweep * seconds).clamp(0.02, 0.98);
            for _ in 0..BLOCK.min(count - samples.len()) {
                samples.push(match self.wave {
                    Wave::Square => {
                        let level = if phase < duty { 1.0 } else { -1.0 };
                        // Without the mean that a narrow pulse has.
                        level + 1.0 - 2.0 * duty + corner(phase, step)
                            - corner(fraction(phase + 1.0 - duty), step)
                    }
                    Wave::Saw => 2.0 * phase - 1.0 - corner(phase, step),
                    Wave::Triangle => 1.0 - 4.0 * (phase - 0.5).abs(),
                    Wave::Sine => sine(phase),
                    Wave::Noise => noise,
                });
                let speed = if self.wave == Wave::Noise { step * NOISE_VALUES } else { step };
                phase += speed;
                if phase >= 1.0 {
                    phase = fraction(phase);
                    if self.wave == Wave::Noise {
                        noise = dice.between(-1.0, 1.0);
                    }
                }
            }
        }
        samples
    }

    /// The pitch in Hz at a moment.
    fn pitch_at(&self, seconds: f64) -> f64 {
        let since = match self.repeat {
            repeat if repeat > 0.0 => seconds - (seconds * repeat).floor() / repeat,
            _ => seconds,
        };
        let leap = if self.jump != 0.0 && since >= self.jump_at { self.jump } else { 0.0 };
        let shake = match self.vibrato {
            0.0 => 0.0,
            depth => depth * sine(seconds * self.vibrato_rate),
        };
        let moved = self.slide * since + 0.5 * self.bend * since * since + leap + shake;
        (self.pitch * semitones(moved)).clamp(PITCHES.0, PITCHES.1)
    }

    /// Low pass with resonance, then high pass (state-variable filters in the form of Zavalishin).
    fn filter(&self, samples: &mut [f64], rate: f64) {
        /// Samples over which the cutoff stands still.
        const BLOCK: usize = 32;
        let highest = 0.45 * rate;
        let is_open = self.low_pass >= 20_000.0 && self.low_pass_sweep >= 0.0;
        if !is_open {
            let damping = 2.0 * (1.0 - self.resonance);
            let (mut first, mut second) = (0.0, 0.0);
            for (index, block) in samples.chunks_mut(BLOCK).enumerate() {
                let seconds = (index * BLOCK) as f64 / rate;
                let cutoff = self.low_pass * semitones(12.0 * self.low_pass_sweep * seconds);
                let g = tangent(cutoff.clamp(20.0, highest) / rate / 2.0);
                let scale = 1.0 / (1.0 + g * (g + damping));
                for sample in block {
                    let high = (*sample - (g + damping) * first - second) * scale;
                    let band = g * high + first;
                    first = g * high + band;
                    let low = g * band + second;
                    second = g * band + low;
                    *sample = low;
                }
            }
        }
        // Without a constant offset in any case.
        let g = tangent(self.high_pass.clamp(12.0, highest) / rate / 2.0);
        let mut state = 0.0;
        for sample in samples {
            let low = (g * *sample + state) / (1.0 + g);
            state = 2.0 * low - state;
            *sample -= low;
        }
    }

    /// Attack, hold with punch, decay; the last samples go to nothing, so that the end does not click.
    fn shape(&self, samples: &mut [f64], rate: f64) {
        let end = samples.len() as f64 / rate;
        let last = (0.002f64).min(end / 4.0);
        for (index, sample) in samples.iter_mut().enumerate() {
            let seconds = index as f64 / rate;
            let level = if seconds < self.attack {
                seconds / self.attack
            } else if seconds < self.attack + self.hold {
                let left = 1.0 - (seconds - self.attack) / self.hold;
                1.0 + 2.0 * self.punch * left
            } else {
                let left = 1.0 - (seconds - self.attack - self.hold) / self.decay.max(1e-6);
                // Falls fast and ends slowly, as what was struck does.
                left.max(0.0) * left.max(0.0)
            };
            let ending = ((end - seconds) / last).min(1.0);
            *sample *= level * ending;
        }
    }

    fn add_echo(&self, samples: &mut [f64], rate: f64) {
        let delay = (self.echo * rate) as usize;
        if delay == 0 || self.echo_level == 0.0 {
            return;
        }
        for index in delay..samples.len() {
            samples[index] += self.echo_level * samples[index - delay];
        }
        let fade = (samples.len() / 20).max(1);
        for (left, sample) in samples.iter_mut().rev().take(fade).enumerate() {
            *sample *= left as f64 / fade as f64;
        }
    }

    fn coarsen(&self, samples: &mut [f64]) {
        if self.bits == 0 {
            return;
        }
        let levels = f64::from(1u32 << (self.bits - 1));
        for sample in samples {
            *sample = (*sample * levels + 0.5).floor() / levels;
        }
    }
}

/// What is taken from a leap of two so that it is not sharper than the samples (PolyBLEP); `phase` is
/// the way since the leap, `step` that of a sample.
fn corner(phase: f64, step: f64) -> f64 {
    if phase < step {
        let t = phase / step;
        t + t - t * t - 1.0
    } else if phase > 1.0 - step {
        let t = (phase - 1.0) / step;
        t * t + t + t + 1.0
    } else {
        0.0
    }
}

fn fraction(x: f64) -> f64 {
    x - x.floor()
}

/// Every fourth value of the wave after a low pass at the audible.
fn bring_down(fine: &[f64], frames: usize) -> Vec<f64> {
    let taps = low_pass_taps();
    (0..frames)
        .map(|frame| {
            let around = &fine[frame * FINER..frame * FINER + TAPS];
            around.iter().zip(&taps).map(|(sample, tap)| sample * tap).sum()
        })
        .collect()
}

/// A sinc that ends at 0.45 of the sample rate, under a Blackman window.
fn low_pass_taps() -> Vec<f64> {
    let cutoff = 0.45 / FINER as f64;
    let middle = (TAPS - 1) as f64 / 2.0;
    let mut taps: Vec<f64> = (0..TAPS)
        .map(|tap| {
            let x = tap as f64 - middle;
            let place = tap as f64 / (TAPS - 1) as f64;
            // The cosine is the sine a quarter of a turn ahead.
            let window = 0.42 - 0.5 * sine(place + 0.25) + 0.08 * sine(2.0 * place + 0.25);
            sine(cutoff * x) / (std::f64::consts::PI * x) * window
        })
        .collect();
    let total: f64 = taps.iter().sum();
    taps.iter_mut().for_each(|tap| *tap /= total);
    taps
}
