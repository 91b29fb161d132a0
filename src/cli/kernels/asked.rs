//! What the commands that run kernels on the CPU share.

use std::path::{Path, PathBuf};
use std::{env, fs, io, process};

use clap::Args;

use super::super::asked::chosen;
use super::super::{Common, Located, Uses};
use crate::Outcome;
use crate::diagnostic::Diagnostic;
use crate::render::visible;
use crate::shape::Answer;
use crate::verify::{Compiler, codes};

/// The plan, and which of its searches.
#[derive(Debug, Args)]
pub(super) struct Asked {
    /// The plan.
    #[arg(value_name = "PLAN.sov")]
    plan: PathBuf,
    /// The search; all of the plan where absent.
    #[arg(value_name = "SEARCH")]
    search: Option<String>,
    #[command(flatten)]
    uses: Uses,
    /// Take the shapes from the lock and refuse to fit.
    #[arg(long)]
    pub(super) locked: bool,
    #[command(flatten)]
    pub(super) common: Common,
}

impl Asked {
    pub(super) fn located(&self) -> Located {
        Located::new(&self.plan).using(self.uses)
    }

    /// The answers of the search that was named, or of all.
    pub(super) fn answers<'a>(&self, outcome: &'a Outcome) -> Result<Vec<&'a Answer>, Diagnostic> {
        if let Some(name) = self.search.as_deref() {
            chosen(outcome, Some(name))?;
        }
        let asked = |answer: &&Answer| self.search.as_ref().is_none_or(|name| *name == answer.search);
        Ok(outcome.answers.iter().filter(asked).collect())
    }
}

/// The C++ compiler and a folder to build in.
pub(super) fn workshop() -> Result<(Compiler, Folder), Diagnostic> {
    let compiler = Compiler::find(|name| env::var_os(name)).ok_or_else(|| {
        let found = match env::var_os("CXX").filter(|set| !set.is_empty()) {
            Some(set) => format!("`CXX` is `{}`, which does not run", visible(&set.to_string_lossy())),
            None => "none was found".to_owned(),
        };
        let message = format!("running kernels on the CPU needs a C++ compiler, and {found}");
        let error = Diagnostic::error(codes::NO_COMPILER, message).from_world();
        error.help("install g++ or clang++").help("or set `CXX` to a compiler of C++17")
    })?;
    let folder = Folder::new().map_err(|error| {
        let message = format!("cannot make a folder in `{}`: {error}", env::temp_dir().display());
        Diagnostic::error(codes::NOT_RUN, message).from_world().help("set `TMPDIR` to a folder that can be written")
    })?;
    Ok((compiler, folder))
}

/// A folder of the process's own below the system's for temporary files; it goes with this value.
pub(super) struct Folder(PathBuf);

impl Folder {
    fn new() -> io::Result<Self> {
        const TRIES: u32 = 100;
        for attempt in 0..TRIES {
            let path = env::temp_dir().join(format!("sovitc-{}-{attempt}", process::id()));
            match Self::private().create(&path) {
                Ok(()) => return Ok(Self(path)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    /// Programs of it are run, hence no one else may write there.
    fn private() -> fs::DirBuilder {
        #[allow(unused_mut, reason = "only some systems have modes")]
        let mut builder = fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed is left to the system.
        let _ = fs::remove_dir_all(&self.0);
    }
}
