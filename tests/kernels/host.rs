//! Compiles a kernel with the host executor and runs it.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use sovitc::kernel::{KernelPlan, Launch};

use crate::argument::Argument;

/// A kernel and the executor as one program.
pub(crate) struct Program {
    path: PathBuf,
    launch: Launch,
}

/// In which order the executor does what a GPU may do in any order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Order {
    /// Whether blocks and threads run from the last to the first.
    pub(crate) reverse: bool,
    /// When asynchronous copies land: 0 where the kernel waits for them, 1 at once, else at random by that seed.
    pub(crate) copies: u32,
}

const fn order(reverse: bool, copies: u32) -> Order {
    Order { reverse, copies }
}

/// Both orders of threads.
pub(crate) const ORDERS: [Order; 2] = [order(false, 0), order(true, 0)];

/// Both, with copies that land late, at once and at random.
pub(crate) const SCHEDULES: [Order; 6] =
    [order(false, 0), order(true, 1), order(false, 7), order(true, 0), order(false, 1), order(true, 2026)];

/// The C++ compiler of the system: `CXX`, `c++`, `g++` or `clang++`.
pub(crate) fn compiler() -> Option<&'static str> {
    static FOUND: OnceLock<Option<String>> = OnceLock::new();
    let runs = |name: &String| Command::new(name).arg("--version").output().is_ok_and(|out| out.status.success());
    let names = || std::env::var("CXX").into_iter().chain(["c++", "g++", "clang++"].map(str::to_owned));
    FOUND.get_or_init(|| names().find(runs)).as_deref()
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("kernels").join(name)
}

/// The executor's own source.
const FILES: [&str; 8] =
    ["host.h", "fiber.hpp", "executor.hpp", "buffers.hpp", "copies.hpp", "cuda.hpp", "tensor.hpp", "run.cpp"];

/// Compiles `source`, or finds it compiled by an earlier run: the folder's name is the hash of all that goes in.
pub(crate) fn compile(kernel: &KernelPlan, source: &str, flags: &[&str]) -> Program {
    let compiler = compiler().expect("the caller has asked for a compiler");
    let mut hasher = blake3::Hasher::new();
    for text in [&[compiler, kernel.entry.as_str(), source], flags].concat() {
        hasher.update(text.as_bytes()).update(&[0]);
    }
    for file in FILES {
        hasher.update(&std::fs::read(folder("host").join(file)).unwrap());
    }
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("kernels").join(&hasher.finalize().to_hex()[..16]);
    let path = home.join("kernel");
    if !path.exists() {
        std::fs::create_dir_all(&home).unwrap();
        let [file, unfinished] = ["kernel.cu", "unfinished"].map(|name| home.join(name));
        std::fs::write(&file, source).unwrap();
        let out = Command::new(compiler)
            .args(["-std=c++17", "-O1", "-Wall", "-Wextra", "-Werror", "-Wno-unknown-pragmas"])
            .args(flags)
            .arg(format!("-DSOVIT_SOURCE=\"{}\"", file.display()))
            .arg(format!("-DSOVIT_ENTRY={}", kernel.entry))
            .arg(folder("host").join("run.cpp"))
            .arg("-o")
            .arg(&unfinished)
            .output()
            .unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        std::fs::rename(&unfinished, &path).unwrap();
    }
    Program { path, launch: kernel.launch }
}

impl Program {
    /// Runs the kernel over `rows` rows. The buffers it filled, in order, or what the executor found wrong.
    pub(crate) fn run(&self, rows: u32, order: Order, arguments: &[Argument]) -> Result<Vec<Vec<u8>>, String> {
        let Launch { threads, rows_per_block, blocks_per_band, shared_bytes, .. } = self.launch;
        let grid = u64::from(rows).div_ceil(rows_per_block) * blocks_per_band;
        let mut request = Vec::new();
        let [grid, threads, shared] = [grid, threads, shared_bytes].map(|n| u32::try_from(n).unwrap());
        for number in [grid, threads, shared, order.reverse.into(), order.copies, arguments.len() as u32] {
            request.extend(number.to_le_bytes());
        }
        for argument in arguments {
            let (kind, bytes, data): (u32, u64, &[u8]) = match argument {
                Argument::Scalar(number) => (0, 4, &number.to_le_bytes()),
                Argument::Input(data) => (1, data.len() as u64, data),
                Argument::Output(bytes) => (2, *bytes as u64, &[]),
                Argument::Updated(data) => (3, data.len() as u64, data),
                Argument::Same(number) => (4, *number as u64, &[]),
            };
            request.extend(kind.to_le_bytes());
            request.extend(bytes.to_le_bytes());
            request.extend(data);
        }

        let [input, output, error] = [Stdio::piped(), Stdio::piped(), Stdio::piped()];
        let mut child = Command::new(&self.path).stdin(input).stdout(output).stderr(error).spawn().unwrap();
        // A program that refuses the request closes its input; its own message is the one to show.
        let _ = child.stdin.take().unwrap().write_all(&request);
        let out = child.wait_with_output().unwrap();
        if !out.status.success() {
            return Err(format!("{}: {}", out.status, String::from_utf8_lossy(&out.stderr).trim()));
        }
        let mut rest = out.stdout.as_slice();
        let mut filled = Vec::new();
        for argument in arguments {
            let bytes = match argument {
                Argument::Output(bytes) => *bytes,
                Argument::Updated(data) => data.len(),
                _ => continue,
            };
            let (own, after) = rest.split_at(bytes);
            filled.push(own.to_vec());
            rest = after;
        }
        assert!(rest.is_empty());
        Ok(filled)
    }
}
