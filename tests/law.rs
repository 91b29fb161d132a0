//! The committed example data, from file to law.
#![cfg(feature = "fit")]

use sovitc::diagnostic::Diagnostic;
use sovitc::law::{self, Estimate, FormFit, Law, SovitLaw};
use sovitc::plan::{
    Column, Comparison, Expression, FORMS, FitSettings, Input, LawData, LawKind, LawSpec, Model, Operator, Plan,
    Results, RowExpression, RowNumber, Seeds,
};
use sovitc::results;
use sovitc::source::{MemoryWorld, SourceId, Span, Spanned};
use sovitc::vit::{Architecture, PerAxis};

#[path = "../examples/star/generate.rs"]
#[allow(dead_code, unreachable_pub, reason = "an example of its own, whose main prints")]
mod star;

fn at<T>(value: T) -> Spanned<T> {
    Spanned::new(value, Span::default())
}

fn column(index: usize) -> Spanned<RowExpression> {
    at(Expression::Variable(Column(index)))
}

fn plan(results: Results, kind: LawKind) -> Plan {
    Plan {
        name: "test".into(),
        devices: Vec::new(),
        models: vec![Model {
            name: at("encoder".into()),
            architecture: Architecture::default(),
            heads_span: Span::default(),
        }],
        results: vec![results],
        laws: vec![LawSpec { name: at("law".into()), span: Span::default(), kind }],
        starts: Vec::new(),
        budgets: Vec::new(),
        recipes: Vec::new(),
        searches: Vec::new(),
        emits: Vec::new(),
    }
}

fn fitted(results: Results, kind: LawKind, file: &str) -> (Law, Vec<Diagnostic>) {
    let path = results.path.value.clone();
    let plan = plan(results, kind);
    let (tables, wrong) = results::read(&plan, &MemoryWorld::default().with(path, file));
    assert_eq!(wrong, [], "reading");
    let (mut laws, found) = law::fit(&plan, &tables);
    let law = laws.pop().flatten().unwrap_or_else(|| panic!("{found:#?}"));
    (law.law, found)
}

const DATA: LawData = LawData { table: 0, metric: 0, span: Span::new(SourceId(0), 0, 0) };

fn star_fit(csv: &str) -> (SovitLaw, Vec<Diagnostic>) {
    let accuracy = Expression::Arithmetic(
        Operator::Subtract,
        Box::new(Expression::Number(1.0)),
        Box::new(Expression::Variable(Column(4))),
    );
    let results = Results {
        name: at("star".into()),
        path: at("star.csv".into()),
        trainer: None,
        model: Some(0),
        columns: ["width", "depth", "mlp_dim", "examples_seen", "inet_10shot"].map(|name| at(name.into())).into(),
        shape: Some(PerAxis { width: column(0), depth: column(1), mlp: column(2) }),
        examples: Some(column(3)),
        numbers: Vec::new(),
        weight: None,
        metrics: vec![RowNumber { name: at("error".into()), value: at(accuracy) }],
        keep: None,
        hold_out: None,
        group: Vec::new(),
        cluster: None,
        seeds: Seeds::Keep,
    };
    let weights = PerAxis::from_fn(|_| 1.0 / 3.0);
    match fitted(results, LawKind::Sovit { data: DATA, weights, centre: None, settings: FitSettings::default() }, csv) {
        (Law::Sovit(law), found) => (*law, found),
        (other, _) => panic!("{other:?}"),
    }
}

fn covers(estimate: Estimate, truth: f64) -> bool {
    estimate.low.is_some_and(|low| low <= truth) && estimate.high.is_some_and(|high| truth <= high)
}

#[test]
fn the_committed_sweep_is_what_its_generator_prints() {
    assert_eq!(include_str!("../examples/star/star.csv"), star::csv(star::SEED));
}

