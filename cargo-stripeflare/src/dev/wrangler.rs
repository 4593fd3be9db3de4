//! wrangler, which runs the worker.

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::guard::Guard;
use crate::process;
use crate::progress::note;
use crate::provision::NpmTools;

/// How long wrangler gets to end by itself.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// `wrangler dev`, and all that it starts.
pub(super) struct Wrangler {
    // Dropped first: it must not outlive what it watches.
    guard: Guard,
    pub(super) child: Child,
    group: Pid,
}

impl Wrangler {
    pub(super) fn start(port: u16, dir: &Path, tools: &NpmTools) -> Result<Self> {
        let inspector = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let mut command = Command::from(process::command("node"));
        command.arg(&tools.wrangler).args(["dev", "--ip", "127.0.0.1", "--show-interactive-dev-session=false"]);
        // For `cargo stripeflare cron`.
        command.arg("--test-scheduled");
        command.arg(format!("--port={port}")).arg(format!("--inspector-port={inspector}"));
        // The build drains bodies, also those that wrangler cannot.
        command.env("WRANGLER_DISABLE_REQUEST_BODY_DRAINING", "true");
        command.env("WRANGLER_SEND_METRICS", "false").env("CLOUDFLARE_CF_FETCH_ENABLED", "false");
        command.current_dir(dir).stdin(Stdio::null()).kill_on_drop(true);
        // A group of its own, so that its children can be ended with it.
        command.process_group(0);
        let child = command.spawn().context("cannot start wrangler")?;
        let pid = child.id().context("wrangler ended at once")?;
        Ok(Self { guard: Guard::over_group(pid)?, child, group: Pid::from_raw(i32::try_from(pid)?) })
    }

    pub(super) async fn stop(mut self) -> Result<()> {
        let _ = killpg(self.group, Signal::SIGTERM);
        if timeout(STOP_TIMEOUT, self.child.wait()).await.is_err() {
            note("wrangler does not end by itself; killing it");
        }
        self.guard.disarm().await;
        Ok(())
    }
}

impl Drop for Wrangler {
    fn drop(&mut self) {
        // Also what wrangler left running.
        let _ = killpg(self.group, Signal::SIGKILL);
    }
}
