//! A checksum against torn writes and bad disks: 128-bit products folded over four lanes, as
//! wyhash does. Not against people, who may write any file here anyway; BLAKE3 over 35 MB would
//! take longer than everything else that loading does.
//!
//! It is a sum over blocks, each with its place, so that whoever changes one block need not read the
//! others.

use std::ops::Range;

/// Bytes of a block; the last one of a part may be shorter.
pub(super) const BLOCK: usize = 4096;

const KEYS: [u64; 4] =
    [0xa076_1d64_78bd_642f, 0xe703_7ed1_a0b4_28db, 0x8ebc_6af0_9c88_c6e3, 0x5899_65cc_7537_4cc3];

/// The checksum of a file, of that of its header and the sum over its parts.
pub(super) fn combine(header: &[u8], parts: u64) -> u64 {
    of_bytes(header).wrapping_add(parts)
}

/// The sum over the blocks of a part: a table or the strings, by their place behind the header.
pub(super) fn of_part(part: usize, bytes: &[u8]) -> u64 {
    let blocks = bytes.chunks(BLOCK).enumerate();
    blocks.map(|(block, bytes)| of_block(part, block, bytes)).fold(0, u64::wrapping_add)
}

/// What one block adds to the sum.
pub(super) fn of_block(part: usize, block: usize, bytes: &[u8]) -> u64 {
    let place = ((part as u64) << 48) ^ block as u64;
    fold(of_bytes(bytes) ^ KEYS[1], place ^ KEYS[0])
}

/// Where a block lies in a part of `size` bytes.
pub(super) fn block_range(block: usize, size: usize) -> Range<usize> {
    let start = block * BLOCK;
    start..(start + BLOCK).min(size)
}

/// The checksum of some bytes, their length included.
fn of_bytes(bytes: &[u8]) -> u64 {
    let mut lanes = KEYS;
    let mut blocks = bytes.chunks_exact(64);
    for block in &mut blocks {
        update(&mut lanes, block.try_into().expect("blocks have this size"));
    }
    let mut last = [0; 64];
    last[..blocks.remainder().len()].copy_from_slice(blocks.remainder());
    update(&mut lanes, &last);
    let length = bytes.len() as u64;
    lanes.iter().fold(length, |sum, lane| fold(sum ^ KEYS[2], lane ^ KEYS[3]))
}

fn update(lanes: &mut [u64; 4], block: &[u8; 64]) {
    for (index, lane) in lanes.iter_mut().enumerate() {
        let word = |at: usize| {
            let bytes = block[at..at + 8].try_into().expect("a word has eight bytes");
            u64::from_le_bytes(bytes)
        };
        let at = index * 16;
        *lane = fold(word(at) ^ KEYS[index], word(at + 8) ^ *lane).wrapping_add(KEYS[index]);
    }
}

fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product as u64) ^ ((product >> 64) as u64)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn checksum(parts: &[&[u8]]) -> u64 {
        let sums = parts.iter().enumerate().map(|(part, bytes)| of_part(part, bytes));
        combine(b"header", sums.fold(0, u64::wrapping_add))
    }

    #[test]
    fn every_bit_and_every_length_counts() {
        let bytes: Vec<u8> = (0..200_u8).collect();
        let mut seen = HashSet::new();
        for length in 0..=bytes.len() {
            assert!(seen.insert(checksum(&[&bytes[..length]])), "length {length}");
        }
        for bit in 0..bytes.len() * 8 {
            let mut altered = bytes.clone();
            altered[bit / 8] ^= 1 << (bit % 8);
            assert!(seen.insert(checksum(&[&altered])), "bit {bit}");
        }
        for zeros in 2..200 {
            assert!(seen.insert(checksum(&[&vec![0; zeros]])), "{zeros} zeros");
        }
        assert!(seen.insert(checksum(&[&bytes[..7], &bytes[7..]])), "where a part ends");
        assert!(seen.insert(checksum(&[&[], &bytes])), "which part it is");
    }

    #[test]
    fn blocks_count_with_their_places() {
        let bytes: Vec<u8> = (0..3 * BLOCK + 7).map(|at| (at / BLOCK) as u8).collect();
        let mut swapped = bytes.clone();
        swapped.rotate_left(BLOCK);
        assert_ne!(of_part(1, &bytes), of_part(1, &swapped));
        let sum = |at: usize, bytes: &[u8]| of_block(1, at, &bytes[block_range(at, bytes.len())]);
        let by_blocks = (0..4).map(|at| sum(at, &bytes)).fold(0, u64::wrapping_add);
        assert_eq!(of_part(1, &bytes), by_blocks);
        assert_eq!(of_part(1, &[]), 0);
    }
}
