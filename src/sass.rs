//! The door to NVIDIA's disassembler: which instructions a CUBIN is made of.
//!
//! nvdisasm is a program of the CUDA toolkit and a small Python wheel of its own. Nothing needs it: without it, profiles
//! know less.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::kernel::Mix;
use crate::nvrtc::Search;

/// An nvdisasm that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disassembler {
    path: PathBuf,
}

/// Below a toolkit's root, and below a folder of Python packages.
const IN_TOOLKIT: &str = "bin/nvdisasm";
const IN_PACKAGES: [&str; 2] = ["nvidia/cu13/bin/nvdisasm", "nvidia/cuda_nvdisasm/bin/nvdisasm"];

/// Finds nvdisasm: what `SOVIT_NVDISASM` names, else that of a CUDA toolkit, of a Python package where `search` looks for
/// NVRTC too, beside NVRTC itself, or on `PATH`.
pub fn find(search: &Search, variable: impl Fn(&str) -> Option<OsString>) -> Option<Disassembler> {
    if let Some(path) = variable("SOVIT_NVDISASM").filter(|path| !path.is_empty()) {
        return Some(PathBuf::from(path)).filter(|path| path.is_file()).map(|path| Disassembler { path });
    }
    let packages = search.site_packages.iter().flat_map(|folder| IN_PACKAGES.iter().map(|name| folder.join(name)));
    // nvidia/cu13/lib/libnvrtc.so.13 and nvidia/cu13/bin/nvdisasm, or lib64 and bin of a toolkit.
    let beside = search.explicit.iter().flat_map(|path| path.ancestors().take(3).map(|root| root.join(IN_TOOLKIT)));
    let path = variable("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).map(|folder| folder.join("nvdisasm")).collect::<Vec<_>>();
    let toolkits = search.toolkits.iter().map(|root| root.join(IN_TOOLKIT));
    let found = toolkits.chain(packages).chain(beside).chain(on_path).find(|path| path.is_file());
    found.map(|path| Disassembler { path })
}

impl Disassembler {
    /// The program.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What a CUBIN is made of; it is written to `folder` first, since nvdisasm reads files alone.
    ///
    /// # Errors
    /// Says why nvdisasm gave no listing, or what of its listing is not understood.
    pub fn mix(&self, cubin: &[u8], folder: &Path) -> Result<Mix, String> {
        let file = folder.join("kernel.cubin");
        std::fs::write(&file, cubin).map_err(|error| error.to_string())?;
        let output = Command::new(&self.path).arg("-c").arg(&file).output().map_err(|error| error.to_string())?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(said.lines().next().unwrap_or("nvdisasm failed").to_owned());
        }
        Mix::of(&String::from_utf8_lossy(&output.stdout)).ok_or_else(|| "its listing holds no instructions".to_owned())
    }
}
