//! libopus behind a safe face.

#![expect(unsafe_code, reason = "the translation of libopus to Rust kept its C interface")]

use std::ptr::NonNull;

use unsafe_libopus::{
    OPUS_APPLICATION_AUDIO, OPUS_GET_LOOKAHEAD_REQUEST, OPUS_OK, OPUS_SET_BITRATE_REQUEST,
    OpusEncoder, OpusMSDecoder, opus_encode_float, opus_encoder_create, opus_encoder_ctl,
    opus_encoder_destroy, opus_multistream_decode_float, opus_multistream_decoder_create,
    opus_multistream_decoder_destroy,
};

/// The rate that Opus works at, in hertz.
pub(super) const RATE: u32 = 48_000;
/// Frames in the longest packet, 120 ms.
const MAX_FRAMES: usize = 5_760;

/// A code that libopus returned instead of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OpusCode(pub(super) i32);

impl std::fmt::Display for OpusCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The names of opus_defines.h.
        f.write_str(match self.0 {
            -1 => "an argument is out of range",
            -2 => "the buffer is too small",
            -3 => "internal error",
            -4 => "corrupted packet",
            -5 => "not implemented",
            -7 => "out of memory",
            _ => "unknown error",
        })
    }
}

/// How a packet's streams become channels, from the head of an Ogg Opus file (RFC 7845, 5.1.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layout {
    /// Streams in a packet.
    pub(super) streams: u8,
    /// How many of them are stereo; these come first.
    pub(super) coupled: u8,
    /// For each channel the decoded channel that it plays, 255 for silence.
    pub(super) mapping: Vec<u8>,
}

/// A decoder of one file's packets.
pub(super) struct Decoder {
    state: NonNull<OpusMSDecoder>,
    channels: usize,
}

impl Decoder {
    pub(super) fn new(layout: &Layout) -> Result<Self, OpusCode> {
        let channels = layout.mapping.len();
        let count = i32::try_from(channels).map_err(|_| OpusCode(-1))?;
        let mut code = 0;
        // SAFETY: `mapping` has `count` entries, and libopus copies them.
        let state = unsafe {
            opus_multistream_decoder_create(
                RATE.cast_signed(),
                count,
                i32::from(layout.streams),
                i32::from(layout.coupled),
                layout.mapping.as_ptr(),
                &raw mut code,
            )
        };
        match NonNull::new(state) {
            Some(state) if code == OPUS_OK => Ok(Self { state, channels }),
            _ => Err(OpusCode(code)),
        }
    }

    /// Decodes a packet; `samples` then holds its frames, interleaved.
    pub(super) fn decode(&mut self, packet: &[u8], samples: &mut Vec<f32>) -> Result<(), OpusCode> {
        samples.clear();
        samples.resize(MAX_FRAMES * self.channels, 0.0);
        let size = i32::try_from(packet.len()).map_err(|_| OpusCode(-1))?;
        // SAFETY: the state is alive, `packet` has `size` bytes, and `samples` has room for
        // `MAX_FRAMES` frames of as many channels as the state was made for.
        let frames = unsafe {
            opus_multistream_decode_float(
                self.state.as_ptr(),
                packet.as_ptr(),
                size,
                samples.as_mut_ptr(),
                MAX_FRAMES as i32,
                0,
            )
        };
        let frames = usize::try_from(frames).map_err(|_| OpusCode(frames))?;
        samples.truncate(frames * self.channels);
        Ok(())
    }
}

impl Drop for Decoder {
    fn drop(&mut self) {
        // SAFETY: the state came from `create` and is freed once.
        unsafe { opus_multistream_decoder_destroy(self.state.as_ptr()) }
    }
}

/// An encoder of one or two channels.
pub(super) struct Encoder {
    state: NonNull<OpusEncoder>,
    channels: usize,
}

impl Encoder {
    /// For samples of `RATE`; `bitrate` in bits per second, the library's choice if none.
    pub(super) fn new(channels: u8, bitrate: Option<u32>) -> Result<Self, OpusCode> {
        let mut code = 0;
        // SAFETY: takes and gives plain numbers but for the code, which is alive.
        let state = unsafe {
            opus_encoder_create(
                RATE.cast_signed(),
                i32::from(channels),
                OPUS_APPLICATION_AUDIO,
                &raw mut code,
            )
        };
        let state = NonNull::new(state).filter(|_| code == OPUS_OK).ok_or(OpusCode(code))?;
        let encoder = Self { state, channels: usize::from(channels) };
        if let Some(bitrate) = bitrate {
            let bitrate = i32::try_from(bitrate).map_err(|_| OpusCode(-1))?;
            // SAFETY: the state is alive, and the request takes one number.
            let code = unsafe {
                opus_encoder_ctl!(encoder.state.as_ptr(), OPUS_SET_BITRATE_REQUEST, bitrate)
            };
            if code != OPUS_OK {
                return Err(OpusCode(code));
            }
        }
        Ok(encoder)
    }

    /// Frames that the decoder gives before the first one that was encoded.
    pub(super) fn delay(&self) -> Result<u32, OpusCode> {
        let mut frames: i32 = 0;
        // SAFETY: the state is alive, and the request writes one number.
        let code = unsafe {
            opus_encoder_ctl!(self.state.as_ptr(), OPUS_GET_LOOKAHEAD_REQUEST, &mut frames)
        };
        if code == OPUS_OK { Ok(frames.unsigned_abs()) } else { Err(OpusCode(code)) }
    }

    /// Encodes the interleaved frames of one packet.
    pub(super) fn encode(&mut self, samples: &[f32]) -> Result<Vec<u8>, OpusCode> {
        /// The largest frame is 1275 bytes; RFC 6716, 3.2.1.
        const MAX_PACKET: i32 = 4_000;
        let frames = i32::try_from(samples.len() / self.channels).map_err(|_| OpusCode(-1))?;
        let mut packet = vec![0; MAX_PACKET as usize];
        // SAFETY: the state is alive, `samples` has `frames` frames of as many channels as the state
        // was made for, and `packet` has `MAX_PACKET` bytes.
        let size = unsafe {
            opus_encode_float(
                self.state.as_ptr(),
                samples.as_ptr(),
                frames,
                packet.as_mut_ptr(),
                MAX_PACKET,
            )
        };
        packet.truncate(usize::try_from(size).map_err(|_| OpusCode(size))?);
        Ok(packet)
    }
}

impl Drop for Encoder {
    fn drop(&mut self) {
        // SAFETY: the state came from `create` and is freed once.
        unsafe { opus_encoder_destroy(self.state.as_ptr()) }
    }
}
