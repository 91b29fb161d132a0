//! `sovitc fit TABLE --law FORM` and `sovitc fit PLAN.sov`
//!
//! Exit status as everywhere; 1 also where none of the groups could be fitted. Where some could, the others say in their
//! findings why not.

mod bind;
mod objective;
mod progress;

use std::path::{Path, PathBuf};

use clap::error::ErrorKind;
use clap::{Args, CommandFactory as _, ValueEnum};

use super::cost::Pool;
use super::{Located, Status, Uses, answer, tell};
use crate::diagnostic::{Diagnostic, any_error, sort};
use crate::disk::DiskWorld;
use crate::law::{FORMS, FitOptions, GroupFit, Objective, RANKED_FROM, Summary};
use crate::plan::{self, FitSettings};
use crate::source::Sources;
use crate::{Fits, Stage, emit};
use progress::Progress;

#[derive(Debug, Args)]
#[command(after_help = "\
In EXPR a bare name is a column, and backquotes stand around names that hold blanks: `Seen Examples`.
There are numbers, \"texts\", + - * / ( ), == != < <= > >=, and, or, not.
A variable that is not bound takes the column of its own name.

The exit status is 1 where the arguments or the table are wrong, or none of the groups can be fitted; a group that
cannot be fitted says why among its findings. Nothing is written but the answer.

Example: sovitc fit benchmark.vision.csv --law m4 --bind x='`Seen Examples`' --bind y=Loss \\
    --group-by Domain,Task,Model --hold-out 'Training == 0' --format json")]
pub(super) struct Arguments {
    #[command(flatten)]
    uses: Uses,
    /// A table of results, or a plan, which names its tables and laws itself.
    #[arg(value_name = "TABLE|PLAN.sov")]
    input: Option<PathBuf>,
    /// The form to fit to a table, or the only law of a plan to fit; `list` shows all forms. Several forms, separated by
    /// commas, are ranked by their error on the largest compute: on the rows held out, or on the upper fifth of the
    /// range of log compute.
    #[arg(long, value_name = "FORM")]
    law: Option<String>,
    /// Fit the rows below 40, 60 and 80 % of the range of log compute, and predict the rest each time.
    #[arg(long)]
    rollout: bool,
    /// What a variable of the form is in each row, for example `d='FLOP / (6 * n)'`.
    #[arg(long, value_name = "NAME=EXPR")]
    bind: Vec<String>,
    /// Rows to read; all where absent.
    #[arg(long = "where", value_name = "EXPR")]
    keep: Option<String>,
    /// Rows to predict instead of fit; none where absent.
    #[arg(long, value_name = "EXPR")]
    hold_out: Option<String>,
    /// Columns whose values tell groups apart; each group is fitted by itself.
    #[arg(long, value_name = "COL,COL")]
    group_by: Vec<String>,
    /// The column that tells runs apart; rows of one run are drawn together.
    #[arg(long, value_name = "COL")]
    cluster: Option<String>,
    /// What becomes of rows that differ in the predicted variable only, such as runs with other seeds.
    #[arg(long, value_enum, default_value_t)]
    seeds: Seeds,
    /// How much a row counts; 1 where absent, and averaged rows count as often as they were repeated.
    #[arg(long, value_name = "EXPR")]
    weight: Option<String>,
    /// What to minimise: `relative`, `log`, `huber`, `huber:DELTA`, `l1` or `published`; the form's own choice where absent.
    #[arg(long, value_name = "OBJECTIVE", value_parser = objective::parse)]
    objective: Option<Objective>,
    /// Starts of the search; the form's own number where absent.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    starts: Option<u32>,
    /// Bootstrap refits behind the 95 % intervals, 0 for no intervals; 300 where absent.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    draws: Option<u32>,
    /// Seed of the draws; 0 where absent.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Where the refits draw their data from; whole runs where `--cluster` names them, else a fitted spread, where absent.
    #[arg(long, value_enum)]
    bootstrap: Option<Bootstrap>,
    /// How the noise is taken to depend on compute: rows count alike, or by the inverse square of a fitted spread.
    #[arg(long, value_enum, default_value_t)]
    spread: Spread,
    /// Where compute is bound as `examples`: side of the image, in pixels.
    #[arg(long, value_name = "PX")]
    image: Option<u64>,
    /// Side of a patch, in pixels.
    #[arg(long, value_name = "PX")]
    patch: Option<u64>,
    /// Attention heads.
    #[arg(long, value_name = "N")]
    heads: Option<u64>,
    /// How the tokens become one vector; `class` brings the class token with it.
    #[arg(long, value_enum)]
    pool: Option<Pool>,
    /// How to write the answer.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// What becomes of repeated rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Seeds {
    /// Each stays a row.
    #[default]
    Keep,
    /// They become one row with their mean.
    Average,
}

