//! A plan and the files it uses, as one tree.

use super::{PlanFile, codes, prices, read};
use crate::diagnostic::{Code, Diagnostic};
use crate::lock::Input;
use crate::plan::{self, Files};
use crate::source::{Source, SourceId, Sources, Span, Spanned, World};
use crate::syntax;
use crate::syntax::ast::{Ast, Item, ItemKind, ModelFrom};
use crate::vit::{ConfigProblem, read_config};

/// Most files that may use one another in a row.
const DEEPEST: usize = 128;

/// Largest config of a model, in bytes.
const LARGEST_CONFIG: usize = 1 << 20;

/// What was read of a plan and of the files it uses.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    /// The definitions of all files; each file's stand where it was first used.
    pub(super) ast: Ast,
    /// The plan's own hash.
    pub(super) hash: Option<Input>,
    /// The files it uses, each once.
    pub(super) used: Vec<Input>,
    /// What other files say that it is checked with.
    pub(super) files: Files,
    /// What is wrong with files and syntax.
    pub(super) found: Vec<Diagnostic>,
}

/// Reads a plan and every file it uses, however indirectly.
pub(super) fn gather(world: &dyn World, file: &PlanFile<'_>, sources: &mut Sources) -> Gathered {
    let folder = file.shown.rfind('/').map_or("", |at| &file.shown[..=at]);
    let mut gatherer = Gatherer { world, file, folder, sources, open: Vec::new(), done: Vec::new(), bytes: 0 };
    let mut gathered = Gathered::default();
    gatherer.file(file.file, file.shown, None, &mut gathered);
    gathered
}

struct Gatherer<'a> {
    world: &'a dyn World,
    file: &'a PlanFile<'a>,
    /// The plan's folder as shown, with its `/`.
    folder: &'a str,
    sources: &'a mut Sources,
    /// Files that are being read, each used by the one before it, with the place where it is used.
    open: Vec<(String, Option<Span>)>,
    done: Vec<String>,
    bytes: usize,
}

