//! `sovitc kernels profile`

use std::env;
use std::path::Path;

use clap::Args;
use serde::Serialize;

use super::super::{Format, Status, answer, build, report, tell};
use super::asked::{Asked, workshop};
use crate::diagnostic::{Diagnostic, list_of};
use crate::emit::kernel_source;
use crate::hardware::{self, Device};
use crate::kernel::{self, KernelPlan, Kernels, Rows, Step};
use crate::nvrtc::{self, Cache, Library};
use crate::plan::{Plan, no_device};
use crate::sass::{self, Disassembler};
use crate::shape::Answer;
use crate::source::Sources;
use crate::verify::{Built, Failure, Profile, codes, count};
use crate::vit::Vit;

#[derive(Debug, Args)]
#[command(after_help = "\
A few blocks of each kernel are run on the CPU and counted exactly; the rest of the grid is extrapolated from them.

  issued   matrix products issued over useful ones; without them, additions and multiplications in float
  bytes    useful bytes of the 32-byte sectors that warps touch, tables left out
  dram     bytes that move to and from device memory, by a model of the L2 cache, over those that must
  hmma     share of the main loop's instructions that multiply matrices, where nvdisasm is found
  bank     share of the turns of shared memory that bank conflicts add, in the main loop and elsewhere

The last lines are whole forward passes over the images that have so many tokens, launch after launch.

Times count matrix products, instructions, shared memory, device memory and waits at barriers; powers of two and the
rate of the L2 cache are left out.

Example: sovitc kernels profile examples/so400m/plan.sov so400m --device a100 --rows 1024,16384")]
pub(in crate::cli) struct Counts {
    #[command(flatten)]
    asked: Asked,
    /// The device.
    #[arg(long, value_name = "DEVICE")]
    device: String,
    /// Rows of the launches; as many as whole images need where a kernel tells images apart. With `batches` in the plan,
    /// each launch has the kernel for so many images.
    #[arg(long, value_delimiter = ',', default_values_t = [1024, 16384])]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=1 << 30))]
    rows: Vec<u64>,
    /// The architecture whose registers NVRTC counts, where it is found; the device's where absent.
    #[arg(long, value_name = "ARCH")]
    arch: Option<String>,
}

/// What `--format json` prints.
#[derive(Serialize)]
struct Whole<'a> {
    plan: &'a str,
    device: &'a str,
    searches: Vec<Profiled<'a>>,
}

#[derive(Serialize)]
struct Profiled<'a> {
    search: &'a str,
    kernels: Vec<Profile>,
    /// For each number of rows a whole pass over the images that have so many tokens.
    passes: Vec<Pass>,
}

/// The launches of a forward pass, one after another, each by the kernel of such a batch.
#[derive(Serialize)]
struct Pass {
    images: u64,
    /// Predicted seconds.
    seconds: f64,
    /// Those of one block.
    block_seconds: f64,
    #[serde(skip)]
    depth: u64,
}

impl Pass {
    fn new(vit: &Vit, rows: u64) -> Self {
        let images = rows.div_ceil(Rows::Tokens.of(vit).max(1));
        Self { images, seconds: 0.0, block_seconds: 0.0, depth: vit.shape.depth }
    }

    /// The launches that a kernel has in it.
    fn launches<'a>(&self, planned: &'a Kernels, kernel: &str) -> impl Iterator<Item = &'a Step> {
        planned.forward.iter().filter(move |step| step.kernel_for(self.images) == kernel)
    }

    fn add(&mut self, step: &Step, seconds: f64) {
        if step.each_block {
            self.block_seconds += seconds;
            self.seconds += self.depth as f64 * seconds;
        } else {
            self.seconds += seconds;
        }
    }
}

