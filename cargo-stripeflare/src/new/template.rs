//! The files of a new project, as they are under `template/`.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// Each file's path and text. Those that end in `.in` there have `{{placeholders}}`.
const FILES: [(&str, &str); 9] = [
    (".gitignore", include_str!("../../template/gitignore")),
    ("Cargo.toml", include_str!("../../template/Cargo.toml.in")),
    ("README.md", include_str!("../../template/README.md.in")),
    ("public/_headers", include_str!("../../template/public/_headers")),
    ("public/index.html", include_str!("../../template/public/index.html.in")),
    ("public/page.js", include_str!("../../template/public/page.js.in")),
    ("public/style.css", include_str!("../../template/public/style.css")),
    ("src/lib.rs", include_str!("../../template/src/lib.rs")),
    ("wrangler.toml", include_str!("../../template/wrangler.toml.in")),
];

/// What the placeholders stand for.
pub(super) struct Values<'a> {
    pub(super) name: &'a str,
    pub(super) title: &'a str,
    pub(super) domain: Option<&'a str>,
    pub(super) currency: &'a str,
    /// The right side of `stripeflare = …`.
    pub(super) dependency: &'a str,
    /// Where others will find it.
    pub(super) repository: Option<&'a str>,
}

/// Writes all files into a folder that is there.
pub(super) fn write(dir: &Path, values: &Values<'_>) -> Result<()> {
    for (name, text) in FILES {
        let path = dir.join(name);
        let parent = path.parent().unwrap_or(dir);
        fs::create_dir_all(parent)
            .and_then(|()| fs::write(&path, values.fill(name, text)))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

impl Values<'_> {
    fn fill(&self, name: &str, text: &str) -> String {
        let title = if name.ends_with(".html") { escaped(self.title) } else { self.title.to_owned() };
        // workers.dev gives each worker its name there by itself.
        let domain = self.domain.filter(|domain| !domain.ends_with(".workers.dev"));
        let route = domain.map_or_else(String::new, |domain| {
            format!("routes = [{{ pattern = \"{domain}\", custom_domain = true }}]\n")
        });
        let repository = self.repository.map_or_else(String::new, |url| format!("repository = \"{url}\"\n"));
        text.replace("{{name}}", self.name)
            .replace("{{repository}}", &repository)
            .replace("{{currency}}", self.currency)
            .replace("{{CURRENCY}}", &self.currency.to_ascii_uppercase())
            .replace("{{dependency}}", self.dependency)
            .replace("{{dependency for tests}}", &for_tests(self.dependency))
            .replace("{{route}}", &route)
            // Last, so that nothing in a title is taken for a placeholder.
            .replace("{{title}}", &title)
    }
}

/// The same dependency with what tests need of it.
fn for_tests(dependency: &str) -> String {
    let source = match dependency.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
        Some(source) => source.trim().to_owned(),
        None => format!("version = {dependency}"),
    };
    format!("{{ {source}, features = [\"testing\"] }}")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(title: &str) -> Values<'_> {
        Values { name: "shop", title, domain: None, currency: "eur", dependency: "\"0.1\"", repository: None }
    }

    #[test]
    fn tests_depend_on_the_same_release_with_a_feature_more() {
        assert_eq!(for_tests("\"0.1\""), "{ version = \"0.1\", features = [\"testing\"] }");
        assert_eq!(for_tests("{ path = \"it\" }"), "{ path = \"it\", features = [\"testing\"] }");
    }

    #[test]
    fn no_placeholder_is_left() {
        for (name, text) in FILES {
            let filled = values("Shop").fill(name, text);
            assert!(!filled.contains("{{"), "{name}: {filled}");
        }
    }

    #[test]
    fn a_title_is_text() {
        let page = values("<b> & {{name}}").fill("index.html", "<h1>{{title}}</h1>");
        assert_eq!(page, "<h1>&lt;b&gt; &amp; {{name}}</h1>");
    }

    #[test]
    fn a_domain_of_ones_own_is_a_route() {
        let route = |domain| Values { domain, ..values("Shop") }.fill("wrangler.toml", "{{route}}");
        assert_eq!(route(None), "");
        assert_eq!(route(Some("shop.me.workers.dev")), "");
        assert_eq!(route(Some("a.example")), "routes = [{ pattern = \"a.example\", custom_domain = true }]\n");
    }
}
