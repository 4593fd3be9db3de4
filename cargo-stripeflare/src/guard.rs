//! Ends a child process together with this one, however this one ends.

use std::process::Stdio;

use anyhow::{Context, Result};
use tokio::process::{Child, ChildStdin, Command};

/// A shell that waits for us to be gone and then kills what it guards.
///
/// Destructors are not enough: a test's statics are never dropped, and a killed process drops nothing.
#[derive(Debug)]
pub struct Guard {
    shell: Child,
    /// Closes when we end.
    _stdin: ChildStdin,
}

impl Guard {
    /// Over one process.
    ///
    /// # Errors
    /// When there is no shell.
    pub fn over_process(pid: u32) -> Result<Self> {
        Self::start(&pid.to_string())
    }

    /// Over the group that a process leads.
    ///
    /// # Errors
    /// When there is no shell.
    pub fn over_group(pid: u32) -> Result<Self> {
        Self::start(&format!("-{pid}"))
    }

    fn start(target: &str) -> Result<Self> {
        let mut command = Command::new("sh");
        command.args(["-c", "read -r _; kill -s KILL -- \"$0\"", target]).kill_on_drop(true);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        // In the terminal's group, Ctrl-C would end the guard before its ward.
        command.process_group(0);
        let mut shell = command.spawn().context("cannot start a shell as a guard")?;
        let stdin = shell.stdin.take().context("the guard has no stdin")?;
        Ok(Self { shell, _stdin: stdin })
    }

    /// To be called before what it guards is gone and its number free for another process.
    pub async fn disarm(&mut self) {
        let _ = self.shell.kill().await;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn when_the_pipe_closes_the_group_ends() {
        let mut ward = Command::new("sh").args(["-c", "sleep 600 & wait"]).process_group(0).spawn().unwrap();
        let Guard { mut shell, _stdin } = Guard::over_group(ward.id().unwrap()).unwrap();
        drop(_stdin);
        assert!(shell.wait().await.unwrap().success());
        let ended = tokio::time::timeout(Duration::from_secs(10), ward.wait()).await;
        assert!(!ended.unwrap().unwrap().success());
    }
}
