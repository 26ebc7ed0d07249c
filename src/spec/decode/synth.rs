//! What the parameters of a synthesized sound mean together: which of them its preset takes, and how
//! long a song becomes.

use crate::spec::op::{Notes, SynthSound, Track};
use crate::spec::synth_keys::{FOR_ALL, FOR_SONGS, PARAMETERS};
use crate::yaml::{self, Checker, Value};

/// Reports parameters that the preset has no use for.
pub(super) fn check_parameters(preset: &str, parameters: &Value, checker: &mut Checker<'_>) {
    let is_song = preset == SynthSound::SONG;
    for entry in parameters.entries() {
        let key = &*entry.key;
        let is_known = PARAMETERS.iter().any(|known| known.name == key);
        if !is_known || FOR_ALL.contains(&key) || FOR_SONGS.contains(&key) == is_song {
            continue;
        }
        if is_song {
            let fitting: Vec<&str> = FOR_SONGS.iter().chain(FOR_ALL).copied().collect();
            let help = format!("delete it; a song takes {}", fitting.join(", "));
            checker.wrong_value(format!("a song has no `{key}`"), entry.key_span, help);
        } else {
            let message = format!("the preset `{preset}` has no `{key}`");
            checker.wrong_value(message, entry.key_span, "write `preset: song`, or delete it");
        }
    }
}

/// Reports a song that is too long; a song with notes that cannot be read is none.
pub(super) fn check_length(
    tracks: &[Track],
    generation: &Value,
    at: &Value,
    checker: &mut Checker<'_>,
) {
    let number = |key, usual: f64| {
        let written = generation.get("parameters").and_then(|all| all.get_text(key));
        written.and_then(yaml::parse_number).unwrap_or(usual)
    };
    let steps = tracks.iter().filter_map(|track| Notes::parse(&track.notes).ok());
    let steps = steps.map(|notes| notes.steps).max().unwrap_or(0);
    let seconds = steps as f64 * 60.0
        / (number("tempo", SynthSound::USUAL_TEMPO) * number("steps", SynthSound::USUAL_STEPS));
    let most = SynthSound::MAX_SONG_SECONDS;
    if seconds > most {
        let message = format!("the song would last {seconds:.0} s; {most} s is the most");
        checker.wrong_value(message, at.span, "write fewer notes or a higher `tempo`");
    }
}
