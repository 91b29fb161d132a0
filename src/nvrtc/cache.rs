//! What was compiled before, in a folder of the user's own.
//!
//! An entry is one file, named by the hash of all that goes into it. It holds a hash of its own, so that one that was torn
//! or changed is none and is made again, and it appears whole, by a rename. While one process compiles an entry the others
//! wait for it, where the system has locks; where it has none, several compile the same, and each keeps it whole.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};

use super::{Compiled, Library};
use crate::diagnostic::Diagnostic;
use crate::disk;
use crate::kernel::codes;

/// A folder of compiled kernels. One without a folder, the default, keeps nothing.
#[derive(Debug, Default)]
pub struct Cache {
    folder: Option<PathBuf>,
    /// Why the first entry that was not written was not.
    unwritten: OnceLock<String>,
    /// Entries that were not what was written.
    damaged: Mutex<Vec<PathBuf>>,
    /// What no one asks for is removed once a process.
    cleared: OnceLock<()>,
}

/// How an entry begins; the hash of its key and of what follows the line comes next.
const MARK: &[u8] = b"sovitc kernel 1 ";

/// Locks that entries share, by the start of their keys: so many files at most stand beside them.
const LOCK_DIGITS: usize = 2;

/// How long an entry stays that no one asks for.
const KEPT: Duration = Duration::from_secs(90 * 24 * 3600);

/// How old the mark of an entry's last use may be before it is made anew.
const MARKED: Duration = Duration::from_secs(24 * 3600);

/// How long another process is waited for. Then a kernel is compiled twice, which harms no one.
#[cfg(unix)]
const PATIENCE: Duration = Duration::from_secs(60);

impl Cache {
    /// The folder that `SOVIT_CACHE` names, else `sovitc` in the user's folder of caches; none where that variable is set to
    /// nothing, and where there is no such folder.
    pub fn folder(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        if let Some(own) = variable("SOVIT_CACHE") {
            return Some(PathBuf::from(own)).filter(|own| !own.as_os_str().is_empty());
        }
        let in_home = || set("HOME").map(|home| home.join(".cache"));
        let caches = set("XDG_CACHE_HOME").or_else(|| set("LOCALAPPDATA")).or_else(in_home);
        caches.filter(|folder| folder.is_absolute()).map(|folder| folder.join("sovitc"))
    }

    /// The cache in [`Cache::folder`], or one that keeps nothing and why.
    pub fn usual(variable: impl Fn(&str) -> Option<OsString>) -> (Self, Option<Diagnostic>) {
        match Self::folder(variable).map(|folder| Self::open(&folder)) {
            None => (Self::default(), None),
            Some(Ok(cache)) => (cache, None),
            Some(Err(warning)) => (Self::default(), Some(warning)),
        }
    }

    /// Takes that folder, which is made where it is missing.
    ///
    /// # Errors
    /// [`codes::CACHE`], a warning: it cannot be made, or others could put binaries there.
    pub fn open(folder: &Path) -> Result<Self, Diagnostic> {
        let refused = |reason: &str| unused(folder, reason);
        private().create(folder).map_err(|error| refused(&error.to_string()))?;
        let whole = fs::canonicalize(folder).map_err(|error| refused(&error.to_string()))?;
        is_private(&whole).map_err(|reason| refused(&reason))?;
        Ok(Self { folder: Some(whole), ..Self::default() })
    }

    /// What [`Library::compile`] makes, if need be.
    pub fn compile(&self, library: &Library, source: &str, entry: &str, arch: &str) -> Result<Compiled, Diagnostic> {
        let Some(folder) = &self.folder else { return library.compile(source, entry, arch) };
        library.accepts(arch)?;
        let key = library.key(source, entry, arch);
        let place = folder.join(&key);
        if let Some(kept) = self.read(&place, &key) {
            return Ok(kept);
        }
        let _lock = lock(folder, &key);
        // Who waited finds what the other made.
        if let Some(kept) = self.read(&place, &key) {
            return Ok(kept);
        }
        self.cleared.get_or_init(|| clear(folder));
        let compiled = library.compile(source, entry, arch)?;
        if let Err(error) = disk::write_file(&place, &printed(&compiled, &key)) {
            let _ = self.unwritten.set(error.message);
        }
        Ok(compiled)
    }

