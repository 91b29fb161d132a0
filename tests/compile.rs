//! `sovitc kernels compile`: what it makes, what it keeps, and what it says where it cannot. Needs no GPU.
#![cfg(feature = "cli")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use sovitc::nvrtc::{Search, find};
use support::{TINY, skip};
use tempfile::TempDir;

/// The kernels of [`TINY`].
const KERNELS: usize = 14;

/// A plan, and a cache of its own.
struct Case {
    folder: TempDir,
}

/// What a run has printed, and how it ended.
struct Ran {
    status: i32,
    text: String,
    said: String,
}

impl Case {
    /// None, loudly, where there is no libnvrtc.
    fn new(test: &str) -> Option<Self> {
        if find(&Search::from_environment(|name| std::env::var_os(name))).is_err() {
            skip("nvrtc", &format!("compile::{test}"), "libnvrtc was not found");
            return None;
        }
        Some(Self::without_library())
    }

    fn without_library() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("plan.sov"), TINY).unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, arch: &str, out: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sovitc"));
        command.args(["kernels", "compile"]).arg(self.path("plan.sov")).args(["--arch", arch, "--out"]);
        command.arg(self.path(out)).env("SOVIT_CACHE", self.path("cache"));
        command
    }

    fn run(&self, arch: &str, out: &str) -> Ran {
        Ran::of(&self.command(arch, out).output().unwrap())
    }

    /// The entries of the cache.
    fn entries(&self) -> Vec<PathBuf> {
        let all = fs::read_dir(self.path("cache")).unwrap().map(|entry| entry.unwrap().path());
        let is_entry = |path: &PathBuf| path.file_name().unwrap().len() == 64;
        let mut entries: Vec<PathBuf> = all.filter(is_entry).collect();
        entries.sort();
        entries
    }
}

impl Ran {
    fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let status = output.status.code().unwrap_or(-1);
        Self { status, text: text(&output.stdout), said: text(&output.stderr) }
    }

    /// How many files it took from the cache; all went well.
    fn kept(&self) -> usize {
        assert_eq!((self.status, self.said.as_str()), (0, ""));
        let head = self.text.lines().next().unwrap();
        head.split_once(" of them kept").map_or(0, |(before, _)| before.rsplit(' ').next().unwrap().parse().unwrap())
    }

    fn fails(&self, status: i32, code: &str, words: &str) {
        assert_eq!((self.status, self.text.as_str()), (status, ""), "{}", self.said);
        assert!(self.said.contains(code) && self.said.contains(words), "{}", self.said);
    }
}

/// Every file below a folder with what it holds.
fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut list = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            list.extend(files(&path));
        } else {
            list.push((path.clone(), fs::read(path).unwrap()));
        }
    }
    list.sort();
    list
}

#[test]
fn what_was_compiled_is_kept() {
    let Some(case) = Case::new("what_was_compiled_is_kept") else { return };
    assert_eq!(case.run("sm_80", "k").kept(), 0);
    let first = files(&case.path("k"));
    assert_eq!((first.len(), case.entries().len()), (KERNELS + 1, KERNELS));
    fs::remove_dir_all(case.path("k")).unwrap();
    assert_eq!(case.run("sm_80", "k").kept(), KERNELS);
    assert_eq!(files(&case.path("k")), first);
    assert_eq!(case.run("sm_89", "other").kept(), 0);
    // Nothing is kept where no folder is named.
    let mut command = case.command("sm_80", "k");
    assert_eq!(Ran::of(&command.env("SOVIT_CACHE", "").output().unwrap()).kept(), 0);
}

