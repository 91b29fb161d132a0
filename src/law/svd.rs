//! Singular values that no input makes panic.

use nalgebra::{DMatrix, Dyn, SVD};

/// Most steps towards the singular values of one matrix; those of fits take some dozens.
const MOST_STEPS: usize = 10_000;

/// The singular values of a matrix, largest first, with its left vectors where they are wanted.
///
/// `None` where an element is not finite or the elements are too far apart for doubles.
pub(super) fn svd(matrix: DMatrix<f64>, left_vectors: bool) -> Option<SVD<f64, Dyn, Dyn>> {
    if matrix.iter().any(|x| !x.is_finite()) {
        return None;
    }
    let mut svd = SVD::try_new_unordered(matrix, left_vectors, false, 5.0 * f64::EPSILON, MOST_STEPS)?;
    // Sorting what is not a number panics.
    svd.singular_values.iter().all(|x| x.is_finite()).then_some(())?;
    svd.sort_by_singular_values();
    Some(svd)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_too_far_apart_have_none() {
        let far = DMatrix::from_fn(27, 7, |i, j| if (i + j) % 3 == 0 { 1e300 } else { 1e-300 * (i * j) as f64 });
        let found = svd(far, true);
        assert!(found.is_none_or(|svd| svd.singular_values.iter().all(|x| x.is_finite())));
        assert!(svd(DMatrix::from_element(3, 2, f64::NAN), false).is_none());
    }

    #[test]
    fn values_are_sorted() {
        let found = svd(DMatrix::from_row_slice(2, 2, &[1.0, 0.0, 0.0, 2.0]), true).unwrap();
        assert_eq!(found.singular_values.as_slice(), [2.0, 1.0]);
    }
}
