//! Checks the worker's `wrangler.toml` for the Durable Object class and its binding.

use std::fs;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

const CLASS: &str = "DORM";
const BINDING: &str = "DORM_NAMESPACE";

const BINDING_LINES: &str = "\
    [[durable_objects.bindings]]\n    \
    name = \"DORM_NAMESPACE\"\n    \
    class_name = \"DORM\"";
const MIGRATION_LINES: &str = "\
    [[migrations]]\n    \
    tag = \"v1\"\n    \
    new_sqlite_classes = [\"DORM\"]";

/// The configuration that wrangler would read for a crate.
pub(super) struct Configuration {
    pub(super) path: PathBuf,
    text: Option<String>,
}

/// The first `wrangler.toml` in `directory` or above it. A `wrangler.json` or `wrangler.jsonc` ends the search: wrangler
/// takes it before a `wrangler.toml`, and it is not checked.
pub(super) fn find(directory: &Path) -> Option<Configuration> {
    for directory in directory.ancestors() {
        for name in ["wrangler.json", "wrangler.jsonc"] {
            let path = directory.join(name);
            if path.is_file() {
                return Some(Configuration { path, text: None });
            }
        }
        let path = directory.join("wrangler.toml");
        if let Ok(text) = fs::read_to_string(&path) {
            return Some(Configuration { path, text: Some(text) });
        }
    }
    None
}

/// What is wrong with it, each with what to add.
pub(super) fn check(configuration: &Configuration) -> Vec<String> {
    let Some(text) = &configuration.text else {
        return Vec::new();
    };
    let file = configuration.path.display();
    let parsed = match text.parse::<Table>() {
        Ok(parsed) => parsed,
        Err(error) => {
            return vec![format!("{file} is no valid TOML: {}", error.to_string().trim_end())];
        }
    };
    // Bindings are not inherited by environments: a file may have them there only.
    let environments =
        table(&parsed, "env").into_iter().flat_map(|environments| environments.values()).filter_map(Value::as_table);
    let scopes = std::iter::once(&parsed).chain(environments).collect::<Vec<_>>();

    let mut problems = Vec::new();
    problems.extend(check_binding(&scopes).map(|problem| format!("{file}: {problem}")));
    problems.extend(check_class(&scopes).map(|problem| format!("{file}: {problem}")));
    problems
}

fn check_binding(scopes: &[&Table]) -> Option<String> {
    let named = scopes
        .iter()
        .filter_map(|scope| table(scope, "durable_objects"))
        .flat_map(|objects| tables(objects, "bindings"))
        .find(|binding| text(binding, "name") == Some(BINDING));
    match named.map(|binding| text(binding, "class_name")) {
        Some(Some(CLASS)) => None,
        Some(Some(other)) => {
            Some(format!("the binding `{BINDING}` names the class `{other}`; write `class_name = \"{CLASS}\"`"))
        }
        Some(None) => Some(format!("the binding `{BINDING}` names no class; write `class_name = \"{CLASS}\"`")),
        None => Some(format!("the Durable Object binding `{BINDING}` is missing; add\n\n    {BINDING_LINES}\n")),
    }
}

fn check_class(scopes: &[&Table]) -> Option<String> {
    let migrations = || scopes.iter().flat_map(|scope| tables(scope, "migrations"));
    if migrations().any(|migration| lists(migration, "new_sqlite_classes", CLASS)) {
        return None;
    }
    if let Some(export) = scopes.iter().find_map(|scope| live_export(scope)) {
        return match text(export, "storage") {
            None | Some("sqlite") => None,
            Some(other) => {
                Some(format!("the storage of the class `{CLASS}` is `{other}`; write `storage = \"sqlite\"`"))
            }
        };
    }
    if migrations().any(|migration| lists(migration, "new_classes", CLASS)) {
        return Some(format!(
            "`new_classes` gives the class `{CLASS}` no SQLite storage; write `new_sqlite_classes = [\"{CLASS}\"]`"
        ));
    }
    Some(format!("the migration that creates the class `{CLASS}` is missing; add\n\n    {MIGRATION_LINES}\n"))
}

/// `[exports.DORM]`, the newer way to declare a class, unless it says that the class is gone.
fn live_export(scope: &Table) -> Option<&Table> {
    let export = table(table(scope, "exports")?, CLASS)?;
    let is_object = text(export, "type") == Some("durable-object");
    let is_gone = matches!(text(export, "state"), Some("deleted" | "renamed" | "transferred"));
    (is_object && !is_gone).then_some(export)
}

fn table<'a>(parent: &'a Table, key: &str) -> Option<&'a Table> {
    parent.get(key)?.as_table()
}

fn tables<'a>(parent: &'a Table, key: &str) -> impl Iterator<Item = &'a Table> + use<'a> {
    parent.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_table)
}

fn text<'a>(parent: &'a Table, key: &str) -> Option<&'a str> {
    parent.get(key)?.as_str()
}

fn lists(parent: &Table, key: &str, wanted: &str) -> bool {
    parent
        .get(key)
        .and_then(Value::as_array)
        .is_some_and(|values| values.iter().any(|value| value.as_str() == Some(wanted)))
}
