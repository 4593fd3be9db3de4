//! A real Chromium with a fresh profile, driven by chromedriver.

use std::ops::Deref;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use cargo_stripeflare::guard::Guard;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Map, Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::DEADLINE;

/// What a reader needs who has no Chromium.
const MISSING: &str = "the browser tests need Chromium and its chromedriver. On Debian: apt-get install chromium \
    chromium-driver. Elsewhere the variable CHROMEDRIVER names the program; it finds its browser itself.";

/// Quiet, and out of the network: no name but this machine's resolves.
const ARGUMENTS: [&str; 13] = [
    "--headless=new",
    "--window-size=900,1100",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-domain-reliability",
    "--disable-sync",
    "--no-first-run",
    "--no-pings",
    "--no-proxy-server",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE *.localhost, EXCLUDE 127.0.0.1",
];

/// One person's browser. All that it keeps ends with it.
///
/// It dereferences to the WebDriver client.
pub struct Browser {
    client: Client,
    // Dropped before the driver: it must not outlive what it watches.
    _guard: Guard,
    driver: Child,
    _profile: TempDir,
}

impl Deref for Browser {
    type Target = Client;
    fn deref(&self) -> &Client {
        &self.client
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Chromium is in the driver's group.
        if let Some(pid) = self.driver.id().and_then(|pid| i32::try_from(pid).ok()) {
            let _ = nix::sys::signal::killpg(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL);
        }
    }
}

impl Browser {
    /// A fresh profile.
    ///
    /// # Errors
    /// When there is no Chromium: the error says how to get one.
    pub async fn open() -> Result<Self> {
        Self::start(None).await
    }

    /// A fresh profile of somebody who allows no scripts.
    ///
    /// # Errors
    /// As [`Browser::open`].
    pub async fn without_javascript() -> Result<Self> {
        Self::start(Some("javascript")).await
    }

    /// A fresh profile of somebody whose browser keeps no cookies.
    ///
    /// # Errors
    /// As [`Browser::open`].
    pub async fn without_cookies() -> Result<Self> {
        Self::start(Some("cookies")).await
    }

