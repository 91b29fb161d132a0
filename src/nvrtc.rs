//! The door to NVIDIA's run-time compiler: kernel source to CUBINs or PTX, with no GPU and no CUDA toolkit needed.
//!
//! [`find`] looks for libnvrtc and returns a [`Library`], which proves that it is loaded; only a [`Library`] compiles. A
//! [`Cache`] keeps what it made.
//! cudarc, whose bindings are used, panics where the library is absent, so nothing of it is called before that proof.
#![allow(unsafe_code)]

mod cache;

use std::ffi::{CString, OsStr, OsString, c_char, c_int, c_void};
use std::path::{Path, PathBuf};

use cudarc::nvrtc::result::{self as api, NvrtcError};
use cudarc::nvrtc::sys::{self, nvrtcProgram, nvrtcResult};
use serde::{Deserialize, Serialize};

pub use cache::Cache;

use crate::diagnostic::Diagnostic;
use crate::kernel::codes;

/// A libnvrtc that is loaded and complete. It stays loaded until the process ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Library {
    path: Option<PathBuf>,
    version: (i32, i32),
}

/// Where to look, in this order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Search {
    /// The library or its folder, as the user named it. If it is set, nothing else is tried.
    pub explicit: Option<PathBuf>,
    /// Roots of CUDA toolkits.
    pub toolkits: Vec<PathBuf>,
    /// Folders of Python packages, where NVIDIA's wheels unpack.
    pub site_packages: Vec<PathBuf>,
    /// Whether to ask the system's loader last.
    pub system: bool,
}

/// Why there is no [`Library`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Missing {
    /// None of these folders holds one.
    NotFound(Vec<PathBuf>),
    /// One was found that cannot be used.
    Unusable {
        /// The file, or the library's name.
        library: String,
        /// Why.
        reason: String,
    },
}

/// One CUBIN, or PTX, and what the compiler said of it; serialised, an entry of an index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compiled {
    /// The entry point.
    pub entry: String,
    /// The GPU architecture: real, such as `sm_90a`, of a CUBIN; virtual, such as `compute_80`, of PTX.
    pub arch: String,
    /// The name for its file, such as `sovit_layernorm_residual_w1152.sm_90a.cubin`.
    pub file: String,
    /// Its size.
    pub bytes: u64,
    /// The BLAKE3 hash of the file, in hexadecimal.
    pub blake3: String,
    /// Registers of a thread; none in PTX, which is not assembled yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registers: Option<u32>,
    /// Bytes of registers that a thread keeps in memory: 0, since spills are errors; none in PTX.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spill_bytes: Option<u32>,
    /// Bytes of shared memory that a block has beside the dynamic ones of its launch; none in PTX.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub static_shared_bytes: Option<u32>,
    /// The version of NVRTC, such as `13.0`.
    pub nvrtc: String,
    /// What the file holds.
    #[serde(skip)]
    pub code: Vec<u8>,
    /// The compiler's log; empty where it was [`kept`](Self::kept).
    #[serde(skip)]
    pub log: String,
    /// Whether a [`Cache`] had it.
    #[serde(skip)]
    pub kept: bool,
}

/// The oldest version whose CUBINs and options are the ones used here.
const OLDEST: (i32, i32) = (12, 0);

/// The first version that keeps what it compiled ("Caching" in NVIDIA's guide to NVRTC).
const CACHING: (i32, i32) = (12, 9);

/// What is called below. cudarc panics on a symbol that is missing, so each is looked up first.
const SYMBOLS: [&str; 12] = [
    "nvrtcVersion",
    "nvrtcCreateProgram",
    "nvrtcCompileProgram",
    "nvrtcGetProgramLogSize",
    "nvrtcGetProgramLog",
    "nvrtcGetCUBINSize",
    "nvrtcGetCUBIN",
    "nvrtcGetPTXSize",
    "nvrtcGetPTX",
    "nvrtcGetNumSupportedArchs",
    "nvrtcGetSupportedArchs",
    "nvrtcDestroyProgram",
];

/// Names of the library, the reference version first.
const NAMES: [&str; 5] = ["libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so", "nvrtc64_130_0.dll", "nvrtc64_120_0.dll"];

