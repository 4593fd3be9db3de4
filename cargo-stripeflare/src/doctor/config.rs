//! wrangler's configuration, as far as a worker depends on it.

use std::path::Path;

use crate::config::Config;
use crate::finding::Finding;

/// What is wrong in it.
pub(super) fn examine(config: &Config, dir: &Path) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut unless = |holds: bool, what: &str, toml: &str, json: &str| {
        if !holds {
            let mend = if config.is_toml() { toml } else { json };
            findings.push(Finding::new(format!("{}: {what}", config.file), mend));
        }
    };
    unless(config.name.is_some(), "the worker has no name", "add name = \"…\"", "add \"name\": \"…\"");
    unless(
        config.main.as_deref() == Some("build/index.js"),
        "main is not what the build leaves",
        "set main = \"build/index.js\"",
        "set \"main\": \"build/index.js\"",
    );
    let bindings = &config.durable_objects.bindings;
    unless(
        bindings.iter().any(|binding| binding.name == "DORM_NAMESPACE" && binding.class_name == "DORM"),
        "the accounts have no binding",
        "add [[durable_objects.bindings]] with name = \"DORM_NAMESPACE\" and class_name = \"DORM\"",
        "add \"durable_objects\": { \"bindings\": [{ \"name\": \"DORM_NAMESPACE\", \"class_name\": \"DORM\" }] }",
    );
    unless(
        config.compatibility_flags.iter().any(|flag| flag == "enable_request_signal"),
        "a client that leaves a streamed answer is noticed late",
        "add compatibility_flags = [\"enable_request_signal\"]",
        "add \"compatibility_flags\": [\"enable_request_signal\"]",
    );
    let has = |classes: &[String]| classes.iter().any(|class| class == "DORM");
    let export = config.exports.get("DORM").filter(|export| {
        let is_gone = matches!(export.state.as_deref(), Some("deleted" | "renamed" | "transferred"));
        export.kind.as_deref() == Some("durable-object") && !is_gone
    });
    let other_storage = export.is_some_and(|export| export.storage.as_deref().is_some_and(|it| it != "sqlite"));
    unless(
        !other_storage && !config.migrations.iter().any(|migration| has(&migration.new_classes)),
        "DORM is made without SQLite",
        "make it by new_sqlite_classes in a worker under a new name: a class that was deployed cannot be changed",
        "make it by \"new_sqlite_classes\" in a worker under a new name: a class that was deployed cannot be changed",
    );
    unless(
        export.is_some() || config.migrations.iter().any(|migration| has(&migration.new_sqlite_classes)),
        "no migration makes the accounts",
        "add [[migrations]] with tag = \"v1\" and new_sqlite_classes = [\"DORM\"]",
        "add \"migrations\": [{ \"tag\": \"v1\", \"new_sqlite_classes\": [\"DORM\"] }]",
    );
    unless(
        !config.triggers.crons.is_empty(),
        "nothing runs from time to time: payments whose webhooks are lost are not found",
        "add [triggers] with crons = [\"17 * * * *\"]",
        "add \"triggers\": { \"crons\": [\"17 * * * *\"] }",
    );
    if let Some(pages) = config.missing_pages(dir) {
        let make = format!("mkdir {}", dir.join(pages).display());
        unless(false, &format!("there is no folder {pages}, which assets name"), &make, &make);
    }
    for name in config.vars.keys().filter(|name| super::secrets::NAMES.contains(&name.as_str())) {
        let mend = "remove it there: secrets are stored by `deploy`";
        unless(false, &format!("{name} is a secret"), mend, mend);
    }
    findings
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn examined(file: &str, text: &str) -> Vec<String> {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("public")).unwrap();
        fs::write(dir.path().join(file), text).unwrap();
        let config = Config::of(dir.path()).unwrap();
        examine(&config, dir.path()).iter().map(Finding::to_string).collect()
    }

    fn template() -> String {
        let route = "routes = [{ pattern = \"a.example\", custom_domain = true }]\n";
        let text = include_str!("../../template/wrangler.toml.in");
        text.replace("{{name}}", "shop").replace("{{route}}", route).replace("{{currency}}", "EUR")
    }

    #[test]
    fn a_new_projects_file_is_sound() {
        assert_eq!(examined("wrangler.toml", &template()), [""; 0]);
    }

    #[test]
    fn so_is_the_same_in_json() {
        let value: serde_json::Value = toml::from_str(&template()).unwrap();
        let text = format!("// the same\n{value:#}");
        assert_eq!(examined("wrangler.jsonc", &text), [""; 0]);
        let findings = examined("wrangler.jsonc", &text.replace("\"17 * * * *\"", ""));
        let mend = "add \"triggers\": { \"crons\": [\"17 * * * *\"] }";
        assert!(findings.len() == 1 && findings[0].contains("wrangler.jsonc: ") && findings[0].ends_with(mend));
    }

    #[test]
    fn a_class_may_be_declared_by_exports() {
        let migrations = "[[migrations]]\ntag = \"v1\"\nnew_sqlite_classes = [\"DORM\"]\n";
        let exports = "[exports.DORM]\ntype = \"durable-object\"\nstorage = \"sqlite\"\n";
        assert!(template().contains(migrations));
        let text = template().replace(migrations, exports);
        assert_eq!(examined("wrangler.toml", &text), [""; 0]);
        assert!(examined("wrangler.toml", &text.replace("sqlite", "legacy-kv"))[0].contains("without SQLite"));
        let gone = text.replace("storage = \"sqlite\"", "state = \"deleted\"");
        assert!(examined("wrangler.toml", &gone)[0].contains("no migration"));
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        let wrong = [
            ("name = \"shop\"\n", "", "no name"),
            ("build/index.js", "src/index.js", "main"),
            ("DORM_NAMESPACE", "ACCOUNTS", "no binding"),
            ("enable_request_signal", "nodejs_compat", "leaves a streamed answer"),
            ("new_sqlite_classes", "new_classes", "without SQLite"),
            ("crons = [\"17 * * * *\"]", "", "lost"),
            ("directory = \"public\"", "directory = \"pages\"", "no folder pages"),
            ("STRIPE_CURRENCY = ", "DB_SECRET = ", "DB_SECRET is a secret"),
        ];
        for (part, instead, expected) in wrong {
            let findings = examined("wrangler.toml", &template().replace(part, instead));
            assert!(findings.iter().any(|what| what.contains(expected)), "{expected}: {findings:?}");
        }
    }
}
