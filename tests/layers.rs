//! Arrows point down: no file needs one of a room above its own, and no two files need each other.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tests::imports::{Arrow, arrows, circles};

/// A crate, and its rooms from the top to the bottom: a file, or a folder with all that no other room has of it.
struct House {
    name: &'static str,
    what: &'static str,
    rooms: &'static [(&'static str, &'static str)],
}

/// The one place where the order is written; the picture in `docs/architecture.md` is made of it.
const HOUSES: [House; 3] = [
    House {
        name: "cargo-stripeflare",
        what: "the tool",
        rooms: &[
            ("main.rs", "the binary"),
            ("lib.rs", "what is public"),
            ("cli.rs", "which command was asked for"),
            ("dev", "a worker on this machine, paid through the stand-in"),
            ("cron.rs", "its cron triggers, from the shell"),
            ("pay.rs", "a payment at the stand-in, from the shell"),
            ("deploy.rs", "a worker at Cloudflare, and whether it works"),
            ("doctor", "what is wrong, and what mends it"),
            ("new", "a new project, from a template"),
            ("seller", "the set-up of an account at Stripe"),
            ("stripe", "the stand-in for Stripe"),
            ("stripe/server", "what it answers to HTTP, and its webhooks"),
            ("stripe/options.rs", "how it is set up"),
            ("stripe/resources", "what can be done to each of Stripe's resources"),
            ("stripe/model", "what Stripe knows"),
            ("stripe/clock.rs", "its time"),
            ("stripe/wire", "how it is spelled"),
            ("workerd.rs", "a running workerd"),
            ("schema.rs", "the lock file of columns"),
            ("build.rs", "a worker, ready to deploy"),
            ("pack.rs", "from WebAssembly to a worker's files"),
            ("provision", "tools, installed where they are absent"),
            ("config.rs", "what wrangler is told"),
            ("project.rs", "what Cargo knows"),
            ("process.rs", "other programs"),
            ("progress.rs", "what the terminal shows"),
            ("guard.rs", "children end with their parent"),
            ("dev_vars.rs", "the file of secrets"),
            ("finding.rs", "one thing to mend"),
        ],
    },
    House {
        name: "stripeflare",
        what: "what runs in workerd",
        rooms: &[
            ("lib.rs", "what is public, and what the macros expand to"),
            ("macros.rs", "the macros, with their documentation"),
            ("guides.rs", "the guides, as documentation"),
            ("fuzzing.rs", "doors for the fuzzer"),
            ("testing.rs", "tests of an application, without workerd"),
            ("http", "the entry, the app"),
            ("http/route.rs", "what a route of an application is"),
            ("http/routes", "a file or folder for each built-in route"),
            ("http/call", "everything around one priced call"),
            ("http/reply", "what is answered: errors and refusals with all their texts, pages"),
            ("deployment", "the worker's side without HTTP: configuration, payments, Stripe's API"),
            ("object", "the Durable Object, its alarm, and how one is asked"),
            ("error.rs", "an error of the application"),
            ("js", "what crosses to JavaScript and back"),
        ],
    },
    House {
        name: "stripeflare-core",
        what: "what holds about money, without workers and HTTP",
        rooms: &[
            ("lib.rs", "what is public"),
            ("histories", "random histories against independent models, for the tests"),
            ("protocol", "what objects are asked and answer, and who may"),
            ("stripe", "what Stripe said, and what it is worth"),
            ("aggregate", "role 3: the mirror of all accounts"),
            ("directory", "role 2: who and where"),
            ("account", "role 1: one customer's wallet"),
            ("schema", "the owner's columns and tables, migrations"),
            ("tables.rs", "the three roles, and the tables of each"),
            ("testing.rs", "a database in memory"),
            ("read_only_sql", "SQL that only reads"),
            ("error.rs", "an error of ours"),
            ("stored.rs", "values that tables have as bytes"),
            ("sql.rs", "values, rows, `trait Sql`"),
            ("bytes.rs", "values as bytes"),
            ("clock.rs", "time"),
            ("identity", "account ids, tokens, references, seals"),
            ("money.rs", "`Cents`"),
        ],
    },
];

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

impl House {
    /// The room of a file: the smallest one that has it.
    fn room(&self, file: &str) -> Option<usize> {
        let has = |room: &str| file.strip_prefix(room).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        let rooms = self.rooms.iter().enumerate().filter(|(_, (room, _))| has(room));
        rooms.max_by_key(|(_, (room, _))| room.len()).map(|(place, _)| place)
    }

    /// What is wrong in a crate of these arrows.
    fn faults(&self, arrows: &BTreeSet<Arrow>) -> Vec<String> {
        let mut faults = BTreeSet::new();
        for arrow in arrows {
            match (self.room(&arrow.from), self.room(&arrow.to)) {
                (Some(from), Some(to)) if from > to => {
                    faults.insert(format!("{arrow} points up: {} is above {}", self.rooms[to].0, self.rooms[from].0));
                }
                (Some(_), Some(_)) => {}
                (None, _) => drop(faults.insert(format!("{} has no room", arrow.from))),
                (_, None) => drop(faults.insert(format!("{} has no room", arrow.to))),
            }
        }
        faults.extend(circles(arrows).iter().map(|files| format!("these need each other: {}", files.join(", "))));
        faults.into_iter().map(|fault| format!("{}: {fault}", self.name)).collect()
    }