/// Below a toolkit's root, and below a folder of Python packages: NVIDIA's wheels of CUDA 13 and 12, and PyTorch's.
const IN_TOOLKIT: [&str; 4] = ["lib64", "lib", "targets/x86_64-linux/lib", "bin"];
const IN_PACKAGES: [&str; 3] = ["nvidia/cu13/lib", "nvidia/cuda_nvrtc/lib", "torch/lib"];

/// Finds and loads libnvrtc.
///
/// A process loads one libnvrtc only: a later search that names another gets [`Missing::Unusable`].
pub fn find(search: &Search) -> Result<Library, Missing> {
    let folders = search.folders();
    let files = folders.iter().flat_map(|folder| NAMES.iter().map(|name| folder.join(name)));
    let explicit = search.explicit.iter().filter(|path| path.is_file()).cloned();
    let mut unusable = None;
    for file in explicit.chain(files.filter(|file| file.is_file())) {
        match load(&file) {
            Ok(library) => return Ok(library),
            Err(missing) => unusable = unusable.or(Some(missing)),
        }
    }
    if search.explicit.is_none() && search.system {
        match loaded(None) {
            Err(Missing::NotFound(_)) => {}
            found => return found,
        }
    }
    Err(unusable.unwrap_or(Missing::NotFound(folders)))
}

impl Search {
    /// The usual search, from the values of environment variables: `SOVIT_NVRTC` (the library or its folder), else
    /// `CUDA_HOME`, `CUDA_PATH`, the Python packages of `VIRTUAL_ENV`, `CONDA_PREFIX`, each `python3` on `PATH` and
    /// the user's own, and the system's loader.
    pub fn from_environment(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let path = variable("PATH").unwrap_or_default();
        let pythons = std::env::split_paths(&path).filter(|folder| folder.join("python3").exists());
        let prefixes = ["VIRTUAL_ENV", "CONDA_PREFIX"]
            .into_iter()
            .filter_map(set)
            .chain(pythons.filter_map(|folder| folder.parent().map(Path::to_owned)))
            .chain(set("HOME").map(|home| home.join(".local")));
        let mut site_packages = Vec::new();
        for folder in prefixes.flat_map(|prefix| packages_below(&prefix)) {
            if !site_packages.contains(&folder) {
                site_packages.push(folder);
            }
        }
        Self {
            explicit: set("SOVIT_NVRTC"),
            toolkits: ["CUDA_HOME", "CUDA_PATH"].into_iter().filter_map(set).collect(),
            site_packages,
            system: true,
        }
    }

    /// Every folder that may hold the library.
    fn folders(&self) -> Vec<PathBuf> {
        if let Some(path) = &self.explicit {
            return vec![path.clone()];
        }
        let below = |roots: &[PathBuf], folders: &[&str]| -> Vec<PathBuf> {
            roots.iter().flat_map(|root| folders.iter().map(|folder| root.join(folder))).collect()
        };
        [below(&self.toolkits, &IN_TOOLKIT), below(&self.site_packages, &IN_PACKAGES)].concat()
    }
}

/// The folders of packages of a Python installation or environment.
fn packages_below(prefix: &Path) -> Vec<PathBuf> {
    let versions = names_in(&prefix.join("lib"), "python3");
    let folders = versions.into_iter().flat_map(|version| ["site-packages", "dist-packages"].map(|n| version.join(n)));
    folders.chain([prefix.join("Lib/site-packages")]).filter(|folder| folder.is_dir()).collect()
}

/// What a folder holds under names with that start, in order.
fn names_in(folder: &Path, start: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let named = |path: &PathBuf| path.file_name().and_then(OsStr::to_str).is_some_and(|name| name.starts_with(start));
    let mut found: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(named).collect();
    found.sort();
    found
}

