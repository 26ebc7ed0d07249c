//! A small sequencer: tracks of notes become stereo.

use std::collections::BTreeMap;

use crate::generate::synth::SynthError;
use crate::generate::synth::maths::Dice;
use crate::generate::synth::presets;
use crate::spec::op::{Notes, SynthSound, Track};

/// How a song is played.
#[derive(Debug, Clone, Copy)]
pub(super) struct Score {
    /// Sample rate in Hz.
    pub(super) rate: u32,
    /// Frames of a step.
    pub(super) step: f64,
    /// Whether what rings over the end goes on at the start.
    pub(super) is_loop: bool,
    pub(super) seed: u64,
}

/// Plays all tracks together: left and right by turns.
pub(super) fn play(tracks: &[Track], score: &Score) -> Result<Vec<f64>, SynthError> {
    let parsed: Vec<Notes> =
        tracks.iter().map(|track| Notes::parse(&track.notes)).collect::<Result<_, _>>()?;
    let steps = parsed.iter().map(|notes| notes.steps).max().unwrap_or(0);
    let seconds = score.step * steps as f64 / f64::from(score.rate);
    if seconds > SynthSound::MAX_SONG_SECONDS {
        return Err(SynthError::TooLong { seconds, most: SynthSound::MAX_SONG_SECONDS });
    }
    let length = at(score.step, steps).max(1);
    let mut mix = Mix { samples: vec![0.0; length * 2], length, is_loop: score.is_loop };
    for (place, (track, notes)) in tracks.iter().zip(&parsed).enumerate() {
        let mut player = Player { track, score, seed: place as u64, known: BTreeMap::new() };
        // Equal power: a track is as loud in the middle as at a side.
        let (left, right) = (((1.0 - track.pan) / 2.0).sqrt(), ((1.0 + track.pan) / 2.0).sqrt());
        // A track that is shorter than the song starts over.
        for round in 0..steps.div_ceil(notes.steps) {
            for note in &notes.notes {
                let start = round * notes.steps + note.start;
                if start >= steps {
                    break;
                }
                let frames = at(score.step, note.length);
                for key in &note.keys {
                    let sound = player.sound(*key, frames)?;
                    mix.add(
                        at(score.step, start),
                        sound,
                        left * track.volume,
                        right * track.volume,
                    );
                }
            }
        }
    }
    Ok(mix.samples)
}

fn at(step: f64, steps: usize) -> usize {
    (step * steps as f64 + 0.5) as usize
}

/// Plays the notes of a track, each kind of note once.
struct Player<'a> {
    track: &'a Track,
    score: &'a Score,
    seed: u64,
    known: BTreeMap<(i32, usize), Vec<f64>>,
}

impl Player<'_> {
    fn sound(&mut self, key: i32, frames: usize) -> Result<&[f64], SynthError> {
        use std::collections::btree_map::Entry;
        match self.known.entry((key, frames)) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(new) => {
                let mut dice = Dice::new(self.score.seed ^ (self.seed << 32) ^ (key as u64));
                let name = &self.track.instrument;
                let instrument = presets::instrument(name, key, &mut dice)
                    .ok_or_else(|| SynthError::Instrument(name.clone()))?;
                let rate = f64::from(self.score.rate);
                let mut voice = instrument.voice;
                if !instrument.is_struck {
                    let seconds = frames as f64 / rate;
                    voice.attack = voice.attack.min(seconds / 2.0);
                    voice.hold = seconds - voice.attack;
                    voice.decay = instrument.tail;
                }
                let count = (voice.seconds() * rate + 0.5) as usize;
                let mut samples = voice.play(self.score.rate, count.max(1), &mut dice);
                samples.iter_mut().for_each(|sample| *sample *= instrument.level);
                Ok(new.insert(samples))
            }
        }
    }
}

struct Mix {
    samples: Vec<f64>,
    /// Frames of the song.
    length: usize,
    is_loop: bool,
}

impl Mix {
    fn add(&mut self, start: usize, sound: &[f64], left: f64, right: f64) {
        if !self.is_loop && self.samples.len() < (start + sound.len()) * 2 {
            self.samples.resize((start + sound.len()) * 2, 0.0);
        }
        for (index, sample) in sound.iter().enumerate() {
            let frame = if self.is_loop { (start + index) % self.length } else { start + index };
            self.samples[frame * 2] += left * sample;
            self.samples[frame * 2 + 1] += right * sample;
        }
    }
}
