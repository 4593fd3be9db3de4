//! Lists: filters, and pages of at most a hundred, newest first.

use serde_json::{Value, json};

use super::state::State;
use crate::stripe::wire::error::{ApiError, ApiResult};
use crate::stripe::wire::form::Params;
use crate::stripe::wire::json::number;

/// A parameter that narrows a list to the objects with that value in the field of the same name.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Filter {
    name: &'static str,
    kind: Kind,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    /// The id of an object that must exist.
    Object(&'static str),
    Choice(&'static [&'static str]),
    Boolean,
}

impl Filter {
    pub(crate) const fn object(name: &'static str, kind: &'static str) -> Self {
        Self { name, kind: Kind::Object(kind) }
    }

    pub(crate) const fn choice(name: &'static str, choices: &'static [&'static str]) -> Self {
        Self { name, kind: Kind::Choice(choices) }
    }

    pub(crate) const fn boolean(name: &'static str) -> Self {
        Self { name, kind: Kind::Boolean }
    }

    fn take(self, state: &State, params: &mut Params) -> ApiResult<Option<Value>> {
        Ok(match self.kind {
            Kind::Object(kind) => match params.text(self.name)? {
                Some(id) => {
                    state.get(kind, &id, self.name)?;
                    Some(json!(id))
                }
                None => None,
            },
            Kind::Choice(choices) => params.choice(self.name, choices)?.map(|choice| json!(choice)),
            Kind::Boolean => params.boolean(self.name)?.map(|boolean| json!(boolean)),
        })
    }
}

/// Refunds and disputes.
pub(crate) const OF_A_PAYMENT: [Filter; 2] =
    [Filter::object("payment_intent", "payment_intent"), Filter::object("charge", "charge")];

/// `GET` of a list.
pub(crate) fn list(state: &State, kind: &str, url: &str, filters: &[Filter], params: Params) -> ApiResult<Value> {
    list_where(state, kind, url, filters, params, |_| true)
}

/// As [`list`], of those objects alone that are as wanted.
pub(crate) fn list_where(
    state: &State,
    kind: &str,
    url: &str,
    filters: &[Filter],
    mut params: Params,
    is_wanted: impl Fn(&Value) -> bool,
) -> ApiResult<Value> {
    let limit = params.integer_between("limit", 1, 100)?.unwrap_or(10);
    let limit = usize::try_from(limit).unwrap_or(10);
    let after = params.text("starting_after")?;
    let before = params.text("ending_before")?;
    let created = Created::take(&mut params)?;
    let mut wanted = Vec::new();
    for filter in filters {
        if let Some(value) = filter.take(state, &mut params)? {
            wanted.push((filter.name, value));
        }
    }
    params.finish()?;
    if after.is_some() && before.is_some() {
        return Err(ApiError::invalid("You cannot use both starting_after and ending_before."));
    }
    for (cursor, name) in [(&after, "starting_after"), (&before, "ending_before")] {
        if let Some(id) = cursor {
            state.get(kind, id, name)?;
        }
    }
    let matching: Vec<&Value> = state
        .all(kind)
        // The cursor need not match the filters itself, so it comes first.
        .skip_while(|object| after.as_deref().is_some_and(|id| object["id"] != id))
        .skip(usize::from(after.is_some()))
        .take_while(|object| before.as_deref().is_none_or(|id| object["id"] != id))
        .filter(|object| wanted.iter().all(|(name, value)| object[*name] == *value))
        .filter(|object| created.holds(number(object, "created")) && is_wanted(object))
        .collect();
    let page = match before {
        Some(_) => &matching[matching.len().saturating_sub(limit)..],
        None => &matching[..limit.min(matching.len())],
    };
    Ok(json!({ "data": page, "has_more": matching.len() > limit, "object": "list", "url": url }))
}

/// `created=…` or `created[gte]=…` and its like.
#[derive(Default)]
struct Created {
    exactly: Option<i64>,
    gt: Option<i64>,
    gte: Option<i64>,
    lt: Option<i64>,
    lte: Option<i64>,
}

impl Created {
    fn take(params: &mut Params) -> ApiResult<Self> {
        Ok(Self {
            exactly: params.integer("created")?,
            gt: params.integer("created[gt]")?,
            gte: params.integer("created[gte]")?,
            lt: params.integer("created[lt]")?,
            lte: params.integer("created[lte]")?,
        })
    }

    fn holds(&self, created: i64) -> bool {
        self.exactly.is_none_or(|bound| created == bound)
            && self.gt.is_none_or(|bound| created > bound)
            && self.gte.is_none_or(|bound| created >= bound)
            && self.lt.is_none_or(|bound| created < bound)
            && self.lte.is_none_or(|bound| created <= bound)
    }
}
