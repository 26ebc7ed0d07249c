//! Scalar notations: the texts that stand for sizes, levels, rates, colours and numbers.

/// A whole number, in decimal.
pub fn parse_integer(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    (!digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| text.parse().ok())?
}

/// A finite number, in decimal, with or without an exponent.
pub fn parse_number(text: &str) -> Option<f64> {
    let numeric = |byte: u8| byte.is_ascii_digit() || b"+-.eE".contains(&byte);
    if !text.bytes().all(numeric) || !text.bytes().any(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

/// Width and height: `128x128`, both 1..=32768.
pub fn parse_size(text: &str) -> Option<(u32, u32)> {
    let (width, height) = text.split_once(['x', 'X', '×'])?;
    let side = |text: &str| -> Option<u32> {
        let side = u32::try_from(parse_integer(text.trim())?).ok()?;
        (1..=32_768).contains(&side).then_some(side)
    };
    Some((side(width)?, side(height)?))
}

/// A level: `-1.0`, `-1.0 dB`, `-40dBFS`, `-1 dBTP`, `-16 LUFS`.
pub fn parse_decibel(text: &str) -> Option<f64> {
    parse_number(without_unit(text, &["dbfs", "dbtp", "db", "lufs", "lu"]))
}

/// A bit rate in bits per second: `192k`, `192 kbps`, `192000`.
pub fn parse_bitrate(text: &str) -> Option<u32> {
    let rate = scaled(text, &[("kbit/s", 1e3), ("kbps", 1e3), ("bps", 1.0), ("k", 1e3)])?;
    whole(rate).filter(|rate| (6_000..=2_000_000).contains(rate))
}

/// A duration in seconds: `0.3`, `0.3 s`, `300 ms`.
pub fn parse_seconds(text: &str) -> Option<f64> {
    scaled(text, &[("ms", 1e-3), ("s", 1.0)]).filter(|&seconds| seconds >= 0.0)
}

/// A frequency in hertz: `44100`, `44100 Hz`, `44.1 kHz`.
pub fn parse_hertz(text: &str) -> Option<u32> {
    whole(scaled(text, &[("khz", 1e3), ("hz", 1.0), ("k", 1e3)])?)
        .filter(|rate| (1_000..=384_000).contains(rate))
}

/// A number of bytes: `2mb`, `500kb`, `512b`.
pub fn parse_bytes(text: &str) -> Option<u64> {
    let bytes = scaled(text, &[("mb", 1_048_576.0), ("kb", 1024.0), ("b", 1.0)])?;
    (1.0..=1e12).contains(&bytes).then_some(bytes as u64)
}

/// A colour: `#fc0`, `#ffcc00`, `#ffcc0080`, `black`, `white`, `transparent`; RGBA.
pub fn parse_color(text: &str) -> Option<[u8; 4]> {
    match text {
        "black" => return Some([0, 0, 0, 255]),
        "white" => return Some([255; 4]),
        "transparent" => return Some([0; 4]),
        _ => {}
    }
    let hex = text.strip_prefix('#').filter(|hex| hex.is_ascii())?;
    let long: String = match hex.len() {
        3 | 4 => hex.chars().flat_map(|c| [c, c]).collect(),
        _ => hex.to_owned(),
    };
    let part = |at: usize| u8::from_str_radix(long.get(at..at + 2)?, 16).ok();
    let alpha = match long.len() {
        6 => 255,
        8 => part(6)?,
        _ => return None,
    };
    Some([part(0)?, part(2)?, part(4)?, alpha])
}

fn without_unit<'a>(text: &'a str, units: &[&str]) -> &'a str {
    let split = text.find(|c: char| c.is_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    if units.contains(&unit.to_ascii_lowercase().as_str()) { number.trim() } else { text }
}

fn scaled(text: &str, units: &[(&str, f64)]) -> Option<f64> {
    let lower = text.to_ascii_lowercase();
    for (unit, factor) in units {
        if let Some(number) = lower.strip_suffix(unit) {
            return Some(parse_number(number.trim())? * factor);
        }
    }
    parse_number(text)
}

fn whole(number: f64) -> Option<u32> {
    let rounded = number.round();
    ((number - rounded).abs() < 1e-6 && (0.0..=f64::from(u32::MAX)).contains(&rounded))
        .then_some(rounded as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notations_of_one_value_agree() {
        for text in ["-1", "-1.0", "-1.0 dB", "-1dBFS", "-1e0"] {
            assert_eq!(parse_decibel(text), Some(-1.0), "{text}");
        }
        for text in ["192k", "192 kbps", "192000", "192kbit/s"] {
            assert_eq!(parse_bitrate(text), Some(192_000), "{text}");
        }
        for text in ["300 ms", "0.3", "0.3s", "3e-1"] {
            assert_eq!(parse_seconds(text), Some(0.3), "{text}");
        }
        for text in ["44100", "44.1 kHz", "44100 Hz"] {
            assert_eq!(parse_hertz(text), Some(44_100), "{text}");
        }
        assert_eq!(parse_size("32 x 64"), Some((32, 64)));
        assert_eq!(parse_bytes("2mb"), Some(2 << 20));
        assert_eq!(parse_color("#fc0"), Some([255, 204, 0, 255]));
        assert_eq!(parse_color("#ffcc0080"), Some([255, 204, 0, 128]));
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in [".inf", ".nan", "nan", "inf", "1e999", "0x10", "1_000", "", "-", "no"] {
            assert_eq!(parse_number(text), None, "{text}");
            assert_eq!(parse_integer(text), None, "{text}");
        }
        assert_eq!(parse_size("32"), None);
        assert_eq!(parse_size("0x32"), None);
        assert_eq!(parse_color("#ffff"), Some([255; 4]));
        assert_eq!(parse_color("#fffff"), None);
        assert_eq!(parse_color("red"), None);
        assert_eq!(parse_decibel("-1 volts"), None);
        assert_eq!(parse_bitrate("192"), None);
    }
}
