use proptest::prelude::*;

use super::{brief, fit};
use crate::diagnostic::{Diagnostic, Severity};
use crate::law::{Law, NamedLaw};
use crate::plan::{FORMS, FitSettings, Input, LawData, LawKind, LawSpec, Plan, Spread, StatedExponents, Uncertain};
use crate::results::{Row, Table};
use crate::source::{SourceId, Span, Spanned};
use crate::vit::{PerAxis, Shape};

const SPAN: Span = Span::new(SourceId(0), 3, 9);
const DATA: LawData = LawData { table: 0, metric: 0, span: SPAN };
const SETTINGS: FitSettings =
    FitSettings { objective: None, starts: None, draws: None, seed: None, bootstrap: None, spread: Spread::Constant };
const SHAPE: LawKind = LawKind::Sovit {
    data: DATA,
    weights: PerAxis { width: 0.2, depth: 0.3, mlp: 0.5 },
    centre: None,
    settings: SETTINGS,
};

fn curve_law(name: &str) -> LawKind {
    let form = FORMS.iter().find(|form| form.name == name).unwrap();
    let settings = FitSettings { draws: Some(0), ..SETTINGS };
    LawKind::Form { data: DATA, form, inputs: vec![Input::Examples], settings }
}

fn run(kind: LawKind, metric: &str, rows: Vec<Row>) -> (Option<NamedLaw>, Vec<Diagnostic>) {
    let law = LawSpec { name: Spanned::new("shape".to_owned(), SPAN), span: SPAN, kind };
    let (name, path) = ("star".to_owned(), "star.csv".to_owned());
    let group = vec!["model".to_owned()];
    let table = Table { name, path, metrics: vec![metric.to_owned()], group, rows };
    let plan = Plan {
        name: "p".to_owned(),
        devices: Vec::new(),
        models: Vec::new(),
        results: Vec::new(),
        laws: vec![law],
        starts: Vec::new(),
        budgets: Vec::new(),
        recipes: Vec::new(),
        searches: Vec::new(),
        emits: Vec::new(),
    };
    let (laws, found) = fit(&plan, &[Some(table)]);
    assert!(found.iter().all(|d| d.span() == Some(SPAN)), "every finding shows where the plan asks for the fit");
    (laws.into_iter().next().flatten(), found)
}

fn row(line: usize, [width, depth, mlp_dim]: [u64; 3], examples: f64, loss: f64) -> Row {
    let shape = Shape { width, depth, mlp_dim };
    let t = (width * width * depth + width * depth * mlp_dim) as f64 * examples;
    Row {
        file: "a.csv".into(),
        line: line as u64 + 2,
        shape: Some(shape),
        examples: Some(examples),
        forward_flops: Some(t),
        metrics: vec![loss],
        group: vec!["m".to_owned()],
        cluster: None,
        numbers: Vec::new(),
        weight: 1.0,
        hold_out: false,
    }
}

/// A star of so many sizes an arm and durations, whose loss bends up again only where `bends`.
fn star(sizes: [usize; 3], durations: usize, bends: bool) -> Vec<Row> {
    let mut rows = Vec::new();
    for (axis, count) in sizes.into_iter().enumerate() {
        for i in 0..count {
            for j in 0..durations {
                const CENTRE: [u64; 3] = [1600, 40, 6400];
                let mut shape = CENTRE;
                shape[axis] = (shape[axis] as f64 / 1.5_f64.powf(i as f64 + 1.0)) as u64;
                let shrink = CENTRE[axis] as f64 / shape[axis] as f64;
                let examples = 1e8 * 3_f64.powf(j as f64);
                let t = (shape[0] * shape[0] * shape[1] + shape[0] * shape[1] * shape[2]) as f64 * examples / 1e17;
                let rise = if bends { 0.6 * shrink.powf(-0.9) } else { 0.0 };
                // A little of something the law cannot express, in place of noise.
                let wiggle = 1.0 + 1e-3 * f64::sin((rows.len() * rows.len()) as f64);
                let loss = 0.2 + 0.05 * shrink.powf(0.6) + (0.1 + rise) * t.powf(-0.5);
                rows.push(row(rows.len(), shape, examples, loss * wiggle));
            }
        }
    }
    rows
}

fn codes(found: &[Diagnostic]) -> Vec<&'static str> {
    found.iter().map(|d| d.code.name).collect()
}

