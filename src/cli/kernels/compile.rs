//! `sovitc kernels compile`

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use super::super::{Common, Format, Located, Status, Uses, answer, build, report, tell};
use crate::cores::on_every_core;
use crate::diagnostic::{Diagnostic, sort};
use crate::kernel::{Argument, KernelPlan, Launch};
use crate::nvrtc::{self, Cache, Compiled, Library};
use crate::render::visible;
use crate::{Outcome, disk, emit, kernel};

#[derive(Debug, Args)]
#[command(after_help = "\
What was compiled before is kept in `SOVIT_CACHE`, or in the user's folder of caches where that is not set; set to nothing,
it keeps nothing.

Example: sovitc kernels compile examples/so400m/plan.sov --arch sm_80,sm_90a --out cubins/")]
pub(in crate::cli) struct Compile {
    /// The plan.
    #[arg(value_name = "PLAN.sov")]
    plan: PathBuf,
    #[command(flatten)]
    uses: Uses,
    /// GPU architectures: CUBINs for such as sm_80, PTX for such as compute_80. Those of the plan's `emit kernels`, else
    /// sm_80 and sm_90a, where absent.
    #[arg(long, value_delimiter = ',', value_name = "ARCH")]
    arch: Vec<String>,
    /// Where to write; `sovit-out/<plan>/cubins` where absent.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Take the shapes from the lock and refuse to fit.
    #[arg(long)]
    locked: bool,
    #[command(flatten)]
    common: Common,
}

/// What `index.json` holds.
#[derive(Serialize)]
struct Index<'a> {
    plan: &'a str,
    cubins: &'a [Entry],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    ptx: &'a [Entry],
}

#[derive(Serialize)]
struct Entry {
    search: String,
    path: String,
    #[serde(flatten)]
    compiled: Compiled,
    launch: Launch,
    arguments: Vec<Argument>,
}

impl Entry {
    fn is_ptx(&self) -> bool {
        self.compiled.registers.is_none()
    }
}

pub(super) fn run(arguments: &Compile) -> Status {
    let format = arguments.common.format;
    let located = Located::new(&arguments.plan).using(arguments.uses);
    let compiled = build::compile(&located, arguments.locked);
    let Some(outcome) = &compiled.outcome else { return report(&compiled.diagnostics, &compiled.sources, format) };
    let out = arguments.out.clone().unwrap_or_else(|| PathBuf::from("sovit-out").join(&located.name).join("cubins"));
    match compile(arguments, outcome, &out) {
        Ok((text, warnings)) => answer(&text, format).max(tell(&warnings, &compiled.sources, format, "")),
        Err(mut found) => {
            // Every search asks for the same architectures.
            sort(&mut found);
            report(&found, &compiled.sources, format)
        }
    }
}

/// What it prints, and warnings.
fn compile(arguments: &Compile, outcome: &Outcome, out: &Path) -> Result<(String, Vec<Diagnostic>), Vec<Diagnostic>> {
    let one = |diagnostic: Diagnostic| vec![diagnostic];
    let search = nvrtc::Search::from_environment(|name| std::env::var_os(name));
    let library = nvrtc::find(&search).map_err(|missing| one(missing.into()))?;
    let jobs = jobs(arguments, outcome, &library)?;
    let (cache, refused) = Cache::usual(|name| std::env::var_os(name));
    let mut warnings = Vec::from_iter(refused);
    let (mut entries, mut found) = (Vec::new(), Vec::new());
    for result in on_every_core(&jobs, |job| job.entry(&library, &cache)) {
        match result {
            Ok(entry) => entries.push(entry),
            Err(diagnostic) => found.push(diagnostic),
        }
    }
    warnings.extend(cache.trouble());
    if !found.is_empty() {
        return Err([found, warnings].concat());
    }
    // PTX after the CUBINs.
    entries.sort_by_key(Entry::is_ptx);
    let (cubins, ptx) = entries.split_at(entries.partition_point(|entry| !entry.is_ptx()));
    let index = Index { plan: &outcome.plan.name, cubins, ptx };
    // Plain data: no map with odd keys, hence no error.
    let text = serde_json::to_string_pretty(&index).unwrap_or_default() + "\n";
    let files = entries.iter().map(|entry| (entry.path.as_str(), entry.compiled.code.as_slice()));
    disk::write_files(out, files.chain([("index.json", text.as_bytes())])).map_err(one)?;
    let text = match arguments.common.format {
        Format::Json => text,
        Format::Human => human(&library, &entries, out),
    };
    Ok((text, warnings))
}

