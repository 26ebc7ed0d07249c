//! Ogg Opus (RFC 7845): the packets of the first logical stream.

use std::io::Cursor;

use ogg::PacketReader;
use ogg::reading::OggReadError;

use crate::base::{Audio, Encoding};
use crate::process::sound::decode::Collector;
use crate::process::sound::error::SoundDecodeError;
use crate::process::sound::libopus::{Decoder, Layout, RATE};

/// Decodes the file at 48 kHz, without the frames that its head and its last page say to drop.
pub(super) fn decode(bytes: &[u8]) -> Result<Audio, SoundDecodeError> {
    let mut packets = PacketReader::new(Cursor::new(bytes));
    let mut next = |seconds: f64| match packets.read_packet() {
        Ok(packet) => Ok(packet),
        Err(OggReadError::ReadError(_)) => Err(malformed(seconds, "it ends inside of a page")),
        Err(error) => Err(malformed(seconds, error)),
    };
    let first = next(0.0)?.ok_or(SoundDecodeError::Empty)?;
    let serial = first.stream_serial();
    let head = Head::parse(&first.data).map_err(|reason| malformed(0.0, reason))?;
    let channels = head.layout.mapping.len();
    let mut collector = Collector::new(RATE, channels)?;
    let mut decoder = Decoder::new(&head.layout).map_err(|code| malformed(0.0, code))?;
    let gain = head.gain();
    let mut samples = Vec::new();
    let mut skip = usize::from(head.pre_skip) * channels;
    let mut has_tags = false;
    // Position of the end, in frames with those before the start.
    let mut end: Option<u64> = None;
    while let Some(packet) = next(collector.seconds())? {
        if packet.stream_serial() != serial {
            // A chained or multiplexed stream: another sound.
            continue;
        }
        if !std::mem::replace(&mut has_tags, true) {
            continue;
        }
        decoder
            .decode(&packet.data, &mut samples)
            .map_err(|code| malformed(collector.seconds(), code))?;
        let skipped = skip.min(samples.len());
        skip -= skipped;
        let rest = &samples[skipped..];
        collector.extend(rest.len(), |room| {
            for (sample, decoded) in room.iter_mut().zip(rest) {
                *sample = decoded * gain;
            }
        })?;
        if packet.last_in_stream() {
            end = Some(packet.absgp_page());
            break;
        }
    }
    let Some(end) = end else {
        return Err(malformed(collector.seconds(), "it ends before the last page of the stream"));
    };
    let mut audio = collector.audio;
    let frames = end.saturating_sub(u64::from(head.pre_skip));
    let frames = usize::try_from(frames).unwrap_or(usize::MAX);
    audio.samples.truncate(frames.saturating_mul(channels));
    Ok(audio)
}

fn malformed(seconds: f64, reason: impl ToString) -> SoundDecodeError {
    SoundDecodeError::Malformed { encoding: Encoding::Opus, seconds, reason: reason.to_string() }
}

/// The first packet.
#[derive(Debug)]
struct Head {
    /// Frames to drop at the start.
    pre_skip: u16,
    /// Gain in 1/256 dB.
    gain_q8: i16,
    layout: Layout,
}

impl Head {
    fn parse(packet: &[u8]) -> Result<Self, &'static str> {
        let [b'O', b'p', b'u', b's', b'H', b'e', b'a', b'd', version, channels, rest @ ..] = packet
        else {
            return Err("its first packet is no OpusHead");
        };
        let [skip_low, skip_high, _, _, _, _, gain_low, gain_high, family, table @ ..] = rest
        else {
            return Err("its OpusHead is too short");
        };
        if version >> 4 != 0 {
            return Err("it is of a later version of Ogg Opus");
        }
        let layout = match (family, channels, table) {
            (0, 1, _) => Layout { streams: 1, coupled: 0, mapping: vec![0] },
            (0, 2, _) => Layout { streams: 1, coupled: 1, mapping: vec![0, 1] },
            (1, 1..=8, [streams, coupled, mapping @ ..])
                if mapping.len() >= usize::from(*channels) =>
            {
                let mapping = mapping[..usize::from(*channels)].to_vec();
                Layout { streams: *streams, coupled: *coupled, mapping: wave_order(&mapping) }
            }
            _ => return Err("its channel mapping is not one of plain sound"),
        };
        Ok(Self {
            pre_skip: u16::from_le_bytes([*skip_low, *skip_high]),
            gain_q8: i16::from_le_bytes([*gain_low, *gain_high]),
            layout,
        })
    }

    /// The factor for samples.
    fn gain(&self) -> f32 {
        match self.gain_q8 {
            0 => 1.0,
            q8 => 10f32.powf(f32::from(q8) / (20.0 * 256.0)),
        }
    }
}

/// Channels in the order of WAV files instead of that of Vorbis, which mapping family 1 uses.
fn wave_order(mapping: &[u8]) -> Vec<u8> {
    // Vorbis puts the centre second and the low frequencies last.
    let order: &[usize] = match mapping.len() {
        3 => &[0, 2, 1],
        5 => &[0, 2, 1, 3, 4],
        6 => &[0, 2, 1, 5, 3, 4],
        7 => &[0, 2, 1, 6, 5, 3, 4],
        8 => &[0, 2, 1, 7, 5, 6, 3, 4],
        _ => return mapping.to_vec(),
    };
    order.iter().map(|&place| mapping[place]).collect()
}
