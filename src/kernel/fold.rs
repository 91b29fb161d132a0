//! A layer norm folded into the weights of the product behind it.
//!
//! ```text
//! LN(x) W^T + b = (x G^T - mean c) / deviation + b'
//! G  = W diag(gamma), each row less its own mean, rounded to what is multiplied
//! c  = the sums of the rows of G as they were rounded
//! b' = W beta + b
//! ```
//!
//! Centred rows alone would take the mean off, were it not for their rounding: what is left of a row's sum is multiplied
//! by a mean that may be many deviations large. The epilogue takes exactly that off again.
//!
//! Sums in `float` still hold the mean until then, and lose as many digits as it has more than the deviation: up to
//! hundreds of deviations that is far below what bf16 rounds, and up to tens below what fp16 rounds. A row that is all but
//! constant is for a norm apart.

use crate::vit::Half;

/// Weights of a buffer, absent where the model has none.
type From<'a> = [Option<&'a [f32]>];

/// The rows of G, unrounded; gamma is named first, then the parts of W.
pub(super) fn weight(from: &From<'_>) -> Vec<f64> {
    let Some((&Some(gamma), parts)) = from.split_first() else { return Vec::new() };
    let mut values = Vec::new();
    for row in parts.iter().flatten().flat_map(|part| part.chunks(gamma.len().max(1))) {
        let scaled = || row.iter().zip(gamma).map(|(&w, &g)| f64::from(w) * f64::from(g));
        let mean = scaled().sum::<f64>() / row.len() as f64;
        values.extend(scaled().map(|value| value - mean));
    }
    values
}

/// The sums of the rows of G as they are multiplied, of the same weights.
pub(super) fn sums(from: &From<'_>, half: Half) -> Vec<f64> {
    let width = from.first().copied().flatten().map_or(1, <[f32]>::len);
    let rounded = |&value: &f64| half.rounded(value);
    weight(from).chunks(width.max(1)).map(|row| row.iter().map(rounded).sum()).collect()
}

/// What beta adds to the biases; beta is named first, then each part of W with its bias.
pub(super) fn bias(from: &From<'_>) -> Vec<f64> {
    let Some((&Some(beta), parts)) = from.split_first() else { return Vec::new() };
    let mut values = Vec::new();
    for part in parts.chunks(2) {
        let [Some(weight), bias] = *part else { continue };
        for (at, row) in weight.chunks(beta.len().max(1)).enumerate() {
            let shift: f64 = row.iter().zip(beta).map(|(&w, &b)| f64::from(w) * f64::from(b)).sum();
            values.push(shift + bias.map_or(0.0, |bias| f64::from(bias[at])));
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const WIDTH: usize = 12;

    fn list(count: usize, size: f32) -> impl Strategy<Value = Vec<f32>> {
        proptest::collection::vec(-size..size, count)
    }

    proptest! {
        #[test]
        fn the_folded_product_is_that_of_the_normalised_row(
            x in list(WIDTH, 3.0), offset in -100.0_f64..100.0, gamma in list(WIDTH, 2.0), beta in list(WIDTH, 1.0),
            first in list(2 * WIDTH, 1.0), second in list(WIDTH, 1.0), own in list(2, 1.0),
        ) {
            let x: Vec<f64> = x.iter().map(|&v| f64::from(v) + offset).collect();
            let mean = x.iter().sum::<f64>() / WIDTH as f64;
            let deviation = (x.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / WIDTH as f64 + 1e-6).sqrt();
            let parts = [Some(gamma.as_slice()), Some(first.as_slice()), Some(second.as_slice())];
            let g = weight(&parts);
            // The second part has no bias.
            let shifts = bias(&[Some(&beta), Some(&first), Some(&own), Some(&second), None]);
            prop_assert_eq!((g.len(), shifts.len()), (3 * WIDTH, 3));
            for (row, w) in first.chunks(WIDTH).chain([second.as_slice()]).enumerate() {
                let normalised = |k: usize| (x[k] - mean) / deviation * f64::from(gamma[k]) + f64::from(beta[k]);
                let plain: f64 = (0..WIDTH).map(|k| normalised(k) * f64::from(w[k])).sum();
                let plain = plain + own.get(row).map_or(0.0, |&b| f64::from(b));
                // Unrounded, the rows of G sum to nothing.
                let folded = x.iter().zip(&g[row * WIDTH..]).map(|(x, g)| x * g).sum::<f64>() / deviation + shifts[row];
                prop_assert!((folded - plain).abs() < 1e-7, "{} is not {}", folded, plain);
            }
        }

        #[test]
        fn the_sums_are_those_of_what_is_stored(gamma in list(WIDTH, 2.0), part in list(3 * WIDTH, 1.0)) {
            let from = [Some(gamma.as_slice()), Some(part.as_slice())];
            for (_, half) in Half::ALL {
                let stored: Vec<f64> = weight(&from).iter().map(|&g| half.rounded(g)).collect();
                for (row, sum) in stored.chunks(WIDTH).zip(sums(&from, half)) {
                    prop_assert_eq!(row.iter().sum::<f64>(), sum);
                    // At most what rounding leaves of a row that sums to nothing.
                    let steps = row.iter().map(|&v| half.step(v) / 2.0).sum::<f64>();
                    prop_assert!(sum.abs() <= steps + 1e-9);
                }
            }
        }
    }
}
