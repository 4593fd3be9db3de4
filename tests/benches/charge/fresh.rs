//! From the start of a process to its first answer, which waits for the whole worker to be compiled.

use std::time::Instant;

use anyhow::Result;
use cargo_stripeflare::stripe::StandInOptions;
use cargo_stripeflare::workerd::Workerd;
use tests::World;

use crate::http::{Connection, Request};
use crate::measure::Ratio;
use crate::subjects::Bare;

/// The quickstart's free route beside that of the bare worker in Rust, each process started anew in turns.
pub(crate) async fn first_answers(bare: &mut Bare, rounds: usize) -> Result<Ratio> {
    let mut quickstart = World::of("examples/quickstart", StandInOptions::default(), &[]).await?;
    let mut ratios = Vec::with_capacity(rounds);
    for _ in 0..rounds {
        let ours = first_answer(&mut quickstart.workerd, "/").await?;
        ratios.push(ours / first_answer(&mut bare.workerd, "/free").await?);
    }
    Ok(Ratio::of(ratios))
}

/// In seconds.
async fn first_answer(workerd: &mut Workerd, path: &str) -> Result<f64> {
    workerd.kill9().await?;
    let started = Instant::now();
    workerd.restart().await?;
    Connection::open(workerd.port())?.call(&Request::get(path))?;
    Ok(started.elapsed().as_secs_f64())
}
