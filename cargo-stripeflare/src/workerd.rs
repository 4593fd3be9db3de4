//! Runs a worker on workerd itself, with nothing in between: for tests, crash tests and benchmarks.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::build;
use crate::guard::Guard;
use crate::provision;

/// The newest date that the pinned workerd knows, or shortly before.
pub const COMPATIBILITY_DATE: &str = "2026-04-20";

/// The folder inside the disk that holds the objects' SQLite files.
pub const UNIQUE_KEY: &str = "stripeflare";

/// Stands before a worker with pages, as wrangler's assets do: `/demo` is `demo.html`, with the headers that a file `_headers`
/// gives to all (`/*`), and what is no file goes on.
const FRONT: &str = r#"const TYPES = { html: "text/html", js: "text/javascript", css: "text/css" };
const headersOf = async (env, type) => {
  const headers = new Headers({ "content-type": `${type}; charset=utf-8` });
  const file = await env.PAGES.fetch("http://pages/_headers");
  const [pattern, ...lines] = file.ok ? (await file.text()).trimEnd().split("\n") : ["/*"];
  if (pattern !== "/*" || lines.some((line) => !line.startsWith("  "))) throw new Error("_headers: rules for /* only");
  for (const line of lines) headers.append(line.slice(0, line.indexOf(":")).trim(), line.slice(line.indexOf(":") + 1).trim());
  return headers;
};
export default {
  async fetch(request, env) {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname === "/cdn-cgi/handler/scheduled") {
      const cron = searchParams.get("cron") ?? "";
      return Response.json(await env.WORKER.scheduled({ cron, scheduledTime: new Date() }));
    }
    const [, name, ending = "html"] = /^(\/[\w-]+)(?:\.(\w+))?$/.exec(pathname) ?? [];
    if (request.method === "GET" && name && TYPES[ending]) {
      const file = await env.PAGES.fetch(`http://pages${name}.${ending}`);
      if (file.ok) return new Response(file.body, { headers: await headersOf(env, TYPES[ending]) });
    }
    return env.WORKER.fetch(request);
  }
};"#;

const START_TIMEOUT: Duration = Duration::from_secs(30);

/// Bind errors are tried again, for a socket that the last run has not given back yet.
const BIND_TRIES: u32 = 20;
const BIND_PAUSE: Duration = Duration::from_millis(100);

/// What the worker consists of.
#[derive(Debug, Clone)]
pub enum Script {
    /// A `build` folder that `cargo stripeflare build` left.
    Built(PathBuf),
    /// The text of one JavaScript module.
    Js(String),
}

impl Script {
    fn modules(&self) -> Result<String> {
        Ok(match self {
            Self::Built(build) => {
                let build = build.canonicalize().with_context(|| format!("no folder {}", build.display()))?;
                format!(
                    "(name = \"index.js\", esModule = embed {}), (name = \"./index_bg.wasm\", wasm = embed {})",
                    text(&build.join("index.js").to_string_lossy()),
                    text(&build.join("index_bg.wasm").to_string_lossy()),
                )
            }
            Self::Js(script) => format!("(name = \"index.js\", esModule = {})", text(script)),
        })
    }
}

/// How to run a worker.
#[derive(Debug, Clone)]
pub struct WorkerdOptions {
    /// The worker, with a Durable Object class `DORM`.
    pub script: Script,
    /// The worker that the objects run, if it is another one: as while a deploy replaces an old one.
    pub objects: Option<Script>,
    /// A folder for configuration, log and the objects' files. It stays.
    pub disk: PathBuf,
    /// Text bindings, secrets included.
    pub vars: BTreeMap<String, String>,
    /// `None`: one that is free.
    pub port: Option<u16>,
    /// As in `wrangler.toml`.
    pub compatibility_date: String,
    /// As in `wrangler.toml`.
    pub compatibility_flags: Vec<String>,
    /// Another workerd than the one that is pinned.
    pub program: Option<PathBuf>,
    /// Let workerd log the exceptions that no worker catches.
    pub verbose: bool,
    /// A folder of pages: its `demo.html` is answered at `/demo`. Then `/cdn-cgi/handler/scheduled?cron=…` rings the
    /// cron trigger, as in `wrangler dev`.
    pub pages: Option<PathBuf>,
}

