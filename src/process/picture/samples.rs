//! Pictures that the tests of this layer work on; made by arithmetic, the same everywhere.

use crate::base::Image;

/// One colour.
pub(super) fn solid(width: u32, height: u32, color: [u8; 4]) -> Image {
    Image { width, height, pixels: color.repeat(width as usize * height as usize) }
}

/// Random bytes in all channels.
pub(super) fn noise(width: u32, height: u32, seed: u64) -> Image {
    let mut random = Random::new(seed);
    let count = width as usize * height as usize * 4;
    Image { width, height, pixels: (0..count).map(|_| random.next() as u8).collect() }
}

/// A shaded disc with a soft edge on nothing: what a sprite looks like to an encoder.
pub(super) fn sprite(width: u32, height: u32) -> Image {
    let (w, h) = (f64::from(width), f64::from(height));
    let mut pixels = Vec::new();
    for y in 0..height {
        for x in 0..width {
            let (dx, dy) = ((f64::from(x) + 0.5) / w - 0.5, (f64::from(y) + 0.5) / h - 0.5);
            let cover = ((0.45 - (dx * dx + dy * dy).sqrt()) * w.min(h)).clamp(0.0, 1.0);
            let light = (0.8 - dx - dy).clamp(0.0, 1.0);
            let alpha = (cover * 255.0).round() as u8;
            let shade = |channel: f64| if alpha == 0 { 0 } else { (channel * light) as u8 };
            pixels.extend([shade(250.0), shade(180.0), shade(60.0), alpha]);
        }
    }
    Image { width, height, pixels }
}

/// The xorshift64 generator.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        // The low bits of a xorshift are weak.
        self.0 >> 16
    }

    pub(super) fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }
}
