//! Workers stay within their budget.

use std::collections::BTreeMap;

use anyhow::Result;
use cargo_stripeflare::build::Artifacts;

const BUDGET: &str = include_str!("../../budget.toml");

#[tokio::test]
async fn workers_keep_to_the_budget() -> Result<()> {
    if std::env::var_os("STRIPEFLARE_DEV_BUILD").is_some() {
        return Ok(());
    }
    let budget: BTreeMap<String, u64> = toml::from_str(BUDGET)?;
    for (worker, kib) in budget {
        let name = worker.clone();
        let dir = tokio::task::spawn_blocking(move || tests::built(&name)).await??;
        let weighs = Artifacts::in_dir(&dir)?.gzip_bytes;
        assert!(weighs <= kib * 1024, "{worker} weighs {weighs} bytes gzipped; budget.toml has {kib} KiB for it");
    }
    Ok(())
}