    fn picture(&self) -> String {
        let mut lines = vec![format!("{:<24}{}", self.name, self.what)];
        for (room, what) in self.rooms {
            let indent = "  ".repeat(1 + room.matches('/').count());
            let name = room.rsplit_once('/').map_or(*room, |(_, name)| name);
            let slash = if name.contains('.') { "" } else { "/" };
            lines.push(format!("{:<24}{what}", format!("{indent}{name}{slash}")));
        }
        lines.join("\n") + "\n"
    }
}

#[test]
fn arrows_point_down_and_make_no_circles() -> Result<()> {
    let mut faults = Vec::new();
    for house in &HOUSES {
        let src = repository().join(house.name).join("src");
        faults.extend(house.faults(&arrows(&src)?));
        let gone = house.rooms.iter().filter(|(room, _)| !src.join(room).exists());
        faults.extend(gone.map(|(room, _)| format!("{}: there is no {room}", house.name)));
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
    Ok(())
}

#[test]
fn the_picture_shows_this_order() -> Result<()> {
    let file = repository().join("docs/architecture.md");
    let text = fs::read_to_string(&file)?;
    let (begin, end) = ("<!-- The rooms, by tests/layers.rs -->\n```\n", "```\n<!-- end -->\n");
    let (before, rest) = text.split_once(begin).context("the picture begins")?;
    let (_, after) = rest.split_once(end).context("the picture ends")?;
    let pictures: Vec<String> = HOUSES.iter().map(House::picture).collect();
    let pictures = pictures.join("\n");
    let expected = format!("{before}{begin}{pictures}{end}{after}");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&file, &expected)?;
        return Ok(());
    }
    assert!(text == expected, "the picture is another one; UPDATE_GOLDEN=1 cargo test -p tests --test layers draws it");
    Ok(())
}

fn sources_below(folder: &Path, sources: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry?.path();
        if path.is_dir() {
            sources_below(&path, sources)?;
        } else {
            sources.push(path);
        }
    }
    Ok(())
}

#[test]
fn the_documentation_names_files_that_are_there() -> Result<()> {
    let mut sources = Vec::new();
    for entry in fs::read_dir(repository())? {
        let folder = entry?.path();
        for name in ["src", "tests", "e2e", "browser"] {
            sources_below(&folder.join(name), &mut sources)?;
        }
    }
    let guides = fs::read_dir(repository().join("docs"))?.map(|entry| Ok(entry?.path()));
    let mut files = guides.collect::<Result<Vec<_>>>()?;
    files.extend(["README.md", "CONTRIBUTING.md", "CHANGELOG.md"].map(|name| repository().join(name)));
    for file in files.iter().filter(|file| file.extension().is_some_and(|it| it == "md")) {
        let text = fs::read_to_string(file)?;
        let inline = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        let defined = text.lines().filter_map(|line| Some(line.strip_prefix('[')?.split_once("]: ")?.1));
        for link in inline.chain(defined) {
            let path = link.split('#').next().unwrap_or_default();
            let is_ours = !path.contains("://") && !path.is_empty();
            assert!(!is_ours || file.with_file_name(path).exists(), "{}: {link} is not there", file.display());
        }
        for name in text.split('`').filter(|name| name.ends_with(".rs") && name.contains('/')) {
            let is_there = repository().join(name).exists() || sources.iter().any(|source| source.ends_with(name));
            assert!(is_there, "{}: {name} is not there", file.display());
        }
    }
    Ok(())
}

#[test]
fn a_made_up_house_in_disorder_is_seen_through() {
    let house = House { name: "made-up", what: "", rooms: &[("roof", ""), ("roof/sky.rs", ""), ("cellar", "")] };
    let faults = |list: &[(&str, &str)]| {
        let arrow = |(from, to): &(&str, &str)| Arrow { from: (*from).to_owned(), to: (*to).to_owned() };
        house.faults(&list.iter().map(arrow).collect())
    };
    let down = [("roof/mod.rs", "roof/tiles.rs"), ("roof/tiles.rs", "roof/sky.rs"), ("roof/sky.rs", "cellar/mod.rs")];
    assert_eq!(faults(&down), [""; 0]);
    assert_eq!(
        faults(&[("cellar/wine.rs", "roof/tiles.rs")]),
        ["made-up: cellar/wine.rs → roof/tiles.rs points up: roof is above cellar"]
    );
    assert_eq!(
        faults(&[("roof/sky.rs", "roof/tiles.rs")]),
        ["made-up: roof/sky.rs → roof/tiles.rs points up: roof is above roof/sky.rs"]
    );
    assert_eq!(faults(&[("roof/tiles.rs", "cellars/mod.rs")]), ["made-up: cellars/mod.rs has no room"]);
    assert_eq!(
        faults(&[("roof/a.rs", "roof/b.rs"), ("roof/b.rs", "roof/c.rs"), ("roof/c.rs", "roof/a.rs")]),
        ["made-up: these need each other: roof/a.rs, roof/b.rs, roof/c.rs"]
    );
    assert_eq!(
        faults(&[("roof/mod.rs", "roof/a.rs"), ("roof/a.rs", "roof/mod.rs")]),
        [""; 0],
        "a module and its child"
    );
}
