//! What was compiled before, in a folder of the user's own.
//!
//! An entry is one file, named by the hash of all that goes into it. It holds a hash of its own, so that one that was torn
//! or changed is none and is made again, and it appears whole, by a rename. While one process compiles an entry the others
//! wait for it, where the system has locks; where it has none, several compile the same, and each keeps it whole.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

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
}

/// How an entry begins; the hash of its key and of what follows the line comes next.
const MARK: &[u8] = b"sovitc kernel 1 ";

/// Locks that entries share, by the start of their keys: so many files at most stand beside them.
const LOCK_DIGITS: usize = 2;

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
        if let Some(kept) = read(&place, &key) {
            return Ok(kept);
        }
        let _lock = lock(folder, &key);
        // Who waited finds what the other made.
        if let Some(kept) = read(&place, &key) {
            return Ok(kept);
        }
        let compiled = library.compile(source, entry, arch)?;
        if let Err(error) = disk::write_file(&place, &printed(&compiled, &key)) {
            let _ = self.unwritten.set(error.message);
        }
        Ok(compiled)
    }

    /// A warning where something could not be kept.
    pub fn trouble(&self) -> Option<Diagnostic> {
        Some(unused(self.folder.as_deref()?, self.unwritten.get()?))
    }
}

fn unused(folder: &Path, reason: &str) -> Diagnostic {
    let message = format!("compiled kernels are not kept in `{}`: {reason}", folder.display());
    Diagnostic::warning(codes::CACHE, message)
        .from_world()
        .help("set `SOVIT_CACHE` to a folder of your own that can be written, or to nothing to keep none")
}

/// An entry; none where there is none, or it is not what was written.
fn read(place: &Path, key: &str) -> Option<Compiled> {
    parsed(&disk::read(place).ok()?, key)
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
    rustix::fs::flock(&file, rustix::fs::FlockOperation::LockExclusive).ok()?;
    Some(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compiled() -> Compiled {
        let [entry, arch, file, blake3, nvrtc] = ["one", "sm_80", "one.sm_80.cubin", "", "13.0"].map(str::to_owned);
        let code = b"\x7fELF\n\0".to_vec();
        let (registers, spill_bytes) = (Some(40), Some(0));
        let bytes = code.len() as u64;
        Compiled {
            entry,
            arch,
            file,
            bytes,
            blake3,
            registers,
            spill_bytes,
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
}