/// Loads one file, so that cudarc finds it by its name.
fn load(file: &Path) -> Result<Library, Missing> {
    // The wheel of 13.0 does not know where its own second half lies: it is found if it is loaded already.
    let folder = file.parent().unwrap_or(Path::new("."));
    for builtins in names_in(folder, "libnvrtc-builtins.so") {
        // SAFETY: NVIDIA's library of data; its initialisers only register it.
        if let Ok(library) = unsafe { libloading::Library::new(builtins) } {
            std::mem::forget(library);
        }
    }
    // SAFETY: the user named this file, or it bears NVRTC's name in a folder of NVIDIA's; loading runs only the
    // initialisers of that library, which ask nothing of the caller.
    let library = unsafe { libloading::Library::new(file) }.map_err(|error| unusable(file, &error.to_string()))?;
    let version = address(&library, "nvrtcVersion").ok_or_else(|| unusable(file, "it is not libnvrtc"))?;
    std::mem::forget(library);
    match loaded(Some((file, version)))? {
        found if found.version < OLDEST => {
            let (major, minor) = found.version;
            Err(unusable(file, &format!("version {major}.{minor} is older than {}.{}", OLDEST.0, OLDEST.1)))
        }
        found => Ok(found),
    }
}

/// The library that cudarc uses; it must be the one just loaded, known by the address of a function of it.
fn loaded(expected: Option<(&Path, *const c_void)>) -> Result<Library, Missing> {
    let path = expected.map(|(file, _)| file.to_owned());
    let name = path.clone().unwrap_or_else(|| PathBuf::from("libnvrtc"));
    // SAFETY: tries the names that cudarc knows, and calls nothing in what it finds.
    if !unsafe { sys::is_culib_present() } {
        return Err(match expected {
            Some(_) => unusable(&name, "the system's loader does not offer it by name"),
            None => Missing::NotFound(Vec::new()),
        });
    }
    // SAFETY: `culib` panics where no library is present, which was asked just now.
    let library = unsafe { sys::culib() };
    if let Some(symbol) = SYMBOLS.iter().find(|symbol| address(library, symbol).is_none()) {
        return Err(unusable(&name, &format!("it has no `{symbol}`")));
    }
    if expected.is_some_and(|(_, version)| address(library, "nvrtcVersion") != Some(version)) {
        return Err(unusable(&name, "another libnvrtc is loaded already, or precedes it on the loader's path"));
    }
    let (mut major, mut minor): (c_int, c_int) = (0, 0);
    // SAFETY: the symbol exists, and both pointers are to live integers.
    unsafe { sys::nvrtcVersion(&raw mut major, &raw mut minor) }
        .result()
        .map_err(|error| unusable(&name, &error.to_string()))?;
    Ok(Library { path, version: (major, minor) })
}

fn address(library: &libloading::Library, symbol: &str) -> Option<*const c_void> {
    // SAFETY: the symbol is only looked up, as an address, and not called.
    unsafe { library.get::<*const c_void>(symbol) }.ok().map(|found| *found)
}

fn unusable(file: &Path, reason: &str) -> Missing {
    Missing::Unusable { library: file.display().to_string(), reason: reason.to_owned() }
}

impl From<Missing> for Diagnostic {
    fn from(missing: Missing) -> Self {
        let diagnostic = match missing {
            Missing::NotFound(folders) => {
                let error = Self::error(codes::NVRTC_MISSING, "compiling kernels needs libnvrtc, which was not found");
                let list: Vec<String> = folders.iter().map(|folder| folder.display().to_string()).collect();
                if list.is_empty() { error } else { error.note(format!("looked in {}", list.join(", "))) }
            }
            Missing::Unusable { library, reason } => {
                Self::error(codes::NVRTC_UNUSABLE, format!("`{library}` cannot compile kernels: {reason}"))
            }
        };
        diagnostic
            .from_world()
            .help("install it with `python3 -m pip install nvidia-cuda-nvrtc==13.0.88`")
            .help("or install the CUDA toolkit and set `CUDA_HOME` to its root")
            .help("or set `SOVIT_NVRTC` to the library or the folder that holds it")
    }
}

/// A program in NVRTC, destroyed with this value.
struct Program(nvrtcProgram);

