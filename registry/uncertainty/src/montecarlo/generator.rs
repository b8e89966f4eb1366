//! Random words as a function of where they are: seed, name of the stream, block and place in the block. Nothing is
//! carried from one to the next, so any thread can draw any block.
//!
//! The generator is Philox4x64 (Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3; SC'11) with
//! seven rounds, the fewest with which it passes all of TestU01's BigCrush (table 2 there); JCGM 101:2008, C.1 asks for
//! a generator that does.

/// The seed of all draws: 128 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Seed([u64; 2]);

impl Seed {
    /// A seed from a number.
    pub const fn from_number(number: u64) -> Self {
        Seed([number, 0])
    }

    /// A seed from a digest: its first 16 bytes.
    pub fn from_digest(digest: &[u8; 32]) -> Self {
        let word = |at: usize| digest[at..at + 8].iter().rev().fold(0, |word, byte| (word << 8) | u64::from(*byte));
        Seed([word(0), word(8)])
    }
}

const MULTIPLIERS: [u64; 2] = [0xD2E7_470E_E14C_6C93, 0xCA5A_8263_9512_1157];
const WEYL: [u64; 2] = [0x9E37_79B9_7F4A_7C15, 0xBB67_AE85_84CA_A73B];

const ROUNDS: usize = 7;

/// Four words of a counter. Where this is not part of the loop that stores them, they go through memory twice.
#[inline(always)]
fn philox<const ROUNDS: usize>(mut counter: [u64; 4], mut key: [u64; 2]) -> [u64; 4] {
    for _ in 0..ROUNDS {
        let first = u128::from(counter[0]) * u128::from(MULTIPLIERS[0]);
        let second = u128::from(counter[2]) * u128::from(MULTIPLIERS[1]);
        counter = [
            (second >> 64) as u64 ^ counter[1] ^ key[0],
            second as u64,
            (first >> 64) as u64 ^ counter[3] ^ key[1],
            first as u64,
        ];
        key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
    }
    counter
}

/// The random words of one name.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stream {
    seed: Seed,
    name: [u64; 2],
}

/// Where the words begin that a draw needs beyond its first ones.
const MORE: u64 = 1 << 63;

impl Stream {
    /// The stream of this name. Names are told apart by 128 bits (FNV-1a, as in draft-eastlake-fnv, section 5).
    pub(super) fn new(seed: Seed, name: &str) -> Self {
        const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013B;
        const BASIS: u128 = 0x6C62_272E_07BB_0142_62B8_2175_6295_C58D;
        let hash = name.bytes().fold(BASIS, |hash, byte| (hash ^ u128::from(byte)).wrapping_mul(PRIME));
        Stream { seed, name: [hash as u64, (hash >> 64) as u64] }
    }

    /// Four words of a block.
    #[inline(always)]
    pub(super) fn words(&self, block: u64, at: u64) -> [u64; 4] {
        philox::<ROUNDS>([at, block, self.name[0], self.name[1]], self.seed.0)
    }

    /// Four words more of a block, for draws that need more than their own.
    pub(super) fn more(&self, block: u64, at: u64) -> [u64; 4] {
        self.words(block, MORE | at)
    }
}

/// A number in (0, 1), from the upper 52 bits: half a step of 2^-52 away from both ends, and exact.
pub(super) fn unit(word: u64) -> f64 {
    ((word >> 12) as f64 + 0.5) * f64::EPSILON
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_vectors() {
        // Random123, tests/kat_vectors, philox4x64 with 7 and with 10 rounds.
        let all = u64::MAX;
        assert_eq!(
            philox::<7>([0; 4], [0; 2]),
            [0x5dc8_ee62_68ec_62cd, 0x139b_c570_b6c1_25a0, 0x84d6_deb4_fb65_f49e, 0xaff7_5833_76d3_78c2]
        );
        assert_eq!(
            philox::<10>([0; 4], [0; 2]),
            [0x1655_4d9e_ca36_314c, 0xdb20_fe9d_672d_0fdc, 0xd7e7_72ce_e186_176b, 0x7e68_b68a_ec7b_a23b]
        );
        assert_eq!(
            philox::<10>([all; 4], [all; 2]),
            [0x87b0_92c3_013f_e90b, 0x438c_3c67_be8d_0224, 0x9cc7_d7c6_9cd7_77b6, 0xa09c_aebf_594f_0ba0]
        );
        // numpy.random.Philox(counter=0, key=0).random_raw(4) of numpy 2, whose first counter is one.
        assert_eq!(
            philox::<10>([1, 0, 0, 0], [0; 2]),
            [0x02f4_ba64_08e4_d89b, 0x3dd6_2b0b_9ca8_c5b2, 0x1c86_67a5_5d90_2e79, 0x907d_7a05_2fd5_b4dc]
        );
    }

    #[test]
    fn names_and_seeds_tell_streams_apart() {
        let first = |seed, name| Stream::new(seed, name).words(0, 0);
        let one = Seed::from_number(1);
        assert_ne!(first(one, "a"), first(one, "b"));
        assert_ne!(first(one, "a"), first(Seed::from_number(2), "a"));
        let mut digest = [0; 32];
        digest[0] = 1;
        assert_eq!(first(one, "a"), first(Seed::from_digest(&digest), "a"));
        assert!(unit(0) > 0.0 && unit(u64::MAX) < 1.0);
    }
}
