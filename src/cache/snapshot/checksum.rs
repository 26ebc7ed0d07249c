//! A checksum against torn writes and bad disks: 128-bit products folded over four lanes, as
//! wyhash does. Not against people, who may write any file here anyway; BLAKE3 over 35 MB would
//! take longer than everything else that loading does.

const KEYS: [u64; 4] =
    [0xa076_1d64_78bd_642f, 0xe703_7ed1_a0b4_28db, 0x8ebc_6af0_9c88_c6e3, 0x5899_65cc_7537_4cc3];

/// The checksum of parts, of their own checksums in their order.
pub(super) fn combine(parts: impl IntoIterator<Item = u64>) -> u64 {
    parts.into_iter().fold(KEYS[0], |sum, part| fold(sum ^ KEYS[1], part))
}

/// The checksum of one part, its length included.
pub(super) fn of_part(bytes: &[u8]) -> u64 {
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
        combine(parts.iter().map(|part| of_part(part)))
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
    }
}
