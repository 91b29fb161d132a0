//! The file system: the world a plan reads from, and the folder it writes to.
//!
//! Writing is all or nothing as far as a file system allows: every file is written beside its place under another name
//! and flushed; only when all are there is each renamed. A failure before that leaves what was there before.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::diagnostic::Diagnostic;
use crate::emit::{Artefact, path};
use crate::lock::{self, Lock};
use crate::source::{Pattern, ReadError, World, is_pattern};

/// Codes of writing: S002x.
pub mod codes {
    use crate::diagnostic::Code;

    /// A file or folder cannot be written.
    pub const UNWRITABLE: Code = Code::new("S0021", "cannot-write");
}

/// Files below a folder, the plan's.
#[derive(Clone, Debug)]
pub struct DiskWorld {
    root: PathBuf,
}

impl DiskWorld {
    /// The largest file that is read, in bytes (1 GiB).
    pub const LIMIT: u64 = 1 << 30;

    /// The world of paths relative to `root`.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The most files and folders that are looked at for one pattern.
    pub const LISTED: usize = 100_000;

    /// The world of a plan at that path.
    pub fn of_plan(plan: &Path) -> Self {
        Self::new(plan.parent().unwrap_or(Path::new("")))
    }

    /// The files that fit a pattern, sorted. Folders behind links are not entered, so that the search ends.
    fn fitting(&self, pattern: &Pattern) -> Result<Vec<String>, ReadError> {
        let mut files = Vec::new();
        let mut seen = 0;
        let mut open = vec![(pattern.folder(), 0)];
        while let Some((folder, depth)) = open.pop() {
            let place = self.root.join(&folder);
            let place = if place.as_os_str().is_empty() { Path::new(".") } else { &place };
            for entry in fs::read_dir(place).map_err(|error| read_error(&error))? {
                let entry = entry.map_err(|error| read_error(&error))?;
                seen += 1;
                if seen > Self::LISTED {
                    return Err(ReadError::Other(format!("more than {} files lie there", Self::LISTED)));
                }
                // What is no text cannot be written in a plan.
                let name = entry.file_name();
                let Some(name) = name.to_str() else { continue };
                let path = match folder.as_str() {
                    "" => name.to_owned(),
                    folder => format!("{}/{name}", folder.trim_end_matches('/')),
                };
                let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
                if is_folder && !name.starts_with('.') && pattern.depth().is_none_or(|most| depth < most) {
                    open.push((path, depth + 1));
                } else if !is_folder && pattern.matches(&path) && fs::metadata(entry.path()).is_ok_and(|a| a.is_file())
                {
                    files.push(path);
                }
            }
        }
        files.sort();
        Ok(files)
    }
}

impl World for DiskWorld {
    fn read(&self, path: &str) -> Result<Vec<u8>, ReadError> {
        read(&self.root.join(path))
    }

    fn open<'a>(&'a self, path: &str) -> Result<Box<dyn Read + 'a>, ReadError> {
        let path = self.root.join(path);
        regular(&path)?;
        Ok(Box::new(File::open(path).map_err(|error| read_error(&error))?))
    }

    fn list(&self, path: &str) -> Result<Vec<String>, ReadError> {
        match fs::metadata(self.root.join(path)) {
            Ok(about) if about.is_dir() => self.fitting(&Pattern::of_list(path)),
            Ok(_) => Ok(vec![path.to_owned()]),
            Err(_) if is_pattern(path) => self.fitting(&Pattern::new(path)),
            Err(error) => Err(read_error(&error)),
        }
    }
}

/// What [`write_all`] did, in the order of the artefacts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Files made or replaced.
    pub changed: Vec<PathBuf>,
    /// Files that held the same bytes already.
    pub unchanged: Vec<PathBuf>,
}

/// Writes every artefact below `out`, which is made where it is missing.
///
/// # Errors
/// [`codes::UNWRITABLE`], the world's fault, with nothing half-written and no temporary file left. Only where a rename
/// fails after others succeeded do new files stand beside old ones, each of them whole.
pub fn write_all(out: &Path, artefacts: &[Artefact]) -> Result<Written, Diagnostic> {
    write_files(out, artefacts.iter().map(|artefact| (artefact.path.as_str(), artefact.text.as_bytes())))
}

