//! Checks wrangler's configuration for the Durable Object class and its binding.

use std::fs;
use std::path::{Path, PathBuf};

use jsonc_parser::{JsonValue, parse_to_value};
use stripeflare_schema::wrangler::{FILES, json_options};
use toml::{Table, Value};

const CLASS: &str = "DORM";
const BINDING: &str = "DORM_NAMESPACE";

/// What to add, in each of the formats.
struct Lines {
    toml: &'static str,
    json: &'static str,
}

const BINDING_LINES: Lines = Lines {
    toml: "\
    [[durable_objects.bindings]]\n    \
    name = \"DORM_NAMESPACE\"\n    \
    class_name = \"DORM\"",
    json: r#""durable_objects": { "bindings": [{ "name": "DORM_NAMESPACE", "class_name": "DORM" }] }"#,
};
const MIGRATION_LINES: Lines = Lines {
    toml: "\
    [[migrations]]\n    \
    tag = \"v1\"\n    \
    new_sqlite_classes = [\"DORM\"]",
    json: r#""migrations": [{ "tag": "v1", "new_sqlite_classes": ["DORM"] }]"#,
};

/// The configuration that wrangler would read for a crate.
pub(super) struct Configuration {
    pub(super) path: PathBuf,
    text: String,
}

/// The first configuration in `directory` or above it.
pub(super) fn find(directory: &Path) -> Option<Configuration> {
    directory.ancestors().find_map(|directory| {
        FILES.iter().find_map(|name| {
            let path = directory.join(name);
            let text = fs::read_to_string(&path).ok()?;
            Some(Configuration { path, text })
        })
    })
}

impl Configuration {
    fn is_json(&self) -> bool {
        self.path.extension().is_none_or(|extension| extension != "toml")
    }

    fn parse(&self) -> Result<Table, String> {
        if !self.is_json() {
            return self
                .text
                .parse()
                .map_err(|error: toml::de::Error| format!("TOML: {}", error.to_string().trim_end()));
        }
        match parse_to_value(&self.text, &json_options()).map_err(|error| format!("JSON: {error}"))?.and_then(read) {
            Some(Value::Table(table)) => Ok(table),
            _ => Err("JSON object".to_owned()),
        }
    }

    fn lines(&self, lines: &Lines) -> &'static str {
        if self.is_json() { lines.json } else { lines.toml }
    }
}

/// No number counts here, and `null` is as good as nothing.
fn read(value: JsonValue<'_>) -> Option<Value> {
    Some(match value {
        JsonValue::Null | JsonValue::Number(_) => return None,
        JsonValue::Boolean(value) => Value::Boolean(value),
        JsonValue::String(value) => Value::String(value.into_owned()),
        JsonValue::Array(values) => Value::Array(values.into_iter().filter_map(read).collect()),
        JsonValue::Object(fields) => Value::Table(
            fields.into_iter().filter_map(|(name, value)| Some((name.into_owned(), read(value)?))).collect(),
        ),
    })
}

/// What is wrong with it, each with what to add.
pub(super) fn check(configuration: &Configuration) -> Vec<String> {
    let file = configuration.path.display();
    let parsed = match configuration.parse() {
        Ok(parsed) => parsed,
        Err(error) => return vec![format!("{file} is no valid {error}")],
    };
    // Bindings are not inherited by environments: a file may have them there only.
    let environments =
        table(&parsed, "env").into_iter().flat_map(|environments| environments.values()).filter_map(Value::as_table);
    let scopes = std::iter::once(&parsed).chain(environments).collect::<Vec<_>>();

    let mut problems = Vec::new();
    problems.extend(check_binding(configuration, &scopes).map(|problem| format!("{file}: {problem}")));
    problems.extend(check_class(configuration, &scopes).map(|problem| format!("{file}: {problem}")));
    problems
}

fn check_binding(configuration: &Configuration, scopes: &[&Table]) -> Option<String> {
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
        None => {
            let lines = configuration.lines(&BINDING_LINES);
            Some(format!("the Durable Object binding `{BINDING}` is missing; add\n\n    {lines}\n"))
        }
    }
}

fn check_class(configuration: &Configuration, scopes: &[&Table]) -> Option<String> {
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
    let lines = configuration.lines(&MIGRATION_LINES);
    Some(format!("the migration that creates the class `{CLASS}` is missing; add\n\n    {lines}\n"))
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