impl WorkerdOptions {
    /// A free port, no variables, verbose.
    pub fn new(script: Script, disk: impl Into<PathBuf>) -> Self {
        Self {
            script,
            objects: None,
            disk: disk.into(),
            vars: BTreeMap::new(),
            port: None,
            compatibility_date: COMPATIBILITY_DATE.to_owned(),
            compatibility_flags: vec!["enable_request_signal".to_owned()],
            program: None,
            verbose: true,
            pages: None,
        }
    }

    /// Adds a text binding.
    #[must_use]
    pub fn var(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.vars.insert(name.into(), value.into());
        self
    }
}

/// A running worker. Dropping it ends it.
#[derive(Debug)]
pub struct Workerd {
    options: WorkerdOptions,
    program: PathBuf,
    port: u16,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    // Dropped first: it must not outlive what it watches.
    guard: Guard,
    child: Child,
    pid: u32,
}

impl Workerd {
    /// Starts workerd and returns once it listens.
    ///
    /// # Errors
    /// If workerd cannot be installed or refuses the worker; the error repeats what it printed.
    pub async fn start(options: WorkerdOptions) -> Result<Self> {
        fs::create_dir_all(options.disk.join("objects"))
            .with_context(|| format!("cannot create {}", options.disk.display()))?;
        let program = match (&options.program, &options.script) {
            (Some(program), _) => program.clone(),
            (None, Script::Built(dir)) => pinned(dir.clone()).await?,
            (None, Script::Js(_)) => pinned(std::env::current_dir()?).await?,
        };
        let mut workerd = Self { port: options.port.unwrap_or(0), options, program, running: None };
        workerd.launch().await?;
        Ok(workerd)
    }

    /// `http://127.0.0.1:<port>`
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The process, unless it was killed.
    pub fn pid(&self) -> Option<u32> {
        self.running.as_ref().map(|running| running.pid)
    }

    /// The folder with the objects' SQLite files, one `<hash>.sqlite` each.
    pub fn objects_dir(&self) -> PathBuf {
        self.objects_root().join(UNIQUE_KEY)
    }

