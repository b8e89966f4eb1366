//! Standard normal numbers by the ziggurat of Marsaglia and Tsang (Journal of Statistical Software 5 (2000), 8), with
//! layer and place taken from different bits of a word (Doornik, An improved ziggurat method, 2005).

use std::sync::LazyLock;

use super::generator::{Stream, unit};
use crate::model::block::BLOCK;

/// Enough that one number in three hundred is outside the inner part of its layer, and few enough for a small cache.
const LAYERS: usize = 1024;
/// 2^-52: a signed 53-bit number becomes one in [−1, 1).
const STEP: f64 = f64::EPSILON;

/// The layers, from the base upward.
struct Ziggurat {
    /// Half-width of each layer, the base first with that of a rectangle of the same area; zero after the last.
    edge: [f64; LAYERS + 1],
    /// exp(−x²/2) at each edge.
    height: [f64; LAYERS + 1],
    /// Half-width of each layer a step of the word.
    width: [f64; LAYERS],
}

fn density(x: f64) -> f64 {
    libm::exp(-0.5 * x * x)
}

impl Ziggurat {
    /// The layers whose tail begins at `tail`, and how high the last one ends: at one where the tail is right.
    fn with_tail(tail: f64) -> (Self, f64) {
        // Area of the base: a rectangle up to the tail, and the tail.
        let root_half_pi = libm::sqrt(0.5 * std::f64::consts::PI);
        let area = tail * density(tail) + root_half_pi * libm::erfc(tail * std::f64::consts::FRAC_1_SQRT_2);
        let mut edge = [0.0; LAYERS + 1];
        edge[0] = area / density(tail);
        edge[1] = tail;
        for layer in 2..LAYERS {
            let below = edge[layer - 1];
            // Beyond the top there is no edge; then the tail began too early.
            edge[layer] = libm::sqrt(2.0 * libm::log((area / below + density(below)).min(1.0)).abs());
        }
        let last = edge[LAYERS - 1];
        let end = if last == 0.0 { f64::INFINITY } else { density(last) + area / last };
        (Ziggurat { edge, height: edge.map(density), width: std::array::from_fn(|at| edge[at] * STEP) }, end)
    }
}

/// Made once, by `libm`, so that it is the same everywhere.
static ZIGGURAT: LazyLock<Ziggurat> = LazyLock::new(|| {
    let (mut low, mut high) = (3.0, 6.0);
    // 60 halvings reach neighbouring numbers.
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if Ziggurat::with_tail(middle).1 > 1.0 { low = middle } else { high = middle }
    }
    Ziggurat::with_tail(high).0
});

/// A number in its layer: the layer by the lowest bits, the place by the upper 53.
#[inline(always)]
fn place(ziggurat: &Ziggurat, word: u64) -> (usize, f64) {
    let layer = word as usize % LAYERS;
    (layer, (word.cast_signed() >> 11) as f64 * ziggurat.width[layer])
}

/// Fills a block with mean + sd × standard normal numbers.
pub(super) fn fill(stream: &Stream, block: u64, mean: f64, sd: f64, numbers: &mut [f64; BLOCK]) {
    let ziggurat: &Ziggurat = &ZIGGURAT;
    // One number in three hundred needs a second look; they are noted without a branch.
    let mut open = [0u16; BLOCK];
    let mut count = 0usize;
    let (quads, _) = numbers.as_chunks_mut::<4>();
    for (at, quad) in quads.iter_mut().enumerate() {
        let words = stream.words(block, at as u64);
        for (within, (number, word)) in quad.iter_mut().zip(words).enumerate() {
            let (layer, z) = place(ziggurat, word);
            *number = mean + sd * z;
            // There are no more of them than numbers, and those are fewer than 2^16.
            open[count % BLOCK] = (4 * at + within) as u16;
            count = count.wrapping_add(usize::from(z.abs() >= ziggurat.edge[layer + 1]));
        }
    }
    let mut more = More { stream, block, next: 0, words: [0; 4], left: 0 };
    for at in open.iter().take(count) {
        let at = usize::from(*at);
        let word = stream.words(block, at as u64 / 4)[at % 4];
        numbers[at] = mean + sd * settle(ziggurat, word, &mut more);
    }
}