    /// An entry; none where there is none, or it is not what was written: then it is removed.
    fn read(&self, place: &Path, key: &str) -> Option<Compiled> {
        let bytes = disk::read(place).ok()?;
        let found = parsed(&bytes, key);
        if found.is_some() {
            mark(place);
        } else {
            let _ = fs::remove_file(place);
            self.damaged.lock().unwrap_or_else(PoisonError::into_inner).push(place.to_owned());
        }
        found
    }

    /// Warnings where something could not be kept, or was not what had been.
    pub fn trouble(&self) -> Vec<Diagnostic> {
        let damaged = self.damaged.lock().unwrap_or_else(PoisonError::into_inner);
        let mut warnings: Vec<Diagnostic> = damaged.iter().map(|place| made_anew(place)).collect();
        if let (Some(folder), Some(reason)) = (&self.folder, self.unwritten.get()) {
            warnings.push(unused(folder, reason));
        }
        warnings
    }
}

fn unused(folder: &Path, reason: &str) -> Diagnostic {
    let message = format!("compiled kernels are not kept in `{}`: {reason}", folder.display());
    Diagnostic::warning(codes::CACHE, message)
        .from_world()
        .help("set `SOVIT_CACHE` to a folder of your own that can be written, or to nothing to keep none")
}

fn made_anew(place: &Path) -> Diagnostic {
    let message = format!("`{}` was damaged, and its kernel is compiled anew", place.display());
    Diagnostic::warning(codes::DAMAGED, message)
        .from_world()
        .help("if it comes again, check the disk, or name another folder in `SOVIT_CACHE`")
}

/// Says that an entry is of use. A mark that cannot be made costs a compilation, some day.
fn mark(place: &Path) {
    if age(place).is_some_and(|age| age > MARKED) {
        let _ = File::open(place).and_then(|file| file.set_modified(SystemTime::now()));
    }
}

