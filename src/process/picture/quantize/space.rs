//! The space in which colours are compared: OKLab, premultiplied, with alpha as fourth axis.

/// A colour: lightness, green to red, blue to yellow, each times alpha; and the weighted alpha.
pub(super) type Point = [f32; 4];

/// How much alpha counts beside lightness: over black or white, full alpha is full lightness.
const ALPHA_WEIGHT: f32 = 1.0;

/// The squared distance of two colours.
pub(super) fn distance(a: &Point, b: &Point) -> f32 {
    let [l, u, v, alpha] = [0, 1, 2, 3].map(|axis| a[axis] - b[axis]);
    (l * l + u * u) + (v * v + alpha * alpha)
}

/// Converts between RGBA8 and [`Point`]s.
pub(super) struct Space {
    /// Linear light for each sRGB value.
    linear: [f32; 256],
}

impl Space {
    pub(super) fn new() -> Self {
        Self { linear: std::array::from_fn(|value| linear_light(value as f64 / 255.0) as f32) }
    }

    /// The place of a colour, R, G, B, A from the highest byte down.
    ///
    /// Source: Ottosson, A perceptual color space for image processing.
    pub(super) fn point(&self, color: u32) -> Point {
        let [r, g, b, a] = color.to_be_bytes();
        let [r, g, b] = [r, g, b].map(|value| self.linear[usize::from(value)]);
        let l = cube_root(0.412_221_46 * r + 0.536_332_55 * g + 0.051_445_995 * b);
        let m = cube_root(0.211_903_5 * r + 0.680_699_5 * g + 0.107_396_96 * b);
        let s = cube_root(0.088_302_46 * r + 0.281_718_85 * g + 0.629_978_7 * b);
        let alpha = f32::from(a) / 255.0;
        [
            alpha * (0.210_454_26 * l + 0.793_617_8 * m - 0.004_072_047 * s),
            alpha * (1.977_998_5 * l - 2.428_592_2 * m + 0.450_593_7 * s),
            alpha * (0.025_904_037 * l + 0.782_771_77 * m - 0.808_675_77 * s),
            alpha * ALPHA_WEIGHT,
        ]
    }

    /// The colour nearest to a point.
    pub(super) fn color(&self, point: &Point) -> u32 {
        let alpha = (point[3] / ALPHA_WEIGHT).clamp(0.0, 1.0);
        let a = (alpha * 255.0).round() as u8;
        if a == 0 {
            return super::TRANSPARENT;
        }
        let [lightness, u, v] = [0, 1, 2].map(|axis| point[axis] / alpha);
        let cube = |root: f32| root * root * root;
        let l = cube(lightness + 0.396_337_78 * u + 0.215_803_76 * v);
        let m = cube(lightness - 0.105_561_346 * u - 0.063_854_17 * v);
        let s = cube(lightness - 0.089_484_18 * u - 1.291_485_5 * v);
        let r = self.encoded(4.076_741_7 * l - 3.307_711_6 * m + 0.230_969_94 * s);
        let g = self.encoded(-1.268_438 * l + 2.609_757_4 * m - 0.341_319_4 * s);
        let b = self.encoded(-0.004_196_086_3 * l - 0.703_418_6 * m + 1.707_614_7 * s);
        u32::from_be_bytes([r, g, b, a])
    }

    /// The sRGB value whose light is nearest.
    fn encoded(&self, light: f32) -> u8 {
        let above = self.linear.partition_point(|&value| value < light).min(255);
        let below = above.saturating_sub(1);
        let nearest =
            if light - self.linear[below] < self.linear[above] - light { below } else { above };
        nearest as u8
    }
}

/// The light of an sRGB value in 0.0..=1.0.
///
/// Source: IEC 61966-2-1. The power 2.4 is made of a fifth root, since `powf` differs in the last
/// bit between platforms.
fn linear_light(value: f64) -> f64 {
    if value <= 0.040_45 {
        return value / 12.92;
    }
    let base = (value + 0.055) / 1.055;
    let mut root = 1.0;
    // Newton's steps from above settle well before.
    for _ in 0..32 {
        let fourth = root * root * root * root;
        root -= (root * fourth - base) / (5.0 * fourth);
    }
    base * base * root * root
}

fn cube_root(value: f32) -> f32 {
    if value <= 0.0 {
        return 0.0;
    }
    // A third of the exponent, then Newton's steps: each doubles the digits.
    let mut root = f32::from_bits(value.to_bits() / 3 + 0x2a51_37a0);
    for _ in 0..3 {
        root = (2.0 * root + value / (root * root)) / 3.0;
    }
    root
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_opaque_grey_and_many_colours_survive_a_round_trip() {
        let space = Space::new();
        for value in 0..=255u8 {
            let colors = [[value, value, value, 255], [value, 255 - value, value / 2, 255]];
            for color in colors.map(u32::from_be_bytes) {
                assert_eq!(space.color(&space.point(color)), color, "{color:08x}");
            }
        }
        assert_eq!(space.color(&space.point(0xffff_ff00)), 0);
        assert_eq!(space.color(&space.point(0x40a0_2080)), 0x40a0_2080);
    }

    #[test]
    fn reference_colours_have_their_reference_places() {
        // Red, green and blue in OKLab as published by CSS Color 4.
        let space = Space::new();
        for (color, wanted) in [
            (0xff00_00ff, [0.627_95, 0.224_86, 0.125_85]),
            (0x00ff_00ff, [0.866_44, -0.233_89, 0.179_50]),
            (0x0000_ffff, [0.452_01, -0.032_46, -0.311_53]),
            (0xffff_ffff, [1.0, 0.0, 0.0]),
        ] {
            let point = space.point(color);
            for (found, wanted) in point.iter().zip(wanted) {
                assert!((found - wanted).abs() < 1e-4, "{color:08x}: {point:?}");
            }
        }
    }
}
