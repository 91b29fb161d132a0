//! Everything to artefacts. minijinja lives here and nowhere else.

/// A file to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artefact {
    /// Below the output folder, with `/`.
    pub path: String,
    /// Its text.
    pub text: String,
}
