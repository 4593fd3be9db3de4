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

/// Every route has other fields and other work to do: what is the same in two would hardly show when gzipped.
fn source(routes: usize) -> String {
    let mut source = String::from(
        "use serde::{Deserialize, Serialize};\nuse stripeflare::prelude::*;\n\n\
         #[derive(StripeUser)]\npub struct User {\n    tier: String,\n}\n",
    );
    for route in 0..routes {
        let fields = |salt: usize, count: usize| {
            (0..count)
                .map(move |field| (format!("field_{field}_{salt}"), TYPES[(route * salt + field * 3) % TYPES.len()]))
        };
        let (inputs, outputs) = (fields(5, 2 + route % 4), fields(3, 1 + route % 3));
        let declared = |fields: &mut dyn Iterator<Item = (String, (&str, &str))>| -> String {
            fields.map(|(name, (of, _))| format!("    {name}: {of},\n")).collect()
        };
        let used: Vec<_> = inputs.clone().map(|(name, (_, used))| used.replace("FIELD", &name)).collect();
        let filled: String = outputs.clone().map(|(name, _)| format!("{name}: Default::default(), ")).collect();
        let _ = write!(
            source,
            r#"
#[derive(Deserialize)]
struct In{route} {{
{}}}

#[derive(Serialize)]
struct Out{route} {{
    total_{route}: String,
{}}}

#[post("/route-{route}")]
#[priced(cents = {cents})]
async fn route_{route}(Json(input): Json<In{route}>) -> Result<Json<Out{route}>> {{
    let total = {};
    if total > {cents}00 {{
        return Err(Error::new(StatusCode::UNPROCESSABLE_ENTITY, "At most {cents}00."));
    }}
    Ok(Json(Out{route} {{ total_{route}: format!("{{total}} in {route}"), {filled}}}))
}}
"#,
            declared(&mut inputs.clone()),
            declared(&mut outputs.clone()),
            used.join(" + "),
            cents = route + 1,
        );
    }
    let names: Vec<_> = (0..routes).map(|route| format!("route_{route}")).collect();
    let _ = write!(
        source,
        "\n#[stripeflare::main]\nfn app() -> App<User> {{\n    App::new().routes(routes![{}])\n}}\n",
        names.join(", ")
    );
    source
}
