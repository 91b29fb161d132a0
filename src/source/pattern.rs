//! Patterns of paths: `*`, `?` and `**`.

/// Whether a path has a mark of patterns: `*` or `?`.
pub fn is_pattern(path: &str) -> bool {
    path.contains(['*', '?'])
}

/// A pattern of paths with `/` between their parts.
///
/// `*` is any text and `?` any character, both within one part and never the dot that hides a name; a part `**` is any
/// number of folders, none too, but no hidden ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    parts: Vec<Vec<char>>,
}

impl Pattern {
    /// Reads a pattern; every text is one.
    pub fn new(text: &str) -> Self {
        Self { parts: text.split('/').map(|part| part.chars().collect()).collect() }
    }

    /// The pattern of all files that a path names which is no file: the path itself, or what lies right in its folder.
    pub fn of_list(path: &str) -> Self {
        if is_pattern(path) { Self::new(path) } else { Self::new(&format!("{}/*", path.trim_end_matches('/'))) }
    }

    /// Whether the whole path fits.
    pub fn matches(&self, path: &str) -> bool {
        let parts: Vec<Vec<char>> = path.split('/').map(|part| part.chars().collect()).collect();
        let is_hidden = |part: &[char]| part.first() == Some(&'.');
        fits(
            &self.parts,
            &parts,
            |part| is_deep(part),
            |pattern, part| match pattern {
                _ if is_deep(pattern) => !is_hidden(part),
                _ if is_hidden(part) && !is_hidden(pattern) => false,
                _ => fits(pattern, part, |&mark| mark == '*', |&mark, &c| matches!(mark, '*' | '?') || mark == c),
            },
        )
    }

    /// The folder that all paths lie in, before the first part with a mark; empty where that is the first.
    pub fn folder(&self) -> String {
        let fixed = self.parts.iter().take_while(|part| !part.contains(&'*') && !part.contains(&'?'));
        match fixed.map(|part| part.iter().collect::<String>()).collect::<Vec<_>>().as_slice() {
            [root] if root.is_empty() => "/".to_owned(),
            parts => parts.join("/"),
        }
    }

    /// How many folders lie at most between [`Pattern::folder`] and a path; `None` where there is no limit.
    pub fn depth(&self) -> Option<usize> {
        let marked = self.parts.iter().skip_while(|part| !part.contains(&'*') && !part.contains(&'?'));
        (!self.parts.iter().any(|part| is_deep(part))).then(|| marked.count().saturating_sub(1))
    }
}

fn is_deep(part: &[char]) -> bool {
    part == ['*', '*']
}

/// Whether `text` fits `pattern`, in which a star stands for any run of items that fit it.
fn fits<P, T>(pattern: &[P], text: &[T], is_star: impl Fn(&P) -> bool, is_fit: impl Fn(&P, &T) -> bool) -> bool {
    let (mut at, mut read) = (0, 0);
    // The last star, and how far it reaches: earlier ones never need to reach further.
    let mut star: Option<(usize, usize)> = None;
    while let Some(item) = text.get(read) {
        match pattern.get(at) {
            Some(mark) if is_star(mark) => {
                star = Some((at, read));
                at += 1;
            }
            Some(mark) if is_fit(mark, item) => {
                at += 1;
                read += 1;
            }
            _ => {
                let Some((mark, reach)) = star else { return false };
                match (pattern.get(mark), text.get(reach)) {
                    (Some(deep), Some(next)) if is_fit(deep, next) => {}
                    _ => return false,
                }
                star = Some((mark, reach + 1));
                (at, read) = (mark + 1, reach + 1);
            }
        }
    }
    pattern.iter().skip(at).all(is_star)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_fit_patterns() {
        for (pattern, path, fit) in [
            ("a/*.csv", "a/b.csv", true),
            ("a/*.csv", "a/b/c.csv", false),
            ("a/*.csv", "a/.csv", false),
            ("a/.*", "a/.csv", true),
            ("*", "", true),
            ("?.csv", "ä.csv", true),
            ("?.csv", ".csv", false),
            ("**/x.csv", "x.csv", true),
            ("**/x.csv", "a/b/x.csv", true),
            ("**/x.csv", "a/.b/x.csv", false),
            ("a/**/*.csv", "a/b/c/d.csv", true),
            ("a/**", "a/b/c", true),
            ("a/**/b/**/c", "a/b/x/b/c", true),
            ("*a*b*c", "xaxbxbxc", true),
            ("*a*b*c", "xaxbxbx", false),
            ("run-?/m.csv", "run-12/m.csv", false),
        ] {
            assert_eq!(Pattern::new(pattern).matches(path), fit, "{pattern} {path}");
        }
    }

    #[test]
    fn many_stars_take_no_longer() {
        let pattern = Pattern::new(&"*a".repeat(200));
        assert!(!pattern.matches(&("a".repeat(2000) + "b")));
        let pattern = Pattern::new(&("**/a/".repeat(100) + "b"));
        assert!(!pattern.matches(&("a/".repeat(1000) + "c")));
    }

    #[test]
    fn the_folder_stands_before_the_first_mark() {
        for (text, folder, depth) in [
            ("a/b/*.csv", "a/b", Some(0)),
            ("*/x.csv", "", Some(1)),
            ("a/**/x.csv", "a", None),
            ("/data/?/*/c", "/data", Some(2)),
            ("/*.csv", "/", Some(0)),
        ] {
            let pattern = Pattern::new(text);
            assert_eq!((pattern.folder().as_str(), pattern.depth()), (folder, depth), "{text}");
        }
    }
}
