use proptest::prelude::*;

use super::{Curve, Points, solve};
use crate::law::codes;
use crate::law::form::{FitOptions, Fitted, Form, Sample, fit_form};
use crate::law::forms::{FORMS, m1, m2, m3, m4};
use crate::law::learning::{CurveForm, CurveParameters};
use crate::law::loss::Loss;
use crate::law::random::Random;
use crate::plan::Objective;

const NAMES: [&str; 4] = ["m1", "m2", "m3", "m4"];
const OBJECTIVES: [Objective; 5] =
    [Objective::Log, Objective::Relative, Objective::Huber(None), Objective::Huber(Some(1e-3)), Objective::L1];

fn form(name: &str) -> &'static dyn Form {
    *FORMS.iter().find(|form| form.name() == name).unwrap()
}

fn fit(name: &str, sample: &Sample, objective: Objective, draws: u32) -> Fitted {
    let options = FitOptions { objective: Some(objective), starts: None, ..FitOptions::plain(draws, 7) };
    fit_form(form(name), sample, &Sample::default(), &options, &mut |_| {}).unwrap()
}

/// Losses of a planted curve with noise, at examples over four decades.
fn planted(form: CurveForm, curve: &CurveParameters, rows: usize, noise: f64, seed: u64) -> Sample {
    let mut random = Random::new(seed, 0);
    let x: Vec<f64> = (0..rows).map(|i| 10_f64.powf(4.0 * i as f64 / rows as f64)).collect();
    let y = x.iter().map(|x| curve.predict(form, *x) * (1.0 + noise * random.normal())).collect();
    Sample { columns: vec![x, y], ..Sample::default() }
}

fn scaled(sample: &Sample, x: f64, y: f64) -> Sample {
    let times = |column: &[f64], factor: f64| column.iter().map(|value| value * factor).collect();
    Sample { columns: vec![times(&sample.columns[0], x), times(&sample.columns[1], y)], ..sample.clone() }
}

fn m4_curve() -> CurveParameters {
    CurveParameters { b: 5.0, c: 0.5, floor: 0.2, ceiling: Some(0.95), a: Some(0.3), g: None }
}

fn slopes_agree<C: Curve<P>, const P: usize>(z: [f64; P], x: f64) -> Result<(), TestCaseError> {
    let (_, gradient) = C::predict(&z, x);
    for i in 0..P {
        let (mut up, mut down) = (z, z);
        up[i] += 1e-6;
        down[i] -= 1e-6;
        let numeric = (C::predict(&up, x).0 - C::predict(&down, x).0) / 2e-6;
        prop_assert!((numeric - gradient[i]).abs() < 1e-6 * (1.0 + numeric.abs()), "{i}: {numeric} {}", gradient[i]);
    }
    Ok(())
}

