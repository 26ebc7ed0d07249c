//! Sounds to start from: what each preset is, and within which limits a seed varies it.

use crate::generate::synth::maths::Dice;
use crate::generate::synth::voice::{Voice, Wave};

/// The voice of a preset; none for a name that is no preset of a single voice.
pub(super) fn voice(name: &str, dice: &mut Dice) -> Option<Voice> {
    Some(match name {
        "jump" => jump(dice),
        "coin" => coin(dice),
        "laser" => laser(dice),
        "explosion" => explosion(dice),
        "power-up" => power_up(dice),
        "hit" => hit(dice),
        "blip" => blip(dice),
        "click" => click(dice),
        "tone" => Voice { wave: Wave::Sine, ..Voice::PLAIN },
        "noise" => Voice { wave: Wave::Noise, pitch: 4_000.0, ..Voice::PLAIN },
        "sweep" => Voice { wave: Wave::Sine, pitch: 220.0, slide: 24.0, ..Voice::PLAIN },
        _ => return None,
    })
}

/// A pitch that rises.
fn jump(dice: &mut Dice) -> Voice {
    Voice {
        wave: Wave::Square,
        pitch: dice.between(240.0, 460.0),
        slide: dice.between(30.0, 75.0),
        duty: dice.between(0.2, 0.5),
        attack: 0.002,
        hold: dice.between(0.06, 0.14),
        decay: dice.between(0.1, 0.2),
        low_pass: dice.between(5_000.0, 11_000.0),
        high_pass: dice.between(60.0, 160.0),
        ..Voice::PLAIN
    }
}

/// Two tones, the second one higher and longer.
fn coin(dice: &mut Dice) -> Voice {
    Voice {
        wave: dice.one_of(&[Wave::Square, Wave::Triangle]),
        pitch: dice.between(780.0, 1_180.0),
        jump: dice.one_of(&[4.0, 5.0, 7.0]),
        jump_at: dice.between(0.06, 0.09),
        duty: dice.between(0.35, 0.5),
        attack: 0.001,
        hold: dice.between(0.09, 0.13),
        decay: dice.between(0.22, 0.38),
        punch: dice.between(0.3, 0.6),
        high_pass: 200.0,
        ..Voice::PLAIN
    }
}

/// A pitch that falls from high up.
fn laser(dice: &mut Dice) -> Voice {
    Voice {
        wave: dice.one_of(&[Wave::Saw, Wave::Square]),
        pitch: dice.between(900.0, 1_900.0),
        slide: dice.between(-170.0, -90.0),
        duty: dice.between(0.1, 0.4),
        duty_sweep: dice.between(0.0, 1.5),
        attack: 0.001,
        hold: dice.between(0.07, 0.13),
        decay: dice.between(0.08, 0.18),
        punch: dice.between(0.0, 0.3),
        high_pass: 140.0,
        ..Voice::PLAIN
    }
}

/// Noise that rolls away and darkens.
fn explosion(dice: &mut Dice) -> Voice {
    Voice {
        wave: Wave::Noise,
        pitch: dice.between(350.0, 900.0),
        slide: dice.between(-26.0, -8.0),
        attack: 0.002,
        hold: dice.between(0.12, 0.25),
        decay: dice.between(0.5, 0.95),
        punch: dice.between(0.4, 0.9),
        low_pass: dice.between(3_500.0, 7_000.0),
        low_pass_sweep: dice.between(-4.5, -2.5),
        echo: dice.between(0.05, 0.11),
        echo_level: dice.between(0.2, 0.4),
        ..Voice::PLAIN
    }
}

/// A rising pitch that starts again and again, or trembles.
fn power_up(dice: &mut Dice) -> Voice {
    let repeats = dice.unit() < 0.5;
    Voice {
        wave: dice.one_of(&[Wave::Square, Wave::Saw]),
        pitch: dice.between(260.0, 440.0),
        slide: dice.between(14.0, 26.0),
        jump: if repeats { dice.one_of(&[4.0, 7.0, 12.0]) } else { 0.0 },
        jump_at: 0.05,
        repeat: if repeats { dice.between(7.0, 11.0) } else { 0.0 },
        vibrato: if repeats { 0.0 } else { dice.between(0.5, 1.2) },
        vibrato_rate: dice.between(9.0, 15.0),
        duty: dice.between(0.25, 0.5),
        attack: 0.005,
        hold: dice.between(0.3, 0.45),
        decay: dice.between(0.2, 0.35),
        low_pass: dice.between(6_000.0, 10_000.0),
        high_pass: 120.0,
        ..Voice::PLAIN
    }
}

/// Short and rough, falling.
fn hit(dice: &mut Dice) -> Voice {
    let wave = dice.one_of(&[Wave::Noise, Wave::Saw]);
    Voice {
        wave,
        pitch: if wave == Wave::Noise {
            dice.between(900.0, 2_200.0)
        } else {
            dice.between(260.0, 520.0)
        },
        slide: dice.between(-160.0, -80.0),
        attack: 0.001,
        hold: dice.between(0.02, 0.045),
        decay: dice.between(0.09, 0.17),
        punch: dice.between(0.3, 0.6),
        low_pass: dice.between(3_500.0, 8_000.0),
        high_pass: 90.0,
        ..Voice::PLAIN
    }
}

