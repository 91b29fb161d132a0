//! Fits alone: the laws of a plan, group by group, without a search.

use super::{Checked, PlanFile, check};
use crate::diagnostic::{Diagnostic, any_error, nearest, sort};
use crate::law::{self, GroupFit};
use crate::plan::{self, LawData, LawKind, LawSpec, Plan};
use crate::results::{self, Table};
use crate::source::{Sources, Span, World};

/// What was fitted, and what was found on the way.
#[derive(Clone, Debug)]
pub struct Fits {
    /// Every text that was opened.
    pub sources: Sources,
    /// What belongs to no single fit, sorted. With an error among them nothing was fitted.
    pub diagnostics: Vec<Diagnostic>,
    /// A fit for each law and group, in the order of the plan and of first appearance.
    pub fits: Vec<GroupFit>,
}

/// Fits the laws of a plan, or only the one of that name: `check`, then `results`, `law`.
///
/// A group that cannot be fitted does not lose the others. Laws that are stated have nothing to fit and are left out.
/// `progress` hears how much of the work is done, from 0 to 1.
pub fn fit_laws(world: &dyn World, file: &PlanFile<'_>, only: Option<&str>, progress: &mut dyn FnMut(f64)) -> Fits {
    let Checked { mut sources, plan, mut diagnostics, .. } = check(world, file);
    if any_error(&diagnostics) {
        return Fits { sources, diagnostics, fits: Vec::new() };
    }
    let laws = match chosen(&plan, only, &mut sources) {
        Ok(laws) => laws,
        Err(found) => {
            diagnostics.push(found);
            return Fits { sources, diagnostics, fits: Vec::new() };
        }
    };
    let (tables, found) = results::read(&plan, world);
    diagnostics.extend(found);
    sort(&mut diagnostics);
    if any_error(&diagnostics) {
        return Fits { sources, diagnostics, fits: Vec::new() };
    }
    let mut jobs = Vec::new();
    for (spec, data) in laws {
        let Some(table) = tables.get(data.table).and_then(Option::as_ref) else { continue };
        jobs.extend(groups(table, &spec.kind).into_iter().map(|part| (spec, data.table, part)));
    }
    let mut fits = Vec::new();
    let all = jobs.len() as f64;
    for (done, (spec, place, part)) in jobs.into_iter().enumerate() {
        progress(done as f64 / all);
        fits.extend(fit_part(&plan, spec, place, part));
    }
    Fits { sources, diagnostics, fits }
}

/// The laws that are fitted, or the one of that name, with what each is fitted to.
fn chosen<'a>(
    plan: &'a Plan,
    only: Option<&str>,
    sources: &mut Sources,
) -> Result<Vec<(&'a LawSpec, LawData)>, Diagnostic> {
    let data = |spec: &'a LawSpec| match &spec.kind {
        LawKind::Stated(_) => None,
        LawKind::Sovit { data, .. } | LawKind::Form { data, .. } => Some((spec, *data)),
    };
    let Some(only) = only else {
        let laws: Vec<_> = plan.laws.iter().filter_map(data).collect();
        let message = "the plan has no law to fit";
        let nothing = || {
            Diagnostic::error(plan::codes::NOTHING_ASKED, message).help("add `law NAME = sovit fitted to TABLE.error`")
        };
        return if laws.is_empty() { Err(nothing()) } else { Ok(laws) };
    };
    let id = sources.add("--law", only);
    let place = Span::new(id, 0, only.len() as u32);
    let Some(spec) = plan.laws.iter().find(|spec| spec.name.value == only) else {
        let error = Diagnostic::error(plan::codes::UNKNOWN_NAME, format!("the plan has no law `{only}`"))
            .label(place, "no law of this name");
        let known = || plan.laws.iter().map(|spec| spec.name.value.as_str());
        let list: Vec<_> = known().map(|name| format!("`{name}`")).collect();
        return Err(match nearest(only, known()) {
            Some(near) => error.fix(format!("there is `{near}`"), place, near),
            None if list.is_empty() => error.help("add `law NAME = sovit fitted to TABLE.error` to the plan"),
            None => error.help(format!("it has {}", list.join(", "))),
        });
    };
    data(spec).map(|law| vec![law]).ok_or_else(|| {
        Diagnostic::error(plan::codes::WRONG_LAW, format!("law `{only}` states its exponents and is not fitted"))
            .label(place, "there is nothing to fit")
            .label(spec.span, "stated here")
            .help("name a law that is `fitted to` a table")
    })
}

/// The table in pieces that are fitted by themselves: the groups of a form, all of it for a star.
fn groups(table: &Table, kind: &LawKind) -> Vec<Table> {
    if !matches!(kind, LawKind::Form { .. }) {
        return vec![table.clone()];
    }
    let Table { name, path, metrics, group, rows: _ } = table.clone();
    let head = Table { name, path, metrics, group, rows: Vec::new() };
    let mut parts: Vec<Table> = Vec::new();
    let mut places = std::collections::BTreeMap::new();
    for row in &table.rows {
        let place = *places.entry(&row.group).or_insert_with(|| {
            parts.push(head.clone());
            parts.len() - 1
        });
        if let Some(part) = parts.get_mut(place) {
            part.rows.push(row.clone());
        }
    }
    parts
}

/// One law fitted to one piece of its table.
fn fit_part(plan: &Plan, spec: &LawSpec, place: usize, part: Table) -> Vec<GroupFit> {
    let rows = part.rows.iter().filter(|row| !row.hold_out).count() as u64;
    let values = part.rows.first().map_or_else(Vec::new, |row| row.group.clone());
    let group = part.group.iter().cloned().zip(values).collect();
    let mut tables: Vec<Option<Table>> = plan.results.iter().map(|_| None).collect();
    if let Some(slot) = tables.get_mut(place) {
        *slot = Some(part);
    }
    let plan = Plan { laws: vec![spec.clone()], results: plan.results.clone(), ..Plan::empty(&plan.name) };
    let (laws, findings) = law::fit(&plan, &tables);
    match laws.first() {
        Some(Some(named)) => GroupFit::of_law(named, &findings),
        _ => vec![GroupFit { group, law: spec.name.value.clone(), rows, fitted: None, findings }],
    }
}