fn check_star(rows: Vec<Row>, expected: &[&str]) -> Vec<Diagnostic> {
    let (law, found) = run(SHAPE, "error", rows);
    assert_eq!(codes(&found), expected, "{found:#?}");
    assert_eq!(law.is_some(), found.iter().all(|d| d.severity == Severity::Warning));
    found
}

#[test]
fn a_good_star_is_fitted_without_findings() {
    let (law, found) = run(SHAPE, "error", star([6, 6, 6], 4, true));
    assert!(found.iter().all(|d| d.severity == Severity::Warning), "{found:#?}");
    let Some(NamedLaw { name, law: Law::Sovit(law) }) = law else { panic!("{law:?}") };
    assert_eq!((name.as_str(), law.metric.as_str()), ("shape", "error"));
    assert_eq!(law.centre, Shape { width: 1600, depth: 40, mlp_dim: 6400 });
    assert_eq!(law.weights.mlp, 0.5);
    assert_eq!((law.fit.rows, law.fit.parameters, law.fit.draws), (72, 15, 300));
    assert_eq!(law.draws.len(), 300);
    assert!(law.fit.rmse < 2e-3, "{:?}", law.fit);
    assert!(law.t_range.0 < law.t_reference && law.t_reference < law.t_range.1);
}

#[test]
fn the_centre_is_predicted_not_fitted() {
    let mut rows = star([6, 6, 6], 4, true);
    rows.push(row(rows.len(), [1600, 40, 6400], 1e8, 0.9));
    let (law, _) = run(SHAPE, "error", rows);
    let Some(NamedLaw { law: Law::Sovit(law), .. }) = law else { panic!() };
    assert_eq!(law.fit.rows, 72);
    assert_eq!(law.hold_out.map(|held| held.rows), Some(1));
}

#[test]
fn a_grid_is_refused_and_the_joint_form_is_named() {
    let mut rows = star([4, 4, 4], 3, true);
    rows.push(row(rows.len(), [800, 20, 6400], 1e8, 0.5));
    let found = check_star(rows, &["not-a-star"]);
    assert_eq!(found[0].message, "`star` is not a star sweep: line 38 varies width and depth at once");
    assert_eq!(found[0].place.as_ref().and_then(|place| place.line), Some(38));
    assert!(found[0].notes.iter().any(|note| note.contains("joint form")), "{found:#?}");
}

#[test]
fn too_few_points_name_the_missing_runs() {
    let found = check_star(star([6, 2, 6], 4, true), &["too-few-points"]);
    assert_eq!(
        found[0].message,
        "the depth arm of `star` has 2 sizes trained for two durations or more, and the law needs at least 3"
    );
    assert_eq!(
        found[0].help[0].message,
        "train 1 more value of depth at width 1600 and mlp 6400, each size for at least 2 numbers of examples"
    );
    let found = check_star(star([3, 6, 6], 2, true), &["too-few-points"]);
    assert_eq!(found[0].message, "the width arm of `star` has 6 runs, and the law needs at least 7");
    check_star(star([6, 6, 6], 1, true), &["too-few-points"; 3]);
    check_star(star([6, 0, 0], 3, true), &["too-few-points"; 2]);
}

#[test]
fn no_upper_bend_is_told() {
    let (law, found) = run(SHAPE, "error", star([6, 6, 6], 4, false));
    assert!(law.is_some());
    for code in ["zero-coefficient", "not-identified"] {
        assert!(codes(&found).contains(&code), "{found:#?}");
    }
}

#[test]
fn a_shape_law_needs_shapes() {
    let rows = star([3, 3, 3], 3, true).into_iter().map(|row| Row { shape: None, forward_flops: None, ..row });
    check_star(rows.collect(), &["no-shapes"]);
}

#[test]
fn stated_laws_pass_and_lost_tables_are_silent() {
    let half = PerAxis::from_fn(|_| Uncertain { value: 0.5, sd: 0.0 });
    let stated = StatedExponents { effective: half, exponents: None, weights: None, calibrated_on: None };
    let (law, found) = run(LawKind::Stated(stated.clone()), "error", Vec::new());
    assert_eq!((law.map(|law| law.law), found), (Some(Law::Stated(stated)), Vec::new()));
    let LawKind::Form { form, inputs, settings, .. } = curve_law("m4") else { panic!() };
    let lost = LawKind::Form { data: LawData { table: 7, ..DATA }, form, inputs, settings };
    let (law, found) = run(lost, "error", Vec::new());
    assert_eq!((law, found), (None, Vec::new()));
}