impl Program {
    /// The binary that was compiled.
    fn cubin(&self) -> Result<Vec<u8>, NvrtcError> {
        let mut size = 0;
        // SAFETY: the program lives and was compiled; the pointer is to a live integer.
        unsafe { sys::nvrtcGetCUBINSize(self.0, &raw mut size) }.result()?;
        let mut cubin: Vec<c_char> = vec![0; size];
        // SAFETY: the program lives and was compiled; the buffer has the size that NVRTC asked for.
        unsafe { sys::nvrtcGetCUBIN(self.0, cubin.as_mut_ptr()) }.result()?;
        Ok(bytes(&cubin))
    }

    /// The PTX that was compiled, without the zero byte at its end.
    fn ptx(&self) -> Result<Vec<u8>, NvrtcError> {
        // SAFETY: the program lives and was compiled.
        let mut ptx = bytes(&unsafe { api::get_ptx(self.0) }?);
        ptx.truncate(ptx.iter().position(|&byte| byte == 0).unwrap_or(ptx.len()));
        Ok(ptx)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // SAFETY: made by `create_program` and destroyed here alone. A failure leaks it, and nothing else can be done.
        let _ = unsafe { api::destroy_program(self.0) };
    }
}

impl Library {
    /// The file, or none where the system's loader found it by name.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// Major and minor version, such as (13, 0).
    pub fn version(&self) -> (i32, i32) {
        self.version
    }

    /// Refuses an architecture that this library does not compile for, which may be real or virtual: see [`Self::compile`].
    pub fn accepts(&self, arch: &str) -> Result<(), Diagnostic> {
        let known = architectures(self);
        if number_of(arch).is_some_and(|number| known.is_empty() || known.contains(&number)) {
            return Ok(());
        }
        let list: Vec<String> = known.iter().map(|number| format!("sm_{number}")).collect();
        let error = unknown_architecture(arch);
        if list.is_empty() {
            return Err(error);
        }
        Err(error.note(format!("NVRTC {}.{} knows {}", self.version.0, self.version.1, list.join(", "))))
    }

    /// Compiles one kernel for one architecture: to a CUBIN for a real one, such as `sm_80` or `sm_90a`, or to PTX for a
    /// virtual one, such as `compute_80`, which drivers assemble for that GPU or later ones.
    ///
    /// Local memory, of spills or of arrays, and announced losses of performance are errors, as is what does not compile;
    /// each comes with the log. Of PTX, which is not assembled, only the last is known.
    pub fn compile(&self, source: &str, entry: &str, arch: &str) -> Result<Compiled, Diagnostic> {
        self.accepts(arch)?;
        let broken = |reason: &str| {
            let message = format!("NVRTC failed on `{entry}` for {arch}: {reason}");
            Diagnostic::error(codes::NVRTC_FAILED, message).from_world()
        };
        let text = |text: &str| CString::new(text).map_err(|_| broken("a zero byte in the source"));
        let (source, name) = (text(source)?, text(&format!("{entry}.cu"))?);
        let failed = |error: NvrtcError| broken(&error.to_string());
        // `source` and `name` outlive the program, which may refer to them.
        let program = Program(api::create_program(&source, Some(&name)).map_err(failed)?);

        // SAFETY: the program lives; no option holds a zero byte.
        let outcome = unsafe { api::compile_program(program.0, &self.options(arch)) };
        // SAFETY: the program lives.
        let log = bytes(&unsafe { api::get_program_log(program.0) }.map_err(failed)?);
        // The part of the assembler follows a zero byte, as the end does.
        let log = String::from_utf8_lossy(&log).replace('\0', "").trim().to_owned();
        if let Err(error) = outcome {
            return Err(refused(error, entry, arch, &log));
        }
        let is_ptx = is_virtual(arch);
        let code = if is_ptx { program.ptx() } else { program.cubin() }.map_err(failed)?;
        if code.is_empty() {
            return Err(broken("it made nothing"));
        }
        let [registers, spill_bytes, static_shared_bytes] =
            if is_ptx { [None; 3] } else { gated(entry, arch, &log, broken)?.map(Some) };
        let ending = if is_ptx { "ptx" } else { "cubin" };
        Ok(Compiled {
            entry: entry.to_owned(),
            arch: arch.to_owned(),
            file: format!("{entry}.{arch}.{ending}"),
            bytes: code.len() as u64,
            blake3: blake3::hash(&code).to_hex().to_string(),
            registers,
            spill_bytes,
            static_shared_bytes,
            nvrtc: format!("{}.{}", self.version.0, self.version.1),
            code,
            log,
            kept: false,
        })
    }

