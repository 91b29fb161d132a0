//! The noise of a star: how it falls with compute, what runs of one training share, and how sure that is.

use nalgebra::{DMatrix, DVector};

use super::design::Design;
use super::problem::Gradients;
use crate::law::bootstrap::Noise;
use crate::law::random::Random;

/// Points of the grid over the shared part, and its largest standard deviation in units of what is not shared: runs of
/// one training that differ by less than a tenth of what they share leave the shared part alone to be seen.
const GRID: usize = 48;
const MOST: f64 = 10.0;

/// What draws fresh data around a fit.
#[derive(Clone, Debug)]
pub(super) struct StarNoise {
    /// Relative standard deviation of every run, but for [`StarNoise::level`].
    sigma: Vec<f64>,
    /// The training of every run; empty where each is its own.
    clusters: Vec<usize>,
    trainings: usize,
    /// Residual degrees of freedom.
    degrees: f64,
    /// Standard deviations that trainings may share, in units of what they do not share; the sum of squares that
    /// each leaves; and how likely those up to it are together.
    shared: Vec<Shared>,
}

#[derive(Clone, Copy, Debug)]
struct Shared {
    deviation: f64,
    squares: f64,
    cumulative: f64,
}

impl StarNoise {
    /// From relative residuals and their gradients by the free parameters.
    ///
    /// The shared part has no sharp estimate from a dozen trainings, so it keeps its restricted likelihood on a grid
    /// (Patterson and Thompson 1971), with the prior `1 / (1 + s)^2` of its standard deviation `s`.
    pub(super) fn new(design: &Design, residuals: &[f64], gradients: &Gradients) -> Self {
        let (n, columns) = (residuals.len(), gradients.columns);
        let noise = Noise::of(residuals, &design.ln_t, columns);
        let sigma: Vec<f64> = design.ln_t.iter().map(|&t| noise.sigma(t)).collect();
        let degrees = (n as f64 - columns as f64).max(1.0);
        let trainings = design.clusters.iter().max().map_or(0, |last| last + 1);
        let standard: Vec<f64> =
            residuals.iter().zip(&sigma).map(|(r, s)| if *s > 0.0 { r / s } else { 0.0 }).collect();
        let alone = Shared { deviation: 0.0, squares: degrees, cumulative: 1.0 };
        let mut shared = vec![alone];
        if trainings > 1 && trainings < n {
            let rows =
                DMatrix::from_fn(n, columns, |i, j| gradients.rows[i * columns + j] / sigma[i].max(f64::MIN_POSITIVE));
            if let Some(found) = restricted(&rows, &standard, &design.clusters, trainings) {
                shared = found;
            }
        }
        Self { sigma, clusters: design.clusters.clone(), trainings, degrees, shared }
    }

    /// Replaces `data` by `fitted` with fresh noise.
    pub(super) fn draw(&self, random: &mut Random, fitted: &[f64], data: &mut [f64]) {
        let Shared { deviation, squares, .. } = self.part(random);
        let level = (squares / chi_square(random, self.degrees)).sqrt();
        let mut spare = None;
        let mut normal = |random: &mut Random| {
            spare.take().unwrap_or_else(|| {
                let (first, second) = random.normals();
                spare = Some(second);
                first
            })
        };
        let common: Vec<f64> =
            (0..if deviation > 0.0 { self.trainings } else { 0 }).map(|_| deviation * normal(random)).collect();
        for (row, ((f, sigma), y)) in fitted.iter().zip(&self.sigma).zip(data).enumerate() {
            let mut deviate = normal(random);
            if let Some(common) = self.clusters.get(row).and_then(|&training| common.get(training)) {
                deviate += common;
            }
            // A loss stays positive, however large the noise.
            *y = f * (1.0 + level * sigma * deviate).max(0.05);
        }
    }

    /// One over the variance of every run, in any unit.
    pub(super) fn precisions(&self) -> Vec<f64> {
        self.sigma.iter().map(|sigma| 1.0 / (sigma * sigma).max(f64::MIN_POSITIVE)).collect()
    }

    /// Whether runs share a training.
    pub(super) fn is_clustered(&self) -> bool {
        self.shared.len() > 1
    }

