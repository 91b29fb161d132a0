//! The Rust module of a plan, for build scripts: constants, configs and kernels, a module for each search.

use serde::Serialize;

use super::{Artefact, Printed, Request, engine, printed, targets, whole_examples};
use crate::diagnostic::Diagnostic;
use crate::emit::targets::Kernel as Source;
use crate::kernel::KernelPlan;
use crate::plan::Target;
use crate::shape::{Answer, Spending};
use crate::vit::{Cost, Vit};

/// How the module finds what it includes.
#[derive(Clone, Copy, Debug)]
pub struct RustModule<'a> {
    /// Where the plan's other artefacts lie, seen from the module's folder.
    pub folder: &'a str,
    /// Path of the crate that has `Kernel`, such as `::sovit_kernels`; without one no kernels are written.
    pub runtime: Option<&'a str>,
}

/// The module, `<plan>.rs`.
///
/// # Errors
/// As [`render`](super::render), and where the plan's name is no file name or the runtime's path no path.
pub fn rust_module(request: &Request<'_>, module: &RustModule<'_>) -> Result<Artefact, Vec<Diagnostic>> {
    let printed = printed(request)?;
    let mut taken = Names::default();
    let searches = request.answers.iter().map(|answer| {
        let own = printed.iter().filter(|printed| std::ptr::eq(printed.answer, answer));
        Search::new(taken.take(&module_name(&answer.search)), answer, own, module)
    });
    let searches = searches.collect();
    let plan = &request.plan.name;
    let context =
        Context { version: env!("CARGO_PKG_VERSION"), plan, runtime: module.runtime.unwrap_or_default(), searches };
    let path = super::path::join(&[&format!("{plan}.rs")]);
    let text = engine::render("plan.rs.j2", context);
    path.and_then(|path| Ok(Artefact { path, text: text? })).map_err(|diagnostic| vec![diagnostic])
}

#[derive(Serialize)]
struct Context<'a> {
    version: &'a str,
    plan: &'a str,
    runtime: &'a str,
    searches: Vec<Search<'a>>,
}

#[derive(Serialize)]
struct Search<'a> {
    module: String,
    name: &'a str,
    model: &'a str,
    law: &'a str,
    vit: Vit,
    head_dim: u64,
    tokens: u64,
    cost: Cost,
    budget: &'a Spending,
    examples: u64,
    configs: Vec<Config>,
    kernels: Vec<Kernel<'a>>,
    by_rows: Vec<ByRows>,
}

#[derive(Serialize)]
struct Config {
    name: String,
    about: String,
    path: String,
}

#[derive(Serialize)]
struct Kernel<'a> {
    name: String,
    path: String,
    plan: &'a KernelPlan,
}

/// The constants of one launch's kernels: those of small batches with the most rows that each is for, and the other.
#[derive(Serialize)]
struct ByRows {
    name: String,
    up_to: Vec<(u32, String)>,
    beyond: String,
}

impl<'a> Search<'a> {
    fn new(
        module_name: String,
        answer: &'a Answer,
        printed: impl Iterator<Item = &'a Printed<'a>>,
        module: &RustModule<'_>,
    ) -> Self {
        let mut taken = Names::default();
        let (mut configs, mut kernels, mut by_rows) = (Vec::new(), Vec::<Kernel>::new(), Vec::new());
        for Printed { emit, artefact, kernel, .. } in printed {
            let path = format!("{}/{}", module.folder, artefact.path);
            match (config(emit.target.value, &artefact.path), kernel) {
                (Some((name, about)), _) => configs.push(Config { name: taken.take(&name), about, path }),
                (None, Some(Source { plan, up_to })) if module.runtime.is_some() => {
                    let name = taken.take(&plan.name.to_ascii_uppercase());
                    kernels.push(Kernel { name: name.clone(), path, plan });
                    if !up_to.is_empty() {
                        // The last of that name: of this `emit`, which lists those of small batches first.
                        let constant = |kernel: &str| kernels.iter().rfind(|known| known.plan.name == kernel);
                        let small = |(rows, kernel): &(u64, String)| {
                            Some((u32::try_from(*rows).unwrap_or(u32::MAX), constant(kernel)?.name.clone()))
                        };
                        let up_to = up_to.iter().filter_map(small).collect();
                        by_rows.push(ByRows { name: taken.take(&format!("{name}_BY_ROWS")), up_to, beyond: name });
                    }
                }
                _ => {}
            }
        }
        Self {
            module: module_name,
            name: &answer.search,
            model: &answer.model,
            law: &answer.law,
            vit: answer.vit,
            head_dim: answer.vit.head_dim(),
            tokens: answer.vit.architecture.tokens(),
            cost: answer.cost,
            budget: &answer.budget,
            examples: whole_examples(&answer.budget),
            configs,
            kernels,
            by_rows,
        }
    }
}

/// The constant that holds a target's config or recipe, and what it is.
fn config(target: Target, path: &str) -> Option<(String, String)> {
    let listed = targets::list().into_iter().find(|listed| listed.name == target.name())?;
    let (name, upper) = (target.name(), target.name().to_ascii_uppercase());
    let file = path.rsplit('/').next();
    match listed.recipe.filter(|recipe| file == Some(recipe)) {
        Some(recipe) => Some((format!("RECIPE_{upper}"), format!("For {name}: the recipe, `{recipe}`."))),
        None if target == Target::Kernels => None,
        None => Some((format!("CONFIG_{upper}"), format!("For {name}: {}.", listed.writes))),
    }
}

/// Names given so far.
#[derive(Default)]
struct Names(Vec<String>);

impl Names {
    /// The name, numbered where it is taken.
    fn take(&mut self, name: &str) -> String {
        let numbered = (2..).map(|n| format!("{name}_{n}"));
        let free = std::iter::once(name.to_owned()).chain(numbered).find(|name| !self.0.contains(name));
        let free = free.unwrap_or_default();
        self.0.push(free.clone());
        free
    }
}

/// A search's name as the name of a module: what Rust does not allow becomes `_`, and a keyword gets one behind it.
fn module_name(name: &str) -> String {
    let mut module: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    if !module.starts_with(|c: char| c.is_ascii_alphabetic()) {
        module.insert_str(0, "search_");
    }
    if KEYWORDS.contains(&module.as_str()) {
        module.push('_');
    }
    module
}

/// Strict, reserved and edition keywords of Rust 2024.
const KEYWORDS: &[&str] = &[
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate", "do", "dyn", "else",
    "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "macro", "match", "mod",
    "move", "mut", "override", "priv", "pub", "ref", "return", "self", "Self", "static", "struct", "super", "trait",
    "true", "try", "type", "typeof", "union", "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_have_names_that_rust_takes() {
        for (search, module) in [
            ("flagship", "flagship"),
            ("so400m", "so400m"),
            ("type", "type_"),
            ("self", "self_"),
            ("crate", "crate_"),
            ("a-b", "a_b"),
            ("größe", "gr__e"),
            ("4x", "search_4x"),
            ("_", "search__"),
            ("", "search_"),
            ("x{}; use std", "x____use_std"),
        ] {
            assert_eq!(module_name(search), module, "{search}");
        }
    }

    #[test]
    fn a_taken_name_is_numbered() {
        let mut names = Names::default();
        assert_eq!(["a", "a", "b", "a"].map(|name| names.take(name)), ["a", "a_2", "b", "a_3"]);
    }
}