#[test]
fn the_fit_covers_the_planted_truth() {
    let (law, found) = star_fit(include_str!("../examples/star/star.csv"));
    assert_eq!(found, []);
    for (axis, truth) in star::S.iter() {
        assert!(covers(*law.exponents.get(axis), *truth), "{axis:?}: {:?}", law.exponents);
    }
    assert!(covers(law.data_exponent, star::C), "{:?}", law.data_exponent);
    assert_eq!((law.fit.rows, law.fit.at_best), (90, law.fit.starts));
    assert!((law.fit.rmse / star::NOISE - 1.0).abs() < 0.2, "{:?}", law.fit);
    assert_eq!(law.centre, star::CENTRE);

    // Sizes are told by the law, losses beyond the runs as well: the centre itself at ten times the compute.
    let (examples, vit) = (50_000_000_000, Architecture::default().with(star::CENTRE).unwrap());
    let t = examples as f64 * vit.cost().forward_flops_per_example as f64;
    for (axis, x) in star::CENTRE.reals().iter() {
        let ratio = law.arm(axis, *x, t) / star::error(star::CENTRE, examples);
        assert!((ratio - 1.0).abs() < 0.03, "{axis:?}: {ratio}");
    }
}

#[test]
fn intervals_cover_over_many_sweeps() {
    let mut covered = [0; 4];
    for seed in 100..120 {
        let (law, _) = star_fit(&star::csv(seed));
        for (axis, truth) in star::S.iter() {
            covered[axis as usize] += u32::from(covers(*law.exponents.get(axis), *truth));
        }
        covered[3] += u32::from(covers(law.data_exponent, star::C));
    }
    // 19 of 20 are expected; fewer than 16 would be one chance in four hundred.
    assert!(covered.iter().all(|&n| n >= 16), "{covered:?}");
}

fn curves(form: &str) -> Vec<FormFit> {
    let fitted_part = Expression::Compare(
        Comparison::Equal,
        Box::new(Expression::Variable(Column(2))),
        Box::new(Expression::Number(0.0)),
    );
    let results = Results {
        name: at("curves".into()),
        path: at("curves.csv".into()),
        trainer: None,
        model: None,
        columns: ["Seen Examples", "Loss", "Training", "Model"].map(|name| at(name.into())).into(),
        shape: None,
        examples: Some(column(0)),
        numbers: Vec::new(),
        weight: None,
        metrics: vec![RowNumber { name: at("error".into()), value: column(1) }],
        keep: None,
        hold_out: Some(at(fitted_part)),
        group: vec![Column(3)],
        cluster: None,
        seeds: Seeds::Keep,
    };
    let csv = include_str!("../examples/curves/curves.csv");
    let form = FORMS.iter().find(|known| known.name == form).unwrap();
    let settings = FitSettings { draws: Some(0), ..FitSettings::default() };
    let kind = LawKind::Form { data: DATA, form, inputs: vec![Input::Examples], settings };
    let (law, _) = fitted(results, kind, csv);
    match law {
        Law::Fitted(law) => law.fits,
        other => panic!("{other:?}"),
    }
}

/// The figures of `examples/curves/README.md`, and the number of rows behind them.
#[test]
fn real_curves_are_predicted() {
    for (form, expected) in [
        ("curve", [("ViT/S/16", 310, 0.0099), ("ViT/B/16", 289, 0.0172)]),
        ("m2", [("ViT/S/16", 310, 0.0350), ("ViT/B/16", 289, 0.0462)]),
        ("m4", [("ViT/S/16", 310, 0.0111), ("ViT/B/16", 289, 0.0147)]),
    ] {
        let curves = curves(form);
        assert_eq!(curves.len(), expected.len());
        for (model, rows, rmse) in expected {
            let curve = curves.iter().find(|curve| curve.group == [model]).unwrap();
            let held_out = curve.hold_out.unwrap();
            assert_eq!(held_out.rows, rows);
            assert!((held_out.rmse_log - rmse).abs() < 6e-5, "{form:?} {model}: {held_out:?}");
        }
    }
}
