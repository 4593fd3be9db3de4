//! Lints denied, names shadowed, a key of one's own, a raw field, history.

#![deny(warnings, missing_docs)]

use stripeflare::prelude::{Account, App, Result as Answer, StripeTable};

#[allow(dead_code)]
struct Result;
#[allow(dead_code)]
struct String;

/// A setting.
#[derive(StripeTable)]
#[stripe_table(name = "settings", dropped(name = "old", since = 2), index(columns = [r#type, factor], since = 2))]
#[stripe_table(migration(version = 2, sql = "UPDATE settings SET factor = 1"))]
pub struct Setting {
    /// Its name.
    #[column(key)]
    pub name: std::string::String,
    #[column(since = 2, renamed_from = "kind")]
    r#type: Option<std::string::String>,
    #[column(default = 1)]
    factor: f64,
    #[column(json, since = 2)]
    links: Option<Vec<std::string::String>>,
}

/// Writes and finds.
pub async fn set(account: Account<()>) -> Answer<usize> {
    let settings = account.table::<Setting>();
    settings.insert(&Setting { name: "dark".into(), r#type: None, factor: 0.5, links: None }).await?;
    let dark = settings.get("dark").await?;
    let found = settings.find(Setting::r#type.is_none()).order_by(Setting::name.desc()).limit(3).rows().await?;
    Ok(found.len() + dark.map_or(0, |setting| setting.name.len() + setting.links.map_or(0, |links| links.len())))
}

#[stripeflare::main(tables(Setting))]
fn app() -> App {
    App::new()
}

fn main() {
    let _ = (app, set);
}
