//! The templates that a plan emits.

use std::io::Read as _;

use super::{PlanFile, codes, uses};
use crate::diagnostic::Diagnostic;
use crate::emit::Template;
use crate::plan::Plan;
use crate::source::{ReadError, Sources, Spanned, World};

/// Largest template, in bytes.
const LIMIT: u64 = 1 << 20;

/// Every template of a plan, each once, and what cannot be read.
pub(super) fn read(
    world: &dyn World,
    file: &PlanFile<'_>,
    plan: &Plan,
    sources: &mut Sources,
) -> (Vec<Template>, Vec<Diagnostic>) {
    let mut templates: Vec<Template> = Vec::new();
    let mut found = Vec::new();
    for path in plan.emits.iter().filter_map(|emit| emit.template.as_ref()) {
        if templates.iter().any(|known| known.path == path.value) {
            continue;
        }
        match one(world, file, path) {
            Ok(text) => {
                let folder = file.shown.rfind('/').map_or("", |at| &file.shown[..=at]);
                let source = sources.add(format!("{folder}{}", path.value), text.as_str());
                templates.push(Template { path: path.value.clone(), source, text });
            }
            Err(error) => found.push(error),
        }
    }
    (templates, found)
}

fn one(world: &dyn World, file: &PlanFile<'_>, path: &Spanned<String>) -> Result<String, Diagnostic> {
    let text = &path.value;
    let outside = uses::is_absolute(text) || uses::join("", text).is_none_or(|joined| joined.starts_with("../"));
    if outside && !file.outside {
        let error =
            Diagnostic::error(codes::OUTSIDE, format!("the template `{text}` lies outside of the plan's folder"))
                .label(path.span, "not below the plan's folder");
        return Err(error.help("keep it beside the plan, or allow it with `--allow-outside`"));
    }
    let wrong = |why: String| {
        Diagnostic::error(codes::UNREADABLE_TEMPLATE, format!("cannot read the template `{text}`: {why}"))
            .label(path.span, "asked for here")
    };
    let input = world.open(text).map_err(|error| {
        let found = wrong(error.to_string());
        match error {
            ReadError::NotFound => found.help("check the path: it begins at the folder of the file that says so"),
            _ => found.from_world(),
        }
    })?;
    let mut bytes = Vec::new();
    input.take(LIMIT + 1).read_to_end(&mut bytes).map_err(|error| wrong(error.to_string()).from_world())?;
    if bytes.len() as u64 > LIMIT {
        return Err(wrong(format!("it has more than {LIMIT} bytes")).help("make it smaller"));
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        wrong(format!("byte {at} is not UTF-8")).help("save the file as UTF-8")
    })
}
