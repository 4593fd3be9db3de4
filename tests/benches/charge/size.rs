//! How large a worker is, and what a route adds to it.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use cargo_stripeflare::build::{self, Artifacts, Options};
use tests::built;

/// Some routes share what is generic per type, so the first few cost more.
const FEW: usize = 4;
const ADDED: usize = 8;

/// Of a worker that lies in this repository.
pub(crate) fn of_worker(worker: &str) -> Result<Artifacts> {
    Artifacts::in_dir(&built(worker)?)
}

/// The gzipped bytes that a typical priced route adds, JSON in and out.
pub(crate) fn per_route() -> Result<u64> {
    let dir = write_project()?;
    let mut sizes = [0; 2];
    for (size, routes) in sizes.iter_mut().zip([FEW, FEW + ADDED]) {
        fs::write(dir.join("src/lib.rs"), source(routes))?;
        *size = build::build(&Options { quiet: true, ..Options::release(&dir) })?.gzip_bytes;
    }
    Ok(sizes[1].saturating_sub(sizes[0]) / ADDED as u64)
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

{profile}"#,
            root.join("stripeflare")
        ),
    )?;
    Ok(dir)
}

/// Every route has types and fields of its own: what is the same in two routes would be compiled once.
fn source(routes: usize) -> String {
    let mut source = String::from(
        "use serde::{Deserialize, Serialize};\nuse stripeflare::prelude::*;\n\n\
         #[derive(StripeUser)]\npub struct User {\n    tier: String,\n}\n",
    );
    let mut names = String::new();
    for route in 0..routes {
        let _ = write!(
            source,
            r#"
#[derive(Deserialize)]
struct In{route} {{
    text_{route}: String,
    count_{route}: u32,
}}

#[derive(Serialize)]
struct Out{route} {{
    answer_{route}: String,
    words_{route}: usize,
}}

#[post("/route-{route}")]
#[priced(cents = {cents})]
async fn route_{route}(Json(input): Json<In{route}>) -> Result<Json<Out{route}>> {{
    if input.count_{route} > {cents}00 {{
        return Err(Error::new(StatusCode::UNPROCESSABLE_ENTITY, "At most {cents}00."));
    }}
    let words_{route} = input.text_{route}.split_whitespace().count();
    let answer_{route} = format!("{{}} times {{words_{route}}} words in {route}", input.count_{route});
    Ok(Json(Out{route} {{ answer_{route}, words_{route} }}))
}}
"#,
            cents = route + 1
        );
        let _ = write!(names, "route_{route}, ");
    }
    let _ = write!(
        source,
        "\n#[stripeflare::main]\nfn app() -> App<User> {{\n    App::new().routes(routes![{}])\n}}\n",
        names.trim_end_matches(", ")
    );
    source
}
