//! `sovitc kernels compile`

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::super::{Common, Format, Located, Status, Uses, answer, build, report};
use crate::diagnostic::{Diagnostic, sort};
use crate::kernel::{Argument, Launch};
use crate::nvrtc::{self, Compiled, Library};
use crate::render::visible;
use crate::shape::Answer;
use crate::vit::KernelForm;
use crate::{Outcome, disk, emit, kernel};

#[derive(Debug, Args)]
#[command(after_help = "Example: sovitc kernels compile examples/so400m/plan.sov --arch sm_80,sm_90a --out cubins/")]
pub(in crate::cli) struct Compile {
    /// The plan.
    #[arg(value_name = "PLAN.sov")]
    plan: PathBuf,
    #[command(flatten)]
    uses: Uses,
    /// GPU architectures; those of the plan's `emit kernels`, else sm_80 and sm_90a, where absent.
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

pub(super) fn run(arguments: &Compile) -> Status {
    let format = arguments.common.format;
    let located = Located::new(&arguments.plan).using(arguments.uses);
    let compiled = build::compile(&located, arguments.locked);
    let Some(outcome) = &compiled.outcome else { return report(&compiled.diagnostics, &compiled.sources, format) };
    let out = arguments.out.clone().unwrap_or_else(|| PathBuf::from("sovit-out").join(&located.name).join("cubins"));
    match compile(arguments, outcome, &out) {
        Ok(text) => answer(&text, format),
        Err(mut found) => {
            // Every search asks for the same architectures.
            sort(&mut found);
            report(&found, &compiled.sources, format)
        }
    }
}

fn compile(arguments: &Compile, outcome: &Outcome, out: &std::path::Path) -> Result<String, Vec<Diagnostic>> {
    let one = |diagnostic: Diagnostic| vec![diagnostic];
    let search = nvrtc::Search::from_environment(|name| std::env::var_os(name));
    let library = nvrtc::find(&search).map_err(|missing| one(missing.into()))?;
    let mut entries = Vec::new();
    let mut found = Vec::new();
    for item in &outcome.answers {
        let architectures = architectures(arguments, outcome, &item.search);
        for result in compile_answer(&library, item, outcome.plan.form_of(&item.search), &architectures) {
            match result {
                Ok(entry) => entries.push(entry),
                Err(diagnostic) => found.push(diagnostic),
            }
        }
    }
    if !found.is_empty() {
        return Err(found);
    }
    let index = Index { plan: &outcome.plan.name, cubins: &entries };
    // Plain data: no map with odd keys, hence no error.
    let text = serde_json::to_string_pretty(&index).unwrap_or_default() + "\n";
    let files = entries.iter().map(|entry| (entry.path.as_str(), entry.compiled.cubin.as_slice()));
    disk::write_files(out, files.chain([("index.json", text.as_bytes())])).map_err(one)?;
    Ok(match arguments.common.format {
        Format::Json => text,
        Format::Human => human(&library, &entries, out),
    })
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

fn compile_answer(
    library: &Library,
    item: &Answer,
    form: KernelForm,
    architectures: &[String],
) -> Vec<Result<Entry, Diagnostic>> {
    let kernels = match kernel::plan_for(&item.vit, form) {
        Ok(kernels) => kernels,
        Err(diagnostic) => return vec![Err(diagnostic)],
    };
    let jobs = kernels.list.iter().flat_map(|plan| architectures.iter().map(move |arch| (plan, arch)));
    jobs.map(|(plan, arch)| {
        let source = emit::kernel_source(plan)?;
        let compiled = library.compile(&source, &plan.entry, arch)?;
        let path = format!("{}/{}", item.search, compiled.file);
        let (launch, arguments) = (plan.launch, plan.arguments.clone());
        Ok(Entry { search: item.search.clone(), path, compiled, launch, arguments })
    })
    .collect()
}

fn human(library: &Library, entries: &[Entry], out: &std::path::Path) -> String {
    let (major, minor) = library.version();
    let head = format!("{} CUBINs by NVRTC {major}.{minor} in {}", entries.len(), visible(&out.to_string_lossy()));
    let lines = entries.iter().map(|Entry { path, compiled, .. }| {
        format!("  {path}  {} B, {} registers, no spills", compiled.bytes, compiled.registers)
    });
    std::iter::once(head).chain(lines).collect::<Vec<_>>().join("\n") + "\n"
}
