//! Chance that can be had again: everything drawn comes from one number.

/// A stream of numbers (Steele, Lea and Flood's SplitMix64).
#[derive(Debug, Clone)]
pub(crate) struct Chance(u64);

impl Chance {
    /// The stream of a seed.
    #[must_use]
    pub(crate) fn of(seed: u64) -> Self {
        Self(seed)
    }

    /// Another stream, for a purpose of its own: what is drawn there moves nothing here.
    #[must_use]
    pub(crate) fn apart(&self, purpose: &str) -> Self {
        Self(mix(self.0, purpose.as_bytes()))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        scramble(self.0)
    }

    /// Less than `end`, which is above 0.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    /// One of `from..=until`.
    pub(crate) fn between(&mut self, from: i64, until: i64) -> i64 {
        let span = u64::try_from(until.saturating_sub(from)).unwrap_or(0);
        from.saturating_add(i64::try_from(self.below(span + 1)).unwrap_or(0))
    }

    /// True once in so many times.
    pub(crate) fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// One of these.
    pub(crate) fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        let index = usize::try_from(self.below(of.len() as u64)).unwrap_or(0);
        of[index].clone()
    }
}

/// A number that follows from a seed and some bytes, the same wherever and whenever it is asked for.
#[must_use]
pub(crate) fn mix(seed: u64, bytes: &[u8]) -> u64 {
    // FNV-1a, and SplitMix64's finish over it.
    let hash = bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325 ^ seed, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    scramble(hash)
}

fn scramble(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
