//! Circles among the modules of a crate: modules that need each other, directly or through others.
//!
//! A module needs another when it imports one of its items or names one in a path; where the item is re-exported, the
//! module that defines it counts. A parent that only declares or re-exports its children needs none of them.

use super::modules::{Crate, Id, Module, Named};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write;
use std::path::Path;

/// The circles of the crate in `src`, each with every use that is part of it.
pub fn circles(src: &Path) -> Vec<String> {
    let read = Crate::read(src);
    let uses = read.uses();
    let reached: Vec<BTreeSet<Id>> = (0..read.modules.len()).map(|id| reached_from(id, &uses)).collect();
    let mut circles = Vec::new();
    let mut seen = BTreeSet::new();
    for id in 0..read.modules.len() {
        let circle: BTreeSet<Id> =
            reached[id].iter().copied().filter(|other| reached[*other].contains(&id)).collect();
        if !circle.is_empty() && seen.insert(circle.clone()) {
            circles.push(read.shown(&circle, &uses));
        }
    }
    circles
}

/// One use for each pair of modules: where, and the path that names the item.
type Uses = BTreeMap<(Id, Id), Named>;

/// Result of resolving a path.
enum Target {
    Module(Id),
    /// An item of the module, or a name that a macro of the module may define.
    Item(Id),
}

fn reached_from(id: Id, uses: &Uses) -> BTreeSet<Id> {
    let mut reached = BTreeSet::new();
    let mut open = vec![id];
    while let Some(from) = open.pop() {
        let next = uses.range((from, 0)..(from + 1, 0)).map(|((_, to), _)| *to);
        open.extend(next.filter(|to| reached.insert(*to)));
    }
    reached
}

impl Crate {
    fn uses(&self) -> Uses {
        let mut uses = Uses::new();
        for (id, module) in self.modules.iter().enumerate() {
            let imported = module.imports.iter().filter(|import| !import.is_reexport).map(|import| {
                let is_glob = import.alias == "*";
                (&import.path, is_glob)
            });
            for (named, is_glob) in imported.chain(module.paths.iter().map(|path| (path, false))) {
                let used = match self.find(id, &named.segments, &mut Vec::new()) {
                    Some(Target::Item(used)) => used,
                    Some(Target::Module(used)) if is_glob => used,
                    // Importing a module needs nothing of it yet; the paths that go through it do.
                    Some(Target::Module(_)) | None => continue,
                };
                if used != id {
                    uses.entry((id, used)).or_insert_with(|| named.clone());
                }
            }
        }
        uses
    }

    /// Resolves `path` in module `id`. `None`: it leads out of the crate or is unknown.
    fn find(&self, id: Id, path: &[String], open: &mut Vec<(Id, String)>) -> Option<Target> {
        let (first, mut rest) = path.split_first()?;
        let mut at = match first.as_str() {
            "crate" => self.root(id),
            "self" => id,
            "super" => self.modules[id].parent?,
            name => match self.member(id, name, rest.is_empty(), open)? {
                Target::Module(module) => module,
                item => return Some(item),
            },
        };
        while let Some((name, behind)) = rest.split_first() {
            rest = behind;
            at = match name.as_str() {
                "super" => self.modules[at].parent?,
                name => match self.member(at, name, rest.is_empty(), open).unwrap_or(Target::Item(at)) {
                    Target::Module(module) => module,
                    item => return Some(item),
                },
            };
        }
        Some(Target::Module(at))
    }

    /// Resolves `name` in module `id`. The last name of a path is an item rather than a module.
    fn member(&self, id: Id, name: &str, is_last: bool, open: &mut Vec<(Id, String)>) -> Option<Target> {
        let module = &self.modules[id];
        if module.items.contains(name) {
            return Some(Target::Item(id));
        }
        let child = module.children.get(name).map(|child| Target::Module(*child));
        match child {
            Some(child) if !is_last => Some(child),
            child => self.imported(id, name, open).or(child),
        }
    }

    fn imported(&self, id: Id, name: &str, open: &mut Vec<(Id, String)>) -> Option<Target> {
        let visit = (id, name.to_owned());
        if open.contains(&visit) {
            return None;
        }
        open.push(visit);
        let imports = &self.modules[id].imports;
        let named = imports.iter().filter(|import| import.alias == name);
        let found = named.into_iter().find_map(|import| self.find(id, &import.path.segments, open));
        let found = found.or_else(|| {
            let globs = imports.iter().filter(|import| import.alias == "*");
            globs.into_iter().find_map(|import| match self.find(id, &import.path.segments, open)? {
                Target::Module(module) => self.member(module, name, true, open),
                Target::Item(_) => None,
            })
        });
        open.pop();
        found
    }

    fn root(&self, id: Id) -> Id {
        self.modules[id].parent.map_or(id, |parent| self.root(parent))
    }

    /// The shortest circle, then every use among the modules that are in a circle with these.
    fn shown(&self, circle: &BTreeSet<Id>, uses: &Uses) -> String {
        let inner: Uses = uses
            .iter()
            .filter(|((from, to), _)| circle.contains(from) && circle.contains(to))
            .map(|(pair, named)| (*pair, named.clone()))
            .collect();
        let shortest = circle.iter().filter_map(|id| shortest_circle(*id, &inner)).min_by_key(Vec::len);
        let names: Vec<&str> =
            shortest.unwrap_or_default().iter().map(|id| self.modules[*id].name.as_str()).collect();
        let mut text = format!("{} (a circle among {} modules)", names.join(" -> "), circle.len());
        for ((from, to), Named { segments, line }) in &inner {
            let Module { name, file, .. } = &self.modules[*from];
            let (to, path) = (&self.modules[*to].name, segments.join("::"));
            let _ = write!(text, "\n    {}:{line}: {name} uses {to} (`{path}`)", file.display());
        }
        text
    }
}

/// The shortest way from `id` back to itself.
fn shortest_circle(id: Id, uses: &Uses) -> Option<Vec<Id>> {
    let mut ways = VecDeque::from([vec![id]]);
    let mut seen = BTreeSet::new();
    while let Some(way) = ways.pop_front() {
        let from = way.last().copied().unwrap_or(id);
        for ((_, to), _) in uses.range((from, 0)..(from + 1, 0)) {
            let longer = [way.clone(), vec![*to]].concat();
            if *to == id {
                return Some(longer);
            }
            if seen.insert(*to) {
                ways.push_back(longer);
            }
        }
    }
    None
}
