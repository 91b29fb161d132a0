//! Locks: what is written reads back, and what does not fit is refused.

#[path = "support/so400m.rs"]
mod so400m;

use std::fmt::Debug;

use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sovitc::hardware::AttentionLibrary;
use sovitc::law::{
    ArmParameters, Estimate, FitReport, FormFit, FormLaw, HoldOut, Law, NamedLaw, Parameter, Scores, SovitLaw,
    SovitParameters, StarForm, Termination, TieTest,
};
use sovitc::lock::{Input, Lock, Warning};
use sovitc::shape::{Loss, Plateau};
use sovitc::source::MemoryWorld;
use sovitc::vit::{Activation, Axis, Optimizer, PerAxis, Pooling, Position, QkNorm, Shape};

/// A lock with every kind of law and an answer with everything in it; `x` stands in many places.
fn lock(x: f64) -> Lock {
    let case = so400m::case();
    let fit = FitReport {
        rows: 24,
        parameters: 16,
        objective: "huber on log residuals".to_owned(),
        value: x,
        rmse: x,
        termination: Termination::Gradient,
        evaluations: 1234,
        starts: 32,
        at_best: 30,
        condition: x,
        draws: 1000,
        seed: 7,
    };
    let estimate = Estimate { value: x, low: Some(x), high: None };
    let sovit = SovitLaw {
        metric: "error".to_owned(),
        weights: PerAxis { width: 1.0 / 3.0, depth: 1.0 / 3.0, mlp: 1.0 / 3.0 },
        centre: Shape { width: 608, depth: 10, mlp_dim: 928 },
        x_reference: PerAxis { width: 608.0, depth: 10.0, mlp: 928.0 },
        t_reference: 7e17,
        star: StarForm::Tied,
        tie: Some(TieTest { statistic: x, degrees: 4, p: x }),
        hold_out: Some(HoldOut { rows: 4, rmse_log: x }),
        x_range: PerAxis::from_fn(|_| (x, 2.0)),
        t_range: (x, 1e19),
        parameters: SovitParameters {
            c: x,
            axes: PerAxis::from_fn(|_| ArmParameters { alpha: x, a: 0.1, beta: x, b: 0.2, xi: 0.0, eps: x }),
        },
        exponents: PerAxis::from_fn(|_| estimate),
        data_exponent: estimate,
        fit,
        draws: Vec::new(),
    };
    let form = FormFit {
        group: vec!["ViT/B \"16\"\n".to_owned(), "a.b = 'c'".to_owned()],
        rows: 12,
        objective: "sum".to_owned(),
        value: x,
        termination: Termination::Step,
        starts: 32,
        at_best: 31,
        draws: 300,
        seed: 7,
        parameters: vec![
            Parameter { name: "A".to_owned(), estimate },
            Parameter { name: "alpha".to_owned(), estimate: Estimate { value: x, low: None, high: None } },
        ],
        scores: Some(Scores { loo: x, aicc: -12.0, bic: -8.5 }),
        hold_out: Some(HoldOut { rows: 3, rmse_log: x }),
    };
    let forms = FormLaw {
        form_name: "chinchilla".to_owned(),
        metric: "error".to_owned(),
        group: vec!["model".to_owned()],
        fits: vec![form.clone(), FormFit { hold_out: None, scores: None, ..form }],
    };
    let mut laws = case.laws;
    laws.push(NamedLaw { name: "fitted".to_owned(), law: Law::Sovit(Box::new(sovit)) });
    laws.push(NamedLaw { name: "forms".to_owned(), law: Law::Fitted(forms) });
    let mut full = case.answers[0].clone();
    full.frontier_interval = Some(PerAxis::from_fn(|_| (x, 2.0)));
    full.loss = Some(Loss {
        metric: "error".to_owned(),
        value: x,
        low: x,
        high: x,
        excess: 0.0,
        plateau: Plateau { tolerance: 0.001, ranges: PerAxis::from_fn(|_| (1, 2)) },
        star_optimum: PerAxis::from_fn(|_| estimate),
    });
    full.at_edge = vec![Axis::Width, Axis::Mlp];
    full.binding = vec!["params < 450 Mparam".to_owned()];
    let answers = vec![case.answers[0].clone(), full];
    let warnings = vec![Warning { code: "rounded".to_owned(), message: "search `a` \"b\"\n".to_owned() }];
    Lock::new(Input::new("plan.sov", b"plan"), vec![Input::new("data/star.csv", b"star")], laws, answers, warnings)
}

#[test]
fn reads_back_infinities_and_awkward_floats() {
    for x in [0.1 + 0.2, 1e-300, 5e-324, 1.7976931348623157e308, -0.0, f64::INFINITY, f64::NEG_INFINITY, 1e21, 3.0] {
        let lock = lock(x);
        let text = lock.to_text().unwrap();
        assert_eq!(Lock::parse(&text, "plan.lock").unwrap(), lock, "{x:e}");
        assert_eq!(text, lock.to_text().unwrap());
    }
}

proptest! {
    #[test]
    fn reads_back_every_number(x in proptest::num::f64::POSITIVE | proptest::num::f64::NEGATIVE) {
        let lock = lock(x);
        prop_assert_eq!(Lock::parse(&lock.to_text().unwrap(), "plan.lock").unwrap(), lock);
    }
}

#[test]
fn what_toml_cannot_hold_is_refused() {
    let nan = lock(f64::NAN).to_text().unwrap_err();
    assert_eq!(nan.code.name, "unlockable-number");
    assert!(nan.message.contains("answers.1."), "{}", nan.message);
    let mut large = lock(1.0);
    large.answers[0].cost.params = u64::MAX;
    assert_eq!(large.to_text().unwrap_err().code.name, "unlockable-number");
}

