//! Makes of a compiled worker what Cloudflare runs: the JavaScript around it, bundled, and the WebAssembly made small.

use std::collections::{BTreeSet, HashSet};
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use wasm_bindgen_cli_support::Bindgen;

use crate::process;
use crate::progress;
use crate::project::Project;
use crate::provision::{NpmTools, Panic};

/// The crate leaves notes in a compiled worker that only its tools of the same version can read.
pub(crate) const WASM_BINDGEN: &str = "0.2.130";

/// What goes around the JavaScript that wasm-bindgen writes.
const ENTRY: &str = include_str!("entry.js");

/// Cloudflare's events that a worker may handle.
const EVENTS: [&str; 5] = ["fetch", "scheduled", "queue", "email", "connect"];

/// Without its inlining, which made the quickstart 50 KiB larger.
const WASM_OPT: [&str; 7] = ["-O", "-aimfs", "0", "-fimfs", "0", "-ocimfs", "0"];
/// Functions of similar names have similar code, which is compressed to less when it stands together.
const THEN: [&str; 3] = ["--reorder-functions-by-name", "--strip-debug", "--strip-producers"];

/// How to pack.
#[derive(Debug)]
pub(crate) struct Packing<'a> {
    pub(crate) tools: &'a NpmTools,
    pub(crate) panic: Panic,
    pub(crate) wasm_opt: bool,
    /// With what `wrangler dev` alone needs.
    pub(crate) under_wrangler_dev: bool,
}

impl Packing<'_> {
    /// Writes `index.js` and `index_bg.wasm` into a folder.
    pub(crate) fn pack(&self, wasm: Vec<u8>, dir: &Path) -> Result<()> {
        let scratch = dir.join(".tmp");
        // What a killed build left.
        let _ = fs::remove_dir_all(&scratch);
        let mut bindgen = Bindgen::new();
        bindgen.input_bytes("index", wasm).module(true)?.typescript(false);
        bindgen.reset_state_function(true).force_enable_abort_handler(true);
        bindgen.generate(&scratch).context("wasm-bindgen cannot read what was compiled")?;

        let glue = fs::read_to_string(scratch.join("index.js"))?;
        fs::write(scratch.join("wasm.js"), bundled_away(&glue))?;
        fs::write(scratch.join("entry.js"), entry(&glue)?)?;
        process::capture(&mut self.bundle(&scratch))?;
        if self.wasm_opt {
            let bundle = fs::read_to_string(scratch.join("index.js"))?;
            let optimize = || process::capture(&mut self.optimize(&scratch, &uncalled(&glue, &bundle)));
            progress::step("wasm-opt", "to make it smaller", optimize)?;
        }
        for file in ["index.js", "index_bg.wasm"] {
            fs::rename(scratch.join(file), dir.join(file)).with_context(|| format!("cannot replace {file}"))?;
        }
        fs::remove_dir_all(&scratch).with_context(|| format!("cannot remove {}", scratch.display()))
    }

    fn bundle(&self, dir: &Path) -> Command {
        let mut esbuild = process::command(&self.tools.esbuild);
        esbuild.args(["entry.js", "--bundle", "--format=esm", "--minify", "--log-level=warning"]);
        esbuild.args(["--outfile=index.js", "--allow-overwrite"]);
        esbuild.args(["--external:./index_bg.wasm", "--external:cloudflare:*"]);
        esbuild.arg(format!("--define:PANIC_ABORTS={}", self.panic == Panic::Abort));
        esbuild.arg(format!("--define:UNDER_WRANGLER_DEV={}", self.under_wrangler_dev));
        // Nobody disposes of an object here, and a class that is named for that alone is kept.
        esbuild.arg("--define:Symbol.dispose=undefined");
        esbuild.current_dir(dir);
        esbuild
    }

    fn optimize(&self, dir: &Path, uncalled: &[&str]) -> Command {
        // A native one, where the user has it, is several times as fast.
        let program = env::var_os("WASM_OPT_BIN").map_or_else(|| self.tools.wasm_opt.clone(), PathBuf::from);
        let mut wasm_opt = process::command(program);
        wasm_opt.args(uncalled.iter().map(|export| format!("--remove-exports={export}")));
        wasm_opt.args(WASM_OPT).args(THEN).args(["index_bg.wasm", "-o", "index_bg.wasm"]).current_dir(dir);
        wasm_opt
    }
}

/// Changes whenever the same worker would be packed otherwise.
pub(crate) fn fingerprint() -> String {
    format!("{WASM_BINDGEN} {WASM_OPT:?} {THEN:?} {ENTRY}")
}