impl Gatherer<'_> {
    /// Reads one file into the tree; `user` is the path that asks for it.
    fn file(&mut self, path: &str, shown: &str, user: Option<&Spanned<String>>, gathered: &mut Gathered) {
        let place = user.map(|user| user.span);
        let (text, bytes) = match read(self.world, path, shown) {
            Ok((text, bytes)) => (text, bytes),
            Err((mut unreadable, bytes)) => {
                if let Some(span) = place {
                    unreadable.message = unreadable.message.replace("the plan `", "the used file `");
                    unreadable.help.clear();
                    unreadable = unreadable
                        .label(span, "used here")
                        .help("check the path: it begins at the folder of the file that says so");
                }
                gathered.found.push(unreadable);
                if user.is_none() {
                    self.sources.add(shown, "");
                    gathered.hash = Some(Input::new(path, &bytes));
                }
                return;
            }
        };
        let input = Input::new(path, &bytes);
        match user {
            None => gathered.hash = Some(input),
            Some(_) => gathered.used.push(input),
        }
        self.bytes += bytes.len();
        if self.bytes > Source::LIMIT {
            let message = format!("the plan and the files it uses have more than {} bytes", Source::LIMIT);
            let error = Diagnostic::error(codes::PLAN_TOO_LARGE, message);
            let error = place.into_iter().fold(error, |error, span| error.label(span, "the file that is too much"));
            gathered.found.push(error.help("keep data in tables beside the plan"));
            return;
        }
        let id = self.sources.add(shown, text);
        let (ast, found) = syntax::parse(self.sources, id);
        gathered.found.extend(found);
        self.open.push((path.to_owned(), place));
        for item in ast.items {
            self.item(path, id, item, gathered);
        }
        self.open.pop();
        self.done.push(path.to_owned());
    }

    fn item(&mut self, path: &str, id: SourceId, mut item: Item, gathered: &mut Gathered) {
        match &mut item.kind {
            ItemKind::Use { path: Some(used) } => {
                let found = self.used(path, used, gathered);
                gathered.found.extend(found);
                return;
            }
            ItemKind::Use { path: None } => return,
            // Tables stand where the file that reads them says.
            ItemKind::Results { path: Some(table), .. } if id != SourceId(0) && !is_absolute(&table.value) => {
                if let Some(joined) = join(path, &table.value) {
                    table.value = joined;
                }
            }
            ItemKind::Model { from: Some(ModelFrom::File(config)), .. } => {
                let found = self.config(path, config, gathered);
                gathered.found.extend(found);
            }
            ItemKind::Prices { path: Some(list) } => {
                let found = self.prices(path, list, gathered);
                gathered.found.extend(found);
            }
            // So do templates.
            ItemKind::Emit { path: Some(template), to: Some(_), .. } if id != SourceId(0) => {
                if let Some(joined) = join(path, &template.value) {
                    template.value = joined;
                }
            }
            _ => {}
        }
        gathered.ast.items.push(item);
    }

    /// Reads the config that a model begins as; says why it cannot be. The path becomes one from the plan's folder.
    fn config(&self, by: &str, config: &mut Spanned<String>, gathered: &mut Gathered) -> Option<Diagnostic> {
        config.value = match self.place(by, config) {
            Ok(path) => path,
            Err(wrong) => return Some(wrong),
        };
        let path = &config.value;
        if gathered.files.configs.contains_key(path) {
            return None;
        }
        let bytes = match self.beside(config, "config", codes::UNREADABLE_CONFIG, gathered) {
            Ok(bytes) => bytes,
            Err(error) => return Some(error),
        };
        let read = match bytes.len() {
            0..=LARGEST_CONFIG => read_config(&String::from_utf8_lossy(&bytes)),
            _ => Err(ConfigProblem::Broken(format!("it has more than {LARGEST_CONFIG} bytes"))),
        };
        match read {
            Ok(read) => {
                gathered.files.configs.insert(path.clone(), read.vit);
                None
            }
            Err(problem) => {
                let (message, help) = problem.says(path);
                Some(Diagnostic::error(codes::BAD_CONFIG, message).label(config.span, "begins as this").help(help))
            }
        }
    }

    /// Reads a file of prices; says what is wrong with it. The path becomes one from the plan's folder.
    fn prices(&mut self, by: &str, list: &mut Spanned<String>, gathered: &mut Gathered) -> Vec<Diagnostic> {
        list.value = match self.place(by, list) {
            Ok(path) => path,
            Err(wrong) => return vec![wrong],
        };
        if gathered.files.prices.contains_key(&list.value) {
            let message = format!("`{}` is read twice", list.value);
            let error =
                Diagnostic::error(plan::codes::DUPLICATE_DEFINITION, message).label(list.span, "read again here");
            return vec![error.help("remove this line")];
        }
        let bytes = match self.beside(list, "prices", codes::UNREADABLE_PRICES, gathered) {
            Ok(bytes) => bytes,
            Err(error) => return vec![error],
        };
        let (read, found) = prices::read(&self.shown(&list.value), &bytes, list.span, self.sources);
        gathered.files.prices.extend(read.map(|read| (list.value.clone(), read)));
        found
    }

    /// The bytes of a file that a definition names, which the lock will pin.
    fn beside(
        &self,
        file: &Spanned<String>,
        noun: &str,
        code: Code,
        gathered: &mut Gathered,
    ) -> Result<Vec<u8>, Diagnostic> {
        let path = &file.value;
        let bytes = self.world.read(path).map_err(|error| {
            let error = Diagnostic::error(code, format!("cannot read the {noun} `{path}`: {error}")).from_world();
            error.label(file.span, "read here").help("check the path: it begins at the folder of the file that says so")
        })?;
        gathered.used.push(Input::new(path, &bytes));
        Ok(bytes)
    }

    /// A path from the plan's folder as a message shows it.
    fn shown(&self, path: &str) -> String {
        if is_absolute(path) { path.to_owned() } else { format!("{}{path}", self.folder) }
    }

    /// The path from the plan's folder that a file at `by` means, where a plan may read it.
    fn place(&self, by: &str, used: &Spanned<String>) -> Result<String, Diagnostic> {
        let outside = |message: String| {
            Diagnostic::error(codes::OUTSIDE, message)
                .label(used.span, "not below the plan's folder")
                .help("keep the file beside the plan or in a folder below it")
                .help("or allow it with `--allow-outside`")
        };
        let text = &used.value;
        if text.is_empty() || text.contains(['\0', '\\']) || text.ends_with('/') {
            let error = Diagnostic::error(codes::NO_FILE, format!("`{text}` names no file to use"));
            return Err(error
                .label(used.span, "no file")
                .help("write its path, with `/`, such as `\"shared/encoder.sov\"`"));
        }
        if is_absolute(text) && !self.file.outside {
            return Err(outside(format!("`{text}` is an absolute path, which another machine does not have")));
        }
        let joined = if is_absolute(text) { Some(text.clone()) } else { join(by, text) };
        joined
            .filter(|path| self.file.outside || !path.starts_with("../"))
            .ok_or_else(|| outside(format!("`{text}` lies outside of the plan's folder")))
    }

    /// Reads a file that another one uses, unless it was read; says why it cannot be.
    fn used(&mut self, by: &str, used: &Spanned<String>, gathered: &mut Gathered) -> Option<Diagnostic> {
        let path = match self.place(by, used) {
            Ok(path) => path,
            Err(wrong) => return Some(wrong),
        };
        if let Some(first) = self.open.iter().position(|(open, _)| *open == path) {
            let message = format!("`{path}` uses itself");
            let error =
                Diagnostic::error(codes::USE_CYCLE, message).label(used.span, "used here, while it is being read");
            let round = self.open.iter().skip(first + 1).filter_map(|(path, place)| Some((path, (*place)?)));
            let error = round.fold(error, |error, (path, place)| error.label(place, format!("uses `{path}`")));
            return Some(error.help("move what both need into a third file"));
        }
        if self.done.contains(&path) {
            return None;
        }
        if self.open.len() >= DEEPEST {
            let message = format!("more than {DEEPEST} files use one another in a row");
            return Some(
                Diagnostic::error(codes::USE_CYCLE, message).label(used.span, "one too many").help("use fewer files"),
            );
        }
        let shown = self.shown(&path);
        self.file(&path, &shown, Some(used), gathered);
        None
    }
}

