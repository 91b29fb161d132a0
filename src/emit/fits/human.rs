//! Fits for people: one in full, many as a line each.

use super::{WIDTH, termination_name, wrapped};
use crate::diagnostic::Diagnostic;
use crate::emit::terminal::Side::{self, Left, Right};
use crate::emit::terminal::{Section, columns, count, sections, texts};
use crate::law::{Estimate, GroupFit, Summary};

/// The report of all fits, with ANSI styles: fits of one law to several groups stand in one table.
/// Its lines keep to 80 columns; what there is no room for is named.
///
/// Findings are not part of it but for their codes.
///
/// # Errors
/// Only if a template of sovitc is broken.
pub fn report(fits: &[GroupFit]) -> Result<String, Diagnostic> {
    sections(fits.chunk_by(|a, b| a.law == b.law).map(|fits| section(fits, "`--format csv`")).collect())
}

/// The fits of one law: in full where it is one, in lines where there are groups; `elsewhere` has what finds no room.
pub(in crate::emit) fn section(fits: &[GroupFit], elsewhere: &str) -> Section {
    match fits {
        [one] if one.group.is_empty() => whole(one),
        many => lines(many, elsewhere),
    }
}

/// Of a longer value of a group the beginning is shown.
const CELL: usize = 24;

/// One fit in full.
fn whole(fit: &GroupFit) -> Section {
    let title = format!("law {}, {}", fit.law, count(fit.rows as usize, "row"));
    let Some(fitted) = &fit.fitted else { return Section { title, rows: vec!["not fitted".to_owned()] } };
    let interval = |estimate: &Estimate| match (estimate.low, estimate.high) {
        (Some(low), Some(high)) => format!("{} to {}", digits(low, 4), digits(high, 4)),
        _ => String::new(),
    };
    let has_intervals = fitted.parameters.iter().any(|(_, estimate)| estimate.low.is_some());
    let mut table = vec![texts(["", "value", if has_intervals { "95 % interval" } else { "" }])];
    table.extend(
        fitted
            .parameters
            .iter()
            .map(|(name, estimate)| vec![name.clone(), digits(estimate.value, 6), interval(estimate)]),
    );
    let mut rows = columns(&table, &[Left, Right, Right]);
    rows.extend(closing(fitted));
    Section { title, rows }
}

fn closing(fitted: &Summary) -> Vec<String> {
    let (name, value) = &fitted.objective;
    let (tried, at_best) = fitted.starts;
    let mut rows = vec![
        format!("{name} {}", digits(*value, 6)),
        format!("{at_best} of {tried} starts agree; stopped by {}", termination_name(fitted.termination)),
    ];
    if let Some(hold_out) = fitted.hold_out {
        let rmse = digits(hold_out.rmse_log, 4);
        rows.push(format!("held out {}, rmse of log {rmse}", count(hold_out.rows as usize, "row")));
    }
    if let Some(scores) = fitted.scores {
        let (loo, aicc, bic) = (digits(scores.loo, 4), digits(scores.aicc, 5), digits(scores.bic, 5));
        rows.push(format!("each row from the others, rmse of log {loo}; AICc {aicc}, BIC {bic}"));
    }
    for cutoff in &fitted.rollout {
        let (held, up_to) = (count(cutoff.held as usize, "row"), digits(cutoff.up_to, 3));
        let (fitted, rmse) = (count(cutoff.fitted as usize, "row"), digits(cutoff.rmse_log, 4));
        rows.push(format!("{held} beyond {up_to} from the {fitted} below, rmse of log {rmse}"));
    }
    rows
}

