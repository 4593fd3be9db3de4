//! What the same call costs in an account that has few lines and in one that has many.

use std::thread;

use anyhow::{Result, anyhow};
use tests::Customer;

use crate::http::{Connection, Request};
use crate::measure::{Plan, Ratio, Route, Subject, Worker, alternately};
use crate::subjects::{CLIENTS, PAID, Subjects, bearer, priced};

/// At p50 beside the bare worker's, at so many lines.
pub(crate) struct Grown {
    pub(crate) lines: usize,
    pub(crate) ratio: Ratio,
}

pub(crate) async fn with_lines(subjects: &Subjects, sizes: &[usize], plan: Plan) -> Result<Vec<Grown>> {
    let customer = subjects.world.customer(PAID).await?;
    let (mut lines, mut grown) = (0, Vec::new());
    for &size in sizes {
        lines += fill(subjects, &customer, size.saturating_sub(lines))?;
        let anchor = subjects.case(Subject { route: Route::WriteInOne, worker: Worker::BareRust }, 1);
        let mut ours = subjects.case(Subject { route: Route::WriteInOne, worker: Worker::Stripeflare }, 1);
        ours.request = Box::new(|_| priced(&customer));
        let measured = alternately(&[anchor, ours], plan)?;
        grown.push(Grown { lines, ratio: measured[1].p50_to(&measured[0]) });
        lines += measured[1].calls;
    }
    Ok(grown)
}

/// Makes so many lines or a few more, each of a quarter of a cent.
fn fill(subjects: &Subjects, customer: &Customer, lines: usize) -> Result<usize> {
    let each = lines.div_ceil(CLIENTS);
    let request = Request::get("/fraction").with_header(&bearer(customer));
    let port = subjects.world.workerd.port();
    let call = || {
        let mut connection = Connection::open(port)?;
        (0..each).try_for_each(|_| connection.call(&request).map(drop))
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(call)).collect();
        threads.into_iter().try_for_each(|thread| thread.join().map_err(|_| anyhow!("a thread panicked"))?)
    })?;
    Ok(each * CLIENTS)
}
