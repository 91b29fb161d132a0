//! `emit TARGET "PATH" { ... }`

use std::collections::BTreeSet;

use crate::diagnostic::{Diagnostic, nearest};
use crate::plan::check::{Checker, Scope};
use crate::plan::names::list_of;
use crate::plan::schema::{Field, Fields, Schema};
use crate::plan::values::optional;
use crate::plan::{Emit, EmitOptions, ModelType, Target, TextSizes, codes};
use crate::source::{Span, Spanned};
use crate::syntax::ast::{Item, ItemKind, Name};
use crate::units::Dimension;
use crate::vit::{Architecture, Batches, Half, Halves, ImageFormat, KernelForm, LayerNorm, Layout, Pixels};

const KERNELS: Schema =
    Schema::of(&["search", "arch", "dtype", "residual", "pixels", "layout", "layernorm", "batches"]);
const CONFIGS: Schema = Schema::of(&["search"]);
const TRAINED: Schema = Schema::of(&["search", "recipe"]);
const TRANSFORMERS: Schema = Schema::of(&["search", "recipe", "model_type", "text"]);
const OPEN_CLIP: Schema = Schema::of(&["search", "recipe", "embed_dim", "text"]);
const TEXT: Schema = Schema::of(&["width", "depth", "heads"]);

/// The architectures that kernels can be compiled for.
const ARCHITECTURES: [(&str, &str); 8] = [
    ("sm_80", "sm_80"),
    ("sm_86", "sm_86"),
    ("sm_89", "sm_89"),
    ("sm_90", "sm_90"),
    ("sm_90a", "sm_90a"),
    ("sm_100", "sm_100"),
    ("sm_100a", "sm_100a"),
    ("sm_120", "sm_120"),
];

/// The architectures of kernels where the plan names none.
const DEFAULT_ARCHITECTURES: [&str; 2] = ["sm_80", "sm_90a"];

