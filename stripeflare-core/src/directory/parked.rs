//! Reversals that came before their payment.

use crate::account::Reversal;
use crate::clock::Millis;
use crate::sql::{Reader, Row, Sql, SqlError, read_all};
use crate::stored::{store, stored};

/// How long a reversal waits for its payment: 30 days. Most of those that wait belong to other products' payments.
pub(super) const PARKED_MS: Millis = 30 * 24 * 60 * 60 * 1_000;

fn read(row: Row) -> Result<Reversal, SqlError> {
    stored("parked.fact", &Reader::new(row).blob()?)
}

/// Those of a payment.
pub fn waiting(sql: &dyn Sql, payment_intent: &str) -> Result<Vec<Reversal>, SqlError> {
    let parked = sql.run("SELECT fact FROM parked WHERE payment_intent = ? ORDER BY at", &[payment_intent.into()])?;
    read_all(parked, read)
}

/// Keeps a reversal until its payment has its place.
pub(super) fn park(sql: &dyn Sql, payment_intent: &str, reversal: &Reversal, now: Millis) -> Result<(), SqlError> {
    sql.run("DELETE FROM parked WHERE at < ?", &[(now - PARKED_MS).into()])?;
    let insert = "INSERT INTO parked (payment_intent, at, fact) VALUES (?, ?, ?) ON CONFLICT DO NOTHING";
    sql.run(insert, &[payment_intent.into(), now.into(), store(reversal)])?;
    Ok(())
}

/// Takes out those of a payment.
pub(super) fn unpark(sql: &dyn Sql, payment_intent: &str) -> Result<Vec<Reversal>, SqlError> {
    let waiting = waiting(sql, payment_intent)?;
    sql.run("DELETE FROM parked WHERE payment_intent = ?", &[payment_intent.into()])?;
    Ok(waiting)
}