/// A kernel of a search, and an architecture to compile it for.
struct Job<'a> {
    search: &'a str,
    plan: KernelPlan,
    arch: String,
}

impl Job<'_> {
    fn entry(&self, library: &Library, cache: &Cache) -> Result<Entry, Diagnostic> {
        let Self { search, plan, arch } = self;
        let compiled = cache.compile(library, &emit::kernel_source(plan)?, &plan.entry, arch)?;
        let [registers, shared] = [compiled.registers, compiled.static_shared_bytes].map(Option::unwrap_or_default);
        plan.check_launch(u64::from(registers), u64::from(shared))?;
        let path = format!("{search}/{}", compiled.file);
        Ok(Entry {
            search: (*search).to_owned(),
            path,
            compiled,
            launch: plan.launch,
            arguments: plan.arguments.clone(),
        })
    }
}

/// All that is to be compiled; refused before anything is where something cannot be.
fn jobs<'a>(arguments: &Compile, outcome: &'a Outcome, library: &Library) -> Result<Vec<Job<'a>>, Vec<Diagnostic>> {
    let (mut jobs, mut found) = (Vec::new(), Vec::new());
    for item in &outcome.answers {
        let architectures = architectures(arguments, outcome, &item.search);
        found.extend(architectures.iter().filter_map(|arch| library.accepts(arch).err()));
        match kernel::plan_for(&item.vit, outcome.plan.form_of(&item.search)) {
            Err(diagnostic) => found.push(diagnostic),
            Ok(kernels) => {
                let each = |plan: KernelPlan| {
                    let of = move |arch: &String| Job { search: &item.search, plan: plan.clone(), arch: arch.clone() };
                    architectures.iter().map(of).collect::<Vec<_>>()
                };
                jobs.extend(kernels.list.into_iter().flat_map(each));
            }
        }
    }
    if found.is_empty() { Ok(jobs) } else { Err(found) }
}

/// The architectures asked for on the command line, else by the plan for this search, else the usual two.
fn architectures(arguments: &Compile, outcome: &Outcome, search: &str) -> Vec<String> {
    let mut list = arguments.arch.clone();
    if list.is_empty() {
        list = outcome.plan.kernels_of(search).flat_map(|emit| emit.arch.clone()).collect();
    }
    if list.is_empty() {
        list = vec!["sm_80".to_owned(), "sm_90a".to_owned()];
    }
    list.sort();
    list.dedup();
    list
}

fn human(library: &Library, entries: &[Entry], out: &Path) -> String {
    let (major, minor) = library.version();
    let count = |is_counted: &dyn Fn(&Entry) -> bool| entries.iter().filter(|entry| is_counted(entry)).count();
    let what = match (count(&|entry| !entry.is_ptx()), count(&Entry::is_ptx)) {
        (cubins, 0) => format!("{cubins} CUBINs"),
        (0, ptx) => format!("{ptx} PTX files"),
        (cubins, ptx) => format!("{cubins} CUBINs and {ptx} PTX files"),
    };
    let kept = count(&|entry| entry.compiled.kept);
    let of_cache = if kept == 0 { String::new() } else { format!(", {kept} of them kept from before") };
    let head = format!("{what} by NVRTC {major}.{minor} in {}{of_cache}", visible(&out.to_string_lossy()));
    let lines = entries.iter().map(|Entry { path, compiled, .. }| {
        let about = compiled.registers.map(|registers| format!(", {registers} registers, no spills"));
        format!("  {path}  {} B{}", compiled.bytes, about.unwrap_or_default())
    });
    std::iter::once(head).chain(lines).collect::<Vec<_>>().join("\n") + "\n"
}
