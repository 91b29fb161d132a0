//! Paths below the output folder: always relative, always `/`, never outside.

use super::codes;
use crate::diagnostic::Diagnostic;

/// The longest name of one file or folder, in bytes; what common file systems hold.
const LONGEST: usize = 255;

/// Joins paths with `/`; a closing `/` and empty parts fall away.
///
/// Names come from plans and locks, and a lock may have been edited: everything is checked here again.
pub(crate) fn join(parts: &[&str]) -> Result<String, Diagnostic> {
    let parts: Vec<&str> = parts.iter().map(|part| part.strip_suffix('/').unwrap_or(part)).collect();
    let path = parts.iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join("/");
    check(&path)?;
    Ok(path)
}

/// Refuses what leaves the folder it is joined to, or what some system cannot hold.
pub(crate) fn check(path: &str) -> Result<(), Diagnostic> {
    match path.split('/').find_map(problem) {
        None => Ok(()),
        Some(problem) => {
            Err(Diagnostic::error(codes::UNSAFE_PATH, format!("{path:?} is no path for an output: {problem}"))
                .help("use a relative path of plain names joined by `/`"))
        }
    }
}

/// Whether `outer` is `inner` or a folder above it.
pub(crate) fn holds(outer: &str, inner: &str) -> bool {
    inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn problem(name: &str) -> Option<String> {
    let device = |stem: &str| {
        let stem = stem.to_ascii_lowercase();
        let numbered = |prefix| stem.strip_prefix(prefix).is_some_and(|n: &str| matches!(n.as_bytes(), [b'1'..=b'9']));
        matches!(&*stem, "con" | "prn" | "aux" | "nul") || numbered("com") || numbered("lpt")
    };
    if name.is_empty() {
        Some("it has an empty name".to_owned())
    } else if name == "." || name == ".." {
        Some(format!("`{name}` may leave the folder"))
    } else if name.len() > LONGEST {
        Some(format!("a name is longer than {LONGEST} bytes"))
    } else if let Some(c) = name.chars().find(|&c| c.is_control() || r#"\:*?"<>|"#.contains(c)) {
        Some(format!("{c:?} is not allowed"))
    } else if name.ends_with(['.', ' ']) {
        Some(format!("{name:?} ends with a dot or a space"))
    } else if device(name.split('.').next().unwrap_or(name)) {
        Some(format!("`{name}` is the name of a device on Windows"))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joins() {
        assert_eq!(join(&["so400m", "hf/", "config.json"]).unwrap(), "so400m/hf/config.json");
        assert_eq!(join(&["so400m", "", "config.json"]).unwrap(), "so400m/config.json");
        assert_eq!(join(&["größe", ".hidden", "a..b"]).unwrap(), "größe/.hidden/a..b");
    }

    #[test]
    fn refuses_what_leaves() {
        for path in [
            "..",
            ".",
            "",
            "a/../b",
            "/etc/passwd",
            "a//b",
            "./a",
            "a\\b",
            "C:/x",
            "a\0b",
            "a\nb",
            "nul",
            "COM1.txt",
            "con",
            "x.",
            "x ",
            "a:b",
            "..\\x",
            "a/..",
            "*",
            "?",
        ] {
            assert_eq!(check(path).unwrap_err().code, codes::UNSAFE_PATH, "{path:?}");
        }
        assert!(check(&"x".repeat(256)).is_err());
        assert!(join(&["../up", "hf"]).is_err());
        assert!(join(&["/abs", "hf"]).is_err());
        for path in ["com", "com0", "lptx", "console", "a/b.c/d"] {
            assert!(check(path).is_ok(), "{path:?}");
        }
    }

    #[test]
    fn a_folder_holds_what_lies_in_it() {
        assert!(holds("a/b", "a/b") && holds("a", "a/b/c"));
        assert!(!holds("a/b", "a/bc") && !holds("a/b", "a"));
    }
}
