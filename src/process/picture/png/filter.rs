//! Row filters: each byte minus what its neighbours foretell, so that deflate finds more repeats.

use crate::process::picture::png::samples::Samples;

/// How the filter of each row is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Strategy {
    /// The same for all rows, 0..=4: none, left, above, their mean, Paeth's choice.
    Always(u8),
    /// The one whose output has the smallest sum of absolute values.
    LeastSum,
    /// The one whose output has the lowest entropy.
    LeastEntropy,
    /// The one whose output has the fewest different pairs of bytes.
    FewestPairs,
}

/// The rows, each behind the number of its filter.
///
/// Source: PNG specification, third edition, 9.2 (filters) and 12.7 (the smallest sum); the other
/// two measures are those of oxipng.
pub(super) fn filter_rows(samples: &Samples, strategy: Strategy) -> Vec<u8> {
    let stride = samples.stride;
    let mut filtered = Vec::with_capacity(samples.rows.len() / stride * (stride + 1));
    let first = vec![0; stride];
    let mut above: &[u8] = &first;
    let mut chooser = Chooser::new(stride);
    for row in samples.rows.chunks_exact(stride) {
        match strategy {
            Strategy::Always(filter) => {
                filtered.push(filter);
                let start = filtered.len();
                filtered.resize(start + stride, 0);
                apply(filter, row, above, samples.distance, &mut filtered[start..]);
            }
            Strategy::LeastSum => {
                chooser.choose(row, above, samples.distance, absolute_sum, &mut filtered);
            }
            Strategy::LeastEntropy => {
                chooser.choose(row, above, samples.distance, entropy, &mut filtered);
            }
            Strategy::FewestPairs => {
                chooser.choose(row, above, samples.distance, pairs, &mut filtered);
            }
        }
        above = row;
    }
    filtered
}

/// Room for the row that is best so far and the one that is tried.
struct Chooser {
    best: Vec<u8>,
    tried: Vec<u8>,
}

impl Chooser {
    fn new(stride: usize) -> Self {
        Self { best: vec![0; stride], tried: vec![0; stride] }
    }

    /// Appends the row under the filter that costs least, the first of equals.
    fn choose(
        &mut self,
        row: &[u8],
        above: &[u8],
        distance: usize,
        cost: fn(&[u8]) -> u64,
        filtered: &mut Vec<u8>,
    ) {
        self.best.copy_from_slice(row);
        let (mut best_filter, mut least) = (0, cost(row));
        for filter in 1..=4 {
            apply(filter, row, above, distance, &mut self.tried);
            let found = cost(&self.tried);
            if found < least {
                (best_filter, least) = (filter, found);
                std::mem::swap(&mut self.best, &mut self.tried);
            }
        }
        filtered.push(best_filter);
        filtered.extend_from_slice(&self.best);
    }
}

fn absolute_sum(row: &[u8]) -> u64 {
    // Short blocks keep the sum in 32 bits, which compiles to vector instructions.
    row.chunks(1 << 16)
        .map(|block| {
            u64::from(
                block.iter().map(|&byte| u32::from(byte.cast_signed().unsigned_abs())).sum::<u32>(),
            )
        })
        .sum()
}

/// The bits that an ideal coder of single bytes would need, in 256ths, but for a constant.
fn entropy(row: &[u8]) -> u64 {
    let mut counts = [0_u32; 256];
    row.iter().for_each(|&byte| counts[usize::from(byte)] += 1);
    let saved: u64 = counts.iter().map(|&count| u64::from(count) * log2(count)).sum();
    // More of the same byte means less to write.
    u64::MAX - saved
}

/// The binary logarithm in 256ths, straight between powers of two; 0 for 0. Integers, since
/// platforms round logarithms differently.
fn log2(value: u32) -> u64 {
    let Some(whole) = value.checked_ilog2() else { return 0 };
    let fraction = (u64::from(value) << 8 >> whole) - 256;
    u64::from(whole) * 256 + fraction
}

