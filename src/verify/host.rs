//! Compiles a kernel with the host executor and runs it.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use super::{Argument, Counts, Failure, Trace};
use crate::kernel::{KernelPlan, Launch};

/// The C++ compiler of the system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compiler {
    program: OsString,
    /// What it is told before all else.
    words: Vec<String>,
}

/// A kernel and the executor as one program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    path: PathBuf,
    launch: Launch,
}

/// In which order the executor does what a GPU may do in any order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// Whether blocks and threads run from the last to the first.
    pub reverse: bool,
    /// When asynchronous copies land: 0 where the kernel waits for them, 1 at once, else at random by that seed.
    pub copies: u32,
}

impl std::fmt::Display for Order {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let copies = match self.copies {
            0 => "copies late",
            1 => "copies at once",
            _ => "copies at random",
        };
        write!(f, "{} thread first, {copies}", if self.reverse { "last" } else { "first" })
    }
}

const fn order(reverse: bool, copies: u32) -> Order {
    Order { reverse, copies }
}

/// Both orders of threads.
pub const ORDERS: [Order; 2] = [order(false, 0), order(true, 0)];

/// Both, with copies that land late, at once and at random.
pub const SCHEDULES: [Order; 6] =
    [order(false, 0), order(true, 1), order(false, 7), order(true, 0), order(false, 1), order(true, 2026)];

macro_rules! executor {
    ($($name:literal),*) => { [$(($name, include_str!(concat!("../../kernels/host/", $name)))),*] };
}

/// The executor's own source.
const FILES: [(&str, &str); 13] = executor![
    "host.h",
    "cuda.hpp",
    "counts.hpp",
    "trace.hpp",
    "floats.hpp",
    "fiber.hpp",
    "executor.hpp",
    "buffers.hpp",
    "copies.hpp",
    "meetings.hpp",
    "tensor.hpp",
    "run.cpp",
    "kernel.cpp"
];

const FLAGS: [&str; 6] = ["-std=c++17", "-O1", "-Wall", "-Wextra", "-Werror", "-Wno-unknown-pragmas"];

impl Compiler {
    /// What `CXX` names where it is set, a program and perhaps words for it, such as `ccache g++`; else the first of `c++`,
    /// `g++` and `clang++` that runs. None where that does not run.
    pub fn find(variable: impl Fn(&str) -> Option<OsString>) -> Option<Self> {
        let alone = |program| Self { program, words: Vec::new() };
        let all = match variable("CXX").filter(|value| !value.is_empty()) {
            Some(set) => vec![Self::apart(&set).unwrap_or_else(|| alone(set))],
            None => ["c++", "g++", "clang++"].map(|name| alone(name.into())).to_vec(),
        };
        let runs = |one: &Self| one.command().arg("--version").output().is_ok_and(|out| out.status.success());
        all.into_iter().find(runs)
    }

    /// A program and words for it, unless it is a program of that whole name.
    fn apart(set: &OsStr) -> Option<Self> {
        let mut words = set.to_str().filter(|_| !Path::new(set).is_file())?.split_whitespace();
        let program = words.next()?.into();
        Some(Self { program, words: words.map(str::to_owned).collect() })
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.words);
        command
    }

    /// Compiles a kernel's source with the executor, or finds it compiled below `folder` by an earlier call.
    ///
    /// Names of folders are hashes of all that goes in. The executor is compiled once for all kernels.
    pub fn compile(
        &self,
        kernel: &KernelPlan,
        source: &str,
        flags: &[&str],
        folder: &Path,
    ) -> Result<Program, Failure> {
        let mut hasher = blake3::Hasher::new();
        let mut add = |text: &[u8]| _ = hasher.update(text).update(&[0]);
        add(self.program.as_encoded_bytes());
        for word in &self.words {
            add(word.as_bytes());
        }
        for flag in FLAGS.iter().chain(flags) {
            add(flag.as_bytes());
        }
        for (name, text) in FILES {
            add(name.as_bytes());
            add(text.as_bytes());
        }
        let host = folder.join(name(&hasher));
        hasher.update(kernel.entry.as_bytes()).update(&[0]).update(source.as_bytes());
        let home = folder.join(name(&hasher));
        let path = home.join("kernel");
        if !path.exists() {
            let executor = self.executor(&host, flags)?;
            let file = home.join("kernel.cu");
            put(&file, source)?;
            let definition = format!("-DSOVIT_ENTRY={}", kernel.entry);
            let mut quoted = OsString::from("-DSOVIT_SOURCE=\"");
            quoted.push(&file);
            quoted.push("\"");
            let call = host.join("kernel.cpp");
            self.call(&path, |command| {
                command.args(flags).arg(&quoted).arg(&definition).args([&call, &executor]);
            })?;
        }
        Ok(Program { path, launch: kernel.launch })
    }

    /// The executor's object file, after its sources have been written beside it.
    fn executor(&self, host: &Path, flags: &[&str]) -> Result<PathBuf, Failure> {
        let object = host.join("run.o");
        if !object.exists() {
            for (name, text) in FILES {
                put(&host.join(name), text)?;
            }
            self.call(&object, |command| {
                command.args(flags).arg("-c").arg(host.join("run.cpp"));
            })?;
        }
        Ok(object)
    }

    /// Runs the compiler; what it makes gets its name when it is whole, so that calls at the same time do no harm.
    fn call(&self, result: &Path, inputs: impl Fn(&mut Command)) -> Result<(), Failure> {
        let unfinished = beside(result);
        let mut command = self.command();
        command.args(FLAGS);
        inputs(&mut command);
        let out = command.arg("-o").arg(&unfinished).output().map_err(|error| Failure::World(error.to_string()))?;
        if !out.status.success() {
            return Err(Failure::Compiler(String::from_utf8_lossy(&out.stderr).into_owned()));
        }
        fs::rename(&unfinished, result).map_err(|error| Failure::World(error.to_string()))
    }
}

