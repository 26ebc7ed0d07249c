//! MP3, WAV, FLAC and Ogg Vorbis.

use std::io::{Cursor, ErrorKind};

use symphonia::core::codecs::audio::AudioDecoderOptions;
use symphonia::core::errors::Error;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, TrackType};
use symphonia::core::io::MediaSourceStream;
use symphonia::core::meta::MetadataOptions;

use crate::base::{Audio, Encoding};
use crate::process::sound::decode::Collector;
use crate::process::sound::error::SoundDecodeError;

/// Decodes the first sound of a file, without what the encoder added at its ends.
pub(super) fn decode(bytes: &[u8], encoding: Encoding) -> Result<Audio, SoundDecodeError> {
    let malformed = |seconds: f64, error: &Error| SoundDecodeError::Malformed {
        encoding,
        seconds,
        reason: error.to_string(),
    };
    let source = MediaSourceStream::new(Box::new(Cursor::new(bytes)), Default::default());
    let mut hint = Hint::new();
    hint.with_extension(encoding.extension());
    let mut format = symphonia::default::get_probe()
        .probe(&hint, source, FormatOptions::default(), MetadataOptions::default())
        .map_err(|error| malformed(0.0, &error))?;
    let no_sound = || SoundDecodeError::Malformed {
        encoding,
        seconds: 0.0,
        reason: "there is no sound in it".to_owned(),
    };
    let track = format.default_track(TrackType::Audio).ok_or_else(no_sound)?;
    let parameters =
        track.codec_params.as_ref().and_then(|all| all.audio()).ok_or_else(no_sound)?;
    let mut decoder = symphonia::default::get_codecs()
        .make_audio_decoder(parameters, &AudioDecoderOptions::default())
        .map_err(|error| malformed(0.0, &error))?;
    let (id, stated) = (track.id, track.num_frames);
    let mut collector: Option<Collector> = None;
    loop {
        let packet = match format.next_packet() {
            Ok(Some(packet)) => packet,
            Ok(None) => break,
            Err(error) if is_end(&error) => break,
            Err(error) => return Err(malformed(seconds(collector.as_ref()), &error)),
        };
        if packet.track_id != id {
            continue;
        }
        let decoded = decoder
            .decode(&packet)
            .map_err(|error| malformed(seconds(collector.as_ref()), &error))?;
        let (rate, channels) = (decoded.spec().rate(), decoded.spec().channels().count());
        let collector = match &mut collector {
            Some(collector) => collector,
            none => {
                let new = none.insert(Collector::new(rate, channels)?);
                new.reserve(stated.unwrap_or(0), bytes.len());
                new
            }
        };
        if (rate, channels) != (collector.audio.rate, usize::from(collector.audio.channels)) {
            let reason = "sample rate or channels change in its middle".to_owned();
            let seconds = collector.seconds();
            return Err(SoundDecodeError::Malformed { encoding, seconds, reason });
        }
        collector.extend(decoded.samples_interleaved(), |samples| {
            decoded.copy_to_slice_interleaved(samples);
        })?;
    }
    let collector = collector.ok_or(SoundDecodeError::Empty)?;
    if let Some(stated) = stated.filter(|_| states_length(bytes, encoding))
        && collector.frames() < stated
    {
        return Err(SoundDecodeError::Truncated {
            encoding,
            found: collector.seconds(),
            expected: stated as f64 / f64::from(collector.audio.rate),
        });
    }
    Ok(collector.audio)
}

fn seconds(collector: Option<&Collector>) -> f64 {
    collector.map_or(0.0, Collector::seconds)
}

/// Whether the data ended, inside of a packet or between two.
fn is_end(error: &Error) -> bool {
    matches!(error, Error::IoError(error) if error.kind() == ErrorKind::UnexpectedEof)
}

/// Whether the length of the track is the file's own word: for an MP3 file without a Xing or VBRI tag
/// it is a guess from the first frames.
fn states_length(bytes: &[u8], encoding: Encoding) -> bool {
    const LONGEST_FIRST_FRAME: usize = 4096;
    if encoding != Encoding::Mp3 {
        return true;
    }
    let start = skip_id3(bytes);
    let head = &bytes[start..bytes.len().min(start + LONGEST_FIRST_FRAME)];
    [&b"Xing"[..], b"Info", b"VBRI"].iter().any(|tag| memchr::memmem::find(head, tag).is_some())
}

/// Where the sound of an MP3 file begins, after an ID3v2 tag.
fn skip_id3(bytes: &[u8]) -> usize {
    match bytes {
        [b'I', b'D', b'3', _, _, _, a, b, c, d, ..] => {
            let size =
                [a, b, c, d].iter().fold(0, |size, byte| size << 7 | usize::from(**byte & 0x7f));
            (10 + size).min(bytes.len())
        }
        _ => 0,
    }
}