    /// What NVRTC is told.
    fn options(&self, arch: &str) -> Vec<String> {
        let mut options = vec![format!("--gpu-architecture={arch}"), "--std=c++17".to_owned()];
        if !is_virtual(arch) {
            options
                .extend(["-v", "--warn-on-spills", "--warning-as-error"].map(|own| format!("--ptxas-options={own}")));
        }
        // Where there is a GPU, what was compiled before comes back without its report.
        if self.version >= CACHING {
            options.push("--no-cache".to_owned());
        }
        options
    }

    /// The hash of all that a compilation depends on.
    fn key(&self, source: &str, entry: &str, arch: &str) -> String {
        // Versions tell no builds apart; sizes do.
        let size = self.path.as_ref().and_then(|path| std::fs::metadata(path).ok()).map_or(0, |about| about.len());
        let version = format!("{}.{} of {size} bytes", self.version.0, self.version.1);
        let mut hasher = blake3::Hasher::new();
        for part in [env!("CARGO_PKG_VERSION"), &version, &self.options(arch).join(" "), entry, source] {
            hasher.update(&(part.len() as u64).to_le_bytes()).update(part.as_bytes());
        }
        hasher.finalize().to_hex().to_string()
    }
}

/// The numbers of the architectures that the library knows; none where it does not tell.
fn architectures(_loaded: &Library) -> Vec<c_int> {
    let mut count: c_int = 0;
    // SAFETY: the symbol exists, and the pointer is to a live integer.
    if unsafe { sys::nvrtcGetNumSupportedArchs(&raw mut count) }.result().is_err() {
        return Vec::new();
    }
    let mut list: Vec<c_int> = vec![0; usize::try_from(count).unwrap_or_default()];
    // SAFETY: the symbol exists, and the buffer has as many integers as the library said.
    match unsafe { sys::nvrtcGetSupportedArchs(list.as_mut_ptr()) }.result() {
        Ok(()) => list,
        Err(_) => Vec::new(),
    }
}

/// Marks of lost performance in the log: a register count that is unknown (C7508), matrix products made serial (C7510,
/// C7511, C7519), or plain words.
const LOSSES: [&str; 5] = ["C7508", "C7510", "C7511", "C7519", "Potential Performance Loss"];

/// Registers of a thread, the bytes that it spills and those of static shared memory, by the assembler's report; refuses
/// what is slow.
fn gated(entry: &str, arch: &str, log: &str, broken: impl Fn(&str) -> Diagnostic) -> Result<[u32; 3], Diagnostic> {
    if let Some(loss) = log.lines().find(|line| LOSSES.iter().any(|mark| line.contains(mark))) {
        let message = format!("`{entry}` for {arch} loses performance: {}", loss.trim());
        return Err(Diagnostic::error(codes::SLOW, message).from_world().note(log));
    }
    let report = |word: &str| number_before(log, word).ok_or_else(|| broken(&format!("no `{word}` in its report")));
    let (registers, stores, loads) =
        (report("registers")?, report("bytes spill stores")?, report("bytes spill loads")?);
    // The frame holds what is spilled, and arrays whose elements are told at run time.
    if stores + loads + report("bytes stack frame")? > 0 {
        return Err(spilling(entry, arch, log));
    }
    // Where there is none, it is not reported.
    Ok([registers, stores + loads, number_before(log, "bytes smem").unwrap_or_default()])
}

/// The number of an architecture: `sm_` or `compute_`, two or three digits, and perhaps `a` or `f`.
fn number_of(arch: &str) -> Option<c_int> {
    let rest = arch.strip_prefix("sm_").or_else(|| arch.strip_prefix(VIRTUAL))?;
    let digits = rest.strip_suffix(['a', 'f']).unwrap_or(rest);
    let is_number = (2..=3).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    digits.parse().ok().filter(|_| is_number)
}

/// How virtual architectures begin, which PTX is for.
const VIRTUAL: &str = "compute_";

