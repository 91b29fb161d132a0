//! The SoViT shape law on the three arms of a star, with one data exponent: tied at the centre, or per dimension.
//!
//! Per dimension is the form (2) of the paper, four coefficients an arm: 19 parameters. The three arms of a star meet
//! in one model, the centre, and so must their laws. With u = x / centre the tied form is
//! `f_k = P + Q T + alpha_k (u^-a_k - 1) + beta_k (u^b_k - 1) T`, `T = t^-c`, `0 <= alpha_k <= P`, `0 <= beta_k <= Q`:
//! form (2) with `eps_k = P - alpha_k` and `xi_k = Q - beta_k`, in 15 parameters. For fixed exponents both are linear,
//! and the seven exponents are searched by variable projection, in logarithms.
//!
//! What is minimised is the sum of squared relative residuals `f / y - 1`, the paper's "relative error".

mod design;
pub(crate) mod form;
mod noise;
mod problem;
mod profile;

use std::ops::Range;

use self::design::Design;
use self::noise::StarNoise;
use self::problem::{OUTER, Problem};
use crate::law::bootstrap::SEED;
use crate::law::levenberg::{LeastSquares, Tolerance, minimise};
use crate::law::random::{Random, low_discrepancy};
use crate::law::starts::{Best, from_all};
use crate::law::wild::Wild;
use crate::law::{FitReport, Scores, SovitParameters, StarForm, TieTest};
use crate::plan::{Bootstrap, Spread};
use crate::vit::PerAxis;

/// Bounds of every exponent.
pub(crate) const EXPONENTS: (f64, f64) = (1e-3, 4.0);
/// Name of the objective.
const OBJECTIVE: &str = "sum of squared relative residuals";
const ROBUST: &str = "sum of Huber of relative residuals";
/// Starts, spread evenly over the logarithms of these exponents.
const STARTS: u64 = 24;
const START_RANGE: (f64, f64) = (0.1, 2.5);
/// Parameters that the tie takes away.
const TIED: u64 = 4;
/// Draws behind the test of the tie where runs share a training.
const TIE_DRAWS: u64 = 399;
/// Chance, of a true tie, below which it is rejected.
const REJECTED: f64 = 0.01;

/// One run of an arm.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StarRun {
    /// The value of the axis that the arm varies.
    pub size: f64,
    /// Forward FLOPs of one example, in any unit.
    pub flops: f64,
    /// Examples seen, in any unit.
    pub examples: f64,
    /// The loss; positive.
    pub loss: f64,
    /// The training that the run is a checkpoint of; none where every run is a training of its own.
    pub training: Option<u32>,
    /// How much it counts, against the others.
    pub weight: f64,
}

/// What is minimised of the relative residuals `f / y - 1`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum StarObjective {
    /// The sum of their squares.
    #[default]
    Squares,
    /// The sum of Huber's function of them, with this delta or with 1.345 robust standard deviations.
    Huber(Option<f64>),
}

/// How to fit a star.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StarOptions {
    /// The form; none for the tied one unless the data, by squares, reject the tie.
    pub form: Option<StarForm>,
    /// What is minimised.
    pub objective: StarObjective,
    /// Where refits draw their data from: noise of a fitted spread, with what runs of a training share, or whole
    /// trainings by the wild bootstrap.
    pub bootstrap: Bootstrap,
    /// Starts of each form.
    pub starts: u64,
    /// Seed of the bootstrap.
    pub seed: u64,
    /// How the noise is taken to depend on compute.
    pub spread: Spread,
}

/// A fitted star: the optimum, and what draws its refits.
#[derive(Clone, Debug)]
pub struct StarFit {
    /// Which form stands.
    pub form: StarForm,
    /// The test of the tie; none where one form alone was fitted, or runs are too few.
    pub tie: Option<TieTest>,
    /// The optimum, for sizes in units of the centre and compute in units of [`StarFit::t_reference`].
    pub parameters: SovitParameters,
    /// Unit of compute, that of the runs' `flops` times that of their `examples`.
    pub t_reference: f64,
    /// How it went; without draws.
    pub fit: FitReport,
    /// How the fit predicts its own rows, where there are rows enough to say.
    pub scores: Option<Scores>,
    design: Design,
    at: [f64; OUTER],
    fitted: Vec<f64>,
    noise: StarNoise,
    wild: Option<Wild>,
    /// Delta of Huber's function, where that is minimised.
    delta: Option<f64>,
    seed: u64,
}

