//! What data are worth that are seen more than once.

/// What one example seen `passes` times, on average, is worth in examples seen once:
/// `1 + R (1 - exp(-(passes - 1) / R))`, and `passes` below one (Muennighoff et al. 2023, arXiv 2305.16264).
///
/// `r_star` is R: after so many repeats one more is worth 1/e of a new example; above 0.
pub fn worth(passes: f64, r_star: f64) -> f64 {
    if passes <= 1.0 { passes } else { 1.0 - r_star * (-(passes - 1.0) / r_star).exp_m1() }
}

/// `d ln worth / d ln passes`: 1 up to one pass, and falling from there on.
pub fn worth_elasticity(passes: f64, r_star: f64) -> f64 {
    if passes <= 1.0 { 1.0 } else { passes * (-(passes - 1.0) / r_star).exp() / worth(passes, r_star) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn repeats_are_worth_less_and_less(passes in 0.1..100.0f64, r_star in 0.1..100.0f64, more in 1.001..2.0f64) {
            let (few, many) = (worth(passes, r_star), worth(passes * more, r_star));
            prop_assert!(few <= passes * (1.0 + 1e-12) && few <= 1.0 + r_star && many >= few);
            prop_assert!(worth_elasticity(passes * more, r_star) <= worth_elasticity(passes, r_star) + 1e-12);
            let step = 1e-6;
            let slope = (worth(passes * (1.0 + step), r_star) / few).ln() / step;
            prop_assert!((slope - worth_elasticity(passes, r_star)).abs() < 1e-4, "{slope}");
        }
    }
}
