//! Functions that give the same bits everywhere: sums, products, quotients and square roots only, in an
//! order that is written down. The standard library's `sin` and `exp` differ between platforms.

/// The sine of an angle in turns.
pub(super) fn sine(turns: f64) -> f64 {
    // To a quarter of a turn around 0, where the series is at its best.
    let turn = turns - turns.floor();
    let folded = if turn < 0.25 {
        turn
    } else if turn < 0.75 {
        0.5 - turn
    } else {
        turn - 1.0
    };
    let x = folded * std::f64::consts::TAU;
    let y = x * x;
    // Taylor's series up to x^15; the error at a quarter turn is below 1e-10.
    let mut sum = -1.0 / 1_307_674_368_000.0;
    for term in [
        1.0 / 6_227_020_800.0,
        -1.0 / 39_916_800.0,
        1.0 / 362_880.0,
        -1.0 / 5_040.0,
        1.0 / 120.0,
        -1.0 / 6.0,
        1.0,
    ] {
        sum = sum * y + term;
    }
    sum * x
}

/// The tangent of an angle in turns, below a quarter.
pub(super) fn tangent(turns: f64) -> f64 {
    sine(turns) / sine(turns + 0.25)
}

/// Two to the power of `x`.
pub(super) fn exp2(x: f64) -> f64 {
    let x = x.clamp(-1_000.0, 1_000.0);
    let whole = (x + 0.5).floor();
    let y = (x - whole) * std::f64::consts::LN_2;
    // Taylor's series of e^y for at most half of ln 2; the error is below 1e-14.
    let mut sum = 1.0 / 39_916_800.0;
    for term in [
        1.0 / 3_628_800.0,
        1.0 / 362_880.0,
        1.0 / 40_320.0,
        1.0 / 5_040.0,
        1.0 / 720.0,
        1.0 / 120.0,
        1.0 / 24.0,
        1.0 / 6.0,
        0.5,
        1.0,
        1.0,
    ] {
        sum = sum * y + term;
    }
    // The exponent of a 64-bit number is a field of its own.
    sum * f64::from_bits(((whole as i64 + 1_023) as u64) << 52)
}

/// Semitones as a factor of frequency.
pub(super) fn semitones(count: f64) -> f64 {
    exp2(count / 12.0)
}

/// Random numbers that depend on a seed alone (SplitMix64).
#[derive(Debug, Clone)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ (bits >> 31)
    }

    /// From 0.0 to below 1.0.
    pub(super) fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// From `low` to below `high`.
    pub(super) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + self.unit() * (high - low)
    }

    /// One of several.
    pub(super) fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[(self.bits() % all.len() as u64) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_near_those_of_the_library() {
        for step in -400..400 {
            let x = f64::from(step) / 97.0;
            let library = (x * std::f64::consts::TAU).sin();
            assert!((sine(x) - library).abs() < 1e-9, "sine of {x} turns");
            assert!((exp2(x) / x.exp2() - 1.0).abs() < 1e-12, "2 to the {x}");
        }
        for step in 1..240 {
            let x = f64::from(step) / 1_000.0;
            let library = (x * std::f64::consts::TAU).tan();
            assert!((tangent(x) / library - 1.0).abs() < 1e-7, "tangent of {x} turns");
        }
        assert_eq!(exp2(3.0), 8.0);
        assert!((semitones(12.0) - 2.0).abs() < 1e-12);
    }

    #[test]
    fn dice_are_even_and_depend_on_the_seed() {
        let mut dice = Dice::new(1);
        let mean: f64 = (0..100_000).map(|_| dice.unit()).sum::<f64>() / 100_000.0;
        assert!((mean - 0.5).abs() < 0.003, "{mean}");
        assert_ne!(Dice::new(1).bits(), Dice::new(2).bits());
    }
}