fn curve(group: &str, points: usize, hold_out: usize) -> Vec<Row> {
    (0..points)
        .map(|i| Row {
            shape: None,
            forward_flops: None,
            group: vec![group.to_owned()],
            hold_out: i >= points - hold_out,
            ..row(i, [1, 1, 1], 1e7 * 1.4_f64.powf(i as f64), 0.2 + 0.7 * 1.4_f64.powf(-0.4 * i as f64))
        })
        .collect()
}

#[test]
fn each_group_has_its_fit() {
    let rows = [curve("b", 20, 5), curve("a", 12, 0)].concat();
    let (law, found) = run(curve_law("m2"), "loss", rows);
    assert!(found.iter().all(|d| d.severity == Severity::Warning), "{found:#?}");
    let Some(NamedLaw { law: Law::Fitted(law), .. }) = law else { panic!() };
    assert_eq!(
        (law.form_name.as_str(), law.metric.as_str(), law.group.as_slice()),
        ("m2", "loss", &["model".to_owned()][..])
    );
    assert_eq!(law.fits.iter().map(|fit| fit.group.join(" ")).collect::<Vec<_>>(), ["b", "a"]);
    let (first, second) = (&law.fits[0], &law.fits[1]);
    assert_eq!((first.rows, second.rows), (15, 12));
    assert_eq!(first.hold_out.map(|h| h.rows), Some(5));
    assert!(first.hold_out.is_some_and(|h| h.rmse_log < 1e-6), "{first:?}");
    assert_eq!(second.hold_out, None);
    let value = |name: &str| first.parameters.iter().find(|known| known.name == name).unwrap().estimate.value;
    assert!((value("c") - 0.4).abs() < 1e-5 && (value("e") - 0.2).abs() < 1e-5);
}

#[test]
fn a_group_that_is_too_short_is_named() {
    let (law, found) = run(curve_law("m2"), "loss", [curve("long", 20, 0), curve("short", 6, 4)].concat());
    assert_eq!(law, None);
    let short = found.iter().find(|d| d.severity == Severity::Error).unwrap();
    assert_eq!(short.code.name, "too-few-points");
    assert!(short.notes.iter().any(|note| note == "in the group model short"), "{short:#?}");
}

#[test]
fn numbers_are_brief() {
    let check = |value, text| assert_eq!(brief(value), text);
    check(0.0, "0");
    check(0.2204999, "0.2205");
    check(64e6, "6.4e7");
    check(1968.0, "1968");
    check(9000.0, "9000");
    check(12345.6, "1.235e4");
    check(1.5, "1.5");
    check(0.00012345, "1.234e-4");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn wild_numbers_never_panic(
        losses in prop::collection::vec(prop::num::f64::POSITIVE | prop::num::f64::NORMAL, 27),
        spread in -300.0..300.0,
    ) {
        let wild = |mut rows: Vec<Row>| {
            for (row, loss) in rows.iter_mut().zip(&losses) {
                row.metrics = vec![loss.abs()];
                row.examples = row.examples.map(|examples| examples * f64::powf(10.0, spread));
            }
            rows
        };
        run(SHAPE, "error", wild(star([3, 3, 3], 3, true)));
        for form in ["m2", "m4"] {
            run(curve_law(form), "loss", wild(curve("c", 20, 5)));
            run(curve_law(form), "error", wild(curve("c", 20, 5)));
        }
    }
}

/// Losses whose Jacobian has no singular values in doubles, found by the test above.
#[test]
fn losses_far_apart_do_not_panic() {
    let losses = [
        1.1e-4, 8.5e223, 2.7e-77, 1.2e198, 2.36e254, 3.2e81, 1.9e172, 2.5e76, 6.4e-62, 1.4e192, 6.9e-131, 2.6e64,
        3.0e-81, 1.5e-100, 2.6e-51, 3.3e-34, 9.3e14, 1.3e44, 9.7e110, 1.4e14, 2.6e-11, 4.1e6, 7.7e42, 8.8e-110, 9.3e29,
        3.8e80, 381.0,
    ];
    let mut rows = star([3, 3, 3], 3, true);
    for (row, loss) in rows.iter_mut().zip(losses) {
        row.metrics = vec![loss];
    }
    run(SHAPE, "error", rows);
}
