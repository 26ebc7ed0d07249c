//! The tables of `provider: synth`: presets, parameters with their ranges, and the tracks of a song.

use crate::yaml::schema::Key;
use crate::yaml::schema::Shape::{Boolean, Integer, Number, Text, Word};
use crate::yaml::schema::Stale::Request;

/// Sounds to start from.
pub(super) const PRESETS: &[&str] = &[
    "jump",
    "coin",
    "laser",
    "explosion",
    "power-up",
    "hit",
    "blip",
    "click",
    "tone",
    "noise",
    "sweep",
    "song",
];

const WAVES: &[&str] = &["square", "saw", "triangle", "sine", "noise"];

/// What may stand in `generation.parameters`.
pub(super) const PARAMETERS: &[Key] = &[
    Key::new("wave", Word(WAVES), Request, "form of the wave"),
    Key::new("pitch", Number(10.0, 12_000.0), Request, "pitch at the start, in Hz"),
    Key::new("slide", Number(-400.0, 400.0), Request, "change of pitch, in semitones a second"),
    Key::new(
        "bend",
        Number(-2000.0, 2000.0),
        Request,
        "change of `slide`, in semitones a second squared",
    ),
    Key::new("jump", Number(-36.0, 36.0), Request, "leap of the pitch, in semitones"),
    Key::new("jump_at", Number(0.0, 60.0), Request, "when the pitch leaps, in seconds"),
    Key::new("vibrato", Number(0.0, 12.0), Request, "depth of the vibrato, in semitones"),
    Key::new("vibrato_rate", Number(0.0, 60.0), Request, "speed of the vibrato, in Hz"),
    Key::new("duty", Number(0.02, 0.98), Request, "share of a square wave that is up"),
    Key::new("duty_sweep", Number(-20.0, 20.0), Request, "change of `duty` a second"),
    Key::new("attack", Number(0.0, 60.0), Request, "seconds in which the sound comes"),
    Key::new("hold", Number(0.0, 60.0), Request, "seconds that it stays"),
    Key::new("decay", Number(0.0, 60.0), Request, "seconds in which it goes"),
    Key::new("punch", Number(0.0, 1.0), Request, "how much louder the hold begins"),
    Key::new("low_pass", Number(20.0, 20_000.0), Request, "highest frequency that passes, in Hz"),
    Key::new(
        "low_pass_sweep",
        Number(-60.0, 60.0),
        Request,
        "change of `low_pass`, in octaves a second",
    ),
    Key::new("resonance", Number(0.0, 0.97), Request, "how much the low pass rings"),
    Key::new("high_pass", Number(0.0, 10_000.0), Request, "lowest frequency that passes, in Hz"),
    Key::new("repeat", Number(0.0, 50.0), Request, "how often a second the pitch starts anew"),
    Key::new("echo", Number(0.0, 2.0), Request, "seconds to the echo"),
    Key::new("echo_level", Number(0.0, 0.9), Request, "loudness of the echo, as a factor"),
    Key::new("bits", Integer(1, 16), Request, "bits that a sample keeps, for a coarse sound"),
    Key::new("volume", Number(0.0, 1.0), Request, "highest sample").or("0.8"),
    Key::new("rate", Integer(8_000, 96_000), Request, "sample rate in Hz").or("44100"),
    Key::new("channels", Integer(1, 2), Request, "mono or stereo").or("1; song: 2"),
    Key::new("tempo", Number(20.0, 400.0), Request, "song: beats a minute").or("120"),
    Key::new("steps", Integer(1, 16), Request, "song: notes of a beat").or("2"),
    Key::new("loop", Boolean, Request, "song: what rings at the end goes on at the start")
        .or("false"),
];

/// The parameters that every preset has.
pub(super) const FOR_ALL: &[&str] = &["volume", "rate", "channels"];

/// Those that only a song has beside them; all others are for the other presets.
pub(super) const FOR_SONGS: &[&str] = &["tempo", "steps", "loop"];

const INSTRUMENTS: &[&str] =
    &["lead", "pluck", "bass", "pad", "bell", "organ", "kick", "snare", "hat", "clap"];

/// A track of a song.
pub(super) const TRACK: &[Key] = &[
    Key::new("instrument", Word(INSTRUMENTS), Request, "who plays; required"),
    Key::new(
        "notes",
        Text,
        Request,
        "what is played, a step each: `C4`, `F#5`, `Bb3`, chords as `C4+E4+G4`, `x` for drums, `-` holds \
         on, `.` is a rest, `|` means nothing; `( … )*4` repeats; required",
    ),
    Key::new("volume", Number(0.0, 1.0), Request, "loudness, as a factor").or("0.7"),
    Key::new("pan", Number(-1.0, 1.0), Request, "-1 left, 1 right").or("0"),
];