    /// The SQLite files of all objects that were ever asked.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub fn object_files(&self) -> Result<Vec<PathBuf>> {
        let entries = match fs::read_dir(self.objects_dir()) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error).context("cannot list the objects"),
        };
        let mut files = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
        files.retain(|path| path.extension().is_some_and(|extension| extension == "sqlite"));
        files.sort();
        Ok(files)
    }

    /// All that workerd and the worker printed, over all restarts.
    pub fn log(&self) -> String {
        // Not read_to_string: a worker may print anything.
        fs::read(self.log_path()).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    /// Ends the process as a power cut would and returns when it is gone.
    ///
    /// # Errors
    /// If it could not be killed.
    pub async fn kill9(&mut self) -> Result<()> {
        let Some(mut running) = self.running.take() else {
            return Ok(());
        };
        running.guard.disarm().await;
        running.child.kill().await.context("cannot kill workerd")
    }

    /// Starts again on the same disk and port, killing what still runs.
    ///
    /// # Errors
    /// As [`Workerd::start`].
    pub async fn restart(&mut self) -> Result<()> {
        self.kill9().await?;
        self.launch().await
    }

    /// Other variables for the next restart.
    pub fn options_mut(&mut self) -> &mut WorkerdOptions {
        &mut self.options
    }

    fn objects_root(&self) -> PathBuf {
        self.options.disk.join("objects")
    }

    fn log_path(&self) -> PathBuf {
        self.options.disk.join("workerd.log")
    }

    async fn launch(&mut self) -> Result<()> {
        // A build that runs meanwhile must not swap the files while workerd reads them.
        let _shared = match &self.options.script {
            Script::Built(dir) => {
                let lock = build::lock_file(dir)?;
                Some(tokio::task::spawn_blocking(move || lock.lock_shared().map(|()| lock)).await??)
            }
            Script::Js(_) => None,
        };
        let config_path = self.write_config()?;
        for _ in 0..BIND_TRIES {
            if let Some((running, port)) = self.try_launch(&config_path).await? {
                self.running = Some(running);
                self.port = port;
                return Ok(());
            }
            tokio::time::sleep(BIND_PAUSE).await;
        }
        bail!("port {} is taken", self.port)
    }

    /// `None`: the port is taken.
    async fn try_launch(&self, config_path: &Path) -> Result<Option<(Running, u16)>> {
        let log = File::options().create(true).append(true).open(self.log_path()).context("cannot write the log")?;
        let log_start = log.metadata()?.len();
        let mut command = Command::new(&self.program);
        // An absolute path in the configuration is looked for under the import paths.
        command.arg("serve").arg(config_path).args(["--control-fd=1", "--import-path=/"]);
        if self.options.pages.is_some() {
            // To call another worker's cron trigger.
            command.arg("--experimental");
        }
        if self.options.verbose {
            command.arg("--verbose");
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log.try_clone()?).kill_on_drop(true);
        let mut child = command.spawn().context("cannot start workerd")?;
        let pid = child.id().context("workerd ended at once")?;
        let guard = Guard::over_process(pid)?;
        let stdout = child.stdout.take().context("workerd has no stdout")?;
        let (tell, listening) = oneshot::channel();
        tokio::spawn(follow(stdout, log, tell));
        match timeout(START_TIMEOUT, listening).await {
            Ok(Ok(port)) => Ok(Some((Running { child, pid, guard }, port))),
            Ok(Err(_)) => {
                let printed = self.log().split_off(usize::try_from(log_start)?);
                if printed.contains("Address already in use") {
                    return Ok(None);
                }
                bail!("workerd ended before it listened:\n{printed}")
            }
            Err(_) => bail!("workerd did not listen within {START_TIMEOUT:?}:\n{}", self.log()),
        }
    }

    fn write_config(&self) -> Result<PathBuf> {
        let dir = &self.options.disk;
        let modules = self.options.script.modules()?;
        let of_objects = self.options.objects.as_ref().map(Script::modules).transpose()?;
        let objects = self.objects_root().canonicalize()?;
        let pages = self.options.pages.as_ref().map(|pages| pages.canonicalize()).transpose()?;
        let config = config(&self.options, self.port, &modules, of_objects.as_deref(), &objects, pages.as_deref());
        let path = dir.canonicalize()?.join("config.capnp");
        write_private(&path, &config).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }
}

async fn pinned(dir: PathBuf) -> Result<PathBuf> {
    Ok(tokio::task::spawn_blocking(move || provision::npm(&dir)).await??.workerd)
}

/// A worker; its objects are its own, or those of another service.
fn worker(name: &str, options: &WorkerdOptions, modules: &str, objects_of: Option<&str>) -> String {
    let flags: Vec<String> = options.compatibility_flags.iter().map(|flag| text(flag)).collect();
    let namespace = match objects_of {
        Some(service) => format!("(className = \"DORM\", serviceName = {})", text(service)),
        None => text("DORM"),
    };
    let mut bindings = format!("(name = \"DORM_NAMESPACE\", durableObjectNamespace = {namespace})");
    for (name, value) in &options.vars {
        let _ = write!(bindings, ",\n    (name = {}, text = {})", text(name), text(value));
    }
    let objects = format!(
        r#"
  durableObjectNamespaces = [(className = "DORM", uniqueKey = "{UNIQUE_KEY}", enableSql = true)],
  durableObjectStorage = (localDisk = "objects"),"#
    );
    format!(
        r#"
const {name} :Workerd.Worker = (
  modules = [{modules}],
  compatibilityDate = {date},
  compatibilityFlags = [{flags}],
  bindings = [
    {bindings}
  ],
  globalOutbound = "internet",{objects}
);
"#,
        date = text(&options.compatibility_date),
        flags = flags.join(", "),
        objects = if objects_of.is_none() { &objects } else { "" },
    )
}