/// Further words of a block, as many as are needed.
struct More<'a> {
    stream: &'a Stream,
    block: u64,
    next: u64,
    words: [u64; 4],
    left: usize,
}

impl More<'_> {
    fn next(&mut self) -> u64 {
        if self.left == 0 {
            self.words = self.stream.more(self.block, self.next);
            (self.next, self.left) = (self.next + 1, 4);
        }
        self.left -= 1;
        self.words[self.left]
    }
}

/// The number of a word that is not inside the inner part of its layer, or of the words after it.
fn settle(ziggurat: &Ziggurat, mut word: u64, more: &mut More<'_>) -> f64 {
    loop {
        let (layer, z) = place(ziggurat, word);
        if z.abs() < ziggurat.edge[layer + 1] {
            return z;
        }
        if layer == 0 {
            // Marsaglia's tail.
            loop {
                let x = -libm::log(unit(more.next())) / ziggurat.edge[1];
                let y = -libm::log(unit(more.next()));
                if y + y > x * x {
                    return if z < 0.0 { -ziggurat.edge[1] - x } else { ziggurat.edge[1] + x };
                }
            }
        }
        let (low, high) = (ziggurat.height[layer], ziggurat.height[layer + 1]);
        if low + unit(more.next()) * (high - low) < libm::exp(-0.5 * z * z) {
            return z;
        }
        word = more.next();
    }
}

#[cfg(test)]
mod tests {
    use super::super::generator::Seed;
    use super::*;
    use crate::coverage::normal_probability;

    #[test]
    fn the_layers_close() {
        let ziggurat: &Ziggurat = &ZIGGURAT;
        let (last, area) = (ziggurat.edge[LAYERS - 1], ziggurat.edge[0] * ziggurat.height[1]);
        // The last layer reaches the top of the curve.
        assert!((ziggurat.height[LAYERS - 1] + area / last - 1.0).abs() < 1e-12, "{}", ziggurat.edge[1]);
        assert!(ziggurat.edge.windows(2).all(|pair| pair[0] > pair[1]));
    }

    #[test]
    fn the_numbers_are_normal() {
        let stream = Stream::new(Seed::from_number(7), "z");
        let mut numbers = [0.0; BLOCK];
        let blocks = 8_000;
        // Kolmogorov's statistic over cells, moments, and the tail beyond the last layer.
        let cells = 400;
        let mut counts = vec![0u32; cells];
        let (mut sums, mut beyond) = ([0.0; 4], 0u32);
        for block in 0..blocks {
            fill(&stream, block, 0.0, 1.0, &mut numbers);
            for z in numbers {
                let cell = (normal_probability(z) * cells as f64) as usize;
                counts[cell.min(cells - 1)] += 1;
                [z, z * z, z * z * z, z * z * z * z].iter().zip(&mut sums).for_each(|(power, sum)| *sum += power);
                beyond += u32::from(z.abs() > 3.0);
            }
        }
        let n = (blocks as usize * BLOCK) as f64;
        let expected = n / cells as f64;
        let chi_squared: f64 =
            counts.iter().map(|count| (f64::from(*count) - expected) * (f64::from(*count) - expected) / expected).sum();
        // Mean 399, standard deviation 28.
        assert!((chi_squared - 399.0).abs() < 5.0 * 28.0, "{chi_squared}");
        // Standard deviations of the means of the powers: 1, √2, √15, √96.
        for (sum, (mean, sd)) in sums.iter().zip([(0.0, 1.0), (1.0, 2.0), (0.0, 15.0), (3.0, 96.0)]) {
            assert!((sum / n - mean).abs() < 5.0 * libm::sqrt(sd / n), "{sums:?}");
        }
        let tail = 2.0 * normal_probability(-3.0) * n;
        assert!((f64::from(beyond) - tail).abs() < 5.0 * libm::sqrt(tail), "{beyond} {tail}");
    }
}