fn pairs(row: &[u8]) -> u64 {
    let mut seen = [0_u64; 1 << 10];
    for pair in row.windows(2) {
        let pair = usize::from(pair[0]) << 8 | usize::from(pair[1]);
        seen[pair >> 6] |= 1 << (pair & 63);
    }
    seen.iter().map(|bits| u64::from(bits.count_ones())).sum()
}

/// Writes `row` under a filter to `out`; `distance`: bytes to the same sample of the pixel before.
fn apply(filter: u8, row: &[u8], above: &[u8], distance: usize, out: &mut [u8]) {
    let (head, tail) = out.split_at_mut(distance);
    let (left, above_left) = (&row[..row.len() - distance], &above[..row.len() - distance]);
    let (row_head, row_tail) = row.split_at(distance);
    let (above_head, above_tail) = above.split_at(distance);
    match filter {
        0 => out.copy_from_slice(row),
        1 => {
            head.copy_from_slice(row_head);
            for ((out, &x), &a) in tail.iter_mut().zip(row_tail).zip(left) {
                *out = x.wrapping_sub(a);
            }
        }
        2 => {
            for ((out, &x), &b) in head.iter_mut().zip(row_head).zip(above_head) {
                *out = x.wrapping_sub(b);
            }
            for ((out, &x), &b) in tail.iter_mut().zip(row_tail).zip(above_tail) {
                *out = x.wrapping_sub(b);
            }
        }
        3 => {
            for ((out, &x), &b) in head.iter_mut().zip(row_head).zip(above_head) {
                *out = x.wrapping_sub(b / 2);
            }
            for (((out, &x), &a), &b) in tail.iter_mut().zip(row_tail).zip(left).zip(above_tail) {
                *out = x.wrapping_sub(((u16::from(a) + u16::from(b)) / 2) as u8);
            }
        }
        _ => {
            for ((out, &x), &b) in head.iter_mut().zip(row_head).zip(above_head) {
                *out = x.wrapping_sub(b);
            }
            for ((((out, &x), &a), &b), &c) in
                tail.iter_mut().zip(row_tail).zip(left).zip(above_tail).zip(above_left)
            {
                *out = x.wrapping_sub(paeth(a, b, c));
            }
        }
    }
}

/// The neighbour (left, above, above left) that is nearest to `a + b - c`.
#[inline]
fn paeth(a: u8, b: u8, c: u8) -> u8 {
    let (a16, b16, c16) = (i16::from(a), i16::from(b), i16::from(c));
    let to_a = (b16 - c16).abs();
    let to_b = (a16 - c16).abs();
    let to_c = (a16 + b16 - 2 * c16).abs();
    if to_a <= to_b && to_a <= to_c {
        a
    } else if to_b <= to_c {
        b
    } else {
        c
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entropy_and_pairs_prefer_order() {
        let flat = [7; 64];
        let two: Vec<u8> = (0..64).map(|at| at % 2).collect();
        let mixed: Vec<u8> = (0..64_u8).map(|at| at.wrapping_mul(37)).collect();
        for cost in [entropy, pairs] {
            assert!(cost(&flat) < cost(&two) && cost(&two) < cost(&mixed));
        }
        assert_eq!((log2(0), log2(1), log2(2), log2(3), log2(1024)), (0, 0, 256, 384, 2560));
    }

    #[test]
    fn each_filter_foretells_its_neighbour() {
        let (above, row) = ([10, 20, 30, 40], [11, 22, 33, 44]);
        let of = |filter| {
            let mut out = [0; 4];
            apply(filter, &row, &above, 1, &mut out);
            out
        };
        assert_eq!(of(0), row);
        assert_eq!(of(1), [11, 11, 11, 11]);
        assert_eq!(of(2), [1, 2, 3, 4]);
        assert_eq!(of(3), [6, 7, 7, 8]);
        assert_eq!(of(4), [1, 2, 3, 4]);
    }
}
