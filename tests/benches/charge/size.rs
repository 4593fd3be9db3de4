//! How large a worker is, and what a route adds to it.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use cargo_stripeflare::build::{self, Artifacts, Options};
use tests::built;

/// The first ones pay for what all share.
const FEW: usize = 4;
const ADDED: usize = 8;
/// What the fields of the bodies are made of, and an expression that uses such a field.
const TYPES: [(&str, &str); 7] = [
    ("String", "input.FIELD.len()"),
    ("u32", "input.FIELD as usize"),
    ("Vec<String>", "input.FIELD.iter().map(String::len).sum::<usize>()"),
    ("Option<String>", "input.FIELD.as_deref().map_or(7, |text| text.split_whitespace().count())"),
    ("f64", "(input.FIELD * 100.0) as usize"),
    ("bool", "usize::from(input.FIELD)"),
    ("Vec<i64>", "input.FIELD.iter().filter(|number| number.is_positive()).count()"),
];

/// Bytes that one more route adds, the JavaScript counted.
pub(crate) struct PerRoute {
    pub(crate) raw: u64,
    pub(crate) gzipped: u64,
}

/// Of a worker that lies in this repository.
pub(crate) fn of_worker(worker: &str) -> Result<Artifacts> {
    Artifacts::in_dir(&built(worker)?)
}

/// What a typical priced route adds, JSON in and out.
pub(crate) fn per_route() -> Result<PerRoute> {
    let dir = write_project()?;
    let build = |routes| {
        fs::write(dir.join("src/lib.rs"), source(routes))?;
        build::build(&Options { quiet: true, ..Options::release(&dir) })
    };
    let (few, more) = (build(FEW)?, build(FEW + ADDED)?);
    let each = |few: u64, more: u64| more.saturating_sub(few) / ADDED as u64;
    Ok(PerRoute { raw: each(few.raw_bytes, more.raw_bytes), gzipped: each(few.gzip_bytes, more.gzip_bytes) })
}

/// A worker of its own, built exactly as those of the repository are.
fn write_project() -> Result<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("the tests lie in the repository")?;
    let dir = root.join("target/size-probe");
    fs::create_dir_all(dir.join("src"))?;
    fs::copy(root.join("Cargo.lock"), dir.join("Cargo.lock"))?;
    fs::copy(root.join("tests/worker/wrangler.toml"), dir.join("wrangler.toml"))?;
    let manifest = fs::read_to_string(root.join("Cargo.toml"))?;
    let profile = manifest.find("[profile.release]").map(|begin| &manifest[begin..]).unwrap_or_default();
    fs::write(
        dir.join("Cargo.toml"),
        format!(
            r#"[workspace]

[package]
name = "size-probe"
version = "0.0.0"
edition = "2024"

[lib]
crate-type = ["cdylib"]

[dependencies]
serde = {{ version = "1", features = ["derive"] }}
stripeflare = {{ path = {:?} }}

{profile}
# Here it is a dependency, there it is not.
[profile.release.package.stripeflare]
overflow-checks = true
"#,
            root.join("stripeflare")
        ),
    )?;
    Ok(dir)
}

/// An application with so many routes.
fn source(routes: usize) -> String {
    let handlers: String = (0..routes).map(handler).collect();
    let names: Vec<_> = (0..routes).map(|route| format!("route_{route}")).collect();
    format!(
        r#"use serde::{{Deserialize, Serialize}};
use stripeflare::prelude::*;

#[derive(StripeUser)]
pub struct User {{
    tier: String,
}}
{handlers}
#[stripeflare::main]
fn app() -> App<User> {{
    App::new().routes(routes![{}])
}}
"#,
        names.join(", ")
    )
}

/// Each has other fields and other work to do: what is the same in two would hardly show when gzipped.
fn handler(route: usize) -> String {
    let kind = |place: usize| TYPES[(route * 5 + place * 3) % TYPES.len()];
    let (mut inputs, mut outputs, mut filled) = (String::new(), String::new(), String::new());
    let mut used = Vec::new();
    for place in 0..2 + route % 4 {
        let (of, using) = kind(place);
        let name = format!("input_{route}_{place}");
        let _ = writeln!(inputs, "    {name}: {of},");
        used.push(using.replace("FIELD", &name));
    }
    for place in 0..1 + route % 3 {
        let (of, _) = kind(place + 1);
        let name = format!("output_{route}_{place}");
        let _ = writeln!(outputs, "    {name}: {of},");
        let _ = write!(filled, "{name}: Default::default(), ");
    }
    format!(
        r#"
#[derive(Deserialize)]
struct In{route} {{
{inputs}}}

#[derive(Serialize)]
struct Out{route} {{
    answer: String,
{outputs}}}

#[post("/route-{route}")]
#[priced(cents = {cents})]
async fn route_{route}(Json(input): Json<In{route}>) -> Result<Json<Out{route}>> {{
    let total = {};
    if total > {cents}00 {{
        return Err(Error::new(StatusCode::UNPROCESSABLE_ENTITY, "At most {cents}00."));
    }}
    Ok(Json(Out{route} {{ answer: format!("{{total}} in {route}"), {filled}}}))
}}
"#,
        used.join(" + "),
        cents = route + 1,
    )
}
