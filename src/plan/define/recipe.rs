//! `recipe NAME { ... }`

use std::collections::BTreeSet;

use crate::diagnostic::Diagnostic;
use crate::plan::check::Checker;
use crate::plan::schema::{Field, Fields, Schema};
use crate::plan::{Decay, Precision, RecipeOptimizer, RecipeSpec, Stretch, Task, codes};
use crate::syntax::ast::{Item, ItemKind};
use crate::units::{Base, Dimension, exact};

const NAMES: &[&str] = &[
    "task",
    "batch",
    "processes",
    "micro_batch",
    "dataset",
    "schedule",
    "warmup",
    "cooldown",
    "timescale",
    "learning_rate",
    "weight_decay",
    "optimizer",
    "beta1",
    "beta2",
    "epsilon",
    "clip",
    "precision",
    "seed",
];

/// The largest whole number that every trainer reads back unchanged.
const LARGEST: u64 = 1 << 53;

/// Adam's settings (Kingma and Ba, arXiv 1412.6980).
const ADAM: [f64; 3] = [0.9, 0.999, 1e-8];

/// big_vision's own timescale of `rsqrt`, in steps.
const TIMESCALE: Stretch = Stretch::Steps(10_000);

impl Checker<'_> {
    /// Checks a recipe.
    pub(in crate::plan) fn recipe(&mut self, item: &Item) -> Option<RecipeSpec> {
        let ItemKind::Recipe { name, body } = &item.kind else { return None };
        let at = name.as_ref().map_or(item.keyword, |name| name.span);
        let what = name.as_ref().map_or("the recipe".into(), |name| format!("recipe `{}`", name.value));
        let fields = self.fields(what, at, body.as_ref()?, Schema::of(NAMES));
        let written = NAMES.iter().copied().filter(|name| fields.get(name).is_some()).collect::<BTreeSet<_>>();

        let task = self.word_or_default::<Task>(&fields, "task", &Task::ALL);
        let batch = self.required(&fields, "batch", "batch = 4096").map(|field| self.at_least_one(field));
        let processes = fields.get("processes").map_or(Some(1), |field| self.at_least_one(field));
        let micro_batch = fields.get("micro_batch").map(|field| self.at_least_one(field));
        let dataset = fields.get("dataset").map(|field| {
            let dimension = Dimension::of(Base::Example);
            self.count(field.value, dimension, (1, LARGEST), field.owner())
        });
        let decay = self.required(&fields, "schedule", "schedule = cosine").map(|f| self.word(f, &Decay::ALL));
        let warmup = self.required(&fields, "warmup", "warmup = 10000").map(|field| self.stretch(field));
        let cooldown = fields.get("cooldown").map_or(Some(Stretch::Steps(0)), |field| self.stretch(field));
        let timescale = fields.get("timescale").map_or(Some(TIMESCALE), |field| self.stretch(field));
        let learning_rate = self.required(&fields, "learning_rate", "learning_rate = 1e-3");
        let learning_rate = learning_rate.map(|field| self.number(field, &|x| x > 0.0, "above 0"));
        let weight_decay = self.required(&fields, "weight_decay", "weight_decay = 0.1");
        let weight_decay = weight_decay.map(|field| self.number(field, &|x| x >= 0.0, "0 or above"));
        let optimizer = self.word_or_default(&fields, "optimizer", &RecipeOptimizer::ALL);
        let [beta1, beta2] = ["beta1", "beta2"].map(|name| {
            let default = ADAM[usize::from(name == "beta2")];
            let is_decay = |x| (0.0..1.0).contains(&x);
            fields.get(name).map_or(Some(default), |field| self.number(field, &is_decay, "from 0 to below 1"))
        });
        let epsilon = fields.get("epsilon").map_or(Some(ADAM[2]), |field| self.number(field, &|x| x > 0.0, "above 0"));
        let clip = fields.get("clip").map(|field| self.number(field, &|x| x > 0.0, "above 0"));
        let precision = self.word_or_default(&fields, "precision", &Precision::ALL);
        let seed = fields
            .get("seed")
            .map_or(Some(0), |field| self.count(field.value, Dimension::NONE, (0, u64::from(u32::MAX)), field.owner()));

        let (optimizer, decay) = (optimizer?, decay??);
        let is_sound = [
            self.belongs(&fields, decay == Decay::Rsqrt, &["timescale"], "`schedule = rsqrt`"),
            self.belongs(
                &fields,
                decay != Decay::Cosine,
                &["cooldown"],
                "`schedule = rsqrt` and `schedule = constant`",
            ),
            self.belongs(&fields, optimizer == RecipeOptimizer::AdamW, &["beta1", "beta2", "epsilon"], "`adamw`"),
        ];
        let (batch, processes) = (batch??, processes?);
        let micro_batch = match micro_batch {
            Some(micro_batch) => micro_batch?,
            None => (batch / processes).max(1),
        };
        self.splits(&fields, batch, processes, micro_batch)?;
        is_sound.iter().all(|is| *is).then_some(())?;
        Some(RecipeSpec {
            name: name.clone()?,
            task: task?,
            batch,
            processes,
            micro_batch,
            dataset: dataset.map_or(Some(None), |count| count.map(Some))?,
            decay,
            warmup: warmup??,
            cooldown: cooldown?,
            timescale: timescale?,
            learning_rate: learning_rate??,
            weight_decay: weight_decay??,
            optimizer,
            beta1: beta1?,
            beta2: beta2?,
            epsilon: epsilon?,
            clip: clip.map_or(Some(None), |norm| norm.map(Some))?,
            precision: precision?,
            seed: seed?,
            written,
        })
    }

    fn word_or_default<T: Copy + Default>(
        &mut self,
        fields: &Fields<'_>,
        name: &str,
        words: &[(&str, T)],
    ) -> Option<T> {
        fields.get(name).map_or(Some(T::default()), |field| self.word(field, words))
    }

    fn at_least_one(&mut self, field: Field<'_>) -> Option<u64> {
        self.count(field.value, Dimension::NONE, (1, LARGEST), field.owner())
    }

    fn number(&mut self, field: Field<'_>, is_in_range: &dyn Fn(f64) -> bool, range: &str) -> Option<f64> {
        let value = self.exact(field.value, Dimension::NONE, field.owner())?.value;
        if !is_in_range(value) {
            let message = format!("`{}` must be {range}", field.name.value);
            self.out_of_range(message, field.value, value, Dimension::NONE, field.owner());
            return None;
        }
        Some(value)
    }

    /// A share of the training below 1, a whole number of steps, or examples.
    fn stretch(&mut self, field: Field<'_>) -> Option<Stretch> {
        let examples = Dimension::of(Base::Example);
        let quantity = self.a_value(field.value, Some(examples), field.owner())?;
        let value = quantity.value;
        if quantity.measure.dimension == examples {
            let value = self.exact(field.value, examples, field.owner())?.value;
            if value < 0.0 {
                let message = format!("`{}` must be 0 or above", field.name.value);
                self.out_of_range(message, field.value, value, examples, field.owner());
                return None;
            }
            return Some(Stretch::Examples(value));
        }
        if !quantity.measure.dimension.is_none() {
            self.fits(field.value, quantity.measure.dimension, examples, field.owner());
            return None;
        }
        if quantity.is_exact() && value > 0.0 && value < 1.0 {
            return Some(Stretch::Share(value));
        }
        self.count(field.value, Dimension::NONE, (0, LARGEST), field.owner()).map(Stretch::Steps)
    }

    /// Reports the first field that was written without that which it belongs to.
    fn belongs(&mut self, fields: &Fields<'_>, does: bool, names: &[&str], to: &str) -> bool {
        let Some(field) = names.iter().find_map(|name| fields.get(name)).filter(|_| !does) else { return true };
        let error = Diagnostic::error(codes::EXCLUSIVE, format!("`{}` belongs to {to}", field.name.value))
            .label(field.name.span, "means nothing here")
            .help("leave it out");
        self.report(error);
        false
    }

    /// Whether passes of every process fill a batch.
    fn splits(&mut self, fields: &Fields<'_>, batch: u64, processes: u64, micro_batch: u64) -> Option<()> {
        let pass = processes.checked_mul(micro_batch);
        if pass.is_some_and(|pass| batch.is_multiple_of(pass)) {
            return Some(());
        }
        let owner = fields.get("batch")?;
        let each = exact(micro_batch as f64);
        let message = format!("a batch of {batch} is no whole number of passes of {processes} x {each}");
        let mut error = Diagnostic::error(codes::BATCH_SPLIT, message).label(owner.value.span, "cannot be split so");
        for name in ["processes", "micro_batch"] {
            error = fields.get(name).into_iter().fold(error, |error, field| error.label(field.value.span, "by this"));
        }
        // The nearest batch that can.
        if let Some(pass) = pass.filter(|pass| *pass <= LARGEST) {
            let near = ((batch as f64 / pass as f64).round().max(1.0) as u64) * pass;
            error = error.fix("take the nearest batch that can be", owner.value.span, near.to_string());
        }
        self.report(error);
        None
    }
}
