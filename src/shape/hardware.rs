//! What a shape takes on the hardware that a search names.

use crate::hardware::{Launch, Pass, Timer, forward};
use crate::plan::{Search, Serving};
use crate::vit::{Contrastive, Step, Vit};

/// The hardware of one search.
#[derive(Debug)]
pub(super) struct Hardware<'a> {
    serving: Option<(Timer<'a>, u64)>,
    training: Option<Step>,
    contrastive: Option<Contrastive>,
}

impl<'a> Hardware<'a> {
    pub(super) fn new(search: &'a Search) -> Self {
        Self { contrastive: search.contrastive, ..Self::of(search.serving.as_ref(), search.training) }
    }

    pub(super) fn of(serving: Option<&'a Serving>, training: Option<Step>) -> Self {
        let serving = serving.and_then(|serving| {
            // Every device has a rate in bf16, which a test holds.
            let timer = Timer::new(&serving.device, "bf16", serving.attention, Launch::Graph, Pass::Inference)?;
            Some((timer, serving.batch))
        });
        Self { serving, training, contrastive: None }
    }

    /// Seconds of one pass of the batch; NaN where nothing is served.
    pub(super) fn latency(&self, vit: &Vit) -> f64 {
        self.serving.as_ref().map_or(f64::NAN, |(timer, batch)| timer.predict(&forward(vit, *batch)).seconds)
    }

    /// Seconds that no shape as large as this one in every size goes below.
    pub(super) fn least_latency(&self, vit: &Vit) -> f64 {
        self.serving.as_ref().map_or(f64::NAN, |(timer, batch)| timer.least(&forward(vit, *batch)))
    }

    /// Images a second where passes take `latency`.
    pub(super) fn throughput(&self, latency: f64) -> f64 {
        self.serving.as_ref().map_or(f64::NAN, |&(_, batch)| batch as f64 / latency)
    }

    /// Bytes of a training step on each device, which grow with every size; NaN where nothing is said of training.
    pub(super) fn memory(&self, vit: &Vit) -> f64 {
        let memory = |step| match &self.contrastive {
            Some(contrastive) => contrastive.memory(vit, step).memory,
            None => vit.memory(step),
        };
        self.training.as_ref().map_or(f64::NAN, |step| memory(step).total() as f64)
    }
}
