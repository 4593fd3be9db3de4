//! `wrangler.toml`, as far as a worker depends on it.

use std::fs;
use std::path::Path;

use serde::Deserialize;

use crate::finding::Finding;

/// What of it counts.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Config {
    name: Option<String>,
    main: Option<String>,
    routes: Vec<Route>,
    assets: Option<Assets>,
    vars: toml::Table,
    durable_objects: DurableObjects,
    migrations: Vec<Migration>,
    triggers: Triggers,
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
struct DurableObjects {
    bindings: Vec<Binding>,
}

#[derive(Debug, Deserialize)]
struct Binding {
    name: String,
    class_name: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Migration {
    new_classes: Vec<String>,
    new_sqlite_classes: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Triggers {
    crons: Vec<String>,
}

impl Config {
    /// What cannot be read is as good as empty, and a finding.
    pub(crate) fn read(dir: &Path, findings: &mut Vec<Finding>) -> Self {
        let path = dir.join("wrangler.toml");
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) => {
                let what = format!("{} cannot be read: {error}", path.display());
                findings.push(Finding::new(what, "`cargo stripeflare new` writes one to copy"));
                return Self::default();
            }
        };
        match toml::from_str::<Self>(&text) {
            Ok(config) => {
                config.examine(dir, findings);
                config
            }
            Err(error) => {
                findings.push(Finding::new(format!("{} is wrong: {}", path.display(), error.message()), "correct it"));
                Self::default()
            }
        }
    }

    pub(crate) fn name(&self) -> &str {
        self.name.as_deref().unwrap_or("<name>")
    }

    /// Where the worker answers, if it is a domain of one's own.
    pub(crate) fn domain(&self) -> Option<&str> {
        let pattern = match self.routes.first()? {
            Route::Pattern(pattern) | Route::Table { pattern } => pattern,
        };
        Some(pattern.split('/').next().unwrap_or(pattern))
    }

    /// In small letters.
    pub(crate) fn currency(&self) -> String {
        let currency = self.vars.get("STRIPE_CURRENCY").and_then(|value| value.as_str()).unwrap_or("usd");
        currency.trim().to_ascii_lowercase()
    }

    fn examine(&self, dir: &Path, findings: &mut Vec<Finding>) {
        let mut unless = |holds: bool, what: &str, mend: &str| {
            if !holds {
                findings.push(Finding::new(format!("wrangler.toml: {what}"), mend));
            }
        };
        unless(self.name.is_some(), "the worker has no name", "add name = \"…\"");
        let main = self.main.as_deref();
        unless(main == Some("build/index.js"), "main is not what the build leaves", "set main = \"build/index.js\"");
        let is_ours = |binding: &Binding| binding.name == "DORM_NAMESPACE" && binding.class_name == "DORM";
        unless(
            self.durable_objects.bindings.iter().any(is_ours),
            "the accounts have no binding",
            "add [[durable_objects.bindings]] with name = \"DORM_NAMESPACE\" and class_name = \"DORM\"",
        );
        let has = |classes: &[String]| classes.iter().any(|class| class == "DORM");
        unless(
            !self.migrations.iter().any(|migration| has(&migration.new_classes)),
            "DORM is in new_classes, which have no SQLite",
            "put it into new_sqlite_classes of a worker under a new name: a class that was deployed cannot be changed",
        );
        unless(
            self.migrations.iter().any(|migration| has(&migration.new_sqlite_classes)),
            "no migration makes the accounts",
            "add [[migrations]] with tag = \"v1\" and new_sqlite_classes = [\"DORM\"]",
        );
        unless(
            !self.triggers.crons.is_empty(),
            "nothing runs from time to time: payments whose webhooks are lost are not found",
            "add [triggers] with crons = [\"17 * * * *\"]",
        );
        if let Some(directory) = self.assets.as_ref().and_then(|assets| assets.directory.as_deref()) {
            let is_there = dir.join(directory).is_dir();
            unless(is_there, &format!("there is no folder {directory}"), "make it, or remove [assets]");
        }
        for name in self.vars.keys().filter(|name| super::secrets::NAMES.contains(&name.as_str())) {
            unless(false, &format!("{name} is a secret"), "remove it there: secrets are stored by `deploy`");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn examined(text: &str) -> (Config, Vec<String>) {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("public")).unwrap();
        fs::write(dir.path().join("wrangler.toml"), text).unwrap();
        let mut findings = Vec::new();
        let config = Config::read(dir.path(), &mut findings);
        (config, findings.into_iter().map(|finding| finding.what).collect())
    }

    fn template() -> String {
        let route = "routes = [{ pattern = \"a.example\", custom_domain = true }]\n";
        let text = include_str!("../../template/wrangler.toml.in");
        text.replace("{{name}}", "shop").replace("{{route}}", route).replace("{{currency}}", "EUR")
    }

    #[test]
    fn a_new_projects_file_is_sound() {
        let (config, findings) = examined(&template());
        assert_eq!(findings, [""; 0]);
        assert_eq!((config.name(), config.domain(), &*config.currency()), ("shop", Some("a.example"), "eur"));
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        let wrong = [
            ("name = \"shop\"\n", "", "no name"),
            ("build/index.js", "src/index.js", "main"),
            ("DORM_NAMESPACE", "ACCOUNTS", "no binding"),
            ("new_sqlite_classes", "new_classes", "new_classes"),
            ("crons = [\"17 * * * *\"]", "", "lost"),
            ("directory = \"public\"", "directory = \"pages\"", "no folder pages"),
            ("STRIPE_CURRENCY = ", "DB_SECRET = ", "DB_SECRET is a secret"),
            ("[vars]", "[vars", "is wrong"),
        ];
        for (part, instead, expected) in wrong {
            let (_, findings) = examined(&template().replace(part, instead));
            assert!(findings.iter().any(|what| what.contains(expected)), "{expected}: {findings:?}");
        }
    }
}
