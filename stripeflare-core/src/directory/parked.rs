//! Reversals that came before their payment.

use crate::account::Reversal;
use crate::clock::Millis;
use crate::sql::{Reader, Sql, SqlError};

/// How long a reversal waits for its payment: 30 days. Most of those that wait belong to other products' payments.
pub(super) const PARKED_MS: Millis = 30 * 24 * 60 * 60 * 1_000;

pub(super) fn read_fact(fact: &str) -> Result<Reversal, SqlError> {
    serde_json::from_str(fact).map_err(|error| SqlError(format!("parked.fact: {error}")))
}

/// Those of a payment.
pub fn waiting(sql: &dyn Sql, payment_intent: &str) -> Result<Vec<Reversal>, SqlError> {
    let parked = sql.run("SELECT fact FROM parked WHERE payment_intent = ? ORDER BY at", &[payment_intent.into()])?;
    parked.into_iter().map(|row| read_fact(&Reader::new(row).text()?)).collect()
}

/// Keeps a reversal until its payment is credited, also one that has its place already: whoever placed it may not have come to
/// its credit.
pub fn park(sql: &dyn Sql, payment_intent: &str, reversal: &Reversal, now: Millis) -> Result<(), SqlError> {
    sql.run("DELETE FROM parked WHERE at < ?", &[(now - PARKED_MS).into()])?;
    let insert = "INSERT INTO parked (payment_intent, at, fact) VALUES (?, ?, ?) ON CONFLICT DO NOTHING";
    sql.run(insert, &[payment_intent.into(), now.into(), fact(reversal).into()])?;
    Ok(())
}

fn fact(reversal: &Reversal) -> String {
    serde_json::to_string(reversal).expect("a reversal is plain JSON")
}

/// Forgets these reversals of a payment: its account has them. Others may have come since they were read.
pub fn unpark(sql: &dyn Sql, payment_intent: &str, reversals: &[Reversal]) -> Result<(), SqlError> {
    reversals.iter().try_for_each(|reversal| forget(sql, payment_intent, fact(reversal)))
}

pub(super) fn forget(sql: &dyn Sql, payment_intent: &str, fact: String) -> Result<(), SqlError> {
    sql.run("DELETE FROM parked WHERE payment_intent = ? AND fact = ?", &[payment_intent.into(), fact.into()])?;
    Ok(())
}
