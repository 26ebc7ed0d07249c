//! Content digests and action keys: BLAKE3-256, written `b3:<64 hex digits>`.
//!
//! A digest carries the size of its content, as the Remote Execution API does, so a truncated blob
//! shows before it is hashed. Why keys and digests are two types: docs/design/action-keys.md.

use std::fmt;
use std::str::FromStr;

/// The BLAKE3-256 hash of some bytes, and how many there are.
///
/// Text form: `b3:<64 lower-case hex digits>/<size in bytes>`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest {
    /// BLAKE3-256 of the content.
    pub hash: [u8; 32],
    /// Size of the content in bytes.
    pub size: u64,
}

impl Digest {
    /// Digests `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self { hash: *blake3::hash(bytes).as_bytes(), size: bytes.len() as u64 }
    }

    /// Digests text after CRLF and lone CR became LF, so a checkout's line ends change nothing.
    pub fn of_text(text: &str) -> Self {
        if text.as_bytes().contains(&b'\r') {
            Self::of(text.replace("\r\n", "\n").replace('\r', "\n").as_bytes())
        } else {
            Self::of(text.as_bytes())
        }
    }

    /// The 64 lower-case hex digits of the hash.
    pub fn hex(&self) -> String {
        hex(&self.hash)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "b3:{}/{}", hex(&self.hash), self.size)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// The text is not a digest or key of the form that this module writes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not of the form b3:<64 hex digits>")]
pub struct ParseDigestError(String);

impl FromStr for Digest {
    type Err = ParseDigestError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || ParseDigestError(text.to_owned());
        let (hash, size) =
            text.strip_prefix("b3:").and_then(|rest| rest.split_once('/')).ok_or_else(error)?;
        Ok(Self { hash: unhex(hash).ok_or_else(error)?, size: size.parse().map_err(|_| error())? })
    }
}

/// The key of an action: its canonical definition and the output digests of its direct inputs.
///
/// Text form: `b3:<64 lower-case hex digits>`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ActionKey(pub [u8; 32]);

impl ActionKey {
    /// The 64 lower-case hex digits.
    pub fn hex(&self) -> String {
        hex(&self.0)
    }
}

impl fmt::Display for ActionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "b3:{}", hex(&self.0))
    }
}

impl fmt::Debug for ActionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl FromStr for ActionKey {
    type Err = ParseDigestError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.strip_prefix("b3:")
            .and_then(unhex)
            .map(Self)
            .ok_or_else(|| ParseDigestError(text.to_owned()))
    }
}

fn hex(bytes: &[u8; 32]) -> String {
    blake3::Hash::from_bytes(*bytes).to_hex().to_string()
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    if text.bytes().any(|b| b.is_ascii_uppercase()) {
        return None;
    }
    blake3::Hash::from_hex(text).ok().map(|hash| *hash.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_form_survives_a_round_trip() {
        let digest = Digest::of(b"coin");
        assert_eq!(digest.to_string().parse(), Ok(digest));
        let key = ActionKey(digest.hash);
        assert_eq!(key.to_string().parse(), Ok(key));
    }

    #[test]
    fn a_malformed_digest_is_refused() {
        for text in ["", "b3:", "b3:12/4", "sha256:00", &format!("b3:{}/x", "0".repeat(64))] {
            assert!(text.parse::<Digest>().is_err(), "{text}");
        }
    }

    #[test]
    fn line_ends_do_not_reach_a_text_digest() {
        assert_eq!(Digest::of_text("a\r\nb\rc"), Digest::of_text("a\nb\nc"));
        assert_ne!(Digest::of_text("a\nb"), Digest::of_text("a b"));
    }
}
