//! Bytes of a file become text, or a message that names the encoding and the byte.

use crate::base::{Diagnostic, FileId, Span};
use crate::yaml::MAX_FILE_BYTES;

/// Why a file's bytes are not text that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// The file is larger than `MAX_FILE_BYTES`.
    #[error("the file has {size} bytes; at most {MAX_FILE_BYTES} are read")]
    TooLarge {
        /// Its size.
        size: usize,
    },
    /// The file is UTF-16 or UTF-32.
    #[error("the file is encoded as {0}, not as UTF-8")]
    WideEncoding(&'static str),
    /// A byte does not belong to UTF-8.
    #[error("byte {byte:#04x} in line {line} (offset {offset}) is not UTF-8")]
    NotUtf8 {
        /// The byte.
        byte: u8,
        /// Its line, from 1.
        line: usize,
        /// Its offset in the file.
        offset: usize,
    },
}

impl TextError {
    /// What can be shown of such a file; nothing of one that is no text at all.
    pub fn excerpt(&self, bytes: &[u8]) -> String {
        match self {
            Self::TooLarge { .. } | Self::WideEncoding(_) => String::new(),
            Self::NotUtf8 { .. } => String::from_utf8_lossy(bytes).into_owned(),
        }
    }

    /// The finding about a file of which the excerpt is shown.
    pub fn diagnostic(&self, file: FileId) -> Diagnostic {
        let (start, end) = match self {
            Self::NotUtf8 { offset, .. } => {
                (*offset, offset + char::REPLACEMENT_CHARACTER.len_utf8())
            }
            Self::TooLarge { .. } | Self::WideEncoding(_) => (0, 0),
        };
        let place = |offset| u32::try_from(offset).expect("a larger file is not decoded");
        let span = Span { file, start: place(start), end: place(end) };
        let (code, help) = match self {
            Self::TooLarge { .. } => ("yaml::too_large", "split the file"),
            Self::WideEncoding(_) | Self::NotUtf8 { .. } => {
                ("yaml::encoding", "save the file as UTF-8")
            }
        };
        Diagnostic::error(code, self.to_string()).at(span, "").help(help)
    }
}

/// Checks the bytes of a file and returns them as text, unchanged: offsets stay those of the file.
///
/// # Errors
/// `TextError` for files that are too large or not UTF-8.
pub fn decode_text(bytes: &[u8]) -> Result<String, TextError> {
    if bytes.len() > MAX_FILE_BYTES {
        return Err(TextError::TooLarge { size: bytes.len() });
    }
    if let Some(name) = wide_encoding(bytes) {
        return Err(TextError::WideEncoding(name));
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(error) => {
            let offset = error.valid_up_to();
            let line = bytes[..offset].iter().filter(|&&byte| byte == b'\n').count() + 1;
            Err(TextError::NotUtf8 { byte: bytes[offset], line, offset })
        }
    }
}

fn wide_encoding(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => Some("UTF-32"),
        [0xff, 0xfe, ..] => Some("UTF-16 (little endian)"),
        [0xfe, 0xff, ..] => Some("UTF-16 (big endian)"),
        [a, 0, b, 0, ..] if *a != 0 && *b != 0 => Some("UTF-16 (little endian)"),
        [0, a, 0, b, ..] if *a != 0 && *b != 0 => Some("UTF-16 (big endian)"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_are_named_and_the_first_bad_byte_is_found() {
        let utf16: Vec<u8> = "id: é".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let cases: [(&[u8], TextError); 4] = [
            (b"id: a\nname: caf\xe9\n", TextError::NotUtf8 { byte: 0xe9, line: 2, offset: 15 }),
            (b"\xff\xfei\0d\0", TextError::WideEncoding("UTF-16 (little endian)")),
            (b"\xfe\xff\0i\0d", TextError::WideEncoding("UTF-16 (big endian)")),
            (&utf16, TextError::WideEncoding("UTF-16 (little endian)")),
        ];
        for (bytes, error) in cases {
            assert_eq!(decode_text(bytes), Err(error));
        }
        assert_eq!(decode_text("\u{feff}id: é\r\n".as_bytes()).as_deref(), Ok("\u{feff}id: é\r\n"));
        let large = vec![b'a'; MAX_FILE_BYTES + 1];
        assert_eq!(decode_text(&large), Err(TextError::TooLarge { size: MAX_FILE_BYTES + 1 }));
    }

    #[test]
    fn the_finding_names_the_file_and_says_what_to_do() {
        let found = TextError::WideEncoding("UTF-32").diagnostic(FileId(7));
        assert_eq!((found.code, found.labels[0].span.file), ("yaml::encoding", FileId(7)));
        assert_eq!(found.help.as_deref(), Some("save the file as UTF-8"));
    }

    #[test]
    fn of_a_bad_byte_the_place_is_shown() {
        let bytes = b"id: a\nname: caf\xe9!\n";
        let error = decode_text(bytes).expect_err("Latin-1");
        let shown = error.excerpt(bytes);
        assert_eq!(shown, "id: a\nname: caf\u{fffd}!\n");
        let span = error.diagnostic(FileId(0)).labels[0].span;
        assert_eq!(&shown[span.range()], "\u{fffd}");
    }
}