fn is_virtual(arch: &str) -> bool {
    arch.starts_with(VIRTUAL)
}

fn unknown_architecture(arch: &str) -> Diagnostic {
    Diagnostic::error(codes::ARCHITECTURE, format!("`{arch}` is not an architecture that NVRTC compiles for"))
        .help("name one such as `sm_80` (A100), `sm_89` (L40S) or `sm_90a` (H100, H200)")
        .help("or `compute_80` for PTX, which drivers assemble for that GPU or later ones")
}

fn spilling(entry: &str, arch: &str, log: &str) -> Diagnostic {
    let message = format!("`{entry}` for {arch} does not fit in registers");
    Diagnostic::error(codes::SPILLS, message).from_world().note(log)
}

/// What a failed compilation means.
fn refused(error: NvrtcError, entry: &str, arch: &str, log: &str) -> Diagnostic {
    match error.0 {
        nvrtcResult::NVRTC_ERROR_INVALID_OPTION => unknown_architecture(arch).note(log),
        nvrtcResult::NVRTC_ERROR_BUILTIN_OPERATION_FAILURE => {
            Diagnostic::from(Missing::Unusable { library: "libnvrtc".to_owned(), reason: log.to_owned() })
        }
        _ if number_before(log, "bytes spill stores").is_some_and(|bytes| bytes > 0) => spilling(entry, arch, log),
        nvrtcResult::NVRTC_ERROR_COMPILATION => {
            let message = format!("`{entry}` does not compile for {arch}");
            Diagnostic::error(codes::COMPILE, message).from_world().note(log)
        }
        _ => {
            let message = format!("NVRTC failed on `{entry}` for {arch}: {error}");
            Diagnostic::error(codes::NVRTC_FAILED, message).from_world().note(log)
        }
    }
}

/// The largest number that stands before `word`.
fn number_before(log: &str, word: &str) -> Option<u32> {
    let numbers = log.match_indices(word).filter_map(|(at, _)| log.get(..at)?.split_whitespace().last()?.parse().ok());
    numbers.max()
}

fn bytes(chars: &[c_char]) -> Vec<u8> {
    chars.iter().map(|&c| u8::from_ne_bytes(c.to_ne_bytes())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn architectures_are_told_by_their_form() {
        for (good, number) in [("sm_80", 80), ("sm_90a", 90), ("sm_100f", 100), ("compute_120", 120)] {
            assert_eq!(number_of(good), Some(number), "{good}");
        }
        for bad in ["", "sm_", "sm_9", "sm_90ab", "compute90", "sm_80 --x", "sm_90\0", "SM_90", "sm_+80"] {
            assert_eq!(number_of(bad), None, "{bad}");
        }
    }

    #[test]
    fn reports_are_read() {
        let log = "ptxas info : 0 bytes stack frame, 8 bytes spill stores, 12 bytes spill loads\nUsed 40 registers, x";
        assert_eq!(number_before(log, "bytes spill stores"), Some(8));
        assert_eq!(number_before(log, "registers"), Some(40));
        assert_eq!(number_before(log, "barriers"), None);
    }

    #[test]
    fn the_environment_gives_the_places() {
        let search = Search::from_environment(|name| match name {
            "SOVIT_NVRTC" | "CUDA_PATH" => Some("".into()),
            "CUDA_HOME" => Some("/opt/cuda".into()),
            _ => None,
        });
        let expected = Search { toolkits: vec!["/opt/cuda".into()], system: true, ..Search::default() };
        assert_eq!(search, expected);
        assert_eq!(search.folders().first(), Some(&PathBuf::from("/opt/cuda/lib64")));
    }

    #[test]
    fn nothing_to_search_is_a_diagnostic_that_says_what_to_install() {
        let missing = find(&Search::default()).unwrap_err();
        let diagnostic = Diagnostic::from(missing);
        assert_eq!((diagnostic.code, diagnostic.fault), (codes::NVRTC_MISSING, crate::diagnostic::Fault::World));
        assert!(diagnostic.help[0].message.contains("pip install nvidia-cuda-nvrtc==13.0.88"));
    }
}