/// Where refits draw their data from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Bootstrap {
    /// The fit with fresh noise of a fitted spread.
    Parametric,
    /// The fit with the residuals of whole runs under random weights.
    Wild,
}

/// How noise depends on compute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Spread {
    /// Not at all.
    #[default]
    Constant,
    /// As the residuals do.
    Fitted,
}

/// How fits are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    #[default]
    Human,
    /// One array with an object for each group.
    Json,
    /// A line for each group.
    Csv,
}

pub(super) fn run(arguments: &Arguments) -> Status {
    let law = arguments.law.as_deref();
    let Some(input) = &arguments.input else {
        return match law {
            Some("list") => list(arguments.format),
            _ => misused(ErrorKind::MissingRequiredArgument, "name a table, or a plan; `--law list` shows the forms"),
        };
    };
    if input.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("sov")) {
        arguments.fit_plan(input)
    } else {
        match law {
            Some("list") => list(arguments.format),
            Some(law) => arguments.fit_table(input, law),
            None => misused(
                ErrorKind::MissingRequiredArgument,
                "say which form to fit to the table: `--law FORM`; `--law list` shows the forms",
            ),
        }
    }
}

/// Ends the process as clap does where arguments make no sense together.
fn misused(kind: ErrorKind, message: &str) -> ! {
    let mut command = super::Cli::command();
    command.build();
    let fit = command.find_subcommand_mut("fit").map(std::mem::take);
    fit.unwrap_or_default().error(kind, message).exit()
}

/// Every form there is.
fn list(format: Format) -> Status {
    match format {
        Format::Human => match emit::fits::forms_report(FORMS) {
            Ok(text) => answer(&text, super::Format::Human),
            Err(broken) => tell(&[broken], &Sources::default(), super::Format::Human, ""),
        },
        Format::Json => answer(&emit::fits::forms_json(FORMS), super::Format::Json),
        Format::Csv => misused(ErrorKind::ArgumentConflict, "the list of forms is written as `human` or `json`"),
    }
}

impl Arguments {
    fn fit_plan(&self, path: &Path) -> Status {
        if let Some(name) = self.of_tables().first() {
            let message = format!("`{name}` is for tables: a plan names its columns and objectives itself");
            misused(ErrorKind::ArgumentConflict, &message)
        }
        let located = Located::new(path).using(self.uses);
        let mut progress = Progress::new();
        let show = &mut |share| progress.show(Stage::Fitting, share);
        let fits = crate::fit_laws(&located.world(), &located.plan(), self.law.as_deref(), show);
        drop(progress);
        self.answer(&fits)
    }

    fn fit_table(&self, path: &Path, laws: &str) -> Status {
        let laws: Vec<&str> = laws.split(',').map(str::trim).collect();
        let cutoffs: &[f64] = match (self.rollout, laws.len()) {
            (true, _) => &[0.4, 0.6, RANKED_FROM],
            (false, 1) => &[],
            _ => &[RANKED_FROM],
        };
        let mut fits = Fits { sources: Sources::default(), diagnostics: Vec::new(), fits: Vec::new() };
        let mut progress = Progress::new();
        for law in &laws {
            let mut show = |stage: Stage, share: f64| progress.show(stage, share);
            let (list, found) = self.fit_law(path, law, cutoffs, &mut fits.sources, &mut show);
            fits.fits.extend(list);
            fits.diagnostics.extend(found);
        }
        drop(progress);
        sort(&mut fits.diagnostics);
        if laws.len() > 1 {
            rank(&mut fits.fits);
        }
        self.answer(&fits)
    }