/// Writes files, given by path and bytes, below `out`, as [`write_all`] does.
///
/// # Errors
/// As [`write_all`].
pub fn write_files<'a>(
    out: &Path,
    files: impl IntoIterator<Item = (&'a str, &'a [u8])>,
) -> Result<Written, Diagnostic> {
    let mut staged = Staged::default();
    let mut written = Written::default();
    for (path, bytes) in files {
        path::check(path)?;
        let target = out.join(path);
        if staged.file(&target, bytes)? {
            written.changed.push(target);
        } else {
            written.unchanged.push(target);
        }
    }
    staged.commit()?;
    Ok(written)
}

/// Writes every artefact below `out`, and the lock of the plan last: all of them, or none.
///
/// # Errors
/// As [`write_all`].
pub fn write_build(out: &Path, artefacts: &[Artefact], lock: Option<(&Path, &str)>) -> Result<(), Diagnostic> {
    let mut staged = Staged::default();
    for artefact in artefacts {
        path::check(&artefact.path)?;
        staged.file(&out.join(&artefact.path), artefact.text.as_bytes())?;
    }
    if let Some((path, text)) = lock {
        staged.file(path, text.as_bytes())?;
    }
    staged.commit()
}

/// Writes one file whole, if its bytes differ; returns whether they did.
///
/// # Errors
/// As [`write_all`].
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<bool, Diagnostic> {
    let mut staged = Staged::default();
    let changed = staged.file(path, bytes)?;
    staged.commit()?;
    Ok(changed)
}

/// The name of a plan: its file's stem, or its folder's name where the stem is `plan`.
pub fn plan_name(path: &Path) -> String {
    let text = |part: Option<&std::ffi::OsStr>| part.map(|part| part.to_string_lossy().into_owned());
    let stem = text(path.file_stem()).unwrap_or_else(|| "plan".to_owned());
    if stem != "plan" {
        return stem;
    }
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    text(whole.parent().and_then(Path::file_name)).unwrap_or(stem)
}

/// Reads a regular file of at most [`DiskWorld::LIMIT`] bytes.
pub fn read(path: &Path) -> Result<Vec<u8>, ReadError> {
    let too_large = || ReadError::Other(format!("it is larger than {} bytes", DiskWorld::LIMIT));
    let about = regular(path)?;
    if about.len() > DiskWorld::LIMIT {
        return Err(too_large());
    }
    let file = File::open(path).map_err(|error| read_error(&error))?;
    let mut bytes = Vec::with_capacity(about.len() as usize);
    file.take(DiskWorld::LIMIT + 1).read_to_end(&mut bytes).map_err(|error| read_error(&error))?;
    if bytes.len() as u64 > DiskWorld::LIMIT { Err(too_large()) } else { Ok(bytes) }
}

/// What is known of a regular file before it is opened.
fn regular(path: &Path) -> Result<fs::Metadata, ReadError> {
    let about = fs::metadata(path).map_err(|error| read_error(&error))?;
    if about.is_dir() {
        return Err(ReadError::Folder);
    }
    // Opening a pipe would wait, a device might never end.
    if !about.is_file() {
        return Err(ReadError::Other("it is not a regular file".to_owned()));
    }
    Ok(about)
}

/// The lock beside a plan.
///
/// # Errors
/// [`lock::codes::MISSING`] where it cannot be read, else as [`Lock::parse`].
pub fn read_lock(plan: &Path) -> Result<Lock, Diagnostic> {
    let path = plan.with_extension("lock");
    let shown = path.to_string_lossy();
    let bytes = read(&path).map_err(|error| lock::missing(&shown, &plan.to_string_lossy(), &error))?;
    Lock::parse(&String::from_utf8_lossy(&bytes), &shown)
}

fn read_error(error: &io::Error) -> ReadError {
    match error.kind() {
        ErrorKind::NotFound => ReadError::NotFound,
        ErrorKind::PermissionDenied => ReadError::Denied,
        ErrorKind::IsADirectory => ReadError::Folder,
        ErrorKind::NotADirectory => ReadError::Other("a part of its path is a file, not a folder".to_owned()),
        _ => ReadError::Other(error.to_string()),
    }
}

/// Files written under other names, and folders made for them; dropping it takes both back.
#[derive(Default)]
struct Staged {
    /// Temporary name and place.
    files: Vec<(PathBuf, PathBuf)>,
    /// Outermost first.
    folders: Vec<PathBuf>,
    /// Folders that were swept already.
    swept: Vec<PathBuf>,
}