fn name(hasher: &blake3::Hasher) -> String {
    hasher.finalize().to_hex()[..16].to_owned()
}

/// A name of the process's own in the same folder.
fn beside(path: &Path) -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let mut name = path.file_name().unwrap_or_default().to_owned();
    // The ending tells the compiler what it makes.
    name.push(format!(".{}-{}.o", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed)));
    path.with_file_name(name)
}

/// Writes a file that others may be reading.
fn put(path: &Path, text: &str) -> Result<(), Failure> {
    let write = || {
        fs::create_dir_all(path.parent().unwrap_or(Path::new("")))?;
        let unfinished = beside(path);
        fs::write(&unfinished, text)?;
        fs::rename(&unfinished, path)
    };
    write().map_err(|error| Failure::World(format!("cannot write `{}`: {error}", path.display())))
}

impl Program {
    /// Runs the kernel over `rows` rows: the buffers it filled, in order, or what the executor found wrong.
    pub fn run(&self, rows: u32, order: Order, arguments: &[Argument]) -> Result<Vec<Vec<u8>>, Failure> {
        Ok(self.launch(rows, order, arguments, &[])?.0)
    }

    /// Runs some blocks of a launch; what the others would have written is NaN in the buffers.
    pub fn run_blocks(
        &self,
        rows: u32,
        order: Order,
        arguments: &[Argument],
        blocks: &[u32],
    ) -> Result<Vec<Vec<u8>>, Failure> {
        Ok(self.launch(rows, order, arguments, blocks)?.0)
    }

    /// Blocks of a launch.
    pub fn blocks(&self, rows: u32) -> u32 {
        let Launch { rows_per_block, blocks_per_band, .. } = self.launch;
        (u64::from(rows).div_ceil(rows_per_block) * blocks_per_band) as u32
    }

    /// Runs the kernel and counts; it must have been compiled with [`COUNTING`](super::COUNTING).
    pub fn count(&self, rows: u32, arguments: &[Argument]) -> Result<Counts, Failure> {
        let (_, rest) = self.launch(rows, ORDERS[0], arguments, &[])?;
        Counts::read(&rest).ok_or_else(|| Failure::Kernel("the program was not compiled to count".to_owned()))
    }

    /// Runs the kernel and traces it; it must have been compiled with [`TRACING`](super::TRACING).
    pub fn trace(&self, rows: u32, arguments: &[Argument]) -> Result<Trace, Failure> {
        let (_, rest) = self.launch(rows, ORDERS[0], arguments, &[])?;
        Trace::read(&rest).ok_or_else(|| Failure::Kernel("the program was not compiled to trace".to_owned()))
    }

    /// The buffers, and what the program wrote behind them.
    fn launch(
        &self,
        rows: u32,
        order: Order,
        arguments: &[Argument],
        blocks: &[u32],
    ) -> Result<(Vec<Vec<u8>>, Vec<u8>), Failure> {
        let world = |error: std::io::Error| Failure::World(format!("cannot run `{}`: {error}", self.path.display()));
        let [input, output, error] = [Stdio::piped(), Stdio::piped(), Stdio::piped()];
        let mut child = Command::new(&self.path).stdin(input).stdout(output).stderr(error).spawn().map_err(world)?;
        if let Some(mut input) = child.stdin.take() {
            // A program that refuses the request closes its input; its own message is the one to show.
            let _ = input.write_all(&self.request(rows, order, arguments, blocks));
        }
        let out = child.wait_with_output().map_err(world)?;
        if !out.status.success() {
            let said = String::from_utf8_lossy(&out.stderr);
            // A trap has its status; any other end needs naming.
            let ended = if out.status.code() == Some(70) { String::new() } else { format!("{}: ", out.status) };
            return Err(Failure::Kernel(format!("{ended}{}", said.trim())));
        }
        let mut rest = out.stdout.as_slice();
        let mut filled = Vec::new();
        for argument in arguments {
            let bytes = match argument {
                Argument::Output(bytes) => *bytes,
                Argument::Updated(data) => data.len(),
                _ => continue,
            };
            let Some((own, after)) = rest.split_at_checked(bytes) else {
                return Err(Failure::Kernel("the program wrote less than it should".to_owned()));
            };
            filled.push(own.to_vec());
            rest = after;
        }
        Ok((filled, rest.to_vec()))
    }

    /// What run.cpp reads.
    fn request(&self, rows: u32, order: Order, arguments: &[Argument], blocks: &[u32]) -> Vec<u8> {
        let Launch { threads, shared_bytes, .. } = self.launch;
        let mut request = Vec::new();
        let [threads, shared] = [threads, shared_bytes].map(|n| n as u32);
        for number in [self.blocks(rows), threads, shared, order.reverse.into(), order.copies, arguments.len() as u32] {
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
        for number in std::iter::once(&(blocks.len() as u32)).chain(blocks) {
            request.extend(number.to_le_bytes());
        }
        request
    }
}
