//! The in-memory shapes that every body works on, and the encodings they come in.

use std::fmt;

/// What kind of asset a spec describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MediaKind {
    /// A still picture.
    Image,
    /// A sound: effect, music or speech.
    Audio,
}

impl MediaKind {
    /// The word in specs and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Audio => "audio",
        }
    }
}

/// The kind of sound that a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AudioMode {
    /// A sound effect.
    Sfx,
    /// Music.
    Music,
    /// Speech.
    Speech,
}

impl AudioMode {
    /// The word in specs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sfx => "sfx",
            Self::Music => "music",
            Self::Speech => "speech",
        }
    }
}

/// A picture in memory.
///
/// `pixels`: `width * height * 4` bytes, rows from the top, each pixel R, G, B, A in 0..=255,
/// sRGB, alpha not premultiplied.
#[derive(Clone, PartialEq, Eq)]
pub struct Image {
    /// Columns, at least 1.
    pub width: u32,
    /// Rows, at least 1.
    pub height: u32,
    /// RGBA8 samples, `width * height * 4` of them.
    pub pixels: Vec<u8>,
}

impl fmt::Debug for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Image({}x{})", self.width, self.height)
    }
}

/// A sound in memory.
///
/// `samples`: interleaved f32 in -1.0..=1.0, `frames * channels` of them.
#[derive(Clone, PartialEq)]
pub struct Audio {
    /// Frames per second, in hertz.
    pub rate: u32,
    /// Channels per frame, at least 1.
    pub channels: u16,
    /// Interleaved samples.
    pub samples: Vec<f32>,
}

impl fmt::Debug for Audio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Audio({} Hz, {} ch, {} samples)", self.rate, self.channels, self.samples.len())
    }
}

/// A file format of a published or raw asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Encoding {
    /// Portable Network Graphics.
    Png,
    /// WebP, lossy unless asked otherwise.
    Webp,
    /// JPEG.
    Jpeg,
    /// AV1 image file.
    Avif,
    /// Graphics Interchange Format; read only.
    Gif,
    /// Windows bitmap; read only.
    Bmp,
    /// Truevision TGA; read only.
    Tga,
    /// Scalable Vector Graphics.
    Svg,
    /// Ogg Vorbis.
    Ogg,
    /// MPEG layer III.
    Mp3,
    /// Ogg Opus.
    Opus,
    /// Free Lossless Audio Codec.
    Flac,
    /// RIFF wave, PCM.
    Wav,
}

impl Encoding {
    /// Every encoding, in the order of the documentation.
    pub const ALL: [Self; 13] = [
        Self::Png,
        Self::Webp,
        Self::Jpeg,
        Self::Avif,
        Self::Gif,
        Self::Bmp,
        Self::Tga,
        Self::Svg,
        Self::Ogg,
        Self::Mp3,
        Self::Opus,
        Self::Flac,
        Self::Wav,
    ];

    /// The usual file extension, without the dot; also the word in specs.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Webp => "webp",
            Self::Jpeg => "jpg",
            Self::Avif => "avif",
            Self::Gif => "gif",
            Self::Bmp => "bmp",
            Self::Tga => "tga",
            Self::Svg => "svg",
            Self::Ogg => "ogg",
            Self::Mp3 => "mp3",
            Self::Opus => "opus",
            Self::Flac => "flac",
            Self::Wav => "wav",
        }
    }

    /// The encoding that an extension or a spec's word names, in any case.
    pub fn from_extension(text: &str) -> Option<Self> {
        let lower = text.to_ascii_lowercase();
        match lower.as_str() {
            "jpeg" => Some(Self::Jpeg),
            "oga" => Some(Self::Ogg),
            word => Self::ALL.into_iter().find(|encoding| encoding.extension() == word),
        }
    }

    /// The encoding of a whole file, from its first bytes; a wrong extension does not matter.
    pub fn sniff(bytes: &[u8]) -> Option<Self> {
        let starts = |magic: &[u8]| bytes.starts_with(magic);
        let at =
            |offset: usize, magic: &[u8]| bytes.get(offset..offset + magic.len()) == Some(magic);
        if starts(b"\x89PNG\r\n\x1a\n") {
            Some(Self::Png)
        } else if starts(b"RIFF") && at(8, b"WEBP") {
            Some(Self::Webp)
        } else if starts(b"RIFF") && at(8, b"WAVE") {
            Some(Self::Wav)
        } else if starts(b"\xff\xd8\xff") {
            Some(Self::Jpeg)
        } else if starts(b"GIF87a") || starts(b"GIF89a") {
            Some(Self::Gif)
        } else if at(4, b"ftypavif") || at(4, b"ftypavis") {
            Some(Self::Avif)
        } else if starts(b"OggS") {
            Some(if at(28, b"OpusHead") { Self::Opus } else { Self::Ogg })
        } else if starts(b"fLaC") {
            Some(Self::Flac)
        } else if starts(b"ID3") || (bytes.len() > 1 && bytes[0] == 0xff && bytes[1] & 0xe0 == 0xe0)
        {
            Some(Self::Mp3)
        } else if starts(b"BM") {
            Some(Self::Bmp)
        } else {
            None
        }
    }

    /// Whether files of this encoding hold a picture or a sound.
    pub fn media(self) -> MediaKind {
        match self {
            Self::Png
            | Self::Webp
            | Self::Jpeg
            | Self::Avif
            | Self::Gif
            | Self::Bmp
            | Self::Tga
            | Self::Svg => MediaKind::Image,
            Self::Ogg | Self::Mp3 | Self::Opus | Self::Flac | Self::Wav => MediaKind::Audio,
        }
    }

    /// Whether the format can hold transparent pixels.
    pub fn holds_alpha(self) -> bool {
        !matches!(self, Self::Jpeg) && self.media() == MediaKind::Image
    }
}
