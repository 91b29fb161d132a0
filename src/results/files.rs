//! Which files a table lies in, and of what format each is.

use crate::plan::{Results, TrainerKind};
use crate::source::{ReadError, World, is_pattern};

/// How the rows of a table are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// Cells with this byte between them, below a header.
    Cells(u8),
    /// A JSON object a line.
    JsonLines,
    /// A JSON array of objects.
    Json,
    /// Parquet.
    Parquet,
}

/// Endings of names of packed files.
pub(super) const PACKED: [&str; 2] = [".gz", ".zst"];

impl Format {
    /// Endings of names, before one of [`PACKED`].
    const ENDINGS: [(&str, Self); 6] = [
        (".csv", Self::Cells(b',')),
        (".tsv", Self::Cells(b'\t')),
        (".jsonl", Self::JsonLines),
        (".ndjson", Self::JsonLines),
        (".json", Self::Json),
        (".parquet", Self::Parquet),
    ];

    /// The format that a file's name ends in, in small or capital letters.
    pub(super) fn of(path: &str) -> Option<Self> {
        let path = path.to_ascii_lowercase();
        let plain = PACKED.iter().find_map(|packed| path.strip_suffix(packed)).unwrap_or(&path);
        Self::ENDINGS.iter().find(|(ending, _)| plain.ends_with(ending)).map(|&(_, format)| format)
    }
}

/// The files of the table at `path`, in the order of their names: one file, every table of a folder, or all files that
/// fit a pattern.
///
/// # Errors
/// Those of [`World::list`]. A folder without tables, and a pattern that nothing fits, have no files.
pub fn files(path: &str, world: &dyn World) -> Result<Vec<String>, ReadError> {
    let mut files = world.list(path)?;
    if !is_pattern(path) && !matches!(&files[..], [only] if only == path) {
        files.retain(|file| Format::of(file).is_some());
    }
    Ok(files)
}

/// The patterns of the files that a table is read from.
pub fn sources(results: &Results) -> Vec<String> {
    let path = results.path.value.as_str();
    let Some(trainer) = &results.trainer else { return vec![path.to_owned()] };
    let (log, config) = trainer.kind.files();
    let join = |folder: &str, file: &str| {
        let folder = folder.trim_end_matches('/');
        if folder.is_empty() { file.to_owned() } else { format!("{folder}/{file}") }
    };
    match trainer.kind {
        TrainerKind::Tensorboard => event_files(path),
        TrainerKind::Wandb => vec![path.to_owned()],
        TrainerKind::Mlflow if is_database(path) || Format::of(path).is_some() => vec![path.to_owned()],
        TrainerKind::Mlflow => {
            let folder = path.strip_suffix(log).unwrap_or(path);
            [log, "params/**/*", "tags/**/*", "metrics/**/*"].map(|file| join(folder, file)).into()
        }
        _ => {
            let folder = path.strip_suffix(log).unwrap_or(path);
            [Some(log), config].into_iter().flatten().map(|file| join(folder, file)).collect()
        }
    }
}

/// Whether a file is a database of MLflow by its name.
pub(super) fn is_database(path: &str) -> bool {
    let path = path.to_ascii_lowercase();
    [".db", ".sqlite", ".sqlite3"].iter().any(|ending| path.ends_with(ending))
}

/// Event files of runs, and those in folders below them, which may hold their hyperparameters.
fn event_files(path: &str) -> Vec<String> {
    let (folder, file) = match path.rsplit_once('/') {
        Some((folder, file)) if file.contains("tfevents") => (folder, file),
        None if path.contains("tfevents") => ("", path),
        _ => (path.trim_end_matches('/'), TrainerKind::Tensorboard.files().0),
    };
    let folder = if folder.is_empty() { String::new() } else { format!("{folder}/") };
    vec![format!("{folder}{file}"), format!("{folder}*/{file}")]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::MemoryWorld;

    #[test]
    fn formats_are_known_by_name() {
        for (path, format) in [
            ("a.csv", Some(Format::Cells(b','))),
            ("A.TSV.GZ", Some(Format::Cells(b'\t'))),
            ("a.ndjson.zst", Some(Format::JsonLines)),
            ("a.b/a.json", Some(Format::Json)),
            ("a.csv.gz.zst", None),
            ("csv", None),
            ("a.parquet", Some(Format::Parquet)),
        ] {
            assert_eq!(Format::of(path), format, "{path}");
        }
    }

    #[test]
    fn a_folder_is_read_without_its_notes() {
        let world = MemoryWorld::default().with("runs/b.csv", "").with("runs/a.json", "").with("runs/README.md", "");
        assert_eq!(files("runs", &world).unwrap(), ["runs/a.json", "runs/b.csv"]);
        assert_eq!(files("runs/*", &world).unwrap(), ["runs/README.md", "runs/a.json", "runs/b.csv"]);
        assert_eq!(files("runs/README.md", &world).unwrap(), ["runs/README.md"]);
    }
}
