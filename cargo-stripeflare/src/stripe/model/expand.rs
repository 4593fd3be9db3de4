//! `expand[]`: ids replaced by the objects that they name.

use serde_json::Value;

use super::permission::{Caller, Permission, Resource};
use super::state::State;
use crate::stripe::wire::error::{ApiError, ApiResult};

/// Stripe's limit.
const MAX_DEPTH: usize = 4;

/// Which fields of which objects can be expanded, and into what.
const EXPANDABLE: [(&str, &str, &str); 11] = [
    ("checkout.session", "payment_intent", "payment_intent"),
    ("checkout.session", "payment_link", "payment_link"),
    ("payment_intent", "latest_charge", "charge"),
    ("payment_intent", "payment_method", "payment_method"),
    ("charge", "payment_intent", "payment_intent"),
    ("refund", "charge", "charge"),
    ("refund", "payment_intent", "payment_intent"),
    ("dispute", "charge", "charge"),
    ("dispute", "payment_intent", "payment_intent"),
    ("price", "product", "product"),
    ("payment_method", "customer", "customer"),
];

/// Replaces what each path names.
pub(crate) fn expand(state: &State, caller: &Caller, mut object: Value, paths: &[String]) -> ApiResult<Value> {
    for path in paths {
        let fields: Vec<&str> = path.split('.').collect();
        if fields.len() > MAX_DEPTH {
            return Err(refusal(path, "You cannot expand more than 4 levels of a property"));
        }
        follow(state, caller, &mut object, &fields, path)?;
    }
    Ok(object)
}

fn follow(state: &State, caller: &Caller, object: &mut Value, fields: &[&str], path: &str) -> ApiResult<()> {
    let Some((field, rest)) = fields.split_first() else {
        return Ok(());
    };
    if object["object"] == "list" {
        if *field != "data" {
            let advice = format!("You may want to try expanding 'data.{path}' instead of '{path}'");
            return Err(refusal(path, &format!("This property cannot be expanded ({path}). {advice}")));
        }
        for item in object["data"].as_array_mut().into_iter().flatten() {
            follow(state, caller, item, rest, path)?;
        }
        return Ok(());
    }
    let rule = EXPANDABLE.iter().find(|(kind, name, _)| object["object"] == *kind && name == field);
    let Some((_, _, kind)) = rule else {
        return Err(refusal(path, &format!("This property cannot be expanded ({path}).")));
    };
    if let Some(resource) = Resource::of(kind) {
        caller.check(Permission::Read(resource))?;
    }
    if let Some(id) = object[*field].as_str() {
        let expanded = state.get(kind, id, "expand")?.clone();
        object[*field] = expanded;
    }
    if object[*field].is_null() { Ok(()) } else { follow(state, caller, &mut object[*field], rest, path) }
}

fn refusal(path: &str, message: &str) -> ApiError {
    ApiError::invalid(message).with_param(&format!("expand[{path}]"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::stripe::model::state::Account;

    fn state() -> State {
        let mut state = State::new(Account::for_tests());
        state.insert(json!({ "object": "charge", "id": "ch_1" }));
        state.insert(
            json!({ "object": "payment_intent", "id": "pi_1", "latest_charge": "ch_1", "payment_method": null }),
        );
        state
    }

    fn run(paths: &[&str]) -> ApiResult<Value> {
        let session = json!({ "object": "checkout.session", "payment_intent": "pi_1" });
        let paths: Vec<String> = paths.iter().map(|path| (*path).to_owned()).collect();
        let caller = Caller { key: "sk_test_key".to_owned(), account: "acct_1".to_owned(), permissions: None };
        expand(&state(), &caller, session, &paths)
    }

    #[test]
    fn a_path_expands_each_step() {
        let session = run(&["payment_intent.latest_charge"]).unwrap();
        assert_eq!(session["payment_intent"]["latest_charge"]["id"], "ch_1");
    }

    #[test]
    fn two_paths_share_a_step() {
        let session =
            run(&["payment_intent", "payment_intent.latest_charge", "payment_intent.payment_method"]).unwrap();
        assert_eq!(session["payment_intent"]["latest_charge"]["id"], "ch_1");
        assert_eq!(session["payment_intent"]["payment_method"], Value::Null);
    }

    #[test]
    fn what_cannot_be_expanded_is_refused() {
        assert!(run(&["currency"]).is_err());
        assert!(run(&["payment_intent.latest_charge.payment_intent.latest_charge.payment_intent"]).is_err());
    }
}