impl Staged {
    /// Stages a file; false where its place holds the same bytes.
    fn file(&mut self, target: &Path, bytes: &[u8]) -> Result<bool, Diagnostic> {
        let folder = target.parent().unwrap_or(Path::new(""));
        self.folder(folder).map_err(|error| unwritable(target, &error))?;
        match fs::metadata(target) {
            Ok(about) if about.is_dir() => return Err(unwritable(target, &ErrorKind::IsADirectory.into())),
            Ok(about) if about.len() == bytes.len() as u64 && fs::read(target).is_ok_and(|old| old == bytes) => {
                return Ok(false);
            }
            _ => {}
        }
        if !self.swept.iter().any(|swept| swept == folder) {
            sweep(folder);
            self.swept.push(folder.to_owned());
        }
        let (temporary, mut file) = temporary(target, self.files.len()).map_err(|error| unwritable(target, &error))?;
        self.files.push((temporary, target.to_owned()));
        file.write_all(bytes).and_then(|()| file.sync_all()).map_err(|error| unwritable(target, &error))?;
        Ok(true)
    }

    /// Makes a folder and those above it, and remembers which were missing.
    fn folder(&mut self, folder: &Path) -> io::Result<()> {
        if folder.as_os_str().is_empty() || folder.is_dir() {
            return Ok(());
        }
        if let Some(above) = folder.parent() {
            self.folder(above)?;
        }
        match fs::create_dir(folder) {
            Ok(()) => self.folders.push(folder.to_owned()),
            // Someone else made it meanwhile.
            Err(_) if folder.is_dir() => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Puts every file in its place, in order: who sees the last one sees them all.
    fn commit(mut self) -> Result<(), Diagnostic> {
        self.files.reverse();
        while let Some((temporary, target)) = self.files.last() {
            fs::rename(temporary, target).map_err(|error| unwritable(target, &error))?;
            // Makes the rename last through a power cut where folders can be flushed; elsewhere it may fail.
            if let Some(folder) = target.parent() {
                let _ = File::open(folder).and_then(|folder| folder.sync_all());
            }
            self.files.pop();
            // Something was put in place: its folders stay.
            self.folders.clear();
        }
        Ok(())
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        for (temporary, _) in &self.files {
            let _ = fs::remove_file(temporary);
        }
        // Only empty ones go.
        for folder in self.folders.iter().rev() {
            let _ = fs::remove_dir(folder);
        }
    }
}

/// How temporary names end.
const TEMPORARY: &str = ".sovtmp";

/// A temporary file this old was left by a process that was killed.
const ABANDONED: Duration = Duration::from_secs(3600);

/// Removes what killed processes left in a folder, as far as that is possible.
fn sweep(folder: &Path) {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten().filter(|entry| is_temporary(&entry.file_name())) {
        let Ok(about) = entry.metadata() else { continue };
        let age = about.modified().ok().and_then(|written| written.elapsed().ok());
        if about.is_file() && age.is_some_and(|age| age > ABANDONED) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Whether [`temporary`] makes such names.
fn is_temporary(name: &OsStr) -> bool {
    let numbers = name.to_str().and_then(|name| name.strip_prefix('.')?.strip_suffix(TEMPORARY));
    numbers.is_some_and(|numbers| {
        numbers.split('-').count() == 3 && numbers.split('-').all(|number| number.parse::<u32>().is_ok())
    })
}

/// A new file beside `target`; the name never collides with another process's or file's of this one.
fn temporary(target: &Path, index: usize) -> io::Result<(PathBuf, File)> {
    const TRIES: u32 = 100;
    let mut last = ErrorKind::AlreadyExists.into();
    for attempt in 0..TRIES {
        let mut name = OsString::from(".");
        name.push(format!("{}-{index}-{attempt}{TEMPORARY}", std::process::id()));
        let path = target.with_file_name(name);
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(file) => return Ok((path, file)),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => last = error,
            Err(error) => return Err(error),
        }
    }
    Err(last)
}

fn unwritable(path: &Path, error: &io::Error) -> Diagnostic {
    let blocker = path.ancestors().skip(1).find(|above| above.exists()).filter(|above| !above.is_dir());
    let elsewhere = "choose another output folder with `--out`";
    let (reason, help) = match (error.kind(), blocker) {
        (_, Some(file)) => (format!("`{}` is a file, not a folder", file.display()), elsewhere),
        (ErrorKind::PermissionDenied, _) => ("permission denied".to_owned(), elsewhere),
        (ErrorKind::IsADirectory, _) => ("a folder of that name stands there".to_owned(), "move that folder away"),
        (ErrorKind::AlreadyExists, _) => ("a file of that name stands there".to_owned(), "move that file away"),
        _ => (error.to_string(), elsewhere),
    };
    let message = format!("cannot write `{}`: {reason}", path.display());
    Diagnostic::error(codes::UNWRITABLE, message).from_world().help(help)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn artefacts(list: &[(&str, &str)]) -> Vec<Artefact> {
        list.iter().map(|&(path, text)| Artefact { path: path.to_owned(), text: text.to_owned() }).collect()
    }

    /// Every file below a folder with its text, sorted.
    fn tree(root: &Path) -> Vec<(String, String)> {
        let mut list = Vec::new();
        let mut open = vec![root.to_owned()];
        while let Some(folder) = open.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    list.push((path.strip_prefix(root).unwrap().display().to_string() + "/", String::new()));
                    open.push(path);
                } else {
                    list.push((
                        path.strip_prefix(root).unwrap().display().to_string(),
                        fs::read_to_string(&path).unwrap(),
                    ));
                }
            }
        }
        list.sort();
        list
    }

