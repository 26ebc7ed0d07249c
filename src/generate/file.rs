//! What a file is, by its first bytes.

use crate::base::{Encoding, RelPath};

/// The encoding of a file: by its first bytes, or by its extension for the formats without any.
pub(super) fn encoding_of(path: &RelPath, bytes: &[u8]) -> Option<Encoding> {
    if let Some(encoding) = sniff(bytes) {
        return Some(encoding);
    }
    // TGA files start with their shape; no first byte is certain.
    let named = path.extension().and_then(Encoding::from_extension);
    (named == Some(Encoding::Tga) && bytes.len() >= 18).then_some(Encoding::Tga)
}

/// The encoding of bytes without a name.
pub(super) fn sniff(bytes: &[u8]) -> Option<Encoding> {
    Encoding::sniff(bytes).or_else(|| is_svg(bytes).then_some(Encoding::Svg))
}

/// Whether Git LFS left a pointer in place of the content.
pub(super) fn is_lfs_pointer(bytes: &[u8]) -> bool {
    bytes.starts_with(b"version https://git-lfs.github.com/spec/")
}

/// Whether the first element of a text is `svg`.
fn is_svg(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let mut rest = text.trim_start_matches('\u{feff}').trim_start();
    loop {
        let (open, close) = if rest.starts_with("<?") {
            ("<?", "?>")
        } else if rest.starts_with("<!--") {
            ("<!--", "-->")
        } else if rest.starts_with("<!DOCTYPE") {
            // An internal subset has tags of its own, and ends with a bracket.
            let subset = rest.find('[').is_some_and(|at| !rest[..at].contains('>'));
            ("<!DOCTYPE", if subset { "]>" } else { ">" })
        } else {
            break;
        };
        match rest[open.len()..].find(close) {
            Some(at) => rest = rest[open.len() + at + close.len()..].trim_start(),
            None => return false,
        }
    }
    rest.strip_prefix("<svg")
        .is_some_and(|rest| rest.starts_with([' ', '\t', '\r', '\n', '>', '/']))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoding(path: &str, bytes: &[u8]) -> Option<Encoding> {
        encoding_of(&RelPath::new(path).expect("a plain path"), bytes)
    }

    #[test]
    fn first_bytes_beat_the_extension() {
        assert_eq!(encoding("a.jpg", b"\x89PNG\r\n\x1a\n"), Some(Encoding::Png));
        assert_eq!(encoding("a.tga", b"GIF89a............."), Some(Encoding::Gif));
        assert_eq!(encoding("a.png", b"what is this?"), None);
        assert_eq!(encoding("a.png", b""), None);
    }

    #[test]
    fn formats_without_a_signature_are_recognized() {
        assert_eq!(encoding("a.tga", &[0; 20]), Some(Encoding::Tga));
        assert_eq!(encoding("a.tga", &[0; 17]), None);
        for text in [
            "<svg/>",
            "\u{feff}<?xml version='1.0'?>\n<!-- a > b -->\n<svg xmlns=''>",
            "<!DOCTYPE svg PUBLIC \"a\" \"b\">\n<svg>",
            "<!DOCTYPE svg [<!ENTITY a \"b\">]>\n<svg>",
        ] {
            assert_eq!(encoding("a.xml", text.as_bytes()), Some(Encoding::Svg), "{text}");
        }
        for text in ["<svgs/>", "<html><svg/></html>", "<?xml <svg>", "<!-- <svg>", "\u{fffd}"] {
            assert_eq!(encoding("a.svg", text.as_bytes()), None, "{text}");
        }
        assert_eq!(encoding("a.svg", b"<svg>\xff"), None);
    }
}
