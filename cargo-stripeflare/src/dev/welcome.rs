//! What `dev` says once the worker answers.

use std::path::Path;

use super::stripe::{LOCAL_PASSWORD, has_demo};
use crate::dev_vars::DevVars;
use crate::stripe::StandIn;

/// What to open and to type.
pub(super) fn welcome(url: &str, dir: &Path, stand_in: Option<&StandIn>) -> String {
    let demo = has_demo(dir);
    let password = DevVars::read(dir).ok().flatten().and_then(|vars| vars.get("DB_ADMIN_PASSWORD").map(str::to_owned));
    let password = match password {
        Some(local) if local.starts_with(LOCAL_PASSWORD) => local,
        Some(_) => "DB_ADMIN_PASSWORD in .dev.vars".to_owned(),
        None => "DB_SECRET in .dev.vars".to_owned(),
    };
    let mut text = String::from("\n");
    let mut line = |line: &str| {
        text.push_str(line);
        text.push('\n');
    };
    if demo {
        line(&format!("  Demo page      {url}/demo"));
    } else {
        line(&format!("  Worker         {url}/"));
    }
    match stand_in {
        Some(stand_in) => {
            line(&format!("  Payment page   {url}/topup  (→ {})", stand_in.payment_link_url()));
            line(&format!("  Database       {url}/db/admin-readonly"));
            line(&format!("                 user admin, or admin-readonly to look only; password {password}"));
            line("");
            line(
                "  Stripe is a local stand-in: no money moves. Data and payments are kept for the next run; --fresh drops both.",
            );
            line("  To pay from the shell: cargo stripeflare pay <link or access token> 5");
            line("  To ring the cron triggers: cargo stripeflare cron");
        }
        None => {
            line(&format!("  Payment page   {url}/topup"));
            line("");
            line("  .dev.vars has no STRIPE_API_BASE: this talks to Stripe, with the keys in there.");
            line("  To get its webhooks here, run this and put the whsec_… it prints into .dev.vars:");
            line(&format!("    stripe listen --forward-to {url}/stripe-webhook"));
        }
    }
    line("");
    if demo {
        line("  As an agent: the first call answers 402 with an access_token and a paymentLink,");
        let call = format!("curl {url}/reverse -H 'Content-Type: application/json' -d '{{\"text\":\"abc\"}}'");
        line(&format!("    {call}"));
        line("  pay there, then call again with the token:");
        line(&format!("    {call} -H 'Authorization: Bearer <access_token>'"));
    } else {
        line(&format!("    curl {url}/me"));
    }
    line("");
    line("  Ctrl-C ends both.");
    line("");
    text
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::stripe::StandInOptions;

    #[tokio::test]
    async fn the_panels_password_is_shown_where_it_opens_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let stand_in = StandIn::start(StandInOptions::default()).await.unwrap();
        let said = |vars: &str| {
            fs::write(dir.path().join(".dev.vars"), vars).unwrap();
            welcome("http://localhost:8787", dir.path(), Some(&stand_in))
        };
        let ours = said("DB_SECRET=hidden\nDB_ADMIN_PASSWORD=local-1234567890\n");
        assert!(ours.contains("http://localhost:8787/db/admin-readonly\n"), "{ours}");
        assert!(ours.contains("password local-1234567890\n") && !ours.contains("hidden"), "{ours}");
        let theirs = said("DB_SECRET=hidden\nDB_ADMIN_PASSWORD=hidden-too\n");
        assert!(theirs.contains("password DB_ADMIN_PASSWORD in .dev.vars") && !theirs.contains("hidden"), "{theirs}");
        let none = said("DB_SECRET=hidden\n");
        assert!(none.contains("password DB_SECRET in .dev.vars") && !none.contains("hidden"), "{none}");
    }

    #[test]
    fn with_real_keys_stripes_own_program_brings_the_webhooks() {
        let dir = tempfile::tempdir().unwrap();
        let text = welcome("http://localhost:8787", dir.path(), None);
        assert!(text.contains("stripe listen --forward-to http://localhost:8787/stripe-webhook"), "{text}");
    }
}
