//! Ogg Opus (RFC 7845), in packets of 20 ms.

use std::borrow::Cow;
use std::io::Cursor;

use ogg::{PacketWriteEndInfo, PacketWriter};

use crate::base::{Audio, Encoding};
use crate::process::sound::encode::failed;
use crate::process::sound::error::SoundEncodeError;
use crate::process::sound::libopus::{Encoder, OpusCode, RATE};
use crate::process::sound::rate;

/// Unique within a file is all that a serial has to be.
const SERIAL: u32 = 1;
/// Frames of a packet, 20 ms.
const PACKET: usize = 960;
/// Packets of a page, a second.
const PAGE: usize = 50;
/// Bits per second that libopus takes for a channel.
const BITRATES: (u32, u32) = (6_000, 256_000);

pub(super) fn encode(audio: &Audio, bitrate: Option<u32>) -> Result<Vec<u8>, SoundEncodeError> {
    let encoding = Encoding::Opus;
    let channels = audio.channels;
    let range = (BITRATES.0, BITRATES.1 * u32::from(channels));
    if let Some(bitrate) = bitrate.filter(|bitrate| !(range.0..=range.1).contains(bitrate)) {
        return Err(SoundEncodeError::Bitrate { encoding, rate: RATE, channels, bitrate, range });
    }
    let failed = |code: OpusCode| failed(encoding, code);
    // Opus knows no other rate inside.
    let played = match audio.rate {
        RATE => Cow::Borrowed(audio),
        _ => Cow::Owned(rate::resample(audio, RATE).map_err(|e| super::failed(encoding, e))?),
    };
    let count = usize::from(channels);
    let mut encoder = Encoder::new(if channels == 1 { 1 } else { 2 }, bitrate).map_err(failed)?;
    let delay = encoder.delay().map_err(failed)?;
    let mut file = Writer { out: PacketWriter::new(Cursor::new(Vec::new())) };
    file.packet(head(channels, delay, audio.rate), PacketWriteEndInfo::EndPage, 0)?;
    file.packet(tags(), PacketWriteEndInfo::EndPage, 0)?;
    // What comes before the first frame is dropped, so as much has to come after the last one.
    let frames = played.samples.len() / count + delay as usize;
    let packets = frames.div_ceil(PACKET);
    let mut block = vec![0.0; PACKET * count];
    for index in 0..packets {
        let start = (index * PACKET * count).min(played.samples.len());
        let end = (start + block.len()).min(played.samples.len());
        block.fill(0.0);
        block[..end - start].copy_from_slice(&played.samples[start..end]);
        let packet = encoder.encode(&block).map_err(failed)?;
        let is_last = index + 1 == packets;
        let position = if is_last { frames } else { (index + 1) * PACKET };
        let end = match (is_last, (index + 1) % PAGE) {
            (true, _) => PacketWriteEndInfo::EndStream,
            (false, 0) => PacketWriteEndInfo::EndPage,
            (false, _) => PacketWriteEndInfo::NormalPacket,
        };
        file.packet(packet, end, position as u64)?;
    }
    Ok(file.out.into_inner().into_inner())
}

struct Writer {
    out: PacketWriter<'static, Cursor<Vec<u8>>>,
}

impl Writer {
    fn packet(
        &mut self,
        packet: Vec<u8>,
        end: PacketWriteEndInfo,
        position: u64,
    ) -> Result<(), SoundEncodeError> {
        let written = self.out.write_packet(packet, SERIAL, end, position);
        written.map_err(|error| failed(Encoding::Opus, error))
    }
}

/// The packet that says how to decode the others; RFC 7845, 5.1.
fn head(channels: u16, delay: u32, original_rate: u32) -> Vec<u8> {
    let mut packet = b"OpusHead\x01".to_vec();
    packet.push(if channels == 1 { 1 } else { 2 });
    packet.extend_from_slice(&u16::try_from(delay).unwrap_or(u16::MAX).to_le_bytes());
    packet.extend_from_slice(&original_rate.to_le_bytes());
    // No gain, and mapping family 0.
    packet.extend_from_slice(&[0, 0, 0]);
    packet
}

/// The packet for names and titles, of which there are none; RFC 7845, 5.2.
fn tags() -> Vec<u8> {
    const VENDOR: &[u8] = b"libopus";
    let mut packet = b"OpusTags".to_vec();
    packet.extend_from_slice(&(VENDOR.len() as u32).to_le_bytes());
    packet.extend_from_slice(VENDOR);
    packet.extend_from_slice(&0u32.to_le_bytes());
    packet
}