pub(super) fn run(arguments: &Counts) -> Status {
    let format = arguments.asked.common.format;
    let fail = |error: Diagnostic| tell(&[error], &Sources::default(), format, "");
    let compiled = build::compile(&arguments.asked.located(), arguments.asked.locked);
    let Some(outcome) = &compiled.outcome else { return report(&compiled.diagnostics, &compiled.sources, format) };
    let (name, own) = (&arguments.device, &outcome.plan.devices);
    let Some(device) = own.iter().find(|device| device.name == *name).or_else(|| hardware::device(name)) else {
        return fail(no_device(name, own));
    };
    let Some(arch) = arguments.arch.as_ref().or(device.arch.as_ref()) else { return fail(no_cuda(device)) };
    let (cache, refused) = Cache::usual(|name| env::var_os(name));
    let found = arguments
        .asked
        .answers(outcome)
        .and_then(|answers| profiled(arguments, &outcome.plan, &answers, (device, arch), &cache));
    // Without a cache it takes longer, and says why.
    tell(&[Vec::from_iter(refused), cache.trouble()].concat(), &Sources::default(), format, "");
    let searches = match found {
        Ok(searches) => searches,
        Err(error) => return fail(error),
    };
    let text = match format {
        Format::Human => searches.iter().map(|search| human(search, device)).collect::<Vec<_>>().join("\n"),
        Format::Json => {
            let whole = Whole { plan: &outcome.plan.name, device: &device.name, searches };
            // Plain data: no map with odd keys, hence no error.
            serde_json::to_string_pretty(&whole).unwrap_or_default() + "\n"
        }
    };
    answer(&text, format)
}

fn profiled<'a>(
    arguments: &Counts,
    plan: &Plan,
    answers: &[&'a Answer],
    (device, arch): (&Device, &str),
    cache: &Cache,
) -> Result<Vec<Profiled<'a>>, Diagnostic> {
    let (compiler, folder) = workshop()?;
    let search = nvrtc::Search::from_environment(|name| env::var_os(name));
    let library = nvrtc::find(&search).ok();
    // An older NVRTC may not know the device's own: then registers are not told, as without any.
    if let (Some(library), Some(asked)) = (&library, &arguments.arch) {
        library.accepts(asked)?;
    }
    let disassembler = sass::find(&search, |name| env::var_os(name));
    let mut searches = Vec::new();
    for answer in answers {
        let mut kernels = Vec::new();
        let planned = kernel::plan_for(&answer.vit, plan.form_of(&answer.search))?;
        let mut passes: Vec<Pass> = arguments.rows.iter().map(|&rows| Pass::new(&answer.vit, rows)).collect();
        passes.dedup_by_key(|pass| pass.images);
        for plan in &planned.list {
            let one_image = planned.rows(&plan.name).of(&answer.vit).max(1);
            let is_launched = |rows: &u64| planned.serves(&plan.name, rows.div_ceil(one_image));
            let rows: Vec<u64> = arguments.rows.iter().copied().filter(is_launched).collect();
            let has_part = |pass: &Pass| pass.launches(&planned, &plan.name).next().is_some();
            if rows.is_empty() && !passes.iter().any(has_part) {
                continue;
            }
            let counted =
                count(&answer.vit, plan, None, &compiler, folder.path()).map_err(|found| failed(plan, found))?;
            let built = library
                .as_ref()
                .and_then(|library| built(library, cache, disassembler.as_ref(), plan, arch, folder.path()));
            kernels.extend(rows.iter().map(|&rows| counted.on(plan, device, rows, built)));
            for pass in &mut passes {
                let launches: Vec<&Step> = pass.launches(&planned, &plan.name).collect();
                for step in launches {
                    let rows = pass.images.saturating_mul(step.rows.of(&answer.vit));
                    pass.add(step, counted.on(plan, device, rows, built).seconds);
                }
            }
        }
        searches.push(Profiled { search: &answer.search, kernels, passes });
    }
    Ok(searches)
}

fn no_cuda(device: &Device) -> Diagnostic {
    let message = format!("it is not known that `{}` runs CUDA kernels", device.name);
    let known = hardware::devices().iter().filter(|device| device.arch.is_some());
    Diagnostic::error(codes::NO_CUDA, message)
        .help(format!("known to are {}", list_of(known.map(|device| device.name.as_str()))))
        .help("or say what its kernels are compiled for, such as `--arch sm_89`")
}