impl Checker<'_> {
    /// Checks an emit.
    pub(in crate::plan) fn emit(&mut self, item: &Item, scope: &Scope) -> Option<Emit> {
        let ItemKind::Emit { target, path, to, body } = &item.kind else { return None };
        if target.is_some() && scope.searches.len() == 0 && scope.laws.len() > 0 {
            let error = Diagnostic::error(codes::MISSING_DEFINITION, "`emit` needs a search, and the plan has none")
                .label(item.keyword, "emits the shape of a search")
                .help("add a `search`, or remove this");
            self.report(error);
        }
        let target = target.as_ref().and_then(|name| self.target(name));
        let is_template = target.as_ref().is_some_and(|target| target.value == Target::Template);
        let (template, path) = self.template_and_path(target.as_ref(), path.as_ref(), to.as_ref())?;
        let path = self.emit_path(path, target.as_ref());
        let is_kernels = target.as_ref().is_none_or(|target| target.value == Target::Kernels);
        let (mut search, mut arch, mut options) = (Some(None), None, Some(EmitOptions::default()));
        if let Some(body) = body {
            let what = target.as_ref().map_or("this `emit`".into(), |target| format!("`emit {}`", target.value.name()));
            let schema = match target.as_ref().map(|target| target.value) {
                None | Some(Target::Kernels) => KERNELS,
                Some(Target::Transformers) => TRANSFORMERS,
                Some(Target::OpenClip) => OPEN_CLIP,
                Some(Target::Timm | Target::BigVision) => TRAINED,
                Some(_) => CONFIGS,
            };
            let fields = self.fields(what, item.keyword, body, schema);
            if let Some(field) = fields.get("search") {
                let name = self.name(field);
                search = name.and_then(|name| self.resolve(&scope.searches, name, field.owner())).map(Some);
            }
            arch = fields.get("arch").map(|field| self.architectures(field));
            options = self.emit_options(&fields);
        }
        let (target, path, search) = (target?, path?, search?);
        let arch = match arch {
            Some(arch) => arch?,
            None if is_kernels => DEFAULT_ARCHITECTURES.map(str::to_owned).to_vec(),
            None => Vec::new(),
        };
        Some(Emit { target, path, search, arch, options: options?, template: template.filter(|_| is_template) })
    }

    /// The template, if it is one, and where to write.
    fn template_and_path<'a>(
        &mut self,
        target: Option<&Spanned<Target>>,
        path: Option<&'a Spanned<String>>,
        to: Option<&'a Spanned<String>>,
    ) -> Option<(Option<Spanned<String>>, &'a Spanned<String>)> {
        let (path, is_template) = (path?, target?.value == Target::Template);
        match to {
            Some(to) if is_template => Some((Some(path.clone()), to)),
            None if is_template => {
                let error = Diagnostic::error(codes::MISSING_FIELD, "a template's text must go somewhere")
                    .label(path.span, "the template")
                    .fix("say where", path.span.after(), " to \"config.yaml\"");
                self.report(error);
                None
            }
            Some(to) => {
                let message = format!("`{}` is no template, and has one path", target?.value.name());
                let error = Diagnostic::error(codes::MISPLACED, message).label(to.span, "one path too many").fix(
                    "leave it out",
                    path.span.after().to(to.span),
                    "",
                );
                self.report(error);
                None
            }
            None => Some((None, path)),
        }
    }

    fn emit_options(&mut self, fields: &Fields<'_>) -> Option<EmitOptions> {
        let model_type = optional(fields.get("model_type").map(|field| self.word(field, &ModelType::ALL)));
        let size = |checker: &mut Self, field: Field<'_>| {
            checker.count(field.value, Dimension::NONE, (1, Architecture::LIMIT), field.owner())
        };
        let embed_dim = optional(fields.get("embed_dim").map(|field| size(self, field)));
        let text = optional(fields.get("text").map(|field| {
            let block = self.record(field)?;
            let inner = self.fields(format!("`{}`", field.name.value), field.name.span, block, TEXT);
            let [width, depth, heads] = ["width = 512", "depth = 12", "heads = 8"].map(|example| {
                let name = example.split(' ').next().unwrap_or_default();
                self.required(&inner, name, example).and_then(|field| size(self, field))
            });
            let (width, depth, heads) = (width?, depth?, heads?);
            self.heads_divide_text(&inner, width, heads)?;
            Some(TextSizes { width, depth, heads })
        }));
        let with_recipe = fields.get("recipe").map_or(Some(true), |field| self.switch(field));
        let [dtype, residual] = ["dtype", "residual"]
            .map(|name| fields.get(name).map_or(Some(Half::default()), |field| self.word(field, &Half::ALL)));
        let pixels = fields.get("pixels").map_or(Some(Pixels::default()), |field| self.word(field, &Pixels::ALL));
        let layout = fields.get("layout").map_or(Some(Layout::default()), |field| self.word(field, &Layout::ALL));
        let batches = fields.get("batches").map_or(Some(Batches::default()), |field| self.batches(field));
        let layernorm =
            fields.get("layernorm").map_or(Some(LayerNorm::default()), |field| self.word(field, &LayerNorm::ALL));
        let options = EmitOptions {
            model_type: model_type?,
            embed_dim: embed_dim?,
            text: text?,
            model_alone: !with_recipe?,
            form: KernelForm {
                images: ImageFormat { pixels: pixels?, layout: layout? },
                halves: Halves { dtype: dtype?, residual: residual? },
                layernorm: layernorm?,
                batches: batches?,
            },
        };
        if !options.form.is_consistent() {
            self.floats_apart(fields, options.form.halves.dtype);
            return None;
        }
        if let (Some(field), Some(kind)) = (fields.get("text"), options.model_type)
            && kind != ModelType::Siglip
        {
            let message = format!("`{}` has no text tower", kind.name());
            let error = Diagnostic::error(codes::MISPLACED, message).label(field.name.span, "describes one");
            let at = fields.get("model_type").map_or(field.name.span, |field| field.value.span);
            self.report(error.fix("write both towers of SigLIP", at, ModelType::Siglip.name()));
            return None;
        }
        Some(options)
    }

    /// Reports floats that no kernels work with together: the residual stream is not of the float that is multiplied.
    fn floats_apart(&mut self, fields: &Fields<'_>, dtype: Half) {
        let [multiplied, stream, norm] = ["dtype", "residual", "layernorm"].map(|name| fields.get(name));
        let (message, at, why, missing, other) = match dtype {
            Half::Bf16 => {
                let message = "a residual stream in fp16 needs products in fp16";
                (message, stream, "holds less than what is multiplied", "dtype", multiplied)
            }
            Half::Fp16 => {
                let message = "a folded layer norm in fp16 needs a residual stream in fp16";
                (message, norm, "lets products read the residual stream", "residual", stream)
            }
        };
        let Some(at) = at else { return };
        let error = Diagnostic::error(codes::FLOATS, message).label(at.name.span, why);
        let name = Half::Fp16.name();
        let fix = format!("let `{missing}` be fp16");
        self.report(if let Some(other) = other {
            error.label(other.value.span, "another float").fix(fix, other.value.span, name)
        } else {
            error.fix(fix, at.value.span.after(), format!(", {missing} = {name}"))
        });
    }

    /// Reports artefacts that would overwrite one another, for those emits that share a search.
    pub(in crate::plan) fn one_artefact_a_path(&mut self, emits: &[Emit]) {
        let cleaned: Vec<_> = emits.iter().map(|emit| (emit, clean(emit))).collect();
        for (i, one) in cleaned.iter().enumerate() {
            let emit = one.0;
            let clash = cleaned.iter().take(i).find(|other| {
                let searches = (emit.search, other.0.search);
                let together = searches.0.is_none() || searches.1.is_none() || searches.0 == searches.1;
                together && collide(one, other)
            });
            if let Some((other, _)) = clash {
                let error = Diagnostic::error(codes::SAME_PATH, format!("two emits write to `{}`", emit.path.value))
                    .label(emit.path.span, "written again here")
                    .label(other.path.span, "first written here")
                    .help("give one of them another path");
                self.report(error);
            }
        }
    }

    fn target(&mut self, name: &Name) -> Option<Spanned<Target>> {
        let known = Target::ALL.iter().find(|(text, _)| *text == name.value);
        if known.is_none() {
            let error =
                Diagnostic::error(codes::UNKNOWN_TARGET, format!("nothing can be emitted for `{}`", name.value))
                    .label(name.span, "not a target");
            let targets = || Target::ALL.iter().map(|(text, _)| *text);
            self.report(match nearest(&name.value, targets()) {
                Some(near) => error.fix(format!("there is `{near}`"), name.span, near),
                None => error.help(format!("the targets are {}", list_of(targets()))),
            });
        }
        known.map(|&(_, target)| Spanned::new(target, name.span))
    }

    /// A path below the output folder that every system can hold.
    fn emit_path(&mut self, path: &Spanned<String>, target: Option<&Spanned<Target>>) -> Option<Spanned<String>> {
        let text = path.value.as_str();
        let bytes = text.as_bytes();
        let parts = || text.strip_suffix('/').unwrap_or(text).split('/');
        let drive = bytes.first().is_some_and(u8::is_ascii_alphabetic) && bytes.get(1) == Some(&b':');
        let wrong = if text.is_empty() {
            Some("it is empty")
        } else if text.chars().any(char::is_control) {
            Some("it holds a control character")
        } else if text.contains('\\') {
            Some("parts are joined by `/`, not by `\\`")
        } else if text.starts_with('/') || drive {
            Some("it must be relative")
        } else if parts().any(|part| part == "..") {
            Some("it must not leave the output folder")
        } else if parts().any(|part| part.is_empty() || part == ".") {
            Some("it holds a part that names nothing")
        } else {
            None
        };
        let quoted = |clean: String| format!("\"{clean}\"");
        if let Some(wrong) = wrong {
            let mut error = Diagnostic::error(codes::BAD_PATH, format!("nothing can be written to this path: {wrong}"))
                .label(path.span, wrong);
            let slash = if text.ends_with(['/', '\\']) { "/" } else { "" };
            let text = if drive { text.get(2..).unwrap_or("") } else { text };
            let clean = text.replace('\\', "/");
            let parts: Vec<_> = clean.split('/').filter(|part| !["", ".", ".."].contains(part)).collect();
            let clean = format!("{}{slash}", parts.join("/"));
            error = if !parts.is_empty() && !clean.contains(|c: char| c.is_control() || c == '"') {
                error.fix("write a path below the output folder", path.span, quoted(clean))
            } else {
                error.help("write a path below the output folder, such as `\"hf/\"`")
            };
            self.report(error);
            return None;
        }
        if let Some((target, ending)) = target.and_then(|target| Some((target, target.value.ending()?)))
            && let suffix = format!(".{ending}")
            && !text.strip_suffix(&suffix).is_some_and(|stem| !stem.is_empty() && !stem.ends_with('/'))
        {
            let file = match text.trim_end_matches(&suffix) {
                folder if folder.ends_with('/') => format!("{folder}config{suffix}"),
                stem => format!("{stem}{suffix}"),
            };
            let kind = match ending {
                "py" => "Python",
                "yaml" => "YAML",
                "rs" => "Rust",
                other => other,
            };
            let name = target.value.name();
            let message = format!("`{name}` is one {kind} file, so its path must end in `{suffix}`");
            let error = Diagnostic::error(codes::BAD_PATH, message)
                .label(path.span, format!("not a {kind} file"))
                .label(target.span, format!("writes a {kind} file"))
                .fix("name a file", path.span, quoted(file));
            self.report(error);
            return None;
        }
        Some(path.clone())
    }

    /// Buckets by their largest batches.
    fn batches(&mut self, field: Field<'_>) -> Option<Batches> {
        let list = self.list(field)?;
        if list.is_empty() {
            let error = Diagnostic::error(codes::WRONG_TYPE, "`batches` must name a batch")
                .label(field.value.span, "this list is empty")
                .fix("name the largest batch", field.value.span, "[64]");
            self.report(error);
            return None;
        }
        if let Some(beyond) = list.get(Batches::MOST) {
            let message = format!("`batches` has more than {} buckets", Batches::MOST);
            let error = Diagnostic::error(codes::TOO_LARGE, message)
                .label(beyond.span, "the first beyond that")
                .label(field.name.span, "has kernels for each bucket")
                .help("leave some out: larger buckets serve their batches, too");
            self.report(error);
            return None;
        }
        let images = |expr| self.count(expr, Dimension::NONE, (1, Batches::LARGEST), field.owner());
        // All of them are checked.
        let largest: Vec<Option<u64>> = list.iter().map(images).collect();
        let largest: Vec<u64> = largest.into_iter().collect::<Option<_>>()?;
        let written: Vec<(u64, Span)> = largest.iter().copied().zip(list.iter().map(|expr| expr.span)).collect();
        let falls = written.windows(2).find_map(|pair| match *pair {
            [before, after] if after.0 <= before.0 => Some((before, after)),
            _ => None,
        });
        if let Some(((before, earlier), (after, later))) = falls {
            let (code, message, label) = if before == after {
                (codes::DUPLICATE_FIELD, format!("a batch of {after} is named twice"), "named already")
            } else {
                let message = format!("`batches` must rise, and {after} comes after {before}");
                (codes::OUT_OF_RANGE, message, "less than the one before it")
            };
            let rising: BTreeSet<u64> = largest.into_iter().collect();
            let rising: Vec<String> = rising.iter().map(u64::to_string).collect();
            let error = Diagnostic::error(code, message).label(later, label).label(earlier, "comes before it").fix(
                "write each once, the smallest first",
                field.value.span,
                format!("[{}]", rising.join(", ")),
            );
            self.report(error);
            return None;
        }
        Batches::new(&largest)
    }

    fn architectures(&mut self, field: Field<'_>) -> Option<Vec<String>> {
        let list = self.list(field)?;
        let mut found: Vec<Option<String>> = Vec::new();
        for expr in list {
            let arch = self.word_of(expr, &ARCHITECTURES, field.owner()).map(str::to_owned);
            if arch.is_some() && found.contains(&arch) {
                let text = arch.as_deref().unwrap_or_default();
                let error = Diagnostic::error(codes::DUPLICATE_FIELD, format!("`{text}` is named twice"))
                    .label(expr.span, "named already")
                    .label(field.name.span, "takes each architecture once")
                    .help("remove it");
                self.report(error);
            }
            found.push(arch);
        }
        if found.is_empty() {
            let error = Diagnostic::error(codes::WRONG_TYPE, "`arch` must name an architecture")
                .label(field.value.span, "this list is empty")
                .fix("write the usual ones", field.value.span, format!("[{}]", DEFAULT_ARCHITECTURES.join(", ")));
            self.report(error);
            return None;
        }
        found.into_iter().collect()
    }
}

/// The path as file systems that ignore case see it.
fn clean(emit: &Emit) -> String {
    emit.path.value.trim_end_matches('/').to_lowercase()
}

/// Whether one path is the other, or lies below it though it is a file.
fn collide(a: &(&Emit, String), b: &(&Emit, String)) -> bool {
    let below_file = |inner: &str, (emit, outer): &(&Emit, String)| {
        emit.target.value.is_file() && inner.strip_prefix(outer.as_str()).is_some_and(|rest| rest.starts_with('/'))
    };
    a.1 == b.1 || below_file(&b.1, a) || below_file(&a.1, b)
}