/// A line for each group.
fn lines(fits: &[GroupFit], elsewhere: &str) -> Section {
    let law = fits.first().map_or("", |fit| &fit.law);
    let failed = fits.iter().filter(|fit| fit.fitted.is_none()).count();
    let failed = if failed > 0 { format!(", {failed} not fitted") } else { String::new() };
    // What all groups share is said once.
    let shared: Vec<bool> = fits.first().map_or_else(Vec::new, |first| {
        let is_shared = |i: usize| fits.len() > 1 && fits.iter().all(|fit| fit.group.get(i) == first.group.get(i));
        (0..first.group.len()).map(is_shared).collect()
    });
    let of = |fit: &GroupFit, is_shared: bool| -> Vec<(String, String)> {
        let kept = fit.group.iter().zip(&shared).filter(|(_, shared)| **shared == is_shared);
        kept.map(|((name, value), _)| (cut(name), cut(value))).collect()
    };
    let common: Vec<String> = fits
        .first()
        .map_or_else(Vec::new, |fit| of(fit, true))
        .into_iter()
        .map(|(name, value)| format!(", {name} {value}"))
        .collect();
    let title = format!("law {law}, {}{failed}{}", count(fits.len(), "group"), common.concat());
    let fitted = || fits.iter().filter_map(|fit| fit.fitted.as_ref());
    let groups: Vec<String> =
        fits.first().map_or_else(Vec::new, |fit| of(fit, false)).into_iter().map(|(name, _)| name).collect();
    let parameters: Vec<&str> =
        fitted().next().map_or_else(Vec::new, |one| one.parameters.iter().map(|(name, _)| name.as_str()).collect());
    let has_hold_out = fitted().any(|one| one.hold_out.is_some());
    let has_findings = fits.iter().any(|fit| !fit.findings.is_empty());

    // With each parameter less, the table is narrower; the rest of it is always shown.
    let table = |shown: usize| {
        let mut head: Vec<String> = groups.iter().cloned().chain(texts(["rows"])).collect();
        head.extend(parameters.iter().take(shown).map(|name| (*name).to_owned()));
        head.extend(has_hold_out.then(|| "held out".to_owned()));
        head.extend(has_findings.then(|| "notes".to_owned()));
        let mut sides: Vec<Side> = vec![Left; groups.len()];
        sides.resize(head.len(), Right);
        if let Some(last) = sides.last_mut().filter(|_| has_findings) {
            *last = Left;
        }
        let row = |fit: &GroupFit| {
            let fitted = fit.fitted.as_ref();
            let mut cells: Vec<String> = of(fit, false).into_iter().map(|(_, value)| value).collect();
            cells.push(fit.rows.to_string());
            let value = |i: usize| fitted.and_then(|one| one.parameters.get(i)).map(|(_, e)| digits(e.value, 3));
            cells.extend((0..parameters.len().min(shown)).map(|i| value(i).unwrap_or_default()));
            if has_hold_out {
                let hold_out = fitted.and_then(|one| one.hold_out);
                cells.push(hold_out.map_or_else(String::new, |hold_out| digits(hold_out.rmse_log, 3)));
            }
            if has_findings {
                cells.push(fit.findings.len().to_string());
            }
            cells
        };
        columns(&std::iter::once(head).chain(fits.iter().map(row)).collect::<Vec<_>>(), &sides)
    };
    let fits_in = |rows: &[String]| rows.iter().all(|row| row.chars().count() <= WIDTH);
    let mut shown = parameters.len();
    let mut rows = table(shown);
    while shown > 0 && !fits_in(&rows) {
        shown -= 1;
        rows = table(shown);
    }
    let legend =
        [(has_hold_out, "held out: root mean square error of log predictions"), (has_findings, "notes: findings")];
    let legend: Vec<&str> = legend.into_iter().filter_map(|(is_used, text)| is_used.then_some(text)).collect();
    rows.extend((!legend.is_empty()).then(|| legend.join("; ")));
    if shown < parameters.len() {
        let left = parameters.iter().skip(shown).copied().collect::<Vec<_>>().join(", ");
        rows.extend(wrapped(&format!("no room for {left}: {elsewhere} has them"), 2));
    }
    Section { title, rows }
}

fn cut(text: &str) -> String {
    if text.chars().count() <= CELL { text.to_owned() } else { text.chars().take(CELL - 1).chain(['…']).collect() }
}

/// A number with so many significant digits, with an exponent where it is large or small.
fn digits(value: f64, significant: u8) -> String {
    if value == 0.0 || !value.is_finite() {
        return value.to_string();
    }
    // Rounding may carry into one digit more, so the exponent is that of the rounded number.
    let text = format!("{value:.*e}", usize::from(significant) - 1);
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..7.max(i32::from(significant))).contains(&exponent) {
        let decimals = (i32::from(significant) - 1 - exponent).max(0);
        format!("{value:.*}", decimals.unsigned_abs() as usize)
    } else {
        format!("{mantissa}e{exponent}")
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    /// The report without its styles.
    fn plain(fits: &[GroupFit]) -> String {
        let text = report(fits).unwrap();
        text.split('\u{1b}')
            .map(|part| part.split_once('m').filter(|_| part.starts_with('[')).map_or(part, |p| p.1))
            .collect()
    }

    #[test]
    fn many_groups_stand_in_lines() {
        let expected = "\
law m2, 2 groups, 1 not fitted, Model a, \"b\"
  Task  rows   zeta        b  held out  notes
  inet    40  0.300  2.00e22    0.0156  1
  bird     2                            1
  held out: root mean square error of log predictions; notes: findings
";
        assert_eq!(plain(&samples()).trim_end(), expected.trim_end());
    }

    #[test]
    fn one_fit_stands_in_full() {
        let mut fit = samples().remove(0);
        fit.group.clear();
        let expected = "\
law m2, 40 rows
             value       95 % interval
  zeta    0.300000  0.2500 to 1.000e-7
  b     2.00000e22
  sum of squares 0.00125000
  23 of 24 starts agree; stopped by objective
  held out 12 rows, rmse of log 0.01562
  each row from the others, rmse of log 0.5000; AICc -12.000, BIC -8.0000
  10 rows beyond 1.00e18 from the 30 rows below, rmse of log 0.2500
";
        assert_eq!(plain(&[fit]).trim_end(), expected.trim_end());
    }

    #[test]
    fn what_is_too_wide_is_named() {
        let mut fits = samples();
        let estimate = Estimate { value: 0.123456, low: None, high: None };
        for fit in &mut fits {
            let parameters = fit.fitted.as_mut().map(|fitted| &mut fitted.parameters);
            if let Some(list) = parameters {
                list.extend((0..12).map(|i| (format!("p{i}"), estimate)));
            }
        }
        let text = plain(&fits);
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        assert!(text.contains("p4  held out") && text.contains("no room for p5, p6, p7, p8, p9, p10, p11: "), "{text}");
    }

    #[test]
    fn digits_are_significant() {
        for (value, text) in [
            (0.123456, "0.123"),
            (1234.5, "1234"),
            (99.96, "100"),
            (1.5e-5, "1.50e-5"),
            (2e22, "2.00e22"),
            (-3.0, "-3.00"),
            (0.0, "0"),
        ] {
            assert_eq!(digits(value, 3), text);
        }
    }
}