/// One short tone.
fn blip(dice: &mut Dice) -> Voice {
    Voice {
        wave: dice.one_of(&[Wave::Square, Wave::Triangle]),
        pitch: dice.between(520.0, 1_150.0),
        duty: dice.between(0.25, 0.5),
        attack: 0.002,
        hold: dice.between(0.04, 0.07),
        decay: dice.between(0.03, 0.06),
        low_pass: 9_000.0,
        high_pass: 120.0,
        ..Voice::PLAIN
    }
}

/// A tick, for buttons.
fn click(dice: &mut Dice) -> Voice {
    Voice {
        wave: dice.one_of(&[Wave::Sine, Wave::Triangle]),
        pitch: dice.between(1_500.0, 2_800.0),
        slide: dice.between(-400.0, -250.0),
        attack: 0.000_5,
        hold: dice.between(0.002, 0.006),
        decay: dice.between(0.015, 0.035),
        punch: 0.4,
        high_pass: 200.0,
        ..Voice::PLAIN
    }
}

/// The voice of an instrument of a song, for a key in semitones above A4.
pub(super) fn instrument(name: &str, key: i32, dice: &mut Dice) -> Option<Instrument> {
    let pitch = 440.0 * crate::generate::synth::maths::semitones(f64::from(key));
    let plain = Voice { pitch, ..Voice::PLAIN };
    let held = |voice| Instrument { voice, tail: 0.12, is_struck: false, level: 1.0 };
    let struck = |voice: Voice, level| Instrument { voice, tail: 0.0, is_struck: true, level };
    Some(match name {
        "lead" => held(Voice {
            duty: 0.25,
            vibrato: 0.12,
            vibrato_rate: 5.5,
            low_pass: 7_000.0,
            attack: 0.006,
            ..plain
        }),
        "pluck" => struck(
            Voice {
                wave: Wave::Saw,
                attack: 0.002,
                hold: 0.02,
                decay: 0.45,
                low_pass: (pitch * 9.0).min(12_000.0),
                low_pass_sweep: -5.0,
                resonance: 0.25,
                ..plain
            },
            1.0,
        ),
        "bass" => Instrument {
            tail: 0.06,
            level: 1.25,
            ..held(Voice {
                wave: Wave::Triangle,
                attack: 0.004,
                low_pass: 1_800.0,
                punch: 0.2,
                ..plain
            })
        },
        "pad" => Instrument {
            tail: 0.5,
            level: 0.6,
            ..held(Voice {
                wave: Wave::Saw,
                attack: 0.18,
                low_pass: 1_600.0,
                vibrato: 0.07,
                vibrato_rate: dice.between(3.0, 4.5),
                ..plain
            })
        },
        "bell" => struck(
            Voice { wave: Wave::Sine, attack: 0.001, hold: 0.01, decay: 1.1, punch: 0.5, ..plain },
            0.9,
        ),
        "organ" => held(Voice { wave: Wave::Triangle, attack: 0.01, low_pass: 5_000.0, ..plain }),
        "kick" => struck(
            Voice {
                wave: Wave::Sine,
                pitch: 150.0,
                slide: -190.0,
                bend: 900.0,
                attack: 0.001,
                hold: 0.03,
                decay: 0.2,
                punch: 0.5,
                ..Voice::PLAIN
            },
            1.5,
        ),
        "snare" => struck(
            Voice {
                wave: Wave::Noise,
                pitch: 3_500.0,
                attack: 0.001,
                hold: 0.015,
                decay: 0.16,
                punch: 0.5,
                low_pass: 7_500.0,
                high_pass: 500.0,
                ..Voice::PLAIN
            },
            0.9,
        ),
        "hat" => struck(
            Voice {
                wave: Wave::Noise,
                pitch: 12_000.0,
                attack: 0.000_5,
                hold: 0.005,
                decay: 0.05,
                high_pass: 6_000.0,
                ..Voice::PLAIN
            },
            0.7,
        ),
        "clap" => struck(
            Voice {
                wave: Wave::Noise,
                pitch: 6_000.0,
                attack: 0.001,
                hold: 0.03,
                decay: 0.13,
                high_pass: 900.0,
                low_pass: 6_500.0,
                resonance: 0.3,
                ..Voice::PLAIN
            },
            0.9,
        ),
        _ => return None,
    })
}

/// How a voice is played as an instrument.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Instrument {
    pub(super) voice: Voice,
    /// Seconds that a held note rings on.
    pub(super) tail: f64,
    /// Whether the note's length does not matter.
    pub(super) is_struck: bool,
    /// Loudness beside the others, as a factor.
    pub(super) level: f64,
}