fn config(
    options: &WorkerdOptions,
    port: u16,
    modules: &str,
    of_objects: Option<&str>,
    objects: &Path,
    pages: Option<&Path>,
) -> String {
    let (mut first, mut services, mut workers) =
        ("main", String::new(), worker("main", options, modules, of_objects.map(|_| "owner")));
    if let Some(modules) = of_objects {
        services.push_str("(name = \"owner\", worker = .owner),\n    ");
        workers.push_str(&worker("owner", options, modules, None));
    }
    if let Some(pages) = pages {
        first = "front";
        let _ = write!(
            services,
            "(name = \"front\", worker = .front),\n    (name = \"pages\", disk = (path = {})),",
            text(&pages.to_string_lossy())
        );
        let _ = write!(
            workers,
            r#"
const front :Workerd.Worker = (
  modules = [(name = "front.js", esModule = {script})],
  compatibilityDate = {date},
  compatibilityFlags = ["service_binding_extra_handlers"],
  bindings = [(name = "PAGES", service = "pages"), (name = "WORKER", service = "main")],
);
"#,
            script = text(FRONT),
            date = text(&options.compatibility_date),
        );
    }
    format!(
        r#"using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "main", worker = .main),
    # The worker may fetch the local stand-in for Stripe.
    (name = "internet", network = (allow = ["public", "private"], tlsOptions = (trustBrowserCas = true))),
    (name = "objects", disk = (path = {objects}, writable = true)),
    {services}
  ],
  sockets = [(name = "http", address = "127.0.0.1:{port}", http = (), service = "{first}")],
);
{workers}"#,
        objects = text(&objects.to_string_lossy()),
    )
}

/// A Cap'n Proto text literal.
fn text(value: &str) -> String {
    let mut quoted = String::with_capacity(value.len() + 2);
    quoted.push('"');
    for byte in value.bytes() {
        match byte {
            b'"' => quoted.push_str("\\\""),
            b'\\' => quoted.push_str("\\\\"),
            b' '..=b'~' => quoted.push(char::from(byte)),
            // As bytes, so that any UTF-8 arrives as it was.
            _ => {
                let _ = write!(quoted, "\\x{byte:02x}");
            }
        }
    }
    quoted.push('"');
    quoted
}

/// The configuration has the secrets in it.
fn write_private(path: &Path, content: &str) -> io::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt;
    File::options().create(true).write(true).truncate(true).mode(0o600).open(path)?.write_all(content.as_bytes())
}

#[derive(Deserialize)]
struct ListenEvent {
    event: String,
    port: u16,
}

/// Copies the worker's output to the log and tells the port once workerd listens.
async fn follow(stdout: impl AsyncRead + Unpin, mut log: File, tell: oneshot::Sender<u16>) {
    use std::io::Write as _;
    let mut tell = Some(tell);
    let mut reader = BufReader::new(stdout);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line).await.is_ok_and(|read| read > 0) {
        let event = serde_json::from_slice::<ListenEvent>(&line).ok().filter(|event| event.event == "listen");
        match event {
            Some(event) if tell.is_some() => {
                let _ = tell.take().map(|tell| tell.send(event.port));
            }
            _ => {
                let _ = log.write_all(&line);
            }
        }
        line.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_literals_keep_every_byte() {
        assert_eq!(text("a\"b\\c\n✓"), r#""a\"b\\c\x0a\xe2\x9c\x93""#);
    }

    #[test]
    fn the_configuration_has_the_variables() {
        let options = WorkerdOptions::new(Script::Js(String::new()), "/tmp").var("DB_SECRET", "x\"y");
        let config = config(&options, 8080, "", None, Path::new("/disk"), None);
        assert!(config.contains(r#"(name = "DB_SECRET", text = "x\"y")"#), "{config}");
        assert!(config.contains(r#"address = "127.0.0.1:8080""#), "{config}");
    }
}
