//! Fits as a table: a line for each.

use super::termination_name;
use crate::law::{Estimate, GroupFit};
use crate::units::exact;

/// Names of the columns that every fit has, around its parameters.
const BEFORE: [&str; 2] = ["law", "rows"];
const AFTER: [&str; 8] = [
    "objective",
    "objective_value",
    "hold_out_rows",
    "hold_out_rmse_log",
    "termination",
    "starts_tried",
    "starts_at_best",
    "findings",
];

/// A table after RFC 4180 with line feeds, one line for each fit: the grouping columns, `law`, `rows`; for every
/// parameter its value, `_low` and `_high`; the rest of the summary; codes of findings joined by `;`.
///
/// What there is none of is an empty cell. A grouping column whose name is taken is called `group_NAME`.
pub fn csv(fits: &[GroupFit]) -> String {
    let groups = names(fits.iter().flat_map(|fit| &fit.group).map(|(name, _)| name));
    let parameters = names(fits.iter().filter_map(|fit| fit.fitted.as_ref()).flat_map(|fitted| {
        let names = fitted.parameters.iter().map(|(name, _)| name);
        names.collect::<Vec<_>>()
    }));
    let ends = |name: &&str| [(*name).to_owned(), format!("{name}_low"), format!("{name}_high")];
    let measured: Vec<String> = parameters.iter().flat_map(ends).collect();
    let is_taken = |name: &str| BEFORE.contains(&name) || AFTER.contains(&name) || measured.iter().any(|m| m == name);
    let grouping = groups.iter().map(|name| if is_taken(name) { format!("group_{name}") } else { (*name).to_owned() });

    let mut text = String::new();
    let fixed = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let header = grouping.chain(fixed(&BEFORE)).chain(measured.iter().cloned()).chain(fixed(&AFTER));
    line(&mut text, header);
    for fit in fits {
        let group = groups.iter().map(|name| find(&fit.group, name).cloned().unwrap_or_default());
        let values = parameters.iter().flat_map(|name| {
            let found = fit.fitted.as_ref().and_then(|fitted| find(&fitted.parameters, name));
            let Estimate { value, low, high } = match found {
                Some(estimate) => *estimate,
                None => return [String::new(), String::new(), String::new()],
            };
            [Some(value), low, high].map(|number| number.map_or_else(String::new, exact))
        });
        line(&mut text, group.chain([fit.law.clone(), fit.rows.to_string()]).chain(values).chain(rest(fit)));
    }
    text
}

fn rest(fit: &GroupFit) -> [String; 8] {
    let codes: Vec<_> = fit.findings.iter().map(|finding| finding.code.name).collect();
    let codes = codes.join(";");
    let Some(fitted) = &fit.fitted else {
        let mut rest = [const { String::new() }; 8];
        rest[7] = codes;
        return rest;
    };
    let (name, value) = &fitted.objective;
    let hold_out = fitted.hold_out.map(|hold_out| (hold_out.rows.to_string(), exact(hold_out.rmse_log)));
    let (rows, error) = hold_out.unwrap_or_default();
    let (tried, at_best) = fitted.starts;
    let stopped = termination_name(fitted.termination);
    [name.clone(), exact(*value), rows, error, stopped, tried.to_string(), at_best.to_string(), codes]
}

/// Each name once, in order of first appearance.
fn names<'a>(all: impl Iterator<Item = &'a String>) -> Vec<&'a str> {
    let mut list: Vec<&str> = Vec::new();
    for name in all {
        if !list.contains(&name.as_str()) {
            list.push(name);
        }
    }
    list
}

fn find<'a, T>(list: &'a [(String, T)], name: &str) -> Option<&'a T> {
    list.iter().find(|(known, _)| known == name).map(|(_, value)| value)
}

fn line(text: &mut String, cells: impl Iterator<Item = String>) {
    for (i, cell) in cells.enumerate() {
        if i > 0 {
            text.push(',');
        }
        if cell.contains([',', '"', '\n', '\r']) || cell.starts_with(' ') || cell.ends_with(' ') {
            text.extend(["\"", &cell.replace('"', "\"\""), "\""]);
        } else {
            text.push_str(&cell);
        }
    }
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    #[test]
    fn a_line_a_fit() {
        let expected = "\
Task,Model,law,rows,zeta,zeta_low,zeta_high,b,b_low,b_high,objective,objective_value,hold_out_rows,hold_out_rmse_log,termination,starts_tried,starts_at_best,findings
inet,\"a, \"\"b\"\"\",m2,40,0.30000000000000004,0.25,1e-7,2e22,,,sum of squares,0.00125,12,0.015625,objective,24,23,at-bound
bird,\"a, \"\"b\"\"\",m2,2,,,,,,,,,,,,,,too-few-points
";
        assert_eq!(csv(&samples()), expected);
    }

    #[test]
    fn a_taken_name_is_told_apart() {
        let mut fits = samples();
        for fit in &mut fits {
            fit.group[0].0 = "rows".to_owned();
            fit.group[1].0 = "b_low".to_owned();
        }
        assert!(csv(&fits).starts_with("group_rows,group_b_low,law,rows,"));
    }
}
