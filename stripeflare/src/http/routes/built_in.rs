//! The built-in routes. By this table they are registered, an application's own may not take their paths, and
//! `docs/http.md` describes them.

use std::future::Future;
use std::pin::Pin;

use axum::Router;
use axum::extract::Request;
use axum::response::Response;
use axum::routing::{MethodFilter, on};
use stripeflare_core::schema::Schema;
use worker::send::SendFuture;

type Answering = fn(Request, Schema) -> Pin<Box<dyn Future<Output = Response>>>;

/// One built-in route.
pub(crate) struct BuiltIn {
    method: MethodFilter,
    pub(crate) path: &'static str,
    answer: Answering,
    #[cfg(test)]
    who: Who,
    #[cfg(test)]
    what: &'static str,
}

/// Whom a route answers.
#[derive(Clone, Copy, Debug)]
enum Who {
    /// Whoever comes; a newcomer's account is a new one.
    Anybody,
    /// Whoever has a token.
    Spends,
    /// Whoever has a token that manages the account.
    Manages,
    /// The browser that was asked, by the form that it was sent.
    Asked,
    /// Stripe, by its signature.
    Stripe,
    /// The operator, who may change things.
    Operator,
    /// The operator, and of one account whoever manages it.
    OperatorOrOwner,
}

async fn answered(run: impl Future<Output = Result<Response, Response>>) -> Response {
    run.await.unwrap_or_else(|answer| answer)
}

const fn route(method: MethodFilter, path: &'static str, who: Who, answer: Answering, what: &'static str) -> BuiltIn {
    // Only the documentation says more.
    let _ = (who, what);
    BuiltIn {
        method,
        path,
        answer,
        #[cfg(test)]
        who,
        #[cfg(test)]
        what,
    }
}

const GET: MethodFilter = MethodFilter::GET;
const POST: MethodFilter = MethodFilter::POST;
const DELETE: MethodFilter = MethodFilter::DELETE;

/// A handler of an application for one of these paths would never run.
#[rustfmt::skip]
pub(crate) const BUILT_IN: &[BuiltIn] = &[
    route(GET, "/me", Who::Anybody, |request, schema| Box::pin(super::me(request, schema)),
        "`{paymentLink, client_reference_id, balance, currency, name, email, card_fingerprint, verified_email, registered, \
         pending_logins}` of \
         the caller, and your public columns"),
    #[cfg(feature = "tokens")]
    route(DELETE, "/me", Who::Manages, |request, _| Box::pin(answered(super::tokens::close(request))),
        "closes the account: with money left only with `?forfeit=true`"),
    #[cfg(feature = "tokens")]
    route(GET, "/me/entries", Who::Manages, |request, _| Box::pin(answered(super::statement::entries(request))),
        "the statement, the newest line first: `{entries: [{id, at, kind, amount, balance, label, token, calls}], next}`; \
         `?limit=`, `?before=` as in `next`, CSV with `?format=csv`"),
    route(GET, "/topup", Who::Anybody, |request, _| Box::pin(super::topup(request)),
        "redirects to the payment page of the caller's account: link here from your pages"),
    #[cfg(feature = "login")]
    route(GET, "/stripe/return", Who::Anybody, |request, _| Box::pin(super::stripe_return::come_back(request)),
        "where the payment page sends the payer back to, with a `session_id`: [logs in][logging in]"),
    #[cfg(feature = "login")]
    route(POST, "/stripe/return", Who::Asked, |request, _| Box::pin(super::stripe_return::decide(request)),
        "what the payer answers to the question that page asks"),
    route(POST, "/stripe-webhook", Who::Stripe, |request, _| Box::pin(super::webhook::receive(request)),
        "where Stripe reports payments, refunds and disputes"),
    #[cfg(feature = "account-page")]
    route(GET, "/account", Who::Anybody, |request, _| Box::pin(answered(super::account_page::show(request))),
        "a page for people: balance, statement, access tokens, cards, logging out, deleting the account"),
    #[cfg(feature = "account-page")]
    route(POST, "/account", Who::Spends, |request, _| Box::pin(answered(super::account_page::press(request))),
        "the buttons of that page; the token may only what it may elsewhere"),
    #[cfg(feature = "login")]
    route(GET, "/cards", Who::Manages, |request, _| Box::pin(super::cards::list(request)),
        "`{cards: [{id, kind, label, added_at, token}]}`: the cards and Link accounts that log in to the account"),
    #[cfg(feature = "login")]
    route(DELETE, "/cards/{id}", Who::Manages, |request, _| Box::pin(super::cards::remove(request)), "forgets one of them"),
    #[cfg(feature = "tokens")]
    route(GET, "/tokens", Who::Manages, |request, _| Box::pin(answered(super::tokens::list(request))),
        "the account's [access tokens], never their secrets"),
    #[cfg(feature = "tokens")]
    route(POST, "/tokens", Who::Manages, |request, _| Box::pin(answered(super::tokens::make(request))),
        "makes one; its secret is shown this once"),
    #[cfg(feature = "tokens")]
    route(DELETE, "/tokens/{id}", Who::Manages, |request, _| Box::pin(answered(super::tokens::end(request))),
        "ends one, with those it made and the cards it added"),
    #[cfg(feature = "tokens")]
    route(POST, "/logins/{id}/approve", Who::Manages, |request, _| Box::pin(answered(super::logins::answer(request))),
        "lets in a login that waits, by [a card of the account][logging in]; with a bearer token only"),
    #[cfg(feature = "tokens")]
    route(POST, "/logins/{id}/refuse", Who::Manages, |request, _| Box::pin(answered(super::logins::answer(request))),
        "ends one; with a bearer token only"),
    #[cfg(feature = "tokens")]
    route(POST, "/lock", Who::Manages, |request, _| Box::pin(answered(super::logins::lock(request))),
        "no card opens the account any more; with a bearer token only, and, where no other manages the account, `?kept=true`"),
    #[cfg(feature = "tokens")]
    route(POST, "/unlock", Who::Manages, |request, _| Box::pin(answered(super::logins::lock(request))),
        "cards may open it again; with a bearer token only"),
    #[cfg(feature = "tokens")]
    route(POST, "/rotate-token", Who::Spends, |request, _| Box::pin(answered(super::tokens::rotate(request))),
        "a new secret for the caller's token"),
    #[cfg(feature = "tokens")]
    route(POST, "/logout", Who::Anybody, |request, _| Box::pin(answered(super::tokens::log_out(request))),
        "lets this browser forget its token"),
    #[cfg(feature = "tokens")]
    route(POST, "/logout-everywhere", Who::Manages, |request, _| Box::pin(answered(super::tokens::log_out_everywhere(request))),
        "ends all tokens but the caller's"),
    #[cfg(feature = "panel")]
    route(GET, "/db/{who}", Who::OperatorOrOwner, |request, schema| Box::pin(super::panel::show(request, schema)),
        "the database panel. `/db/admin-readonly`: all accounts, payments, usage, and money that nobody was credited \
         for; `/db/{client_reference_id}`: the same for one account"),
    #[cfg(feature = "panel")]
    route(POST, "/db/admin-readonly/assign", Who::Operator, |request, _| Box::pin(super::panel::assign(request)),
        "credits money that nobody was credited for"),
    #[cfg(feature = "panel")]
    route(POST, "/db/admin-readonly/hand-over", Who::Operator, |request, _| Box::pin(super::panel::hand_over(request)),
        "gives money of a closed account, `from`, to another one: `account`, `reason`, a `key` that names it, and `cents` if \
         not all of it"),
    #[cfg(all(feature = "login", feature = "panel"))]
    route(POST, "/db/admin-readonly/free-card", Who::Operator, |request, _| Box::pin(super::panel::free_card(request)),
        "frees a card from the account that has it: `card` is its fingerprint, or the address of a Link account"),
];

