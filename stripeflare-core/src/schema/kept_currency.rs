//! Money of one currency is not counted in another: what is kept knows its own.

use crate::error::WalletError;
use crate::schema::migrations::remember;
use crate::sql::{Reader, Sql, SqlError};

const PREFIX: &str = "currency ";

/// Remembers, the first time, in which currency this database counts.
pub fn keep_currency(sql: &dyn Sql, currency: &str) -> Result<(), SqlError> {
    match kept(sql)? {
        None => remember(sql, &format!("{PREFIX}{currency}"), 1),
        Some(kept) => compare(&kept, currency).map_err(|error| SqlError(error.to_string())),
    }
}

/// Whether what this database counts, if anything, is of this currency.
///
/// # Errors
/// [`WalletError::Currency`], if it is of another.
pub fn check_currency(sql: &dyn Sql, currency: &str) -> Result<(), WalletError> {
    kept(sql)?.map_or(Ok(()), |kept| compare(&kept, currency))
}

fn kept(sql: &dyn Sql) -> Result<Option<String>, SqlError> {
    let select = "SELECT substr(key, 10) FROM meta WHERE key LIKE 'currency %'";
    sql.run(select, &[])?.pop().map(|row| Reader::new(row).text()).transpose()
}

fn compare(kept: &str, currency: &str) -> Result<(), WalletError> {
    if kept == currency { Ok(()) } else { Err(WalletError::Currency { kept: kept.to_owned() }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{Schema, migrate};
    use crate::tables::Role;
    use crate::testing::database;

    #[test]
    fn what_is_kept_in_one_currency_is_not_read_in_another() {
        let sql = database();
        migrate(&sql, Role::Account, &Schema::of::<()>()).unwrap();
        for currency in ["usd", "jpy"] {
            check_currency(&sql, currency).unwrap();
        }
        keep_currency(&sql, "jpy").unwrap();
        keep_currency(&sql, "jpy").unwrap();
        check_currency(&sql, "jpy").unwrap();
        let errors = (check_currency(&sql, "usd").unwrap_err(), keep_currency(&sql, "usd").unwrap_err());
        for text in [errors.0.to_string(), errors.1.to_string()] {
            assert!(text.contains("STRIPE_CURRENCY") && text.contains("jpy"), "{text}");
        }
    }
}
