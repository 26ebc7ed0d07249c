//! Presets sound like what they are called, songs keep time, and nothing breaks at the ends of ranges.

use std::collections::BTreeMap;

use super::*;
use crate::base::Raw;
use crate::spec::op::Track;

fn preset(name: &str, seed: u64) -> SynthSound {
    SynthSound {
        preset: name.to_owned(),
        seed,
        duration_seconds: None,
        parameters: BTreeMap::new(),
        tracks: Vec::new(),
    }
}

fn with(mut sound: SynthSound, parameters: &[(&str, f64)]) -> SynthSound {
    for (name, value) in parameters {
        sound.parameters.insert((*name).to_owned(), Scalar::Number(*value));
    }
    sound
}

fn play(sound: &SynthSound) -> Audio {
    make(sound).unwrap_or_else(|error| panic!("{sound:?}: {error}"))
}

const EFFECTS: [&str; 11] = [
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
];

/// Pitch in Hz of a stretch, by the distance at which it is most like itself.
fn pitch(audio: &Audio, from: f64, seconds: f64) -> f64 {
    let rate = f64::from(audio.rate);
    let start = (from * rate) as usize;
    let part = &audio.samples[start..start + (seconds * rate) as usize];
    let likeness = |lag: usize| -> f64 {
        let (mut product, mut power) = (0.0, 0.0);
        for (a, b) in part.iter().zip(&part[lag..]) {
            product += f64::from(a * b);
            power += f64::from(a * a + b * b);
        }
        2.0 * product / power
    };
    let (least, most) = ((rate / 4_000.0) as usize, part.len() / 2);
    let best = (least..most).map(likeness).fold(0.0, f64::max);
    let lag = (least..most)
        .find(|&lag| likeness(lag) > 0.92 * best && likeness(lag) >= likeness(lag + 1));
    rate / lag.expect("a period") as f64
}

/// How noisy a sound is: sign changes of its slope a second.
fn roughness(audio: &Audio) -> f64 {
    let slopes: Vec<f32> = audio.samples.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let turns = slopes.windows(2).filter(|pair| pair[0] * pair[1] < 0.0).count();
    turns as f64 * f64::from(audio.rate) / audio.samples.len() as f64
}

fn energy(samples: &[f32]) -> f64 {
    samples.iter().map(|sample| f64::from(*sample).powi(2)).sum()
}