/// Cut short, with another byte, without one, or another's: only these are made again, as they were.
#[test]
fn corrupt_entries_are_made_again() {
    let Some(case) = Case::new("corrupt_entries_are_made_again") else { return };
    case.run("sm_80", "k");
    let first = files(&case.path("k"));
    let entries = case.entries();
    let whole = fs::read(&entries[0]).unwrap();
    fs::write(&entries[0], &whole[..whole.len() / 2]).unwrap();
    fs::write(&entries[1], "").unwrap();
    fs::write(&entries[2], &whole).unwrap();
    let mut changed = fs::read(&entries[3]).unwrap();
    *changed.last_mut().unwrap() ^= 1;
    fs::write(&entries[3], changed).unwrap();
    let ran = case.run("sm_80", "k");
    assert_eq!((ran.status, ran.said.matches("was damaged, and its kernel is compiled anew").count()), (0, 4));
    assert!(ran.text.contains(&format!("{} of them kept from before", KERNELS - 4)), "{}", ran.text);
    assert_eq!(files(&case.path("k")), first);
    assert_eq!(case.run("sm_80", "k").kept(), KERNELS);
}

#[test]
fn sixteen_processes_compile_each_kernel_once() {
    let Some(case) = Case::new("sixteen_processes_compile_each_kernel_once") else { return };
    let start = |number: usize| {
        let mut command = case.command("sm_80", &format!("k{number}"));
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let running: Vec<_> = (0..16).map(start).collect();
    let kept: Vec<usize> =
        running.into_iter().map(|child| Ran::of(&child.wait_with_output().unwrap()).kept()).collect();
    assert_eq!(kept.iter().sum::<usize>(), 15 * KERNELS, "{kept:?}");
    let names = |number: usize| {
        let own = case.path(&format!("k{number}"));
        files(&own).into_iter().map(|(path, bytes)| (path.strip_prefix(&own).unwrap().to_owned(), bytes)).collect()
    };
    let first: Vec<(PathBuf, Vec<u8>)> = names(0);
    assert!((1..16).all(|number| names(number) == first));
}

/// However a process ends, what it has kept is whole, and what it held is free.
#[test]
fn killed_processes_leave_whole_entries() {
    let Some(case) = Case::new("killed_processes_leave_whole_entries") else { return };
    for round in 0..12 {
        let mut command = case.command("sm_80", "k");
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        thread::sleep(Duration::from_millis(60 + 45 * round));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let before = case.entries().len();
    assert_eq!(case.run("sm_80", "k").kept(), before);
    assert_eq!(case.run("sm_80", "k").kept(), KERNELS);
}

#[test]
fn what_cannot_be_kept_is_a_warning() {
    let Some(case) = Case::new("what_cannot_be_kept_is_a_warning") else { return };
    case.run("sm_80", "k");
    let first = files(&case.path("k"));
    let warns = |words: &str| {
        let ran = case.run("sm_80", "k");
        assert_eq!((ran.status, ran.said.matches("S0817").count()), (0, 1), "{}", ran.said);
        assert!(ran.said.contains(words) && ran.said.contains("`SOVIT_CACHE`"), "{}", ran.said);
        assert_eq!(files(&case.path("k")), first);
    };
    for entry in case.entries() {
        fs::remove_file(&entry).unwrap();
        fs::create_dir(&entry).unwrap();
    }
    warns("a folder of that name stands there");
    fs::remove_dir_all(case.path("cache")).unwrap();
    fs::write(case.path("cache"), "").unwrap();
    warns("compiled kernels are not kept in");
}

#[test]
fn ptx_comes_where_it_is_asked_for() {
    let Some(case) = Case::new("ptx_comes_where_it_is_asked_for") else { return };
    // Asked for twice, made once.
    assert_eq!(case.run("compute_80,sm_80,compute_80", "k").kept(), 0);
    let index: Value = serde_json::from_slice(&fs::read(case.path("k/index.json")).unwrap()).unwrap();
    let [cubins, ptx] = ["cubins", "ptx"].map(|list| index[list].as_array().unwrap());
    assert_eq!((cubins.len(), ptx.len()), (KERNELS, KERNELS));
    for (cubin, ptx) in cubins.iter().zip(ptx) {
        assert_eq!((&cubin["entry"], &cubin["launch"]), (&ptx["entry"], &ptx["launch"]));
        assert!(cubin["registers"].as_u64().is_some_and(|n| n > 0) && cubin["spill_bytes"] == 0, "{cubin}");
        assert!(ptx.get("registers").is_none() && ptx["arch"] == "compute_80", "{ptx}");
        let bytes = |about: &Value| fs::read(case.path("k").join(about["path"].as_str().unwrap())).unwrap();
        let (binary, text) = (bytes(cubin), String::from_utf8(bytes(ptx)).unwrap());
        assert!(binary.starts_with(b"\x7fELF"));
        let entry = ptx["entry"].as_str().unwrap();
        assert!(text.contains(".target sm_80") && text.contains(&format!(".entry {entry}(")), "{text}");
        assert!(!text.contains('\0'));
        assert_eq!(blake3::hash(text.as_bytes()).to_hex().as_str(), ptx["blake3"].as_str().unwrap());
    }
    assert_eq!(case.run("compute_80,sm_80", "k").kept(), 2 * KERNELS);
    // An index without PTX does not speak of it.
    case.run("sm_80", "k");
    assert!(!fs::read_to_string(case.path("k/index.json")).unwrap().contains("ptx"));
}

#[test]
fn what_no_library_compiles_for_is_refused_before_anything_is_compiled() {
    let Some(case) = Case::new("what_no_library_compiles_for_is_refused_before_anything_is_compiled") else { return };
    for (arch, word) in [("sm_80,sm_81", "`sm_81`"), ("sm_80,compute_81", "`compute_81`"), ("a100", "`a100`")] {
        let ran = case.run(arch, "k");
        ran.fails(1, "S0812", word);
        assert_eq!(ran.said.matches("error[").count(), 1, "{}", ran.said);
        assert!(ran.said.contains("knows sm_") && ran.said.contains("sm_90"), "{}", ran.said);
    }
    assert!(!case.path("k").exists() && !case.path("cache").exists());
    fs::write(case.path("file"), "").unwrap();
    case.run("sm_80", "file").fails(3, "S0021", "is a file, not a folder");
}

/// None where it is looked for, one that is no library, and one that is too old.
#[test]
#[cfg(target_os = "linux")]
fn a_library_that_cannot_be_used_is_told() {
    let case = Case::without_library();
    let run = |path: &Path| Ran::of(&case.command("sm_80", "k").env("SOVIT_NVRTC", path).output().unwrap());
    run(&case.path("nowhere")).fails(3, "S0810", "which was not found");
    let library = case.path("libnvrtc.so.13");
    fs::write(&library, "no library").unwrap();
    run(&library).fails(3, "S0811", "cannot compile kernels");
    let source = case.path("old.cpp");
    fs::write(&source, OLD).unwrap();
    let options = ["-shared", "-fPIC", "-Wl,-soname,libnvrtc.so.13", "-o"];
    match Command::new("c++").args(options).arg(&library).arg(&source).status() {
        Ok(status) => assert!(status.success()),
        Err(_) => return skip("cxx", "compile::a_library_that_cannot_be_used_is_told", "no C++ compiler was found"),
    }
    run(&library).fails(3, "S0811", "version 11.8 is older than 12.0");
    assert!(!case.path("k").exists());
}

/// What a libnvrtc of another time has.
#[cfg(target_os = "linux")]
const OLD: &str = r#"
extern "C" {
int nvrtcVersion(int* major, int* minor) { *major = 11; *minor = 8; return 0; }
int nvrtcCreateProgram() { return 1; }
int nvrtcCompileProgram() { return 1; }
int nvrtcGetProgramLogSize() { return 1; }
int nvrtcGetProgramLog() { return 1; }
int nvrtcGetCUBINSize() { return 1; }
int nvrtcGetCUBIN() { return 1; }
int nvrtcGetPTXSize() { return 1; }
int nvrtcGetPTX() { return 1; }
int nvrtcGetNumSupportedArchs() { return 1; }
int nvrtcGetSupportedArchs() { return 1; }
int nvrtcDestroyProgram() { return 1; }
}
"#;
