//! Which file of a crate needs which other one, read from its source: `use` and paths in the code, also in macros.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// A file needs another one; both as paths below the crate's `src`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Arrow {
    /// The file that needs it.
    pub from: String,
    /// The file that is needed.
    pub to: String,
}

impl std::fmt::Display for Arrow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} → {}", self.from, self.to)
    }
}

/// The names on the way from the crate's root to a module.
type Module = Vec<String>;

/// A path as it is written: the module it is written in, and its names. The first may be `crate`, `self` or `super`.
#[derive(Debug)]
struct Written {
    inside: Module,
    names: Vec<String>,
}

/// What one file says.
#[derive(Debug, Default)]
struct Source {
    /// The module that the file is.
    module: Module,
    paths: Vec<Written>,
    /// Names that `use` brings into the file's own module, and where they come from.
    imports: BTreeMap<String, Vec<String>>,
}

/// All arrows between the files below a folder. A name that a module hands on leads to the file that has it.
///
/// # Errors
/// When a file cannot be read.
pub fn arrows(src: &Path) -> Result<BTreeSet<Arrow>> {
    let mut files = BTreeMap::new();
    list(src, &mut Vec::new(), &mut files)?;
    let mut sources = BTreeMap::new();
    for (module, file) in &files {
        let text = fs::read_to_string(src.join(file)).with_context(|| format!("cannot read {file}"))?;
        let tokens: TokenStream = text.parse().map_err(|error| anyhow!("{file}: {error}"))?;
        let mut source = Source { module: module.clone(), ..Source::default() };
        source.read(tokens, &mut module.clone());
        sources.insert(module.clone(), source);
    }
    let mut arrows = BTreeSet::new();
    for (module, source) in &sources {
        for path in &source.paths {
            let Some(there) = resolve(&sources, &path.inside, &path.names, 8) else { continue };
            if there != *module {
                arrows.insert(Arrow { from: files[module].clone(), to: files[&there].clone() });
            }
        }
    }
    Ok(arrows)
}

fn list(src: &Path, below: &mut Module, files: &mut BTreeMap<Module, String>) -> Result<()> {
    for entry in fs::read_dir(src.join(below.join("/")))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.path().is_dir() {
            below.push(name);
            list(src, below, files)?;
            below.pop();
        } else if let Some(stem) = name.strip_suffix(".rs") {
            let mut module = below.clone();
            if !matches!(stem, "mod" | "lib" | "main") {
                module.push(stem.to_owned());
            }
            files.insert(module, below.iter().chain([&name]).cloned().collect::<Vec<_>>().join("/"));
        }
    }
    Ok(())
}

impl Source {
    fn read(&mut self, tokens: TokenStream, inside: &mut Module) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut at = 0;
        while at < tokens.len() {
            match &tokens[at] {
                TokenTree::Ident(word) if *word == "mod" => {
                    if let (Some(TokenTree::Ident(name)), Some(TokenTree::Group(body))) =
                        (tokens.get(at + 1), tokens.get(at + 2))
                    {
                        inside.push(name.to_string());
                        self.read(body.stream(), inside);
                        inside.pop();
                        at += 2;
                    }
                }
                TokenTree::Ident(word) if *word == "use" => {
                    let length = tokens[at..].iter().position(|it| is(it, ';')).unwrap_or(tokens.len() - at);
                    self.import(&tokens[at + 1..at + length], &[], inside);
                    at += length;
                }
                TokenTree::Ident(_) => {
                    let names = path(&tokens[at..]);
                    // Two colons before each name but the first.
                    at += (names.len() - 1) * 3;
                    if names.len() > 1 {
                        self.paths.push(Written { inside: inside.clone(), names });
                    }
                }
                TokenTree::Group(group) => self.read(group.stream(), inside),
                _ => {}
            }
            at += 1;
        }
    }

    /// One branch of what follows `use`.
    fn import(&mut self, tokens: &[TokenTree], before: &[String], inside: &Module) {
        let mut names = before.to_vec();
        let mut at = 0;
        while let Some(token) = tokens.get(at) {
            match token {
                TokenTree::Ident(word) if *word == "as" => {
                    if let Some(name) = tokens.get(at + 1) {
                        self.imported(name.to_string(), names, inside);
                    }
                    return;
                }
                TokenTree::Ident(name) => names.push(name.to_string()),
                TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
                    let branches: Vec<TokenTree> = group.stream().into_iter().collect();
                    for branch in branches.split(|it| is(it, ',')).filter(|branch| !branch.is_empty()) {
                        self.import(branch, &names, inside);
                    }
                    return;
                }
                _ => {}
            }
            at += 1;
        }
        if names.last().is_some_and(|name| name == "self") && names.len() > 1 {
            names.pop();
        }
        let name = names.last().cloned().unwrap_or_default();
        self.imported(name, names, inside);
    }

    fn imported(&mut self, name: String, names: Vec<String>, inside: &Module) {
        self.paths.push(Written { inside: inside.clone(), names: names.clone() });
        if *inside == self.module {
            self.imports.insert(name, names);
        }
    }
}