impl BuiltIn {
    /// Whether it answers programs, whoever they belong to: no page, no form, not Stripe and not the operator.
    fn is_api(&self) -> bool {
        !["/account", "/db/", "/stripe", "/topup"].iter().any(|outside| self.path.starts_with(outside))
    }
}

/// All of them; an application's layers are around those for programs.
pub(crate) fn router(schema: Schema, layered: impl FnOnce(Router) -> Router) -> Router {
    let (api, others) = BUILT_IN.iter().partition::<Vec<_>, _>(|route| route.is_api());
    let of = |routes: Vec<&'static BuiltIn>| {
        routes.into_iter().fold(Router::new(), |router, route| {
            let answer = route.answer;
            let handler = move |request: Request| SendFuture::new(answer(request, schema));
            router.route(route.path, on(route.method, handler))
        })
    };
    of(others).merge(layered(of(api)))
}

#[cfg(test)]
mod tests {
    use super::*;

    impl BuiltIn {
        fn line(&self) -> String {
            let method = match self.method {
                GET => "GET",
                POST => "POST",
                DELETE => "DELETE",
                other => panic!("{other:?} has no name"),
            };
            let who = match self.who {
                Who::Anybody => "anybody",
                Who::Spends => "a token",
                Who::Manages => "a token that manages",
                Who::Asked => "the browser that was asked",
                Who::Stripe => "Stripe, by its signature",
                Who::Operator => "the operator",
                Who::OperatorOrOwner => "the operator; of one account, a token that manages",
            };
            format!("| `{method} {}` | {who} | {} |\n", self.path, self.what)
        }
    }

    #[test]
    fn no_path_has_two_handlers_for_a_method() {
        let _ = router(Schema::of::<()>(), |router| router);
    }

    #[cfg(all(feature = "account-page", feature = "login", feature = "panel", feature = "tokens"))]
    #[test]
    fn the_documentation_has_this_table() {
        let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/http.md");
        let text = std::fs::read_to_string(&file).unwrap();
        let (begin, end) = ("| built-in route | who may | |\n|---|---|---|\n", "\n\n");
        let (before, rest) = text.split_once(begin).expect("the table begins");
        let (_, after) = rest.split_once(end).expect("the table ends");
        let table: String = BUILT_IN.iter().map(BuiltIn::line).collect();
        let expected = format!("{before}{begin}{}{end}{after}", table.trim_end());
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&file, expected).unwrap();
            return;
        }
        assert!(
            text == expected,
            "another table; UPDATE_GOLDEN=1 cargo test -p stripeflare built_in writes it:\n{table}"
        );
    }
}
