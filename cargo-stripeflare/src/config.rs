//! wrangler's configuration, in each of its formats.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use jsonc_parser::parse_to_serde_value;
use serde::Deserialize;
use stripeflare_schema::wrangler::{FILES, json_options};

/// What of it counts here.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Config {
    /// The file's name.
    #[serde(skip)]
    pub(crate) file: String,
    pub(crate) name: Option<String>,
    pub(crate) main: Option<String>,
    pub(crate) compatibility_flags: Vec<String>,
    route: Option<Route>,
    routes: Vec<Route>,
    assets: Option<Assets>,
    pub(crate) vars: BTreeMap<String, serde_json::Value>,
    pub(crate) durable_objects: DurableObjects,
    pub(crate) migrations: Vec<Migration>,
    pub(crate) exports: BTreeMap<String, Export>,
    pub(crate) triggers: Triggers,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Route {
    Pattern(String),
    Table { pattern: String },
}

#[derive(Debug, Deserialize)]
struct Assets {
    directory: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct DurableObjects {
    pub(crate) bindings: Vec<Binding>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Binding {
    pub(crate) name: String,
    pub(crate) class_name: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Migration {
    pub(crate) new_classes: Vec<String>,
    pub(crate) new_sqlite_classes: Vec<String>,
}

/// The newer way to declare a class.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Export {
    #[serde(rename = "type")]
    pub(crate) kind: Option<String>,
    pub(crate) storage: Option<String>,
    pub(crate) state: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Triggers {
    pub(crate) crons: Vec<String>,
}

impl Config {
    /// Of a worker's folder; `None` if there is none.
    ///
    /// # Errors
    /// If it cannot be read, or says what wrangler would not take.
    pub(crate) fn read(dir: &Path) -> Result<Option<Self>> {
        let Some(file) = FILES.into_iter().find(|file| dir.join(file).exists()) else { return Ok(None) };
        let path = dir.join(file);
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let read: Result<Self> = if file.ends_with(".toml") {
            toml::from_str(&text).map_err(|error| anyhow!(error.to_string().trim_end().to_owned()))
        } else {
            parse_to_serde_value(&text, &json_options()).map_err(Into::into)
        };
        let config = read.with_context(|| format!("{} is wrong", path.display()))?;
        Ok(Some(Self { file: file.to_owned(), ..config }))
    }

    /// As [`Config::read`], where there has to be one.
    ///
    /// # Errors
    /// Says so if there is none.
    pub(crate) fn of(dir: &Path) -> Result<Self> {
        Self::read(dir)?.with_context(|| {
            format!("there is no wrangler.toml in {}: `cargo stripeflare new` writes one to copy", dir.display())
        })
    }

    pub(crate) fn is_toml(&self) -> bool {
        !self.file.contains(".json")
    }

    pub(crate) fn name(&self) -> &str {
        self.name.as_deref().unwrap_or("<name>")
    }

    /// Where the worker answers, if it is a domain of one's own.
    pub(crate) fn domain(&self) -> Option<&str> {
        let (Route::Pattern(pattern) | Route::Table { pattern }) = self.routes.first().or(self.route.as_ref())?;
        Some(pattern.split('/').next().unwrap_or(pattern))
    }

    /// In small letters.
    pub(crate) fn currency(&self) -> String {
        let currency = self.vars.get("STRIPE_CURRENCY").and_then(|value| value.as_str()).unwrap_or("usd");
        currency.trim().to_ascii_lowercase()
    }

    /// The folder of pages that it names and that is not there.
    pub(crate) fn missing_pages(&self, dir: &Path) -> Option<&str> {
        let directory = self.assets.as_ref()?.directory.as_deref()?;
        (!dir.join(directory).is_dir()).then_some(directory)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(file: &str, text: &str) -> Result<Config> {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("wrangler.toml"), "name = \"not-this-one\"").unwrap();
        fs::write(dir.path().join(file), text).unwrap();
        Config::of(dir.path())
    }

    #[test]
    fn each_format_says_the_same() {
        let toml = "name = \"shop\"\nroutes = [{ pattern = \"a.example/*\" }]\n[vars]\nSTRIPE_CURRENCY = \"EUR\"\n";
        let json = r#"{
            "$schema": "node_modules/wrangler/config-schema.json",
            // where it answers
            "name": "shop", "route": "a.example/*", "limits": null,
            "vars": { "STRIPE_CURRENCY": "EUR", "DEEP": { "er": [1, true, null] } }, /* the last */
        }"#;
        for (file, text) in [("wrangler.toml", toml), ("wrangler.json", json), ("wrangler.jsonc", json)] {
            let config = written(file, text).unwrap();
            let said = (config.name(), config.domain(), &*config.currency(), &*config.file);
            assert_eq!(said, ("shop", Some("a.example"), "eur", file));
        }
    }

    #[test]
    fn what_wrangler_would_not_read_is_named_with_its_place() {
        for (file, text) in [("wrangler.toml", "a = 1\nname = \n"), ("wrangler.jsonc", "{ \"a\": 1,\n name: 2 }")] {
            let error = format!("{:#}", written(file, text).unwrap_err());
            assert!(error.contains(file) && error.contains("line 2"), "{error}");
        }
        let dir = tempfile::tempdir().unwrap();
        assert!(Config::of(dir.path()).unwrap_err().to_string().starts_with("there is no wrangler.toml in "));
    }
}
