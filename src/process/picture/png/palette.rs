//! The colours of a picture, if they are few, and their order in a palette.

use crate::base::Image;

/// Most entries of a palette.
const MOST: usize = 256;

/// What a picture's pixels have in common.
pub(super) struct Survey {
    pub(super) is_opaque: bool,
    pub(super) is_grey: bool,
    /// All colours and how often they occur, in the order of their first pixels; none if there are
    /// more than 256.
    colors: Option<Vec<([u8; 4], u32)>>,
}

/// An order of the colours in a palette. In each, what is not opaque comes first, since the file
/// lists alpha up to the last entry that needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// From dark to bright, so that shades next to each other have indices next to each other.
    Brightness,
    /// The most frequent ones first.
    Frequency,
    /// As they come in the picture.
    Appearance,
}

impl Survey {
    pub(super) fn of(image: &Image) -> Self {
        let pixels = || image.pixels.chunks_exact(4);
        Self {
            is_opaque: pixels().all(|pixel| pixel[3] == 255),
            is_grey: pixels().all(|pixel| pixel[0] == pixel[1] && pixel[1] == pixel[2]),
            colors: count_colors(image),
        }
    }

    /// The palette in some order; none if the colours are too many for one.
    pub(super) fn palette(&self, order: Order) -> Option<Vec<[u8; 4]>> {
        let mut colors = self.colors.clone()?;
        let brightness =
            |[r, g, b, _]: [u8; 4]| 54 * u32::from(r) + 183 * u32::from(g) + 19 * u32::from(b);
        let is_opaque = |color: [u8; 4]| color[3] == 255;
        match order {
            Order::Brightness => colors.sort_by_key(|&(color, _)| {
                (is_opaque(color), u32::from(color[3]) * brightness(color), color)
            }),
            Order::Frequency => {
                colors.sort_by_key(|&(color, count)| (is_opaque(color), std::cmp::Reverse(count)))
            }
            Order::Appearance => colors.sort_by_key(|&(color, _)| is_opaque(color)),
        }
        Some(colors.into_iter().map(|(color, _)| color).collect())
    }
}

fn count_colors(image: &Image) -> Option<Vec<([u8; 4], u32)>> {
    let mut index = ColorIndex::default();
    let mut colors: Vec<([u8; 4], u32)> = Vec::new();
    let (mut last, mut entry) = (None, 0);
    for pixel in image.pixels.chunks_exact(4) {
        let color = [pixel[0], pixel[1], pixel[2], pixel[3]];
        // Most pixels are like the one before.
        if last != Some(color) {
            entry = usize::from(index.get_or_insert(color)?);
            last = Some(color);
        }
        match colors.get_mut(entry) {
            Some((_, count)) => *count += 1,
            None => colors.push((color, 1)),
        }
    }
    Some(colors)
}

/// From colours to their places, by open addressing: no more than 256 of 1024 slots are used.
pub(super) struct ColorIndex {
    slots: Vec<Option<(u32, u8)>>,
    used: usize,
}

const SLOTS_LOG2: u32 = 10;

impl Default for ColorIndex {
    fn default() -> Self {
        Self { slots: vec![None; 1 << SLOTS_LOG2], used: 0 }
    }
}

impl ColorIndex {
    /// The index of a palette of at most 256 different colours.
    pub(super) fn of(palette: &[[u8; 4]]) -> Self {
        let mut index = Self::default();
        for &color in palette {
            index.get_or_insert(color);
        }
        index
    }

    /// The place of a colour that is there.
    pub(super) fn get(&self, pixel: &[u8]) -> u8 {
        let key = u32::from_le_bytes([pixel[0], pixel[1], pixel[2], pixel[3]]);
        self.slots[self.slot(key)].map_or(0, |(_, place)| place)
    }

    /// The place of a colour, which is the next free one if it is new; none if 256 are taken.
    fn get_or_insert(&mut self, color: [u8; 4]) -> Option<u8> {
        let key = u32::from_le_bytes(color);
        let slot = self.slot(key);
        if let Some((_, place)) = self.slots[slot] {
            return Some(place);
        }
        let place = (self.used < MOST).then_some(self.used as u8)?;
        self.slots[slot] = Some((key, place));
        self.used += 1;
        Some(place)
    }

    /// The slot that holds a colour, or the free one where it belongs.
    fn slot(&self, key: u32) -> usize {
        let mut slot = (key.wrapping_mul(0x9e37_79b1) >> (32 - SLOTS_LOG2)) as usize;
        while self.slots[slot].is_some_and(|(found, _)| found != key) {
            slot = (slot + 1) % self.slots.len();
        }
        slot
    }
}