impl Default for StarOptions {
    fn default() -> Self {
        Self {
            form: None,
            objective: StarObjective::default(),
            bootstrap: Bootstrap::default(),
            starts: STARTS,
            seed: SEED,
            spread: Spread::default(),
        }
    }
}

/// Fits a star to the runs of each arm, in any order; `centre` is where the arms meet, and has no run among them.
/// `None` where no start has a finite objective.
pub fn fit_star(runs: &PerAxis<Vec<StarRun>>, centre: PerAxis<f64>, options: &StarOptions) -> Option<StarFit> {
    let design = Design::new(runs, centre);
    let rows = design.losses.len();
    let tied = fit_form(&design, options.form.unwrap_or(StarForm::Tied), options)?;
    if options.form.is_some() || rows as u64 <= StarForm::PerDimension.parameters() {
        return Some(tied.settled(options));
    }
    let free = fit_form(&design, StarForm::PerDimension, options)?;
    let mut test = tie_test(rows, tied.fit.value, free.fit.value);
    if tied.noise.is_clustered() {
        test.p = tied.chance_of(test.statistic);
    }
    let chosen = if test.is_rejected() { free } else { tied };
    Some(StarFit { tie: Some(test), ..chosen }.settled(options))
}

/// The least-squares fit of one form.
fn fit_form(design: &Design, form: StarForm, options: &StarOptions) -> Option<StarFit> {
    let best = search(design, form, options.starts)?;
    let mut problem = Problem::new(design, form);
    problem.cost(&best.at);
    let fitted = problem.fitted();
    let mut fit = best.report(OBJECTIVE, design.losses.len(), form.parameters());
    fit.seed = options.seed;
    Some(StarFit {
        form,
        tie: None,
        parameters: problem.parameters(),
        t_reference: design.t_reference,
        fit,
        scores: None,
        at: best.at,
        noise: StarNoise::new(design, &relative(design, &fitted), &problem.gradients()),
        fitted,
        wild: None,
        delta: None,
        seed: options.seed,
        design: design.clone(),
    })
}

/// Relative residuals `y / f - 1`.
fn relative(design: &Design, fitted: &[f64]) -> Vec<f64> {
    design.losses.iter().zip(fitted).map(|(y, f)| y / f - 1.0).collect()
}

fn search(design: &Design, form: StarForm, starts: u64) -> Option<Best<OUTER>> {
    let (low, high) = (START_RANGE.0.ln(), START_RANGE.1.ln());
    let starts: Vec<[f64; OUTER]> = (0..starts).map(|i| low_discrepancy(i).map(|u| low + u * (high - low))).collect();
    from_all(&mut Problem::new(design, form), &starts, &bounds())
}

fn bounds() -> [(f64, f64); OUTER] {
    [(EXPONENTS.0.ln(), EXPONENTS.1.ln()); OUTER]
}

/// The likelihood ratio of the tied and the free form, its number of rows replaced by the free form's degrees of
/// freedom, which makes the tail of few rows that of the F test.
fn tie_test(rows: usize, tied: f64, free: f64) -> TieTest {
    // Residuals of exact data are rounding errors, whose ratio says nothing.
    let rounding = rows as f64 * 1e-18;
    let degrees = rows as f64 - StarForm::PerDimension.parameters() as f64;
    let statistic = (degrees * ((tied + rounding) / (free + rounding)).ln()).max(0.0);
    TieTest { statistic, degrees: TIED, p: chi_square_beyond_4(statistic) }
}

/// The chance that a chi-square variable of 4 degrees of freedom is larger.
fn chi_square_beyond_4(x: f64) -> f64 {
    (-0.5 * x).exp() * (1.0 + 0.5 * x)
}

impl StarForm {
    /// Free parameters: two exponents an arm, c, and four coefficients an arm or eight in all.
    pub const fn parameters(self) -> u64 {
        match self {
            Self::Tied => 15,
            Self::PerDimension => 19,
        }
    }
}

impl TieTest {
    /// Whether the arms do not meet in one model.
    pub fn is_rejected(&self) -> bool {
        self.p < REJECTED
    }
}