    fn text(tree: &[(String, String)]) -> Vec<(&str, &str)> {
        tree.iter().map(|(path, text)| (&**path, &**text)).collect()
    }

    #[test]
    fn writes_what_differs() {
        let root = tempfile::tempdir().unwrap();
        let out = root.path().join("a/b");
        let first = write_all(&out, &artefacts(&[("x/one", "1"), ("two", "2")])).unwrap();
        assert_eq!(first.changed, [out.join("x/one"), out.join("two")]);
        let before = fs::metadata(out.join("two")).unwrap().modified().unwrap();
        let second = write_all(&out, &artefacts(&[("x/one", "I"), ("two", "2")])).unwrap();
        assert_eq!((second.changed, second.unchanged), (vec![out.join("x/one")], vec![out.join("two")]));
        assert_eq!(fs::metadata(out.join("two")).unwrap().modified().unwrap(), before);
        assert_eq!(text(&tree(&out)), [("two", "2"), ("x/", ""), ("x/one", "I")]);
    }

    #[test]
    fn a_file_where_a_folder_is_needed_leaves_everything_as_it_was() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("file"), "old").unwrap();
        fs::write(root.path().join("kept"), "old").unwrap();
        let before = tree(root.path());

        let inside = write_all(&root.path().join("file/out"), &artefacts(&[("a", "1")])).unwrap_err();
        assert_eq!((inside.code, inside.fault), (codes::UNWRITABLE, crate::diagnostic::Fault::World));
        assert!(inside.message.contains("is a file, not a folder"), "{}", inside.message);

        let late = artefacts(&[("kept", "new"), ("fresh/deep/a", "1"), ("file/b", "2")]);
        let error = write_all(root.path(), &late).unwrap_err();
        assert!(error.message.contains("is a file, not a folder"), "{}", error.message);
        assert_eq!(tree(root.path()), before);
    }

    #[test]
    fn a_folder_where_a_file_is_needed_is_refused() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("a")).unwrap();
        let error = write_all(root.path(), &artefacts(&[("b", "1"), ("a", "2")])).unwrap_err();
        assert!(error.message.contains("a folder of that name"), "{}", error.message);
        assert_eq!(text(&tree(root.path())), [("a/", "")]);
    }

    #[test]
    fn a_lock_that_cannot_be_written_holds_everything_back() {
        let root = tempfile::tempdir().unwrap();
        let (out, lock) = (root.path().join("out"), root.path().join("plan.lock"));
        fs::create_dir(&lock).unwrap();
        let error = write_build(&out, &artefacts(&[("a/b", "1")]), Some((&lock, "x"))).unwrap_err();
        assert!(error.message.contains("a folder of that name"), "{}", error.message);
        assert_eq!(text(&tree(root.path())), [("plan.lock/", "")]);
        fs::remove_dir(&lock).unwrap();
        write_build(&out, &artefacts(&[("a/b", "1")]), Some((&lock, "x"))).unwrap();
        assert_eq!(text(&tree(root.path())), [("out/", ""), ("out/a/", ""), ("out/a/b", "1"), ("plan.lock", "x")]);
    }

    #[test]
    fn what_a_killed_process_left_goes_after_an_hour() {
        let root = tempfile::tempdir().unwrap();
        let old = std::time::SystemTime::now() - 2 * ABANDONED;
        for (name, is_old) in [
            (".71-0-0.sovtmp", true),
            (".72-3-1.sovtmp", false),
            (".notes.sovtmp", true),
            (".7-1.sovtmp", true),
            (".1-2-x.sovtmp", true),
            ("1-2-3.sovtmp", true),
            (".1-2-3.tmp", true),
        ] {
            let file = File::create(root.path().join(name)).unwrap();
            file.set_modified(if is_old { old } else { std::time::SystemTime::now() }).unwrap();
        }
        write_all(root.path(), &artefacts(&[("a", "1"), ("b", "2")])).unwrap();
        let names: Vec<_> = tree(root.path()).into_iter().map(|(name, _)| name).collect();
        assert_eq!(
            names,
            [".1-2-3.tmp", ".1-2-x.sovtmp", ".7-1.sovtmp", ".72-3-1.sovtmp", ".notes.sovtmp", "1-2-3.sovtmp", "a", "b"]
        );
    }

    #[test]
    fn temporary_names_are_known_again() {
        let root = tempfile::tempdir().unwrap();
        let (path, _) = temporary(&root.path().join("summary.json"), 17).unwrap();
        assert!(is_temporary(path.file_name().unwrap()), "{}", path.display());
    }

    #[test]
    fn nothing_is_written_outside() {
        let root = tempfile::tempdir().unwrap();
        let out = root.path().join("out");
        for path in ["../x", "/x", "a/../../x", ""] {
            assert!(write_all(&out, &artefacts(&[("fine", "1"), (path, "2")])).is_err(), "{path}");
        }
        assert!(tree(root.path()).is_empty());
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_without_permission_is_the_worlds_fault() {
        use std::os::unix::fs::PermissionsExt as _;
        let root = tempfile::tempdir().unwrap();
        let out = root.path().join("locked");
        fs::create_dir(&out).unwrap();
        fs::set_permissions(&out, fs::Permissions::from_mode(0o555)).unwrap();
        // The superuser writes everywhere.
        if fs::write(out.join("probe"), "").is_err() {
            let error = write_all(&out, &artefacts(&[("a", "1")])).unwrap_err();
            assert!(error.message.ends_with("permission denied"), "{}", error.message);
        }
        fs::set_permissions(&out, fs::Permissions::from_mode(0o755)).unwrap();
    }

    #[test]
    fn reading_says_why_it_cannot() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("plan.sov"), "x").unwrap();
        let world = DiskWorld::of_plan(&root.path().join("plan.sov"));
        assert_eq!(world.read("plan.sov").unwrap(), b"x");
        assert_eq!(world.read("none.csv"), Err(ReadError::NotFound));
        assert_eq!(world.read("."), Err(ReadError::Folder));
        assert!(matches!(world.read("plan.sov/x"), Err(ReadError::Other(_))));
        if cfg!(unix) {
            assert!(matches!(world.read("/dev/zero"), Err(ReadError::Other(_))));
        }
    }

    #[test]
    fn folders_and_patterns_list_their_files() {
        let root = tempfile::tempdir().unwrap();
        for path in ["b.csv", "a.csv", "runs/2.csv", "runs/deep/3.csv", "runs/.hidden.csv", ".git/4.csv"] {
            fs::create_dir_all(root.path().join(path).parent().unwrap()).unwrap();
            fs::write(root.path().join(path), "x").unwrap();
        }
        fs::create_dir(root.path().join("empty")).unwrap();
        let world = DiskWorld::new(root.path());
        assert_eq!(world.list("a.csv").unwrap(), ["a.csv"]);
        assert_eq!(world.list("*.csv").unwrap(), ["a.csv", "b.csv"]);
        assert_eq!(world.list("runs/").unwrap(), ["runs/2.csv"]);
        assert_eq!(world.list("./**/?.csv").unwrap(), ["./a.csv", "./b.csv", "./runs/2.csv", "./runs/deep/3.csv"]);
        assert_eq!(world.list("empty").unwrap(), [""; 0]);
        assert_eq!(world.list("none"), Err(ReadError::NotFound));
        assert_eq!(world.list("none/*.csv"), Err(ReadError::NotFound));
        let absolute = format!("{}/runs/*", root.path().display());
        assert_eq!(world.list(&absolute).unwrap(), [format!("{}/runs/2.csv", root.path().display())]);
        let mut text = String::new();
        world.open("a.csv").unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "x");
        assert!(matches!(world.open("runs"), Err(ReadError::Folder)));
    }

    #[test]
    fn a_plan_is_named_after_its_file_or_folder() {
        assert_eq!(plan_name(Path::new("plans/encoder.sov")), "encoder");
        assert_eq!(plan_name(Path::new("examples/so400m/plan.sov")), "so400m");
    }
}