fn is(token: &TokenTree, mark: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == mark)
}

/// The names that stand here with two colons between them.
fn path(tokens: &[TokenTree]) -> Vec<String> {
    let mut names = Vec::new();
    let mut at = 0;
    while let Some(TokenTree::Ident(name)) = tokens.get(at) {
        names.push(name.to_string());
        match tokens.get(at + 1..at + 3) {
            Some([first, second]) if is(first, ':') && is(second, ':') => at += 3,
            _ => break,
        }
    }
    names
}

/// The module in whose file the thing is that a path names; none for other crates.
fn resolve(sources: &BTreeMap<Module, Source>, inside: &Module, names: &[String], hops: usize) -> Option<Module> {
    let mut names = names;
    let mut module = match names.first()?.as_str() {
        "crate" => {
            names = &names[1..];
            Module::new()
        }
        "self" | "super" => {
            if names[0] == "self" {
                names = &names[1..];
            }
            let mut module = inside.clone();
            while names.first().is_some_and(|name| name == "super") {
                module.pop();
                names = &names[1..];
            }
            module
        }
        first => {
            let module = file_of(sources, inside);
            let mut child = module.clone();
            child.push(first.to_owned());
            if !sources.contains_key(&child) {
                return None;
            }
            module
        }
    };
    module = file_of(sources, &module);
    while let Some((name, rest)) = names.split_first() {
        let mut child = module.clone();
        child.push(name.clone());
        if sources.contains_key(&child) {
            module = child;
        } else if let Some(import) = sources[&module].imports.get(name).filter(|_| hops > 0) {
            let handed_on: Vec<String> = import.iter().chain(rest).cloned().collect();
            return resolve(sources, &module, &handed_on, hops - 1).or(Some(module));
        } else {
            break;
        }
        names = rest;
    }
    Some(module)
}

/// The module that is a file, around one that is not.
fn file_of(sources: &BTreeMap<Module, Source>, module: &Module) -> Module {
    let mut module = module.clone();
    while !sources.contains_key(&module) && module.pop().is_some() {}
    module
}

/// Whether a file is the module that another one is in.
fn is_above(module: &str, file: &str) -> bool {
    let folder = match module.rsplit_once('/') {
        Some((folder, "mod.rs")) => format!("{folder}/"),
        None if matches!(module, "lib.rs" | "main.rs") => String::new(),
        _ => format!("{}/", module.trim_end_matches(".rs")),
    };
    file != module && file.starts_with(&folder)
}

/// Files that need each other, each circle once. That a file needs the module that it is in makes none.
#[must_use]
pub fn circles(arrows: &BTreeSet<Arrow>) -> Vec<Vec<&str>> {
    let mut next: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for Arrow { from, to } in arrows.iter().filter(|arrow| !is_above(&arrow.to, &arrow.from)) {
        next.entry(from).or_default().push(to);
    }
    let all: BTreeMap<&str, BTreeSet<&str>> = next.keys().map(|file| (*file, reached(&next, file))).collect();
    let circles = all.iter().filter(|(file, reached)| reached.contains(**file)).map(|(file, reached)| {
        reached.iter().filter(|other| all.get(**other).is_some_and(|back| back.contains(*file))).copied().collect()
    });
    circles.collect::<BTreeSet<Vec<&str>>>().into_iter().collect()
}