fn failed(plan: &KernelPlan, found: Failure) -> Diagnostic {
    match found {
        Failure::Kernel(text) => {
            let message = format!("`{}` does not compute what it should", plan.entry);
            Diagnostic::error(codes::DISAGREES, message).note(text)
        }
        Failure::World(text) | Failure::Compiler(text) => {
            let error = Diagnostic::error(codes::NOT_RUN, format!("`{}` was not run", plan.entry)).from_world();
            text.lines().take(12).fold(error, Diagnostic::note)
        }
    }
}

fn built(
    library: &Library,
    cache: &Cache,
    disassembler: Option<&Disassembler>,
    plan: &KernelPlan,
    arch: &str,
    folder: &Path,
) -> Option<Built> {
    let source = kernel_source(plan).ok()?;
    let compiled = cache.compile(library, &source, &plan.entry, arch).ok()?;
    let mix = disassembler.and_then(|disassembler| disassembler.mix(&compiled.code, folder).ok());
    Some(Built { registers: compiled.registers?, mix })
}

/// A line for each kernel and number of rows.
fn human(search: &Profiled, device: &Device) -> String {
    let head = format!("{} on {}\n", search.search, device.name);
    let widest = search.kernels.iter().map(|profile| profile.kernel.len()).max().unwrap_or_default();
    let columns = [
        "kernel", "rows", "blocks", "waves", "issued", "bytes", "dram", "bank", "regs", "hmma", "resident", "us",
        "roofline", "limit",
    ];
    let lines = std::iter::once(columns.map(str::to_owned)).chain(search.kernels.iter().map(cells));
    let lines = lines.map(|cells| line(widest, cells));
    let closing = "  counted exactly for a few blocks of each kernel, extrapolated by the grid; times are predicted\n";
    let passes = search.passes.iter().map(|Pass { images, seconds, block_seconds, depth }| {
        let (pass, block) = (1e3 * seconds, 1e6 * block_seconds);
        let images = if *images == 1 { "1 image".to_owned() } else { format!("{images} images") };
        format!("  a forward pass of {images} takes {pass:.2} ms, each of {depth} blocks {block:.1} us\n")
    });
    head + &lines.collect::<String>() + &passes.collect::<String>() + closing
}

fn cells(profile: &Profile) -> [String; 14] {
    let Profile { counts, useful_flops, scalar_flops, registers, mix, .. } = profile;
    let share = |value: f64| format!("{:.1}%", 100.0 * value);
    let conflicts = counts.loop_conflicts() + counts.shared_conflicts;
    [
        profile.kernel.clone(),
        profile.rows.to_string(),
        profile.blocks.to_string(),
        format!("{:.2}", profile.waves),
        format!("{:.3}", (counts.flops + counts.scalar_flops) as f64 / (useful_flops + scalar_flops).max(1) as f64),
        share(counts.useful_bytes()),
        profile
            .dram_bytes
            .map_or_else(|| "-".to_owned(), |n| format!("{:.3}", n as f64 / profile.moved_bytes.max(1) as f64)),
        share(conflicts as f64 / counts.turns().max(1) as f64),
        registers.map_or_else(|| "-".to_owned(), |registers| registers.to_string()),
        mix.and_then(|mix| mix.main_loop.for_each_product()).map_or_else(|| "-".to_owned(), |n| share(1.0 / n)),
        profile.resident.to_string(),
        format!("{:.1}", 1e6 * profile.seconds),
        share(profile.roofline),
        profile.limit.to_owned(),
    ]
}

/// The first cell takes as much room as the widest name, or as usual.
fn line(
    widest: usize,
    [kernel, rows, blocks, waves, issued, bytes, dram, bank, registers, hmma, resident, us, roofline, limit]: [String;
        14],
) -> String {
    let width = widest.max(19);
    let counted = format!("{kernel:<width$}{rows:>7}{blocks:>8}{waves:>8}{issued:>8}{bytes:>8}{dram:>8}{bank:>7}");
    format!("  {counted}{registers:>6}{hmma:>7}{resident:>10}{us:>9}{roofline:>10}  {limit}\n")
}
