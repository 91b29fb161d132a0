//! Where the event files of a run lie: in its folder, or as Keras keeps them, in two below it.

use crate::plan::Results;
use crate::results::files::{files, sources};
use crate::source::{Pattern, ReadError, World};

/// The event files of all runs, those of a run one after another.
///
/// # Errors
/// Those of [`World::list`].
pub(in crate::results) fn logs(results: &Results, world: &dyn World) -> Result<Vec<String>, ReadError> {
    let sources = sources(results);
    let path = sources.first().map_or("", String::as_str);
    let own = Pattern::new(path);
    let mut found = files(path, world)?;
    let below = sources.get(1).and_then(|below| files(below, world).ok()).unwrap_or_default();
    found.extend(below.into_iter().filter(|file| half(file).is_some() && !own.matches(file)));
    found.sort_by(|a, b| (folder_of_run(&own, a), a).cmp(&(folder_of_run(&own, b), b)));
    Ok(found)
}

/// What tells the folder of the run that a file is of.
pub(in crate::results) fn folders(results: &Results) -> impl Fn(&str) -> &str {
    let own = Pattern::new(sources(results).first().map_or("", String::as_str));
    move |file| folder_of_run(&own, file)
}

/// A file's own folder where it fits the pattern of runs, else that of the run whose half it is in.
fn folder_of_run<'a>(own: &Pattern, file: &'a str) -> &'a str {
    match half(file) {
        Some((run, _)) if !own.matches(file) => run,
        _ => file.rfind('/').map_or("", |at| &file[..at]),
    }
}

/// The two folders in which Keras keeps the event files of one run.
const HALVES: [&str; 2] = ["train", "validation"];

/// The folder of a Keras run, and the half of it that a file lies in.
pub(super) fn half(file: &str) -> Option<(&str, &str)> {
    let folder = file.get(..file.rfind('/')?)?;
    let (run, half) = folder.rsplit_once('/').unwrap_or(("", folder));
    HALVES.contains(&half).then_some((run, half))
}