impl StarFit {
    /// The same at the objective that is asked for, with what draws its refits and what it predicts of its own rows.
    fn settled(mut self, options: &StarOptions) -> Self {
        if options.spread == Spread::Fitted {
            self.design.weigh(&self.noise.precisions());
        }
        let design = self.design.clone();
        let mut problem = Problem::new(&design, self.form);
        problem.cost(&self.at);
        if options.spread == Spread::Fitted {
            let end = minimise(&mut problem, self.at, &bounds(), Tolerance::TIGHT);
            self.at = end.at;
            let value = problem.cost(&self.at);
            let rmse = problem.rmse();
            self.fit = FitReport { value, rmse, termination: end.termination, ..self.fit };
            (self.parameters, self.fitted) = (problem.parameters(), problem.fitted());
            self.noise = StarNoise::new(&design, &relative(&design, &self.fitted), &problem.gradients());
        }
        if let StarObjective::Huber(delta) = options.objective {
            let end = problem.robust(self.at, &bounds(), delta, Tolerance::TIGHT);
            (self.at, self.delta) = (end.at, Some(end.delta));
            (self.parameters, self.fitted) = (problem.parameters(), problem.fitted());
            self.fit = FitReport {
                objective: ROBUST.to_owned(),
                value: end.value,
                rmse: problem.rmse(),
                termination: end.termination,
                ..self.fit
            };
            self.noise = StarNoise::new(&design, &relative(&design, &self.fitted), &problem.gradients());
        }
        let gradients = problem.gradients();
        let log: Vec<f64> = design.losses.iter().zip(&self.fitted).map(|(y, f)| (y / f).ln()).collect();
        self.scores = Scores::of(&log, &gradients.rows, gradients.columns);
        if options.bootstrap == Bootstrap::Wild {
            let alone = || (0..log.len() as u32).collect();
            let clusters = design.clusters.iter().map(|&training| training as u32).collect::<Vec<_>>();
            let clusters = if clusters.is_empty() { alone() } else { clusters };
            self.wild = Some(Wild::new(&log, &gradients.rows, gradients.columns, &clusters));
        }
        self
    }

    /// Refits to data drawn around the optimum with the noise that the residuals show: the parametric bootstrap, or the
    /// wild one.
    ///
    /// Every draw has a random stream of its own, so ranges may be drawn apart, in any order and in parallel. The level
    /// of the noise is drawn as well, from what the residual degrees of freedom leave open.
    pub fn draws(&self, streams: Range<u64>) -> Vec<SovitParameters> {
        let mut problem = Problem::new(&self.design, self.form);
        let mut data = self.fitted.clone();
        let bounds = bounds();
        streams
            .map(|stream| {
                match &self.wild {
                    Some(wild) => wild.draw(self.seed, stream, &self.fitted, &mut data),
                    None => self.noise.draw(&mut Random::new(self.seed, stream), &self.fitted, &mut data),
                }
                problem.weigh(&data);
                match self.delta {
                    Some(delta) => _ = problem.robust(self.at, &bounds, Some(delta), Tolerance::WARM),
                    None => _ = minimise(&mut problem, self.at, &bounds, Tolerance::WARM),
                }
                problem.parameters()
            })
            .collect()
    }