/// A change here makes sounds of every project differ.
#[test]
fn samples_are_golden() {
    let digests: Vec<String> = EFFECTS
        .iter()
        .flat_map(|name| [0, 7].map(|seed| (name, seed)))
        .map(|(name, seed)| {
            let audio = play(&preset(name, seed));
            let frames = audio.samples.len();
            format!("{name} {seed}: {frames} {}", &Raw::Audio(audio).digest().hex()[..12])
        })
        .chain([format!("song: {}", &Raw::Audio(play(&song(false))).digest().hex()[..12])])
        .collect();
    insta::assert_debug_snapshot!(digests, @r#"
    [
        "jump 0: 11038 06aa90c9ab5e",
        "jump 7: 11196 51239add6fdb",
        "coin 0: 15519 8c18d2c3b31e",
        "coin 7: 17457 e7e3e78a1a6e",
        "laser 0: 8292 589a213e104e",
        "laser 7: 9383 f0b66452b383",
        "explosion 0: 59588 c0b5628646c9",
        "explosion 7: 53382 b356c145edf5",
        "power-up 0: 29000 a657dd51e9a2",
        "power-up 7: 25892 2362a83c4f2c",
        "hit 0: 6341 9b6d2fd3f425",
        "hit 7: 7134 e974137dfb38",
        "blip 0: 4600 69bc81fa280a",
        "blip 7: 4545 fbaf5b6db90e",
        "click 0: 1037 fb0aa985a23c",
        "click 7: 1274 433fb6c85ab4",
        "tone 0: 44100 43a7385c02a0",
        "tone 7: 44100 43a7385c02a0",
        "noise 0: 44100 f07b943ed4e1",
        "noise 7: 44100 e70d57a8aad2",
        "sweep 0: 44100 c06dbfa8a172",
        "sweep 7: 44100 c06dbfa8a172",
        "song: bde68cc79119",
    ]
    "#);
}

#[test]
fn a_jump_rises_and_a_laser_falls() {
    for seed in 0..8 {
        let jump = play(&preset("jump", seed));
        let (low, high) = (pitch(&jump, 0.01, 0.03), pitch(&jump, 0.1, 0.03));
        assert!(high > low * 1.1, "seed {seed}: {low:.0} to {high:.0} Hz");
        let laser = play(&preset("laser", seed));
        let (high, low) = (pitch(&laser, 0.005, 0.02), pitch(&laser, 0.09, 0.03));
        assert!(low < high * 0.8, "seed {seed}: {high:.0} to {low:.0} Hz");
    }
}

#[test]
fn a_coin_has_two_tones() {
    for seed in 0..8 {
        let coin = play(&preset("coin", seed));
        let (first, second) = (pitch(&coin, 0.01, 0.03), pitch(&coin, 0.12, 0.04));
        let leap = 12.0 * (second / first).log2();
        assert!((3.0..=8.0).contains(&leap), "seed {seed}: {leap:.1} semitones");
    }
}

#[test]
fn an_explosion_is_noise_that_darkens() {
    for seed in 0..8 {
        let audio = play(&preset("explosion", seed));
        let tone = play(&preset("tone", seed));
        assert!(roughness(&audio) > 3.0 * roughness(&tone), "seed {seed}");
        let (early, late) = audio.samples.split_at(audio.samples.len() / 3);
        let part = |samples: &[f32]| Audio { samples: samples.to_vec(), ..audio.clone() };
        assert!(roughness(&part(early)) > roughness(&part(late)), "seed {seed}");
        assert!(energy(early) > energy(late), "seed {seed}");
    }
}

#[test]
fn seeds_differ_and_the_same_seed_does_not() {
    for name in ["jump", "coin", "laser", "explosion", "power-up", "hit", "blip", "click", "noise"]
    {
        assert_eq!(play(&preset(name, 3)), play(&preset(name, 3)));
        assert_ne!(play(&preset(name, 3)).samples, play(&preset(name, 4)).samples, "{name}");
    }
}

#[test]
fn a_length_is_kept_to_the_frame() {
    for name in EFFECTS {
        for seconds in [0.001, 0.05, 0.3, 1.75] {
            let sound = SynthSound { duration_seconds: Some(seconds), ..preset(name, 1) };
            let frames = play(&sound).samples.len();
            assert_eq!(frames, (seconds * 44_100.0 + 0.5) as usize, "{name}");
        }
    }
}

#[test]
fn parameters_replace_those_of_the_preset() {
    let tone = with(preset("tone", 0), &[("pitch", 523.25), ("hold", 0.3)]);
    assert!((pitch(&play(&tone), 0.1, 0.1) / 523.25 - 1.0).abs() < 0.02);
    let quiet = play(&with(tone.clone(), &[("volume", 0.25)]));
    let peak = quiet.samples.iter().fold(0.0f32, |peak, sample| peak.max(sample.abs()));
    assert!((peak - 0.25).abs() < 1e-6);
    let stereo = play(&with(tone.clone(), &[("channels", 2.0), ("rate", 48_000.0)]));
    assert_eq!((stereo.channels, stereo.rate), (2, 48_000));
    let mut square = tone;
    square.parameters.insert("wave".to_owned(), Scalar::Text("square".to_owned()));
    assert!(energy(&play(&square).samples) > 1.5 * energy(&quiet.samples));
}

#[test]
fn what_a_square_has_above_the_audible_does_not_come_back() {
    // Harmonics of 5 kHz at 44.1 kHz would fold to 0.9 kHz and others; only multiples of 5 kHz may sound.
    let mut sound =
        with(preset("tone", 0), &[("pitch", 5_000.0), ("hold", 0.5), ("high_pass", 0.0)]);
    sound.parameters.insert("wave".to_owned(), Scalar::Text("saw".to_owned()));
    let audio = play(&sound);
    let part = &audio.samples[8_820..17_640];
    let power = |hertz: f64| {
        let (mut real, mut imaginary) = (0.0, 0.0);
        for (frame, sample) in part.iter().enumerate() {
            let angle = std::f64::consts::TAU * hertz * frame as f64 / 44_100.0;
            real += f64::from(*sample) * angle.cos();
            imaginary += f64::from(*sample) * angle.sin();
        }
        real * real + imaginary * imaginary
    };
    let tone = power(5_000.0);
    for folded in [900.0, 4_100.0, 9_100.0] {
        let ratio = 10.0 * (power(folded) / tone).log10();
        assert!(ratio < -50.0, "{folded} Hz at {ratio:.0} dB");
    }
}

fn track(instrument: &str, notes: &str) -> Track {
    Track { instrument: instrument.to_owned(), notes: notes.to_owned(), volume: 0.7, pan: 0.0 }
}

fn song(is_loop: bool) -> SynthSound {
    let mut sound = with(preset("song", 0), &[("tempo", 120.0), ("steps", 2.0)]);
    sound.parameters.insert("loop".to_owned(), Scalar::Boolean(is_loop));
    sound.tracks = vec![
        track("lead", "C5 E5 G5 - | C6 - . ."),
        track("bass", "C3 - - - | G2 - - -"),
        Track { pan: -0.5, ..track("pad", "C4+E4+G4 - - - - - - -") },
        track("kick", "x . . ."),
        track("hat", ". x"),
    ];
    sound
}

#[test]
fn a_song_keeps_time() {
    let audio = play(&song(true));
    // Eight steps of a quarter of a second.
    assert_eq!((audio.channels, audio.samples.len()), (2, 2 * 88_200));
    let longer = play(&song(false));
    assert!(longer.samples.len() > audio.samples.len(), "what rings goes on");
    let only = |notes: &str| {
        let sound = SynthSound { tracks: vec![track("kick", notes)], ..song(false) };
        play(&sound)
    };
    let late = only(". . . x");
    let first = late.samples.iter().position(|sample| *sample != 0.0).expect("a beat") / 2;
    assert!(first.abs_diff(33_075) < 20, "{first}");
    assert_eq!(only("x").samples.len(), only("x").samples.len());
}

#[test]
fn a_loop_has_no_seam() {
    let audio = play(&song(true));
    let at = |frame: usize| f64::from(audio.samples[frame * 2]);
    let frames = audio.samples.len() / 2;
    let usual = (1..frames).map(|frame| (at(frame) - at(frame - 1)).abs()).fold(0.0, f64::max);
    assert!((at(0) - at(frames - 1)).abs() <= usual);
}

#[test]
fn a_track_at_a_side_is_heard_there() {
    let mut sound = song(false);
    sound.tracks = vec![Track { pan: -1.0, ..track("bell", "A4") }];
    let audio = play(&sound);
    let side = |channel: usize| {
        let samples: Vec<f32> = audio.samples.iter().skip(channel).step_by(2).copied().collect();
        energy(&samples)
    };
    assert!(side(0) > 0.0);
    assert_eq!(side(1), 0.0);
}

#[test]
fn what_cannot_be_played_is_an_error() {
    let message = |sound: &SynthSound| make(sound).expect_err("not playable").to_string();
    assert_eq!(message(&preset("sing", 0)), "there is no preset `sing`");
    let long = SynthSound { duration_seconds: Some(90.0), ..preset("tone", 0) };
    assert_eq!(message(&long), "the sound would last 90 s; 60 s is the most");
    let mut endless = song(false);
    endless.tracks = vec![track("kick", "(x)*10000")];
    assert_eq!(message(&endless), "the sound would last 2500 s; 600 s is the most");
    let mut unknown = song(false);
    unknown.tracks[0].instrument = "tuba".to_owned();
    assert_eq!(message(&unknown), "there is no instrument `tuba`");
}

#[test]
fn nothing_breaks_at_the_ends_of_the_ranges() {
    let rounds = std::env::var("ASSETBUILD_SOAK").ok().and_then(|count| count.parse().ok());
    let ranges: [(&str, f64, f64); 21] = [
        ("pitch", 10.0, 12_000.0),
        ("slide", -400.0, 400.0),
        ("bend", -2_000.0, 2_000.0),
        ("jump", -36.0, 36.0),
        ("jump_at", 0.0, 0.3),
        ("vibrato", 0.0, 12.0),
        ("vibrato_rate", 0.0, 60.0),
        ("duty", 0.02, 0.98),
        ("duty_sweep", -20.0, 20.0),
        ("attack", 0.0, 0.1),
        ("hold", 0.0, 0.2),
        ("decay", 0.0, 0.2),
        ("punch", 0.0, 1.0),
        ("low_pass", 20.0, 20_000.0),
        ("low_pass_sweep", -60.0, 60.0),
        ("resonance", 0.0, 0.97),
        ("high_pass", 0.0, 10_000.0),
        ("repeat", 0.0, 50.0),
        ("echo", 0.0, 0.1),
        ("echo_level", 0.0, 0.9),
        ("bits", 1.0, 16.0),
    ];
    for seed in 0..rounds.unwrap_or(40) {
        let mut dice = Dice::new(seed);
        let mut sound = preset(EFFECTS[seed as usize % EFFECTS.len()], seed);
        for (name, low, high) in ranges {
            let value = match (dice.unit() * 5.0) as u32 {
                0 => low,
                1 => high,
                2 => dice.between(low, high),
                _ => continue,
            };
            sound.parameters.insert(name.to_owned(), Scalar::Number(value));
        }
        let wave = dice.one_of(&["square", "saw", "triangle", "sine", "noise"]);
        sound.parameters.insert("wave".to_owned(), Scalar::Text(wave.to_owned()));
        sound
            .parameters
            .insert("rate".to_owned(), Scalar::Integer(dice.one_of(&[8_000, 44_100, 96_000])));
        let audio = play(&sound);
        assert!(audio.samples.iter().all(|sample| sample.abs() <= 0.800_001), "{sound:?}");
    }
}