    /// One that blocks something.
    async fn start(blocked: Option<&str>) -> Result<Self> {
        let profile = tempfile::tempdir()?;
        let program = std::env::var("CHROMEDRIVER").unwrap_or_else(|_| "chromedriver".to_owned());
        let mut command = Command::new(&program);
        command
            .arg("--port=0")
            .env("HOME", profile.path())
            .env("TMPDIR", profile.path())
            .process_group(0)
            .kill_on_drop(true);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut driver = command.spawn().with_context(|| format!("cannot start {program}: {MISSING}"))?;
        let guard = Guard::over_group(driver.id().context("chromedriver ended at once")?)?;
        let port = tokio::time::timeout(DEADLINE, port_of(&mut driver)).await.context("chromedriver is silent")??;
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities(profile.path(), blocked))
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .with_context(|| format!("Chromium does not start: {MISSING}"))?;
        Ok(Self { client, _guard: guard, driver, _profile: profile })
    }

    /// All that can be read on the page.
    ///
    /// # Errors
    /// When there is no page.
    pub async fn text(&self) -> Result<String> {
        Ok(self.find(Locator::Css("body")).await?.text().await?)
    }

    /// Waits until a text can be read on the page.
    ///
    /// # Errors
    /// When it cannot within [`DEADLINE`]; the error shows the page.
    pub async fn sees(&self, text: &str) -> Result<()> {
        // Between two pages there is none.
        let seen = until(async || self.text().await.is_ok_and(|shown| shown.contains(text))).await;
        if !seen {
            bail!("{text:?} is not on the page {}, but this:\n{}", self.current_url().await?, self.text().await?);
        }
        Ok(())
    }

    /// Loads a page again and again until a text can be read on it.
    ///
    /// # Errors
    /// As [`Browser::sees`].
    pub async fn comes_to_see(&self, address: &str, text: &str) -> Result<()> {
        let shown =
            async || self.goto(address).await.is_ok() && self.text().await.is_ok_and(|shown| shown.contains(text));
        until(shown).await;
        self.sees(text).await
    }

    /// Waits until the page's address begins so.
    ///
    /// # Errors
    /// When it does not within [`DEADLINE`]; the error shows the page.
    pub async fn arrives(&self, address: &str) -> Result<()> {
        let arrived = until(async || self.current_url().await.is_ok_and(|url| url.as_str().starts_with(address))).await;
        if !arrived {
            bail!("{address} is not reached, but {}:\n{}", self.current_url().await?, self.text().await?);
        }
        Ok(())
    }

    /// Presses the button, or follows the link, that is labelled so.
    ///
    /// # Errors
    /// When there is none.
    pub async fn press(&self, label: &str) -> Result<()> {
        let path = format!("//*[self::a or self::button][normalize-space()='{label}']");
        let found = self.find(Locator::XPath(&path)).await;
        Ok(found.with_context(|| format!("there is no {label:?}"))?.click().await?)
    }

    /// Writes into the field of that name, over what is there.
    ///
    /// # Errors
    /// When there is none.
    pub async fn fill(&self, name: &str, text: &str) -> Result<()> {
        let field = self.find(Locator::Css(&format!("[name='{name}']"))).await;
        let field = field.with_context(|| format!("there is no field {name:?}"))?;
        field.clear().await?;
        Ok(field.send_keys(text).await?)
    }

    /// Fills in the payment page that it is on and pays five dollars. `method` is one of the page's choices.
    ///
    /// # Errors
    /// When it is no payment page.
    pub async fn pay(&self, email: &str, method: &str) -> Result<()> {
        self.sees("No money moves").await?;
        self.fill("email", email).await?;
        self.find(Locator::Css(&format!("[name='method'][value='{method}']"))).await?.click().await?;
        self.press("Pay $5.00").await
    }

    /// Holds the page against what everybody needs who cannot see it, and keeps a [picture](Browser::picture).
    ///
    /// # Errors
    /// What is wrong with it.
    pub async fn check(&self, name: &str) -> Result<()> {
        self.picture(name).await?;
        if self.title().await?.trim().is_empty() {
            bail!("{name}: the page has no title");
        }
        const ONE: [(&str, &str); 3] = [
            ("html element with a lang", "/html[@lang='en']"),
            ("h1", "//h1"),
            ("viewport", "//meta[@name='viewport']"),
        ];
        for (what, path) in ONE {
            let found = self.find_all(Locator::XPath(path)).await?.len();
            if found != 1 {
                bail!("{name}: one {what} is wanted, {found} are there");
            }
        }
        const NONE: [(&str, &str); 5] = [
            (
                "a field without a label",
                "//*[self::input or self::select or self::textarea][not(@type='hidden')][not(@aria-label)]\
                 [not(ancestor::label)][not(@id=//label/@for)]",
            ),
            ("a button or link without words", "//*[self::a or self::button][normalize-space()=''][not(@aria-label)]"),
            ("a button that is none", "//*[@role='button' or @onclick][not(self::button)]"),
            ("a picture without words", "//img[not(@alt)]"),
            ("a table without headers", "//table[not(.//th)]"),
        ];
        for (what, path) in NONE {
            if let Some(element) = self.find_all(Locator::XPath(path)).await?.first() {
                bail!("{name}: {what}: {}", element.html(false).await?);
            }
        }
        Ok(())
    }

    /// Keeps a picture of the page as `target/screenshots/<name>.png` where the variable `SCREENSHOTS` is set.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn picture(&self, name: &str) -> Result<()> {
        if std::env::var_os("SCREENSHOTS").is_none() {
            return Ok(());
        }
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/screenshots");
        std::fs::create_dir_all(&dir)?;
        Ok(std::fs::write(dir.join(format!("{name}.png")), self.screenshot().await?)?)
    }
}

async fn until(is: impl AsyncFn() -> bool) -> bool {
    let wait = async {
        while !is().await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(DEADLINE, wait).await.is_ok()
}

fn capabilities(profile: &Path, blocked: Option<&str>) -> Map<String, Value> {
    let mut arguments: Vec<String> = ARGUMENTS.map(str::to_owned).to_vec();
    arguments.push(format!("--user-data-dir={}", profile.join("profile").display()));
    if nix::unistd::geteuid().is_root() {
        arguments.push("--no-sandbox".to_owned());
    }
    const BLOCK: u8 = 2;
    let setting = |what| (format!("profile.managed_default_content_settings.{what}"), json!(BLOCK));
    let options = json!({ "args": arguments, "prefs": Map::from_iter(blocked.map(setting)) });
    Map::from_iter([("goog:chromeOptions".to_owned(), options)])
}

/// Where the driver listens, as it says.
async fn port_of(driver: &mut Child) -> Result<u16> {
    let stdout = driver.stdout.take().context("chromedriver has no stdout")?;
    let mut lines = BufReader::new(stdout).lines();
    while let Some(line) = lines.next_line().await? {
        if let Some((_, port)) = line.split_once("started successfully on port ") {
            // It must not die of a closed pipe.
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return port.trim().trim_end_matches('.').parse().context("chromedriver listens on no port");
        }
    }
    bail!("chromedriver ended before it listened: {MISSING}")
}