pub(super) fn is_absolute(path: &str) -> bool {
    let bytes = path.as_bytes();
    path.starts_with('/') || bytes.first().is_some_and(u8::is_ascii_alphabetic) && bytes.get(1) == Some(&b':')
}

/// The path that a file at `by` means by `path`, without `.` and inner `..`; what leads out of the root begins with `..`.
pub(super) fn join(by: &str, path: &str) -> Option<String> {
    let folder = by.rfind('/').map_or("", |at| &by[..at]);
    let root = if by.starts_with('/') { "/" } else { "" };
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    let ends = if path.ends_with('/') { "/" } else { "" };
    (!parts.is_empty()).then(|| format!("{root}{}{ends}", parts.join("/")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_begin_at_the_folder_of_the_file() {
        let check = |by: &str, path: &str, joined: &str| assert_eq!(join(by, path).as_deref(), Some(joined));
        check("plan.sov", "a.sov", "a.sov");
        check("shared/a.sov", "b.sov", "shared/b.sov");
        check("shared/a.sov", "./x/../../b.sov", "b.sov");
        check("shared/a.sov", "../../b.sov", "../b.sov");
        check("../a.sov", "../b.sov", "../../b.sov");
        check("/abs/a.sov", "b.sov", "/abs/b.sov");
        check("shared/a.sov", "runs/", "shared/runs/");
        assert_eq!(join("a.sov", "."), None);
    }
}