proptest! {
    #[test]
    fn derivatives_agree_with_differences(
        ln_b in -2.0..2.0, ln_c in -2.0..0.0, floor in 0.05..0.3, span in 0.3..0.8, a in 0.05..2.0, x in -4.0..4.0,
    ) {
        slopes_agree::<m1::M1, 2>([ln_b, ln_c], x)?;
        slopes_agree::<m2::M2, 3>([ln_b, ln_c, floor], x)?;
        slopes_agree::<m3::M3, 3>([ln_b, ln_c, floor], x)?;
        slopes_agree::<m4::M4, 5>([ln_b, ln_c, floor, floor + span, a], x)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn planted_curves_come_back_in_any_unit(
        c in 0.2..1.0, floor in 0.0..0.4, g in 1e-5..1e-2, x_unit in 1e-3..1e9, y_unit in 1e-3..1e3,
    ) {
        let plain = CurveParameters { b: 0.8, c, floor: 0.0, ceiling: None, a: None, g: None };
        for (form, curve) in [
            (CurveForm::M1, plain),
            (CurveForm::M2, CurveParameters { floor, ..plain }),
            (CurveForm::M3, CurveParameters { g: Some(g), ..plain }),
        ] {
            let sample = scaled(&planted(form, &curve, 24, 0.0, 0), x_unit, y_unit);
            let fitted = fit(form.name(), &sample, Objective::Log, 0);
            let value = |name: &str| fitted.parameters.iter().find(|(known, _)| known == name).map(|(_, e)| e.value);
            prop_assert!((value("c").unwrap() / c - 1.0).abs() < 1e-4, "{form:?} {:?}", fitted.parameters);
            if form == CurveForm::M3 {
                prop_assert!((value("g").unwrap() * x_unit / g - 1.0).abs() < 1e-3, "{:?}", fitted.parameters);
            }
            for (x, y) in sample.columns[0].iter().zip(&sample.columns[1]) {
                let ratio = (fitted.predict)(&[*x]) / y;
                prop_assert!((ratio - 1.0).abs() < 1e-6, "{form:?} {ratio}");
            }
        }
    }

    #[test]
    fn a_planted_m4_is_extrapolated(c in 0.3..0.8, floor in 0.1..0.3, a in 0.1..0.6, x_unit in 1e-2..1e7) {
        let curve = CurveParameters { c, floor, a: Some(a), ..m4_curve() };
        let sample = scaled(&planted(CurveForm::M4, &curve, 30, 0.0, 0), x_unit, 1.0);
        let fitted = fit("m4", &sample, Objective::Log, 0);
        let ratio = (fitted.predict)(&[1e5 * x_unit]) / curve.predict(CurveForm::M4, 1e5);
        prop_assert!((ratio - 1.0).abs() < 1e-4, "{ratio} {:?}", fitted.parameters);
    }

    #[test]
    fn units_do_not_matter(seed in 0_u64..1000, which in 0_usize..5, x in -12.0..12.0, y in -3.0..0.0) {
        let sample = planted(CurveForm::M4, &m4_curve(), 40, 0.003, seed);
        let (x, y) = (f64::exp(x), f64::exp(y));
        let other = scaled(&sample, x, y);
        // The ceiling of M4 is sought up to 1.001 in errors, whatever their unit.
        for (name, unit) in [("m1", y), ("m2", y), ("m3", y), ("m4", 1.0)] {
            let other = if unit == y { other.clone() } else { scaled(&sample, x, 1.0) };
            let (first, second) = (fit(name, &sample, OBJECTIVES[which], 0), fit(name, &other, OBJECTIVES[which], 0));
            for far in [1.0, 1e2, 1e4] {
                let ratio = (second.predict)(&[far * x]) / (first.predict)(&[far]) / unit;
                prop_assert!((ratio - 1.0).abs() < 1e-5, "{name} {:?} {ratio}", OBJECTIVES[which]);
            }
        }
    }

    #[test]
    fn the_order_of_rows_does_not_matter(seed in 0_u64..1000, which in 0_usize..5, step in prop::sample::select(vec![7_usize, 11, 13])) {
        let sample = planted(CurveForm::M4, &m4_curve(), 40, 0.003, seed);
        let columns = sample.columns.iter().map(|column| (0..40).map(|i| column[i * step % 40]).collect()).collect();
        let shuffled = Sample { columns, ..Sample::default() };
        for name in NAMES {
            let (first, second) = (fit(name, &sample, OBJECTIVES[which], 4), fit(name, &shuffled, OBJECTIVES[which], 4));
            prop_assert_eq!(first.parameters, second.parameters);
            prop_assert_eq!(first.objective, second.objective);
        }
    }
}

#[test]
fn many_points_cost_little_more_and_say_the_same() {
    let sample = planted(CurveForm::M4, &m4_curve(), 20_000, 0.0, 0);
    let fitted = fit("m4", &sample, Objective::Log, 0);
    assert_eq!((fitted.rows, fitted.starts.0), (20_000, 21));
    let floor = fitted.parameters.iter().find(|(name, _)| name == "e").unwrap().1.value;
    assert!((floor - 0.2).abs() < 1e-6, "{floor}");
}

#[test]
fn rows_count_as_their_weights_say() {
    let mut sample = planted(CurveForm::M2, &CurveParameters { ceiling: None, a: None, ..m4_curve() }, 24, 0.01, 3);
    let mut twice = sample.clone();
    for column in &mut twice.columns {
        let more = column[..6].to_vec();
        column.extend(more);
    }
    sample.weights = (0..24).map(|row| if row < 6 { 2.0 } else { 1.0 }).collect();
    let (weighed, repeated) = (fit("m2", &sample, Objective::Log, 0), fit("m2", &twice, Objective::Log, 0));
    let ratio = (weighed.predict)(&[1e6]) / (repeated.predict)(&[1e6]);
    assert!((ratio - 1.0).abs() < 1e-7, "{ratio}");
}

#[test]
fn intervals_hold_the_truth() {
    let curve = CurveParameters { ceiling: None, a: None, ..m4_curve() };
    let sample = planted(CurveForm::M2, &curve, 60, 0.01, 5);
    for objective in [Objective::Log, Objective::Huber(None)] {
        let fitted = fit("m2", &sample, objective, 100);
        let floor = fitted.parameters.iter().find(|(name, _)| name == "e").unwrap().1;
        assert!(floor.low.unwrap() < 0.2 && floor.high.unwrap() > 0.2, "{objective:?} {floor:?}");
    }
    let one_run = Sample { clusters: (0..60).map(|row| row / 5).collect(), ..sample };
    let floor = fit("m2", &one_run, Objective::Log, 100).parameters[2].1;
    assert!(floor.low.unwrap() < 0.2 && floor.high.unwrap() > 0.2, "{floor:?}");
}

#[test]
fn what_a_fit_lacks_is_said() {
    // Ever steeper, as at the start of training: no floor is in sight.
    let mut sample = planted(CurveForm::M4, &m4_curve(), 40, 0.0, 1);
    sample.columns[1] = sample.columns[0].iter().map(|x| 0.9 * (-0.02 * x.ln().powi(2)).exp()).collect();
    let found = |name: &str| {
        let fitted = fit(name, &sample, Objective::Log, 0);
        fitted.findings.iter().map(|d| d.code.name).collect::<Vec<_>>()
    };
    assert_eq!(found("m1"), [codes::BENT_RESIDUALS.name]);
    assert!(found("m2").contains(&codes::ZERO_COEFFICIENT.name), "{:?}", found("m2"));
    let few = Sample { columns: sample.columns.iter().map(|c| c[..4].to_vec()).collect(), ..Sample::default() };
    let options = FitOptions::plain(0, 1);
    let refused = fit_form(form("m4"), &few, &Sample::default(), &options, &mut |_| {});
    assert_eq!(refused.err().map(|d| d.code), Some(codes::TOO_FEW_POINTS));
}

#[test]
fn parameters_go_to_natural_units_and_back() {
    let points = Points::new(&planted(CurveForm::M4, &m4_curve(), 30, 0.0, 0));
    let best = solve::<m4::M4, 5>(&points, Loss::Log, Some(3)).unwrap();
    assert_eq!(best.starts.0, 3);
    for (z, back) in best.z.iter().zip(m4::M4::natural(&m4::M4::raw(&best.z, &points), &points)) {
        assert!((z - back).abs() < 1e-9, "{z} {back}");
    }
}
