//! `cargo stripeflare cron`: rings a cron trigger of the worker that `dev` runs.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use reqwest::{Client, StatusCode};

use crate::config::Config;

/// What to ring and where.
#[derive(Debug, Clone)]
pub struct Options {
    /// The worker's folder.
    pub dir: PathBuf,
    /// Such as `17 * * * *`; by default each that the worker has.
    pub schedule: Option<String>,
    /// The worker's port.
    pub port: u16,
}

/// Rings, and says how it ended.
///
/// # Errors
/// If there is nothing to ring, nobody there, or the worker fails.
pub fn run(options: &Options) -> Result<()> {
    let schedules = match &options.schedule {
        Some(schedule) => vec![schedule.clone()],
        None => Config::of(&options.dir)?.triggers.crons,
    };
    if schedules.is_empty() {
        bail!("the worker has no cron trigger: name a schedule, or add [triggers] with crons = [\"17 * * * *\"]");
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    for schedule in schedules {
        runtime.block_on(ring(options.port, &schedule))?;
        println!("{schedule}: done.");
    }
    Ok(())
}

/// Where `wrangler dev --test-scheduled` listens. Its other address, under `/cdn-cgi/`, fails for a worker with assets.
async fn ring(port: u16, schedule: &str) -> Result<()> {
    let query = form_urlencoded::Serializer::new(String::new()).append_pair("cron", schedule).finish();
    let http = Client::builder().no_proxy().build()?;
    let answer = http.get(format!("http://127.0.0.1:{port}/__scheduled?{query}")).send().await;
    let answer = answer.with_context(|| {
        format!("no worker answers on port {port}: is `cargo stripeflare dev` running? --port names another one")
    })?;
    let status = answer.status();
    let body = answer.text().await.unwrap_or_default();
    match status {
        StatusCode::OK if body == "Ran scheduled event" => Ok(()),
        StatusCode::INTERNAL_SERVER_ERROR => bail!("{schedule} failed: what `dev` prints says why"),
        _ => bail!("what answers on port {port} is no worker that `cargo stripeflare dev` runs"),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn without_a_trigger_there_is_nothing_to_ring() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("wrangler.toml"), "name = \"shop\"").unwrap();
        let options = Options { dir: dir.path().to_owned(), schedule: None, port: 1 };
        assert!(run(&options).unwrap_err().to_string().contains("no cron trigger"));
    }

    #[tokio::test]
    async fn what_does_not_ring_is_named() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move { axum::serve(listener, axum::Router::new()).await });
        assert!(ring(port, "17 * * * *").await.unwrap_err().to_string().contains("is no worker"));
    }
}