/// Removes entries that no one has asked for in a long time. What others remove meanwhile is gone all the same.
fn clear(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let is_entry = entry.file_name().len() == 2 * blake3::OUT_LEN;
        if is_entry && age(&entry.path()).is_some_and(|age| age > KEPT) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// How long ago a file was written or marked.
fn age(place: &Path) -> Option<Duration> {
    fs::metadata(place).ok()?.modified().ok()?.elapsed().ok()
}

fn printed(compiled: &Compiled, key: &str) -> Vec<u8> {
    // Plain data: no map with odd keys, hence no error.
    let about = serde_json::to_string(compiled).unwrap_or_default() + "\n";
    let rest = [about.as_bytes(), &compiled.code].concat();
    [MARK, hash(key, &rest).as_bytes(), b"\n", &rest].concat()
}

fn parsed(bytes: &[u8], key: &str) -> Option<Compiled> {
    let (own, rest) = bytes.strip_prefix(MARK)?.split_at_checked(2 * blake3::OUT_LEN)?;
    let rest = rest.strip_prefix(b"\n")?;
    if hash(key, rest).as_bytes() != own {
        return None;
    }
    let (about, code) = rest.split_at_checked(rest.iter().position(|&byte| byte == b'\n')? + 1)?;
    let compiled: Compiled = serde_json::from_slice(about).ok()?;
    Some(Compiled { code: code.to_vec(), kept: true, ..compiled })
}

fn hash(key: &str, rest: &[u8]) -> String {
    blake3::Hasher::new().update(key.as_bytes()).update(rest).finalize().to_hex().to_string()
}

/// Makes folders that are the user's alone.
fn private() -> DirBuilder {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
}

/// Whether nobody else but the system's administrator can put files into a folder, or another in its place; else why.
#[cfg(unix)]
fn is_private(folder: &Path) -> Result<(), String> {
    use std::os::unix::fs::MetadataExt as _;

    const OTHERS_WRITE: u32 = 0o022;
    const STICKY: u32 = 0o1000;
    let user = rustix::process::geteuid().as_raw();
    for above in folder.ancestors() {
        let about = fs::metadata(above).map_err(|error| error.to_string())?;
        let own = above == folder;
        if about.uid() != user && (own || about.uid() != 0) {
            return Err(format!("`{}` belongs to another user", above.display()));
        }
        // In a sticky folder nobody replaces what is another's.
        if about.mode() & OTHERS_WRITE != 0 && (own || about.mode() & STICKY == 0) {
            return Err(format!("other users may write to `{}`", above.display()));
        }
    }
    Ok(())
}

/// Elsewhere folders below a user's own are private by the system's rules.
#[cfg(not(unix))]
fn is_private(_: &Path) -> Result<(), String> {
    Ok(())
}

/// Waits for whoever compiles the same; none where the system has no locks there. The system lets go of it when the process
/// ends, however it ends.
fn lock(folder: &Path, key: &str) -> Option<File> {
    let name = format!("lock-{}", &key[..LOCK_DIGITS]);
    let file = File::options().create(true).truncate(false).write(true).open(folder.join(name)).ok()?;
    #[cfg(unix)]
    wait_for(&file)?;
    Some(file)
}

/// Locks a file; none where its system has no locks, or whoever holds it takes too long.
#[cfg(unix)]
fn wait_for(file: &File) -> Option<()> {
    use rustix::fs::{FlockOperation, flock};
    use rustix::io::Errno;

    let begin = std::time::Instant::now();
    loop {
        match flock(file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Some(()),
            Err(Errno::WOULDBLOCK | Errno::INTR) if begin.elapsed() < PATIENCE => {
                std::thread::sleep(Duration::from_millis(5));
            }
            Err(_) => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compiled() -> Compiled {
        let [entry, arch, file, blake3, nvrtc] = ["one", "sm_80", "one.sm_80.cubin", "", "13.0"].map(str::to_owned);
        let code = b"\x7fELF\n\0".to_vec();
        let (registers, spill_bytes, static_shared_bytes) = (Some(40), Some(0), Some(0));
        let bytes = code.len() as u64;
        Compiled {
            entry,
            arch,
            file,
            bytes,
            blake3,
            registers,
            spill_bytes,
            static_shared_bytes,
            nvrtc,
            code,
            log: String::new(),
            kept: false,
        }
    }

    #[test]
    fn an_entry_is_read_as_it_was_written() {
        let printed = printed(&compiled(), "key");
        assert_eq!(parsed(&printed, "key"), Some(Compiled { kept: true, ..compiled() }));
        assert_eq!(parsed(&printed, "another"), None);
    }

    /// Cut anywhere, or with any bit changed, it is none.
    #[test]
    fn a_corrupt_entry_is_none() {
        let printed = printed(&compiled(), "key");
        for at in 0..printed.len() {
            assert_eq!(parsed(&printed[..at], "key"), None, "{at}");
            for bit in 0..8 {
                let mut changed = printed.clone();
                changed[at] ^= 1 << bit;
                assert_eq!(parsed(&changed, "key"), None, "{at}, bit {bit}");
            }
        }
        assert_eq!(parsed(&[printed.as_slice(), b"\n"].concat(), "key"), None);
    }

    #[test]
    fn all_that_goes_into_a_kernel_is_its_key() {
        let library = |version, path: Option<&str>| Library { path: path.map(PathBuf::from), version };
        let key = |library: &Library, source, entry, arch| library.key(source, entry, arch);
        let one = library((13, 0), None);
        let all = [
            key(&one, "source", "entry", "sm_80"),
            key(&one, "sourc", "eentry", "sm_80"),
            key(&one, "other", "entry", "sm_80"),
            key(&one, "source", "other", "sm_80"),
            key(&one, "source", "entry", "sm_90"),
            key(&one, "source", "entry", "sm_90a"),
            key(&one, "source", "entry", "compute_80"),
            key(&library((12, 9), None), "source", "entry", "sm_80"),
            // The same version in another build.
            key(&library((13, 0), Some(file!())), "source", "entry", "sm_80"),
        ];
        assert_eq!(key(&one, "source", "entry", "sm_80"), all[0]);
        assert_eq!(all.iter().collect::<std::collections::BTreeSet<_>>().len(), all.len());
    }

    #[test]
    fn the_environment_names_the_folder() {
        let folder = |list: &[(&str, &str)]| {
            let list: Vec<(String, OsString)> = list.iter().map(|(a, b)| ((*a).to_owned(), (*b).into())).collect();
            Cache::folder(|name| list.iter().find(|(own, _)| own == name).map(|(_, value)| value.clone()))
        };
        assert_eq!(folder(&[("HOME", "/home/a")]), Some("/home/a/.cache/sovitc".into()));
        assert_eq!(folder(&[("HOME", "/home/a"), ("XDG_CACHE_HOME", "/c")]), Some("/c/sovitc".into()));
        assert_eq!(folder(&[("HOME", "/home/a"), ("XDG_CACHE_HOME", "c")]), None);
        assert_eq!(folder(&[("HOME", "/home/a"), ("SOVIT_CACHE", "own")]), Some("own".into()));
        assert_eq!(folder(&[("HOME", "/home/a"), ("SOVIT_CACHE", "")]), None);
        assert_eq!(folder(&[]), None);
    }

    #[test]
    #[cfg(unix)]
    fn a_folder_of_others_is_not_used() {
        use std::os::unix::fs::PermissionsExt as _;
        let root = tempfile::tempdir().unwrap();
        let (above, folder) = (root.path().join("above"), root.path().join("above/cache"));
        Cache::open(&folder).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
        assert_eq!((mode(&above), mode(&folder)), (0o700, 0o700));
        let open = |path: &Path, mode| {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
            let opened = Cache::open(&folder).err();
            fs::set_permissions(path, fs::Permissions::from_mode(0o700)).unwrap();
            opened.map(|warning| warning.message)
        };
        assert_eq!((open(&folder, 0o755), open(&above, 0o755), open(&above, 0o1777)), (None, None, None));
        for (path, mode) in [(&folder, 0o777), (&folder, 0o1777), (&folder, 0o720), (&above, 0o777), (&above, 0o770)] {
            let found = open(path, mode).unwrap();
            assert!(found.contains(&format!("other users may write to `{}`", path.display())), "{found}");
        }
        let warning = Cache::open(&PathBuf::from("/dev/null/cache")).unwrap_err();
        assert_eq!((warning.code, warning.severity), (codes::CACHE, crate::diagnostic::Severity::Warning));
    }

    fn key(number: usize) -> String {
        blake3::hash(number.to_string().as_bytes()).to_hex().to_string()
    }

    #[test]
    fn a_damaged_entry_is_removed_and_told() {
        let root = tempfile::tempdir().unwrap();
        let cache = Cache::open(&root.path().join("a/b")).unwrap();
        let place = root.path().join("a/b").join(key(0));
        assert_eq!(cache.read(&place, &key(0)), None);
        assert!(cache.trouble().is_empty());
        disk::write_file(&place, &printed(&compiled(), &key(1))).unwrap();
        assert_eq!(cache.read(&place, &key(0)), None);
        assert!(!place.exists());
        let told = cache.trouble();
        assert_eq!(told.len(), 1);
        assert_eq!((told[0].code, told[0].severity), (codes::DAMAGED, crate::diagnostic::Severity::Warning));
    }

    #[test]
    fn what_is_used_stays_and_the_rest_goes() {
        let root = tempfile::tempdir().unwrap();
        let cache = Cache::open(root.path()).unwrap();
        let places = [key(0), key(1), key(2), "a file of others".to_owned()].map(|name| root.path().join(name));
        let written = |place: &Path, before: Duration| {
            let file = File::open(place).unwrap();
            file.set_modified(SystemTime::now() - before).unwrap();
        };
        for (number, place) in places.iter().enumerate() {
            disk::write_file(place, &printed(&compiled(), &key(number))).unwrap();
            written(place, 2 * KEPT);
        }
        assert!(cache.read(&places[0], &key(0)).is_some());
        assert!(age(&places[0]).unwrap() < MARKED);
        written(&places[1], KEPT / 2);
        clear(root.path());
        assert_eq!(places.map(|place| place.exists()), [true, true, false, true]);
    }

    #[cfg(unix)]
    #[test]
    fn only_one_holds_a_lock() {
        use std::sync::atomic::{AtomicUsize, Ordering};
        let root = tempfile::tempdir().unwrap();
        let inside = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..10 {
                        let lock = lock(root.path(), &key(0));
                        assert!(lock.is_some());
                        assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                        inside.fetch_sub(1, Ordering::SeqCst);
                    }
                });
            }
        });
        assert!(lock(&root.path().join("no folder"), &key(0)).is_none());
    }

    /// How a process that is about to be killed writes, and where.
    const WRITER: &str = "SOVIT_TEST_WRITER";
    const WRITTEN: usize = 20;

    fn large(fill: u8) -> Compiled {
        Compiled { code: vec![fill; 200_000], bytes: 200_000, ..compiled() }
    }

    /// Not a test of its own: what the next one starts and kills.
    #[test]
    fn a_process_that_writes_until_it_is_killed() {
        use std::io::Write as _;
        let Ok(setting) = std::env::var(WRITER) else { return };
        let (how, folder) = setting.split_once(' ').unwrap();
        std::io::stderr().write_all(b"!").unwrap();
        for round in 0_usize.. {
            let key = key(round % WRITTEN);
            let (place, bytes) = (Path::new(folder).join(&key), printed(&large((round / WRITTEN) as u8), &key));
            if how == "kept" {
                disk::write_file(&place, &bytes).unwrap();
            } else {
                // As whoever does not think of it.
                let mut file = File::create(&place).unwrap();
                bytes.chunks(8 << 10).for_each(|part| file.write_all(part).unwrap());
            }
        }
    }

    /// Starts writers, kills them some time later, and counts the entries that are not whole then.
    #[cfg(unix)]
    fn torn(how: &str, folder: &Path, wait: Duration) -> usize {
        use std::io::Read as _;
        use std::process::{Child, Command, Stdio};
        let writer = || {
            let mut command = Command::new(std::env::current_exe().unwrap());
            command.args(["nvrtc::cache::tests::a_process_that_writes_until_it_is_killed", "--exact"]);
            command.env(WRITER, format!("{how} {}", folder.display()));
            command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
        };
        let mut writers: Vec<Child> = (0..4).map(|_| writer()).collect();
        for writer in &mut writers {
            // It is writing.
            writer.stderr.as_mut().unwrap().read_exact(&mut [0]).unwrap();
        }
        std::thread::sleep(wait);
        for writer in &mut writers {
            writer.kill().unwrap();
        }
        for mut writer in writers {
            assert_eq!(writer.wait().unwrap().code(), None, "it was killed, and ended no other way");
        }
        let cache = Cache::open(folder).unwrap();
        (0..WRITTEN).for_each(|number| drop(cache.read(&folder.join(key(number)), &key(number))));
        cache.trouble().len()
    }

    #[cfg(unix)]
    #[test]
    fn killed_processes_leave_whole_entries() {
        let root = tempfile::tempdir().unwrap();
        let wait = |round: u64| Duration::from_millis(round * 37 % 97);
        for round in 0..40 {
            assert_eq!(torn("kept", root.path(), wait(round)), 0, "round {round}");
        }
        let whole = (0..WRITTEN).filter(|&number| root.path().join(key(number)).exists()).count();
        assert_eq!(whole, WRITTEN);
        // The test would notice: files that are written in place are torn before long.
        assert!((0..400).any(|round| torn("naive", root.path(), wait(round)) > 0), "never torn");
    }
}