    /// The chance of so large a statistic of the tie under this, the tied fit, and its noise: where runs share a
    /// training the statistic is no chi-square variable.
    fn chance_of(&self, statistic: f64) -> f64 {
        let mut problems = [StarForm::Tied, StarForm::PerDimension].map(|form| Problem::new(&self.design, form));
        let mut data = self.fitted.clone();
        let larger = (0..TIE_DRAWS).filter(|&stream| {
            self.noise.draw(&mut Random::new(!self.seed, stream), &self.fitted, &mut data);
            let [tied, free] = problems.each_mut().map(|problem| {
                problem.weigh(&data);
                minimise(problem, self.at, &bounds(), Tolerance::WARM).cost
            });
            tie_test(data.len(), tied, free).statistic >= statistic
        });
        (larger.count() + 1) as f64 / (TIE_DRAWS + 1) as f64
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::law::ArmParameters;
    use crate::vit::Axis;

    const CENTRE: PerAxis<f64> = PerAxis { width: 4.0, depth: 4.0, mlp: 4.0 };
    const FORMS: [StarForm; 2] = [StarForm::Tied, StarForm::PerDimension];

    /// A star of six sizes and four durations an arm; exponents a : b = 4 : 6, noise relative. The arms meet at the
    /// centre, but for `gap`.
    pub(super) fn planted(c: f64, s: PerAxis<f64>, gap: f64, noise: f64, seed: u64) -> PerAxis<Vec<StarRun>> {
        let mut random = Random::new(seed, 0);
        PerAxis::from_fn(|axis| {
            let sum = c / s.get(axis);
            let (a, b) = (0.4 * sum, 0.6 * sum);
            let (alpha, beta) = (0.1_f64, 0.07_f64);
            let (level, data) = (0.3, 1.2 * 4_f64.powf(b.max(0.5)));
            let eps = level - alpha * 4_f64.powf(-a) + if axis == Axis::Width { gap } else { 0.0 };
            let arm = ArmParameters { alpha, a, beta, b, xi: data - beta * 4_f64.powf(b), eps };
            let law = SovitParameters { c, axes: PerAxis::from_fn(|_| arm) };
            // One data term for all arms: the largest.
            let most = 1.2 * 4_f64.powf((0.6 * c / s.width).max(0.5));
            let shift = most - data;
            let mut runs = Vec::new();
            for size in (0..6).map(|i| 0.3 * 1.6_f64.powi(i)) {
                for examples in (0..4).map(|i| 0.2 * 3_f64.powi(i)) {
                    let (flops, t) = (size, size * examples);
                    let loss = law.arm(axis, size, t) + shift * t.powf(-c);
                    let loss = loss * (1.0 + noise * random.normal());
                    runs.push(StarRun { size, flops, examples, loss, training: None, weight: 1.0 });
                }
            }
            runs
        })
    }

    pub(super) const S: PerAxis<f64> = PerAxis { width: 0.22, depth: 0.45, mlp: 0.60 };

    pub(super) fn fit(runs: &PerAxis<Vec<StarRun>>, form: Option<StarForm>) -> StarFit {
        fit_star(runs, CENTRE, &StarOptions { form, ..StarOptions::default() }).unwrap()
    }

    fn values(fitted: &StarFit) -> [f64; 4] {
        let p = &fitted.parameters;
        [p.exponent(Axis::Width), p.exponent(Axis::Depth), p.exponent(Axis::Mlp), p.c]
    }

    fn close(a: [f64; 4], b: [f64; 4], tolerance: f64) -> bool {
        a.iter().zip(b).all(|(a, b)| (a / b - 1.0).abs() < tolerance)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        #[test]
        fn exact_data_give_the_exact_law(
            c in 0.3..0.9, width in 0.3..0.4, depth in 0.3..0.6, mlp in 0.4..0.7,
        ) {
            let runs = planted(c, PerAxis { width, depth, mlp }, 0.0, 0.0, 0);
            for form in FORMS {
                let fitted = fit(&runs, Some(form));
                prop_assert!(close(values(&fitted), [width, depth, mlp, c], 1e-4), "{:?}", fitted);
                prop_assert!(fitted.fit.rmse < 1e-8, "{:?}", fitted.fit);
            }
        }

        #[test]
        fn units_do_not_matter(x in -8.0..8.0, t in -20.0..40.0, y in -4.0..4.0, seed in 0_u64..1000) {
            let runs = planted(0.65, S, 0.0, 0.003, seed);
            let t_unit = f64::exp(t);
            let scaled = runs.map(|runs| {
                let scale = |r: &StarRun| StarRun {
                    size: r.size * f64::exp(x),
                    flops: r.flops * f64::exp(t),
                    loss: r.loss * f64::exp(y),
                    ..*r
                };
                runs.iter().map(scale).collect()
            });
            for form in FORMS {
                let options = StarOptions { form: Some(form), ..StarOptions::default() };
                let first = fit(&runs, Some(form));
                let second = fit_star(&scaled, CENTRE.map(|centre| centre * f64::exp(x)), &options).unwrap();
                // Exponents of an arm that positivity holds at a coefficient of 0 mean nothing; what it predicts does.
                for (axis, run) in runs.iter().flat_map(|(axis, runs)| runs.iter().map(move |run| (axis, run))) {
                    let (u, t) = (run.size / CENTRE.get(axis), run.flops * run.examples);
                    let loss = first.parameters.arm(axis, u, t / first.t_reference);
                    let other = second.parameters.arm(axis, u, t * t_unit / second.t_reference) / f64::exp(y);
                    prop_assert!((other / loss - 1.0).abs() < 1e-6, "{form:?} {loss} {other}");
                }
                prop_assert!((first.parameters.c / second.parameters.c - 1.0).abs() < 1e-6);
            }
        }

        #[test]
        fn the_order_of_rows_does_not_matter(seed in 0_u64..1000, step in prop::sample::select(vec![5_usize, 7, 11, 23])) {
            let runs = planted(0.65, S, 0.0, 0.003, seed);
            let shuffled = runs.map(|runs| (0..runs.len()).map(|i| runs[i * step % runs.len()]).collect());
            let (first, second) = (fit(&runs, None), fit(&shuffled, None));
            prop_assert_eq!(first.parameters, second.parameters);
            prop_assert_eq!(first.draws(0..10), second.draws(0..10));
        }
    }

    #[test]
    fn draws_are_the_same_in_any_order() {
        let fitted = fit(&planted(0.65, S, 0.0, 0.01, 4), None);
        let all = fitted.draws(0..20);
        assert_eq!(all, [fitted.draws(0..7), fitted.draws(7..20)].concat());
        assert_ne!(all[0], all[1]);
    }

    #[test]
    fn arms_that_do_not_meet_are_fitted_apart() {
        let meeting = fit(&planted(0.65, S, 0.0, 0.003, 5), None);
        assert_eq!(meeting.form, StarForm::Tied);
        assert!(meeting.tie.unwrap().p > 0.01, "{:?}", meeting.tie);
        let apart = fit(&planted(0.65, S, 1.0, 0.003, 5), None);
        assert_eq!((apart.form, apart.fit.parameters), (StarForm::PerDimension, 19));
        assert!(apart.tie.unwrap().p < 1e-6, "{:?}", apart.tie);
    }

    #[test]
    fn a_true_tie_is_rejected_as_rarely_as_it_says() {
        let small = (0..200).filter(|&seed| fit(&planted(0.5, S, 0.0, 0.01, seed), None).tie.unwrap().p < 0.1).count();
        assert!((8..=34).contains(&small), "{small} of 200 at the level of 20");
    }

    #[test]
    fn chi_square_is_that_of_tables() {
        for (x, p) in [(7.779, 0.1), (9.488, 0.05), (13.277, 0.01)] {
            assert!((chi_square_beyond_4(x) / p - 1.0).abs() < 1e-3);
        }
    }

    #[test]
    fn a_tied_law_meets_at_the_centre() {
        let law = fit(&planted(0.65, S, 0.0, 0.02, 3), Some(StarForm::Tied)).parameters;
        for t in [0.1, 1.0, 100.0] {
            let [width, depth, mlp] = Axis::ALL.map(|axis| law.arm(axis, 1.0, t));
            assert!((width / depth - 1.0).abs() < 1e-12 && (width / mlp - 1.0).abs() < 1e-12);
        }
        for (_, arm) in law.axes.iter() {
            assert!(arm.alpha >= 0.0 && arm.beta >= 0.0 && arm.xi >= 0.0 && arm.eps >= 0.0, "{arm:?}");
        }
    }

    #[test]
    fn the_gradient_and_the_normal_equations_are_those_of_the_reduced_cost() {
        for (form, noise) in FORMS.into_iter().flat_map(|form| [(form, 0.02), (form, 0.3)]) {
            let design = Design::new(&planted(0.65, S, 0.0, noise, 9), CENTRE);
            let mut problem = Problem::new(&design, form);
            let z = [0.1, 0.4, -0.5, 0.0, -0.6, -0.3, -0.5];
            for i in 0..OUTER {
                let mut at = |step: f64| {
                    let mut z = z;
                    z[i] += step;
                    problem.cost(&z)
                };
                let numeric = (at(1e-5) - at(-1e-5)) / 2e-5;
                problem.cost(&z);
                let normal = problem.normal();
                let (mut exact, mut squares) = (0.0, 0.0);
                problem.jacobian(|row, residual| {
                    exact += 2.0 * row[i] * residual;
                    squares += row[i] * row[i];
                });
                assert!((numeric - exact).abs() < 1e-5 * numeric.abs().max(1e-3), "{form:?} {i}: {numeric} {exact}");
                assert!((2.0 * normal.gradient[i] - exact).abs() < 1e-8 * exact.abs().max(1e-3), "{form:?} {i}");
                assert!((normal.hessian[(i, i)] - squares).abs() < 1e-8 * squares.max(1e-3), "{form:?} {i}");
            }
        }
    }

    #[test]
    fn a_weight_is_so_many_rows() {
        let mut runs = planted(0.65, S, 0.0, 0.01, 3);
        runs.depth[5].weight = 2.0;
        let mut twice = planted(0.65, S, 0.0, 0.01, 3);
        let again = twice.depth[5];
        twice.depth.push(again);
        let exponents = |runs: &PerAxis<Vec<StarRun>>| {
            let fitted = fit(runs, Some(StarForm::Tied));
            Axis::ALL.map(|axis| fitted.parameters.exponent(axis))
        };
        for (weighed, doubled) in exponents(&runs).into_iter().zip(exponents(&twice)) {
            assert!((weighed / doubled - 1.0).abs() < 1e-7, "{weighed} {doubled}");
        }
    }

    #[test]
    fn huber_passes_over_runs_that_went_wrong() {
        let clean = planted(0.65, S, 0.0, 0.003, 3);
        let mut wrong = clean.clone();
        for run in [&mut wrong.width[3], &mut wrong.depth[7], &mut wrong.mlp[11]] {
            run.loss *= 1.3;
        }
        let of = |runs: &PerAxis<Vec<StarRun>>, objective| {
            let options = StarOptions { form: Some(StarForm::Tied), objective, ..StarOptions::default() };
            fit_star(runs, CENTRE, &options).unwrap()
        };
        let off = |fitted: &StarFit| {
            Axis::ALL
                .map(|axis| (fitted.parameters.exponent(axis) / S.get(axis)).ln().abs())
                .into_iter()
                .fold(0.0, f64::max)
        };
        let squares = of(&wrong, StarObjective::Squares);
        let huber = of(&wrong, StarObjective::Huber(None));
        assert!(off(&huber) < 0.5 * off(&squares), "{} {}", off(&huber), off(&squares));
        assert_eq!(huber.fit.objective, "sum of Huber of relative residuals");
        // A delta that no residual reaches leaves half the squares.
        let wide = of(&clean, StarObjective::Huber(Some(10.0)));
        let plain = of(&clean, StarObjective::Squares);
        assert!((2.0 * wide.fit.value / plain.fit.value - 1.0).abs() < 1e-9);
        // Refits minimise the same.
        let spread = |fitted: &StarFit| {
            let draws = fitted.draws(0..60).into_iter().map(|draw| draw.exponent(Axis::Mlp));
            crate::law::Estimate::of_draws(0.0, draws.collect())
        };
        let interval = spread(&huber);
        assert!(interval.low.unwrap() < S.mlp && S.mlp < interval.high.unwrap(), "{interval:?}");
    }

    #[test]
    fn a_fitted_spread_trusts_what_is_less_noisy() {
        // Noise that falls tenfold over compute.
        let mut squares = [0.0; 2];
        for seed in 0..30 {
            let mut random = Random::new(seed, 1);
            let mut runs = planted(0.65, S, 0.0, 0.0, 3);
            let all = || runs.iter().flat_map(|(_, runs)| runs.iter().map(|run| (run.flops * run.examples).ln()));
            let (low, high) = all().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), t| (l.min(t), h.max(t)));
            for run in runs.width.iter_mut().chain(&mut runs.depth).chain(&mut runs.mlp) {
                let place = ((run.flops * run.examples).ln() - low) / (high - low);
                run.loss *= 1.0 + 0.02 * 10_f64.powf(-place) * random.normal();
            }
            for (squares, spread) in squares.iter_mut().zip([Spread::Constant, Spread::Fitted]) {
                let options = StarOptions { form: Some(StarForm::Tied), spread, ..StarOptions::default() };
                let fitted = fit_star(&runs, CENTRE, &options).unwrap();
                *squares +=
                    Axis::ALL.map(|k| (fitted.parameters.exponent(k) / S.get(k)).ln().powi(2)).iter().sum::<f64>();
            }
        }
        assert!(squares[1] < 0.9 * squares[0], "{squares:?}");
    }

    #[test]
    fn the_wild_bootstrap_spreads_as_the_parametric_one_does() {
        let runs = planted(0.65, S, 0.0, 0.003, 3);
        let width = |bootstrap| {
            let options = StarOptions { form: Some(StarForm::Tied), bootstrap, ..StarOptions::default() };
            let draws = fit_star(&runs, CENTRE, &options).unwrap().draws(0..300);
            let interval = crate::law::Estimate::of_draws(0.0, draws.iter().map(|draw| draw.c).collect());
            interval.high.unwrap() - interval.low.unwrap()
        };
        let ratio = width(Bootstrap::Wild) / width(Bootstrap::Parametric);
        assert!((0.6..1.6).contains(&ratio), "{ratio}");
    }
}