    fn fit_law(
        &self,
        path: &Path,
        law: &str,
        cutoffs: &[f64],
        sources: &mut Sources,
        show: &mut dyn FnMut(Stage, f64),
    ) -> (Vec<GroupFit>, Vec<Diagnostic>) {
        let shown = path.to_string_lossy();
        let bound = bind::form(law, sources, FORMS)
            .map_err(|unknown| vec![unknown])
            .and_then(|form| bind::bind(self, &shown, form, sources));
        let bound = match bound {
            Ok(bound) => bound,
            Err(found) => return (Vec::new(), found),
        };
        let options = FitOptions {
            objective: self.objective,
            starts: self.starts,
            draws: self.draws.unwrap_or(FitSettings::DRAWS),
            seed: self.seed.unwrap_or(0),
            bootstrap: self.bootstrap.map(|bootstrap| match bootstrap {
                Bootstrap::Parametric => plan::Bootstrap::Parametric,
                Bootstrap::Wild => plan::Bootstrap::Wild,
            }),
            spread: match self.spread {
                Spread::Constant => plan::Spread::Constant,
                Spread::Fitted => plan::Spread::Fitted,
            },
        };
        let (world, compute) = (DiskWorld::new(""), bound.compute.as_ref());
        let (list, found) = crate::fit_table(&world, &bound.query, bound.form, compute, &options, cutoffs, show);
        (list, bound.explain(found))
    }

    /// Options given that have no meaning with a plan.
    fn of_tables(&self) -> Vec<&'static str> {
        let given = [
            (!self.bind.is_empty(), "--bind"),
            (self.keep.is_some(), "--where"),
            (self.hold_out.is_some(), "--hold-out"),
            (!self.group_by.is_empty(), "--group-by"),
            (self.cluster.is_some(), "--cluster"),
            (self.seeds != Seeds::Keep, "--seeds"),
            (self.weight.is_some(), "--weight"),
            (self.objective.is_some(), "--objective"),
            (self.starts.is_some(), "--starts"),
            (self.draws.is_some(), "--draws"),
            (self.seed.is_some(), "--seed"),
            (self.bootstrap.is_some(), "--bootstrap"),
            (self.spread != Spread::Constant, "--spread"),
            (self.rollout, "--rollout"),
            (self.image.is_some(), "--image"),
            (self.patch.is_some(), "--patch"),
            (self.heads.is_some(), "--heads"),
            (self.pool.is_some(), "--pool"),
        ];
        given.into_iter().filter(|(is_given, _)| *is_given).map(|(_, name)| name).collect()
    }

    /// Writes the fits, and what was found to stderr. Findings of a fit stand in the answer for programs.
    fn answer(&self, fits: &Fits) -> Status {
        let format = if self.format == Format::Json { super::Format::Json } else { super::Format::Human };
        let mut found = fits.diagnostics.clone();
        let is_refused = any_error(&found);
        if self.format == Format::Human {
            found.extend(fits.fits.iter().flat_map(of_group));
        }
        let nothing = !fits.fits.is_empty() && fits.fits.iter().all(|fit| fit.fitted.is_none());
        let text = match self.format {
            _ if is_refused => Ok(String::new()),
            Format::Human => emit::fits::report(&fits.fits),
            Format::Json => Ok(emit::fits::json(&fits.fits)),
            Format::Csv => Ok(emit::fits::csv(&fits.fits)),
        };
        let text = text.unwrap_or_else(|broken| {
            found.push(broken);
            String::new()
        });
        let told = tell(&found, &fits.sources, format, "");
        // One group that has no fit does not make the others wrong.
        let status = match told {
            Status::PlanWrong if !is_refused && !nothing => Status::Done,
            _ if nothing => told.max(Status::PlanWrong),
            _ => told,
        };
        if text.is_empty() { status } else { status.max(answer(&text, format)) }
    }
}

/// Puts the fits of one group together, groups in order of first appearance, and of each the best first.
fn rank(fits: &mut [GroupFit]) {
    let mut groups: Vec<Vec<(String, String)>> = Vec::new();
    for fit in fits.iter() {
        if !groups.contains(&fit.group) {
            groups.push(fit.group.clone());
        }
    }
    let error = |fit: &GroupFit| fit.fitted.as_ref().and_then(Summary::largest).unwrap_or(f64::INFINITY);
    let place = |fit: &GroupFit| groups.iter().position(|group| *group == fit.group);
    fits.sort_by(|a, b| place(a).cmp(&place(b)).then(error(a).total_cmp(&error(b))));
}

/// How a finding names its group.
const GROUP: &str = "in the group ";

/// The findings of a fit, with its group.
fn of_group(fit: &GroupFit) -> Vec<Diagnostic> {
    let group: Vec<String> = fit.group.iter().map(|(name, value)| format!("{name} {value}")).collect();
    let note = |found: &Diagnostic| match group.as_slice() {
        [] => found.clone(),
        // Those of a plan's law say so themselves.
        _ if found.notes.iter().any(|note| note.starts_with(GROUP)) => found.clone(),
        group => found.clone().note(format!("{GROUP}{}", group.join(", "))),
    };
    fit.findings.iter().map(note).collect()
}