/// Refuses a worker that is compiled for another version of wasm-bindgen.
pub(crate) fn check_version(project: &Project) -> Result<()> {
    let found = project.locked_version("wasm-bindgen")?;
    if found != WASM_BINDGEN {
        bail!(
            "the worker's Cargo.lock has wasm-bindgen {found}, and this cargo-stripeflare packs {WASM_BINDGEN} only: \
             install the cargo-stripeflare of the worker's stripeflare, or run `cargo update wasm-bindgen --precise \
             {WASM_BINDGEN}`"
        );
    }
    Ok(())
}

/// The entry module, for what the generated module exports.
fn entry(glue: &str) -> Result<String> {
    let (mut handlers, mut objects) = (Vec::new(), String::new());
    for (local, name) in exports(glue) {
        if EVENTS.contains(&name) {
            handlers.push(format!("{name}: wasm.{name}"));
        } else if is_constructible(glue, local) {
            objects += &format!("export const {name} = durable(wasm.{name});\n");
        }
    }
    if handlers.is_empty() {
        bail!("the worker handles no event: it needs a function with `#[stripeflare::main]`");
    }
    Ok(format!("{ENTRY}\nexport default entrypoint({{ {} }});\n{objects}", handlers.join(", ")))
}

/// The generated module in the form that is bundled: Cloudflare hands out a compiled module by a plain import, and without the
/// classes that nobody makes instances of, which `worker` has several of.
fn bundled_away(glue: &str) -> String {
    glue.replace("import source ", "import ")
        .replace("new FinalizationRegistry(", "/* @__PURE__ */ new FinalizationRegistry(")
}

/// What the WebAssembly exports to JavaScript that was not bundled.
fn uncalled<'a>(glue: &'a str, bundle: &str) -> Vec<&'a str> {
    let is_name = |character: char| character.is_ascii_alphanumeric() || character == '_';
    let names = |text: &'a str| text.split("wasm.").skip(1).filter_map(move |rest| rest.split(|c| !is_name(c)).next());
    let called: HashSet<&str> = bundle.split(|character| !is_name(character)).collect();
    let uncalled: BTreeSet<&str> = names(glue).filter(|name| !called.contains(name)).collect();
    uncalled.into_iter().collect()
}

/// Local and exported name of all that wasm-bindgen exports: `export function a(`, `export class B {`,
/// `export { c2 as c }`.
fn exports(glue: &str) -> impl Iterator<Item = (&str, &str)> {
    glue.lines().filter_map(|line| {
        let rest = line.strip_prefix("export ")?;
        if let Some(renamed) = rest.strip_prefix('{') {
            return renamed.trim_end_matches([';', ' ', '}']).trim().split_once(" as ");
        }
        let named = rest.strip_prefix("function ").or_else(|| rest.strip_prefix("class "))?;
        let name = named.split([' ', '(']).next()?;
        Some((name, name))
    })
}

/// Whether JavaScript can make instances of a class, as Cloudflare does of a Durable Object: the helpers of `worker` have no
/// constructor.
fn is_constructible(glue: &str, class: &str) -> bool {
    let body = glue.split_once(&format!("class {class} {{")).and_then(|(_, rest)| rest.split_once("\n}"));
    body.is_some_and(|(body, _)| body.contains("\n    constructor("))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GLUE: &str = "
export class DORM {
    call() {
    }
    constructor(state, env) {
    }
}
class Hidden {
    constructor() {
    }
}
export class MinifyConfig {
    free() {
    }
}
class Cache2 {
    constructor(state, env) {
    }
}
export { Cache2 as Cache }
export function __stripeflare_start() {
}
function fetch2(request, env, context) {
}
export { fetch2 as fetch }
export function queue(batch, env, context) {
}
";

    #[test]
    fn handlers_and_objects_are_exported_and_nothing_else() {
        let entry = entry(GLUE).unwrap();
        let ours = entry.strip_prefix(ENTRY).unwrap();
        let expected = "
export default entrypoint({ fetch: wasm.fetch, queue: wasm.queue });
export const DORM = durable(wasm.DORM);
export const Cache = durable(wasm.Cache);
";
        assert_eq!(ours, expected);
    }

    #[test]
    fn what_the_bundle_does_not_call_is_not_exported() {
        let glue = "wasm.__wbg_dorm_free(ptr, 1);\nwasm.r2range_new();\nwasm.fetch(a);\nwasm.fetch_2(a);\n";
        assert_eq!(uncalled(glue, "i.__wbg_dorm_free(_,1),i.fetch_2(e)"), ["fetch", "r2range_new"]);
    }

    #[test]
    fn a_library_without_a_handler_is_no_worker() {
        assert!(entry("export function add(a, b) {\n}").unwrap_err().to_string().contains("stripeflare::main"));
    }

    #[test]
    fn the_version_is_that_of_the_linked_tool() {
        let manifest = include_str!("../Cargo.toml");
        assert!(manifest.contains(&format!("wasm-bindgen-cli-support = \"={WASM_BINDGEN}\"")));
    }
}
