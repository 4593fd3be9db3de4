//! stub
#![allow(missing_docs)]
use std::path::PathBuf;
pub struct Options { pub dir: Option<PathBuf>, pub example: Option<String>, pub port: u16, pub stripe_port: u16 }
pub fn run(_o: &Options) -> anyhow::Result<()> { anyhow::bail!("not yet") }