#[test]
fn a_lock_is_not_parsed_loosely() {
    let check = |text: &str, name: &str, line: Option<u64>| {
        let diagnostic = Lock::parse(text, "plan.lock").unwrap_err();
        assert_eq!((diagnostic.code.name, diagnostic.place.unwrap().line), (name, line), "{}", diagnostic.message);
        assert!(!diagnostic.message.contains('\n'));
    };
    check("", "malformed-lock", Some(1));
    check("version = 1\nsovitc = [[[", "malformed-lock", Some(2));
    check("version = 2\nnew = true\n", "lock-version", None);
    check("version = 0\n", "lock-version", None);
    let text = lock(1.0).to_text().unwrap();
    check(&text.replace("[plan]", "[plan]\nextra = 1"), "malformed-lock", Some(7));
    check(&format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)), "malformed-lock", Some(1));
    check(&text.replace("heads = 16", "heads = 0"), "malformed-lock", None);
    check(&text.replace("params = 427680704", "params = 400000000"), "malformed-lock", None);
    // What inference takes of a budget follows from the model.
    let served = include_str!("../examples/star/lifetime.lock");
    assert!(Lock::parse(served, "plan.lock").is_ok() && served.contains("\nshare = 0."));
    check(&served.replace("\nshare = 0.", "\nshare = 0.0"), "malformed-lock", None);
    for at in (0..text.len()).step_by(97).filter(|&at| text.is_char_boundary(at)) {
        let _ = Lock::parse(&text[..at], "plan.lock");
    }
}

#[test]
fn a_stale_lock_says_which_file_and_what_to_do() {
    let lock = lock(1.0);
    let plan = Input::new("plans/encoder.sov", b"plan");
    let star = Input::new("data/star.csv", b"star");
    assert!(lock.verify(&plan, std::slice::from_ref(&star)).is_ok());
    assert!(lock.verify(&plan, &[]).is_ok());

    let changed = Input::new("plans/encoder.sov", b"another plan");
    let stale = lock.verify(&changed, &[Input::new("data/star.csv", b"other")]).unwrap_err();
    assert_eq!(
        stale.message,
        "the lock of `plans/encoder.sov` is stale: `plans/encoder.sov` has changed, `data/star.csv` has changed"
    );
    assert_eq!(stale.help[0].message, "run `sovitc lock plans/encoder.sov` and commit the result");
    let new = lock.verify(&plan, &[star, Input::new("b.csv", b"")]).unwrap_err();
    assert!(new.message.ends_with("is stale: `b.csv` is new"), "{}", new.message);
}

const MANY: &str = "
model encoder { image = 224 px, patch = 14 px, heads = 16 }
results runs from \"runs/*.csv\" {
  width = column w
  depth = column d
  mlp = column m
  examples = column n
  loss = column loss
}
law shape = sovit { effective = { width = 0.0675, depth = 0.1055, mlp = 0.1633 } }
start small { shape = { width = 608, depth = 10, mlp = 928 }, compute = 0.7 EFLOP as forward }
budget big = forward(vit_g14) * 16e9 example
search encoder {
  width in 384..2048 step 16
  depth in 6..60
  mlp in 512..16384 step 16
}
";

#[test]
fn a_lock_pins_every_file_of_a_pattern() {
    let file = sovitc::PlanFile::named("many", "plan.sov");
    let world = |files: &[(&str, &str)]| {
        let world = MemoryWorld::default().with("plan.sov", MANY);
        files.iter().fold(world, |world, (path, row)| world.with(*path, format!("w,d,m,n,loss\n{row}\n")))
    };
    let (one, two) = (("runs/1.csv", "32,2,64,1e9,0.5"), ("runs/2.csv", "48,2,64,1e9,0.4"));
    let compiled = sovitc::compile(&world(&[one, two]), &file);
    let lock = compiled.outcome.unwrap_or_else(|| panic!("{:?}", compiled.diagnostics)).lock;
    assert_eq!(
        lock.inputs,
        [one, two].map(|(path, row)| Input::new(path, format!("w,d,m,n,loss\n{row}\n").as_bytes()))
    );
    let check = |files: &[(&str, &str)], expected: Option<&str>| {
        let found = sovitc::locked(&world(files), &file, Ok(lock.clone())).diagnostics;
        assert_eq!(found.first().map(|found| found.message.as_str()), expected);
    };
    check(&[one, two], None);
    check(&[], None);
    check(&[one], Some("the lock of `plan.sov` is stale: `runs/2.csv` is gone"));
    check(&[one, (two.0, one.1)], Some("the lock of `plan.sov` is stale: `runs/2.csv` has changed"));
    check(&[one, two, ("runs/3.csv", one.1)], Some("the lock of `plan.sov` is stale: `runs/3.csv` is new"));
}

/// Machines read the words that plans are written in; locks of before, whose words came of names in Rust, are read still.
#[test]
fn words_are_those_of_plans() {
    fn check<T: Serialize + DeserializeOwned + PartialEq + Debug>(all: &[(&str, T)], before: &[(&str, T)]) {
        for (word, value) in all {
            assert_eq!(serde_json::to_value(value).unwrap(), *word);
        }
        for (word, value) in all.iter().chain(before) {
            assert_eq!(serde_json::from_value::<T>((*word).into()).unwrap(), *value);
        }
    }
    check(&Activation::ALL, &[("swi_glu", Activation::SwiGlu)]);
    check(&Position::ALL, &[("sin_cos2d", Position::SinCos2d)]);
    check(&Optimizer::ALL, &[("adam_w", Optimizer::AdamW)]);
    check(&Pooling::ALL, &[]);
    check(&QkNorm::ALL, &[]);
    for library in AttentionLibrary::ALL {
        assert_eq!(serde_json::to_value(library.1).unwrap(), library.0);
    }
}
