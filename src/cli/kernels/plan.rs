//! `sovitc kernels plan`

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::super::{Common, Format, Located, Status, Uses, answer, build, report};
use crate::diagnostic::{Diagnostic, sort};
use crate::kernel::{self, KernelPlan, Kernels, Launch, Step, UpTo};
use crate::shape::Answer;
use crate::vit::Halves;

#[derive(Debug, Args)]
#[command(after_help = "Example: sovitc kernels plan examples/so400m/plan.sov")]
pub(in crate::cli) struct Show {
    /// The plan.
    #[arg(value_name = "PLAN.sov")]
    plan: PathBuf,
    #[command(flatten)]
    uses: Uses,
    /// Take the shapes from the lock and refuse to fit.
    #[arg(long)]
    locked: bool,
    #[command(flatten)]
    common: Common,
}

/// What `--format json` prints.
#[derive(Serialize)]
struct Planned<'a> {
    plan: &'a str,
    searches: Vec<Listed<'a>>,
}

#[derive(Serialize)]
struct Listed<'a> {
    search: &'a str,
    #[serde(flatten)]
    halves: Halves,
    kernels: &'a [KernelPlan],
    /// The launches that have kernels for small batches.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    batches: Vec<ByBatch<'a>>,
}

#[derive(Serialize)]
struct ByBatch<'a> {
    kernel: &'a str,
    up_to: &'a [UpTo],
}

impl<'a> Listed<'a> {
    fn new(item: &'a Answer, halves: Halves, Kernels { list, forward }: &'a Kernels) -> Self {
        let differ = forward.iter().filter(|step| !step.up_to.is_empty());
        let batches = differ.map(|Step { kernel, up_to, .. }| ByBatch { kernel, up_to });
        Self { search: &item.search, halves, kernels: list, batches: batches.collect() }
    }
}

pub(super) fn run(arguments: &Show) -> Status {
    let format = arguments.common.format;
    let located = Located::new(&arguments.plan).using(arguments.uses);
    let compiled = build::compile(&located, arguments.locked);
    let Some(outcome) = &compiled.outcome else { return report(&compiled.diagnostics, &compiled.sources, format) };
    let (mut planned, mut found) = (Vec::new(), Vec::<Diagnostic>::new());
    for item in &outcome.answers {
        let form = outcome.plan.form_of(&item.search);
        let halves = form.halves;
        match kernel::plan_for(&item.vit, form) {
            Ok(kernels) => planned.push((item, halves, kernels)),
            Err(diagnostic) => found.push(diagnostic),
        }
    }
    if !found.is_empty() {
        sort(&mut found);
        return report(&found, &compiled.sources, format);
    }
    let text = match format {
        Format::Human => {
            let texts = planned.iter().map(|(item, halves, kernels)| human(item, *halves, kernels));
            texts.collect::<Vec<_>>().join("\n")
        }
        Format::Json => {
            let list = planned.iter().map(|(item, halves, kernels)| Listed::new(item, *halves, kernels));
            let whole = Planned { plan: &outcome.plan.name, searches: list.collect() };
            // Plain data: no map with odd keys, hence no error.
            serde_json::to_string_pretty(&whole).unwrap_or_default() + "\n"
        }
    };
    answer(&text, format)
}

/// A line for each kernel, its numbers for one image.
fn human(item: &Answer, halves: Halves, kernels: &Kernels) -> String {
    let (vit, architecture) = (&item.vit, &item.vit.architecture);
    let shape = &vit.shape;
    let tokens = architecture.patches() + architecture.prefix();
    let by_batch = kernels.forward.iter().any(|step| !step.up_to.is_empty());
    let mut text = format!(
        "{}: width {}, depth {}, MLP {}, {} heads of {}; {tokens} tokens; {halves}\n  {:<21}{:>14}{:>9}{:>12}{:>9}{:>11}{:>10}{}\n",
        item.search,
        shape.width,
        shape.depth,
        shape.mlp_dim,
        architecture.heads,
        vit.head_dim(),
        "kernel",
        "tile",
        "threads",
        "shared B",
        "blocks",
        "GFLOP",
        "MB",
        if by_batch { "  images" } else { "" },
    );
    let lines = kernels.list.iter().map(|plan| {
        let rows = kernels.rows(&plan.name).of(vit);
        let blocks = rows.div_ceil(plan.launch.rows_per_block) * plan.launch.blocks_per_band;
        let sizes = ["BLOCK_M", "BLOCK_N", "BLOCK_K"].map(|name| plan.constant(name));
        let tile = match (sizes, plan.constant("KEYS")) {
            ([Some(m), Some(n), Some(k)], _) => format!("{m} x {n} x {k}"),
            // Queries by keys whose scores are in registers.
            (_, Some(keys)) => {
                let queries = plan.launch.threads / 32 * 16 * plan.constant("PRODUCTS_M").unwrap_or(1);
                let whole = plan.constant("TOKENS").filter(|_| plan.choice("softmax") == Some("whole"));
                format!("{queries} x {}", whole.unwrap_or(keys))
            }
            _ => format!("{} rows", plan.launch.rows_per_block),
        };
        let work = ((plan.flops_per_row + plan.scalar_flops_per_row) * rows) as f64 / 1e9;
        let moved = (plan.bytes_per_row * rows + plan.bytes_of_weights) as f64 / 1e6;
        let Launch { threads, shared_bytes, .. } = plan.launch;
        let name = &plan.name;
        let images = if by_batch { format!("  {}", kernels.batches(name)) } else { String::new() };
        format!("  {name:<21}{tile:>14}{threads:>9}{shared_bytes:>12}{blocks:>9}{work:>11.3}{moved:>10.2}{images}\n")
    });
    text.extend(lines);
    text
}