/// All that a file needs, and what that needs, and so on.
fn reached<'a>(next: &BTreeMap<&'a str, Vec<&'a str>>, from: &'a str) -> BTreeSet<&'a str> {
    let (mut reached, mut open) = (BTreeSet::new(), vec![from]);
    while let Some(file) = open.pop() {
        open.extend(next.get(file).into_iter().flatten().filter(|to| reached.insert(**to)));
    }
    reached
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A made-up crate, each file with its text.
    fn arrows_of(files: &[(&str, &str)]) -> Vec<String> {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let file = dir.path().join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        arrows(dir.path()).unwrap().iter().map(Arrow::to_string).collect()
    }

    #[test]
    fn uses_and_paths_in_the_code_are_arrows() {
        let files = [
            ("lib.rs", "mod a; mod b; mod c { pub fn f() {} } pub use b::{B, deep::{self, D as E}};"),
            ("a.rs", "use std::fmt; use crate::b::B; fn f() -> crate::b::deep::D { todo!() }"),
            ("b/mod.rs", "pub mod deep; pub struct B;"),
            ("b/deep.rs", "pub struct D; fn f() { println!(\"{}\", super::super::a::x()); crate::c::f() }"),
        ];
        assert_eq!(
            arrows_of(&files),
            [
                "a.rs → b/deep.rs",
                "a.rs → b/mod.rs",
                "b/deep.rs → a.rs",
                "b/deep.rs → lib.rs",
                "lib.rs → b/deep.rs",
                "lib.rs → b/mod.rs"
            ]
        );
    }

    #[test]
    fn comments_texts_other_crates_and_modules_in_a_file_are_none() {
        let files = [
            ("lib.rs", "mod a;"),
            (
                "a.rs",
                "//! [`crate::b`]\nuse other::b; /* crate::b::c */ const X: &str = \"crate::b\"; mod tests { use super::*; }",
            ),
            ("b.rs", "fn f() { std::mem::take(&mut 1); <u8>::MAX; self.b(); }"),
        ];
        assert_eq!(arrows_of(&files), [""; 0]);
    }

    #[test]
    fn names_that_a_module_hands_on_lead_to_their_file() {
        let files = [
            ("lib.rs", "mod room; mod guest; pub use room::thing as it;"),
            (
                "room/mod.rs",
                "mod thing; mod other; pub use thing::Thing; pub(super) use self::other::*; pub struct Own;",
            ),
            ("room/thing.rs", "pub struct Thing;"),
            ("room/other.rs", "use super::{Own, Thing}; mod tests { use super::Own; }"),
            ("guest.rs", "use crate::room::{Own, Thing}; use crate::it::Thing as Again;"),
        ];
        let arrows = arrows_of(&files);
        for arrow in ["guest.rs → room/thing.rs", "guest.rs → room/mod.rs", "room/other.rs → room/thing.rs"] {
            assert!(arrows.iter().any(|it| it == arrow), "{arrow}: {arrows:?}");
        }
        assert!(!arrows.iter().any(|it| it == "guest.rs → lib.rs"), "{arrows:?}");
    }

    #[test]
    fn circles_are_of_any_length_but_for_a_module_and_what_is_in_it() {
        let circles = |list: &[(&str, &str)]| {
            let arrow = |(from, to): &(&str, &str)| Arrow { from: (*from).to_owned(), to: (*to).to_owned() };
            let arrows = list.iter().map(arrow).collect();
            circles(&arrows).iter().map(|files| files.join(" ")).collect::<Vec<_>>()
        };
        assert_eq!(circles(&[("a.rs", "b.rs"), ("b.rs", "c.rs"), ("d.rs", "a.rs")]), [""; 0]);
        assert_eq!(
            circles(&[("a.rs", "b.rs"), ("b.rs", "c.rs"), ("c.rs", "a.rs"), ("d.rs", "a.rs")]),
            ["a.rs b.rs c.rs"]
        );
        assert_eq!(circles(&[("a.rs", "a/b.rs"), ("a/b.rs", "a.rs"), ("lib.rs", "a.rs"), ("a.rs", "lib.rs")]), [""; 0]);
        assert_eq!(circles(&[("a/mod.rs", "a/b/mod.rs"), ("a/b/c.rs", "a/mod.rs"), ("a/mod.rs", "a/b/c.rs")]), [""; 0]);
        assert_eq!(circles(&[("a/b.rs", "a/c.rs"), ("a/c.rs", "a/b.rs")]), ["a/b.rs a/c.rs"]);
        assert_eq!(circles(&[("a/mod.rs", "ab.rs"), ("ab.rs", "a/mod.rs")]), ["a/mod.rs ab.rs"]);
    }
}
