//! A plan and its answer as the earlier stages give them: SoViT-400m.
#![allow(dead_code, reason = "each test uses its own part")]

use sovitc::emit::Request;
use sovitc::law::{Law, NamedLaw};
use sovitc::plan::{
    Budget, Counting, Emit, EmitOptions, LawKind, LawSpec, Model, Plan, Range, Search, SmallOptimum, Start, StartKind,
    StatedExponents, Target, Uncertain,
};
use sovitc::shape::{Alternative, Answer, Spending};
use sovitc::source::{Span, Spanned};
use sovitc::vit::{Architecture, PerAxis, Shape};

/// What a [`Request`] borrows.
pub(crate) struct Case {
    pub(crate) plan: Plan,
    pub(crate) laws: Vec<NamedLaw>,
    pub(crate) answers: Vec<Answer>,
}

impl Case {
    /// Everything that is emitted for it.
    pub(crate) fn request(&self) -> Request<'_> {
        Request {
            plan: &self.plan,
            laws: &self.laws,
            starts: &[],
            answers: &self.answers,
            warnings: &[],
            templates: &[],
        }
    }

    /// The same for another model.
    pub(crate) fn with(mut self, architecture: Architecture) -> Self {
        let answer = &mut self.answers[0];
        answer.vit = architecture.with(answer.vit.shape).expect("a buildable model");
        answer.cost = answer.vit.cost();
        self
    }

    /// The same for other targets.
    pub(crate) fn emitting(mut self, emits: &[(Target, &str)]) -> Self {
        let emit = |&(target, path): &(Target, &str)| Emit {
            target: at(target),
            path: at(path.to_owned()),
            search: None,
            arch: vec!["sm_80".to_owned(), "sm_90a".to_owned()],
            options: EmitOptions::default(),
            template: None,
        };
        self.plan.emits = emits.iter().map(emit).collect();
        self
    }
}

/// A budget for training alone.
fn spending(forward_flops: f64, examples: f64) -> Spending {
    Spending {
        name: "vit_g".to_owned(),
        forward_flops,
        counted: Counting::Forward,
        examples,
        inference: None,
        data: None,
    }
}

fn at<T>(value: T) -> Spanned<T> {
    Spanned::new(value, Span::default())
}

/// SoViT-400m for the budget of ViT-g/14 on 16 billion examples.
pub(crate) fn case() -> Case {
    let shape = Shape { width: 1152, depth: 27, mlp_dim: 4304 };
    let architecture = Architecture::default();
    let vit = architecture.with(shape).expect("a buildable model");
    let forward_flops = 8.54e21;
    let effective = PerAxis { width: 0.0675, depth: 0.1055, mlp: 0.1633 }.map(|&value| Uncertain { value, sd: 0.0 });
    let stated = StatedExponents {
        effective,
        exponents: None,
        weights: None,
        calibrated_on: Some("SoViT-400m/14 and SoViT-150m/14".to_owned()),
    };
    let plan = Plan {
        models: vec![Model { name: at("encoder".to_owned()), architecture, heads_span: Span::default() }],
        laws: vec![LawSpec {
            name: at("shape".to_owned()),
            span: Span::default(),
            kind: LawKind::Stated(stated.clone()),
        }],
        starts: vec![Start {
            name: at("small".to_owned()),
            kind: StartKind::Stated(SmallOptimum {
                shape: Shape { width: 608, depth: 10, mlp_dim: 928 },
                forward_flops: 7e17,
            }),
        }],
        budgets: vec![Budget {
            name: at("vit_g".to_owned()),
            span: Span::default(),
            forward_flops,
            interval: None,
            stated: forward_flops,
            kind: Counting::Forward,
        }],
        searches: vec![search()],
        ..Plan::empty("so400m")
    };
    let examples = |flops: u64| forward_flops / flops as f64;
    let neighbour = architecture.with(Shape { width: 1136, ..shape }).expect("a buildable model").cost();
    let answer = Answer {
        search: "flagship".to_owned(),
        law: "shape".to_owned(),
        model: "encoder".to_owned(),
        vit,
        cost: vit.cost(),
        budget: spending(forward_flops, examples(vit.cost().forward_flops_per_example)),
        frontier: PerAxis { width: 1148.7, depth: 27.03, mlp: 4320.5 },
        frontier_interval: None,
        loss: None,
        preference: None,
        runners_up: Vec::new(),
        alternatives: vec![Alternative {
            shape: Shape { width: 1136, ..shape },
            params: neighbour.params,
            forward_flops_per_example: neighbour.forward_flops_per_example,
            examples: examples(neighbour.forward_flops_per_example),
            excess: None,
            wasted_compute: None,
            waste: None,
        }],
        at_edge: Vec::new(),
        binding: Vec::new(),
        shadow_prices: Vec::new(),
        compared: Vec::new(),
        serving: None,
        training: None,
        bill: None,
        recipe: None,
    };
    let case = Case {
        plan,
        laws: vec![NamedLaw { name: "shape".to_owned(), law: Law::Stated(stated) }],
        answers: vec![answer],
    };
    case.emitting(&[
        (Target::Transformers, "hf/"),
        (Target::Timm, "timm/"),
        (Target::BigVision, "big_vision/so400m.py"),
    ])
}

/// What is asked for it.
fn search() -> Search {
    Search {
        name: at("flagship".to_owned()),
        model: 0,
        law: 0,
        start: Some(0),
        budget: 0,
        inference: 0.0,
        data: None,
        ranges: PerAxis {
            width: at(Range::stepped(384, 2048, 16)),
            depth: at(Range::stepped(6, 60, 1)),
            mlp: at(Range::stepped(512, 16384, 16)),
        },
        requires: Vec::new(),
        prefer: None,
        runners_up: 0,
        serving: None,
        training: None,
        cluster: None,
        contrastive: None,
        recipe: None,
        compare: Vec::new(),
    }
}
