//! A uniform sample of a stream (Vitter's algorithm R), the same for the same stream.

use super::distinct::mix;

/// A sample of at most `bound` items.
pub struct Reservoir<T> {
    items: Vec<T>,
    bound: usize,
    seen: u64,
}

impl<T> Reservoir<T> {
    /// An empty sample.
    pub fn new(bound: usize) -> Self {
        Self { items: Vec::new(), bound, seen: 0 }
    }

    /// Offers an item; `make` is called only if it is taken.
    pub fn offer(&mut self, make: impl FnOnce() -> T) {
        self.seen += 1;
        if self.items.len() < self.bound {
            return self.items.push(make());
        }
        // The high half of a 128-bit product maps the random word to 0..seen without a division.
        let place =
            ((u128::from(mix(self.seen.wrapping_mul(0x9E37_79B9_7F4A_7C15))) * u128::from(self.seen)) >> 64) as usize;
        if let Some(item) = self.items.get_mut(place) {
            *item = make();
        }
    }

    /// Whether every item offered is in the sample.
    pub fn is_whole(&self) -> bool {
        self.seen as usize == self.items.len()
    }

    /// The items of the sample.
    pub fn items(self) -> Vec<T> {
        self.items
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_streams_whole_large_ones_evenly() {
        let mut sample = Reservoir::new(1000);
        (0..1000u32).for_each(|i| sample.offer(|| i));
        assert!(sample.is_whole());
        (1000..100_000).for_each(|i| sample.offer(|| i));
        assert!(!sample.is_whole());
        let items = sample.items();
        let mean = items.iter().map(|i| f64::from(*i)).sum::<f64>() / items.len() as f64;
        assert!((mean / 50_000.0 - 1.0).abs() < 0.1, "{mean}");
    }
}
