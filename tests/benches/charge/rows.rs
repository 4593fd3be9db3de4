//! What a charged call makes its object write, which is what Cloudflare bills.

use std::time::Duration;

use anyhow::Result;
use tests::{Customer, World};

use crate::http::Connection;
use crate::subjects::priced;

const LONE_CALLS: u32 = 5;
const CALLS_IN_A_ROW: u32 = 500;
/// Each costs a cent.
pub(crate) const CALLS: usize = (LONE_CALLS + CALLS_IN_A_ROW) as usize;

/// For each charged call.
pub(crate) struct PerCall {
    pub(crate) rows: f64,
    pub(crate) commands: f64,
}

/// Of calls that come alone, and of calls that come one right after the other.
pub(crate) struct Rows {
    pub(crate) lone: PerCall,
    pub(crate) in_a_row: PerCall,
}

pub(crate) async fn count(world: &World, customer: &Customer, apart: Duration) -> Result<Rows> {
    let mut connection = Connection::open(world.workerd.port())?;
    let before = world.stats(customer).await;
    for _ in 0..LONE_CALLS {
        connection.call(&priced(customer))?;
        // What it leaves to be done later counts, too.
        tokio::time::sleep(apart).await;
    }
    let between = world.stats(customer).await;
    for _ in 0..CALLS_IN_A_ROW {
        connection.call(&priced(customer))?;
    }
    tokio::time::sleep(apart).await;
    let after = world.stats(customer).await;
    Ok(Rows { lone: per_call(before, between, LONE_CALLS), in_a_row: per_call(between, after, CALLS_IN_A_ROW) })
}

fn per_call(before: (u64, u64), after: (u64, u64), calls: u32) -> PerCall {
    let commands = after.0 - before.0;
    let rows = after.1 - before.1;
    PerCall { rows: rows as f64 / f64::from(calls), commands: commands as f64 / f64::from(calls) }
}
