//! The modules of a crate, read from its files: what each defines, imports and names.

use super::source::{Token, behind_bracket, tokens};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Position of a module in [`Crate::modules`].
pub type Id = usize;

pub struct Crate {
    pub modules: Vec<Module>,
}

#[derive(Default)]
pub struct Module {
    /// `crate::a::b`.
    pub name: String,
    pub file: PathBuf,
    pub parent: Option<Id>,
    pub children: BTreeMap<String, Id>,
    pub items: BTreeSet<String>,
    pub imports: Vec<Import>,
    /// Paths in code, outside `use` declarations.
    pub paths: Vec<Named>,
}

pub struct Import {
    pub path: Named,
    /// The name that it has here; `*` for everything.
    pub alias: String,
    /// Whether other modules see it here (`pub use`).
    pub is_reexport: bool,
}

#[derive(Clone)]
pub struct Named {
    pub segments: Vec<String>,
    pub line: usize,
}

/// A module that is still to be read.
struct Unread {
    name: String,
    parent: Option<Id>,
    file: PathBuf,
    /// Where its children's files are.
    folder: PathBuf,
    tokens: Vec<Token>,
}

const ITEMS: &[&str] = &["fn", "struct", "enum", "trait", "type", "const", "static", "union"];
const KEYWORDS: &[&str] = &[
    "fn", "unsafe", "extern", "async", "mut", "if", "match", "let", "for", "in", "return", "impl", "dyn",
    "as",
];

impl Crate {
    /// Reads the crate whose `lib.rs` or `main.rs` is in `src`.
    pub fn read(src: &Path) -> Crate {
        let mut read = Crate { modules: Vec::new() };
        for root in ["lib.rs", "main.rs"] {
            let file = src.join(root);
            if file.exists() {
                read.module(Unread {
                    name: "crate".into(),
                    parent: None,
                    tokens: tokens(&fs::read_to_string(&file).unwrap()),
                    file,
                    folder: src.to_owned(),
                });
            }
        }
        read
    }

    fn module(&mut self, unread: Unread) -> Id {
        let Unread { name, parent, file, folder, tokens } = unread;
        let id = self.modules.len();
        self.modules.push(Module { name: name.clone(), file: file.clone(), parent, ..Module::default() });
        let mut module = Module { name, file, parent, ..Module::default() };
        let (mut at, mut depth) = (0, 0);
        while at < tokens.len() {
            let next = tokens.get(at + 1);
            at = match tokens[at].text.as_str() {
                "use" => imports(&mut module, &tokens, at),
                "mod" if next.is_some_and(Token::is_name) => {
                    self.child(id, &mut module, &folder, &tokens, at)
                }
                "macro_rules" => {
                    module.items.insert(tokens[at + 2].text.clone());
                    behind_bracket(&tokens, at + 3)
                }
                "{" | "}" => {
                    depth += if tokens[at].is("{") { 1 } else { -1 };
                    at + 1
                }
                word => {
                    let defines = depth == 0 && ITEMS.contains(&word);
                    if let Some(next) =
                        next.filter(|next| defines && next.is_name() && !KEYWORDS.contains(&&*next.text))
                    {
                        module.items.insert(next.text.clone());
                        at + 2
                    } else {
                        path(&mut module, &tokens, at)
                    }
                }
            };
        }
        self.modules[id] = module;
        id
    }

    /// Reads the module that `mod` at `at` declares; answers where its parent continues.
    fn child(&mut self, id: Id, parent: &mut Module, folder: &Path, tokens: &[Token], at: usize) -> usize {
        let word = &tokens[at + 1].text;
        let name = format!("{}::{word}", parent.name);
        let is_inline = tokens[at + 2].is("{");
        let end = if is_inline { behind_bracket(tokens, at + 2) } else { at + 3 };
        let below = folder.join(word);
        let (file, code) = if is_inline {
            (parent.file.clone(), tokens[at + 3..end - 1].to_vec())
        } else {
            let alone = folder.join(format!("{word}.rs"));
            let file = if alone.exists() { alone } else { below.join("mod.rs") };
            let text =
                fs::read_to_string(&file).unwrap_or_else(|error| panic!("{name} at {file:?}: {error}"));
            (file, super::source::tokens(&text))
        };
        let child = self.module(Unread { name, parent: Some(id), file, folder: below, tokens: code });
        parent.children.insert(word.clone(), child);
        end
    }
}

/// Reads the `use` declaration at `at`; answers where the code continues.
fn imports(module: &mut Module, tokens: &[Token], at: usize) -> usize {
    let end = (at..tokens.len()).find(|end| tokens[*end].is(";")).unwrap_or(tokens.len());
    // `use<'a>` in a bound is no declaration.
    if !tokens.get(at + 1).is_some_and(|next| next.is_name() || next.is("{") || next.is("::")) {
        return at + 1;
    }
    let is_reexport = at > 0 && (tokens[at - 1].is("pub") || tokens[at - 1].is(")"));
    tree(module, &tokens[at + 1..end], &[], is_reexport);
    end + 1
}

/// One branch of a `use` tree: a path, perhaps with an alias, perhaps with branches in braces.
fn tree(module: &mut Module, tokens: &[Token], stem: &[String], is_reexport: bool) {
    let mut segments = stem.to_vec();
    let (mut alias, mut at) = (None, 0);
    // `use ::flow::x` leads out of the crate.
    if segments.is_empty() && tokens.first().is_some_and(|token| token.is("::")) {
        return;
    }
    while let Some(token) = tokens.get(at) {
        match token.text.as_str() {
            "{" => {
                let inner = &tokens[at + 1..behind_bracket(tokens, at) - 1];
                return branches(inner).for_each(|branch| tree(module, branch, &segments, is_reexport));
            }
            "as" => {
                alias = tokens.get(at + 1).map(|name| name.text.clone());
                break;
            }
            "*" => alias = Some("*".into()),
            "self" if !segments.is_empty() => {}
            "::" => {}
            word => segments.push(word.to_owned()),
        }
        at += 1;
    }
    let (Some(last), Some(line)) = (segments.last().cloned(), tokens.first().map(|token| token.line)) else {
        return;
    };
    let alias = alias.unwrap_or(last);
    module.imports.push(Import { path: Named { segments, line }, alias, is_reexport });
}

/// The parts between the commas that are in no inner braces.
fn branches(tokens: &[Token]) -> impl Iterator<Item = &[Token]> {
    let mut depth = 0;
    tokens.split(move |token| {
        depth += i32::from(token.is("{")) - i32::from(token.is("}"));
        depth == 0 && token.is(",")
    })
}

/// Reads the path at `at`, if there is one; answers where the code continues.
fn path(module: &mut Module, tokens: &[Token], at: usize) -> usize {
    if !tokens[at].is_name() {
        return at + 1;
    }
    let mut segments = vec![tokens[at].text.clone()];
    let mut end = at + 1;
    while tokens.get(end).is_some_and(|token| token.is("::"))
        && tokens.get(end + 1).is_some_and(Token::is_name)
    {
        segments.push(tokens[end + 1].text.clone());
        end += 2;
    }
    // A field, a method, or the rest of a path that begins with `<` or `::`.
    let is_rest = at > 0 && (tokens[at - 1].is(".") || tokens[at - 1].is("::"));
    // A name of one lower-case word may be a variable, unless it is called.
    let is_variable = segments.len() == 1
        && segments[0].starts_with(char::is_lowercase)
        && !tokens.get(end).is_some_and(|next| next.is("(") || next.is("!"));
    if !is_rest && !is_variable {
        module.paths.push(Named { segments, line: tokens[at].line });
    }
    end
}
