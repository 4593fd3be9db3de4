//! Values that only one account may have: claimed at the directory before they are written.

use axum::response::Response;
use http::StatusCode;
use sha2::{Digest, Sha256};
use stripeflare_core::account::Change;
use stripeflare_core::identity::AccountId;
use stripeflare_core::protocol::Shard;
use stripeflare_core::protocol::account::Read;
use stripeflare_core::protocol::directory::{ClaimValue, FreeValue};
use stripeflare_core::schema::ColumnDef;
use stripeflare_core::sql::Value;

use crate::http::call::context::Inner;
use crate::http::reply::answer::Answer;
use crate::object::ObjectError;

/// Names a value at the directory; `None` for `NULL`, which everybody may have.
fn key(column: &str, value: &Value) -> Option<String> {
    if *value == Value::Null {
        return None;
    }
    // A number is one value however it is stored.
    let text = match value {
        Value::Integer(integer) => format!("{:?}", *integer as f64),
        Value::Real(real) => format!("{real:?}"),
        other => serde_json::to_string(other).expect("values are plain JSON"),
    };
    Some(format!("unique:{column}:{}", hex::encode(Sha256::digest(text))))
}

fn unique<'a>(columns: &'a [ColumnDef], changes: &'a [Change]) -> impl Iterator<Item = (usize, &'a Change)> {
    let places = columns.iter().enumerate().filter(|(_, column)| column.unique);
    places.filter_map(|(place, column)| {
        changes.iter().find(|change| change.column == column.name).map(|change| (place, change))
    })
}

impl Inner {
    /// Claims the values of `unique` columns that are about to be written, and answers what lets others have those that are
    /// written over: by the claims that stand for them now, so that what is claimed later stays claimed.
    ///
    /// # Errors
    /// 409 when another account has one.
    pub(crate) async fn claim_values(
        &self,
        account: &AccountId,
        columns: &[ColumnDef],
        changes: &[Change],
    ) -> Result<Vec<FreeValue>, Response> {
        let mut frees = Vec::new();
        for (place, Change { column, old, new }) in unique(columns, changes) {
            if let Some(key) = key(column, new)
                && !self.claim_value(account, &key, place, new).await?
            {
                let message = format!("Another account has this `{column}`. Choose another one.");
                return Err(Answer::new(StatusCode::CONFLICT, "not_unique", message).into());
            }
            if let Some(key) = key(column, old) {
                let command = ClaimValue { key: key.clone(), account: account.clone(), instead_of: None };
                let claim = self.deployment.stubs.as_system(&Shard::of(&key)).send(command).await?;
                frees.extend(claim.ok().map(|claim| FreeValue { key, account: account.clone(), claim }));
            }
        }
        Ok(frees)
    }

    async fn claim_value(
        &self,
        account: &AccountId,
        key: &str,
        place: usize,
        value: &Value,
    ) -> Result<bool, ObjectError> {
        let stubs = &self.deployment.stubs;
        let mut instead_of = None;
        // Once more, if the owner turns out not to have it.
        for _ in 0..2 {
            let command = ClaimValue { key: key.to_owned(), account: account.clone(), instead_of };
            let Err(owner) = stubs.as_system(&Shard::of(key)).send(command).await? else { return Ok(true) };
            if owner.pending {
                return Ok(false);
            }
            let row = stubs.as_system(&owner.account).send(Read { account: owner.account.clone() }).await?;
            if row.columns.get(place) == Some(value) {
                return Ok(false);
            }
            instead_of = Some(owner);
        }
        Ok(false)
    }

    /// Lets others have the values that were written over. Those that are not freed here are found out later.
    pub(crate) async fn free_values(&self, frees: Vec<FreeValue>) {
        for command in frees {
            let shard = Shard::of(&command.key);
            if let Err(error) = self.deployment.stubs.as_system(&shard).send(command).await {
                worker::console_warn!("a value is not free for others yet: {error}");
            }
        }
    }
}