    fn part(&self, random: &mut Random) -> Shared {
        let alone = Shared { deviation: 0.0, squares: self.degrees, cumulative: 1.0 };
        if let [only] = self.shared.as_slice() {
            return *only;
        }
        let share = random.uniform();
        let place = self.shared.partition_point(|part| part.cumulative < share);
        self.shared.get(place).or(self.shared.last()).copied().unwrap_or(alone)
    }
}

/// The restricted likelihood of the part that trainings share.
fn restricted(rows: &DMatrix<f64>, residuals: &[f64], clusters: &[usize], trainings: usize) -> Option<Vec<Shared>> {
    let n = residuals.len();
    if rows.iter().any(|x| !x.is_finite()) {
        return None;
    }
    let svd = rows.clone().svd(true, false);
    let least = svd.singular_values.max() * 1e-10;
    let kept: Vec<usize> = (0..svd.singular_values.len()).filter(|&i| svd.singular_values[i] > least).collect();
    let basis = svd.u?.select_columns(&kept);
    let degrees = n as f64 - kept.len() as f64;
    // Sums over each training, of the basis and of the residuals.
    let mut sums = DMatrix::zeros(trainings, kept.len());
    let mut totals = DVector::zeros(trainings);
    let mut counts = vec![0.0; trainings];
    for (row, &training) in clusters.iter().enumerate() {
        counts[training] += 1.0;
        totals[training] += residuals[row];
        for j in 0..kept.len() {
            sums[(training, j)] += basis[(row, j)];
        }
    }
    let all = DVector::from_column_slice(residuals);
    let (basis_residuals, squares) = (basis.transpose() * &all, all.norm_squared());
    let mut likely = Vec::with_capacity(GRID);
    for i in 0..GRID {
        let place = (i as f64 + 0.5) / GRID as f64 * MOST / (1.0 + MOST);
        let deviation = place / (1.0 - place);
        let ratio = deviation * deviation;
        // (1 + ratio 11')^-1 = 1 - shrink 11' within a training.
        let shrink = DVector::from_fn(trainings, |g, _| ratio / (1.0 + ratio * counts[g]));
        let scaled = DMatrix::from_fn(trainings, kept.len(), |g, j| sums[(g, j)] * shrink[g]);
        let information = DMatrix::identity(kept.len(), kept.len()) - sums.transpose() * &scaled;
        let score = &basis_residuals - scaled.transpose() * &totals;
        let factor = information.cholesky()?;
        let left = squares
            - totals.iter().zip(shrink.iter()).map(|(total, shrink)| shrink * total * total).sum::<f64>()
            - score.dot(&factor.solve(&score));
        let left = left.max(f64::MIN_POSITIVE);
        let ln_information = 2.0 * factor.l().diagonal().map(f64::ln).sum();
        let ln_spread: f64 = counts.iter().map(|count| (1.0 + ratio * count).ln()).sum();
        likely.push((deviation, left, -0.5 * (ln_spread + ln_information + degrees * left.ln())));
    }
    let most = likely.iter().map(|(.., ln)| *ln).fold(f64::NEG_INFINITY, f64::max);
    let whole: f64 = likely.iter().map(|(.., ln)| (ln - most).exp()).sum();
    let mut cumulative = 0.0;
    let parts = likely.into_iter().map(|(deviation, squares, ln)| {
        cumulative += (ln - most).exp() / whole;
        Shared { deviation, squares, cumulative }
    });
    Some(parts.collect())
}

/// A chi-square variable, by the cube of Wilson and Hilferty (1931).
fn chi_square(random: &mut Random, degrees: f64) -> f64 {
    let variance = 2.0 / (9.0 * degrees);
    degrees * (1.0 - variance + variance.sqrt() * random.normal()).max(0.05).powi(3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_trainings_share_is_found() {
        let mut random = Random::new(5, 0);
        let clusters: Vec<usize> = (0..400).map(|row| row / 8).collect();
        let common: Vec<f64> = (0..50).map(|_| 2.0 * random.normal()).collect();
        let residuals: Vec<f64> = clusters.iter().map(|&g| common[g] + random.normal()).collect();
        let parts = restricted(&DMatrix::from_element(400, 1, 1.0), &residuals, &clusters, 50).unwrap();
        let middle = parts.iter().find(|part| part.cumulative > 0.5).unwrap();
        assert!((1.4..2.8).contains(&middle.deviation), "{middle:?}");
        assert!((0.8..1.25).contains(&(middle.squares / 399.0)), "{middle:?}");
    }
}
