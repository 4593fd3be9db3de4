//! What the return page says.

use axum::response::Response;
use http::header::REFRESH;
use http::{HeaderValue, StatusCode};
use stripeflare_core::account::{CardOwner, PendingLogin, letters};
use stripeflare_core::clock::Millis;
use stripeflare_core::stripe::masked;

use crate::http::reply::date::moment_text;
use crate::http::reply::html::{Escaped, page};

/// A page that waits looks again at least so often, in seconds.
const LOOK_AGAIN_S: i64 = 60;

/// What is said where nothing is asked.
#[derive(Clone, Copy)]
pub(super) enum Said {
    /// To every browser but the one that left to pay.
    Thanks,
    NoSession,
    Foreign,
    Unpaid,
    Old,
    Contested,
    Ended,
    Used,
    TooManyLogins,
    TooManyTokens,
    Unreadable,
}

impl Said {
    pub(super) fn page(self) -> Response {
        let (status, title, text) = match self {
            Self::Thanks => (
                StatusCode::OK,
                "Thank you",
                "The payment is credited to the account that its payment link belongs to. This browser was not logged in to \
                 anything by it: it is not the one that left this site to pay, or it keeps no cookies of this site.",
            ),
            Self::NoSession => (
                StatusCode::NOT_FOUND,
                "There is no such payment",
                "The address you came with names no payment. If you paid, your credit arrives all the same.",
            ),
            Self::Foreign => (
                StatusCode::FORBIDDEN,
                "This payment was not for this site",
                "It names no account here, or was made in another way than through this site's payment page. If that is \
                 wrong, please ask whoever runs this site: the payment is on record.",
            ),
            Self::Unpaid => (
                StatusCode::CONFLICT,
                "This payment has not arrived yet",
                "Some ways to pay take days. Your credit arrives with the money.",
            ),
            Self::Old => (
                StatusCode::GONE,
                "This page is too old",
                "It can log you in within an hour of the payment. Your credit is in the account you paid for.",
            ),
            Self::Contested => (
                StatusCode::CONFLICT,
                "Another browser opened this page, too",
                "We cannot tell which of the two belongs to whoever paid, so nobody is logged in by this payment. Your credit \
                 is in the account you paid for. If you did not open this page twice yourself, somebody else knows its address.",
            ),
            Self::Ended => (
                StatusCode::CONFLICT,
                "This login has ended",
                "It was refused, or waited too long, or the card no longer opens that account. Your credit is in the account \
                 of this browser.",
            ),
            Self::Used => (
                StatusCode::CONFLICT,
                "This login was used already",
                "A browser is logged in by it. To log in another one, pay with the card again.",
            ),
            Self::TooManyLogins => (
                StatusCode::CONFLICT,
                "Too many logins wait for that account",
                "Whoever manages it has to approve or refuse some first. Your credit is in the account of this browser.",
            ),
            Self::TooManyTokens => (
                StatusCode::CONFLICT,
                "That account has too many access tokens",
                "Nothing was changed. Revoke tokens that nobody uses, in a browser that is logged in to it, and try again.",
            ),
            Self::Unreadable => (
                StatusCode::BAD_REQUEST,
                "This form cannot be read",
                "It was not made for this browser, or is too old. Nothing was changed.",
            ),
        };
        page(
            status,
            title,
            &format!("<p>{text}</p><p><a href=\"/\">To the start page</a> · <a href=\"/topup\">Add credit</a></p>"),
        )
    }
}

/// The page comes again by itself.
fn refreshed(mut response: Response, seconds: i64) -> Response {
    let seconds = HeaderValue::from(seconds.clamp(1, LOOK_AGAIN_S));
    response.headers_mut().insert(REFRESH, seconds);
    response
}

pub(super) fn moment(seconds: i64) -> Response {
    let text = "<p>We are looking at your payment. This page goes on by itself.</p>";
    refreshed(page(StatusCode::OK, "One moment", text), seconds)
}

/// Whose card it is, as far as its payer may know, and what to do about it.
pub(super) fn question(label: &str, owner: &CardOwner, fields: &str) -> Response {
    let count = |number: usize, one: &str, many: &str| match number {
        1 => format!("1 {one}"),
        _ => format!("{number} {many}"),
    };
    let since = month(owner.registered_at);
    let email = owner.verified_email.as_deref().map(masked);
    let email = email.map_or_else(String::new, |email| format!(", of <strong>{}</strong>", Escaped(email)));
    let (cards, tokens) = (count(owner.cards, "card", "cards"), count(owner.tokens, "access token", "access tokens"));
    page(
        StatusCode::OK,
        "Which account do you want to use?",
        &format!(
            "<p>Thank you. Your payment has arrived in the account of this browser.</p>\
             <p>You paid with <strong>{}</strong>, which opens another account{email}. That one exists since {since}; \
             {cards} and {tokens} open it.</p>\
             <p>If it is yours, you can use it in this browser. Whoever is logged in there sees that you ask, and can \
             approve or refuse it; what is left of this payment then moves there. If you are not sure, keep them separate.</p>\
             <form method=\"post\">{fields}\
             <p><button name=\"answer\" value=\"keep\">Keep separate</button> \
             <button name=\"answer\" value=\"use\">Use that account</button></p></form>",
            Escaped(label),
        ),
    )
}

/// A login whose time has not come.
pub(super) fn waiting(login: &PendingLogin, now: Millis) -> Response {
    let (letters, at) = (letters(&login.payment), moment_text(login.matures_at));
    let shown = at[..16].replace('T', " ");
    let response = page(
        StatusCode::OK,
        "Waiting for that account",
        &format!(
            "<p>Approve this login in a browser that is logged in to that account, on its page <code>/account</code>. It \
             shows the same letters:</p><p class=\"letters\"><strong>{letters}</strong></p>\
             <p>If nobody refuses it, you can switch from <time datetime=\"{at}\">{shown} UTC</time> on. Until then this \
             browser goes on with its own account, where your payment is. This page looks again by itself.</p>\
             <p><a href=\"/\">To the start page</a></p>"
        ),
    );
    refreshed(response, (login.matures_at - now).div_euclid(1_000) + 1)
}

/// A login whose time has come.
pub(super) fn switch(fields: &str) -> Response {
    page(
        StatusCode::OK,
        "You can switch now",
        &format!(
            "<p>This browser can use that account from now on. What is left of your payment moves there.</p>\
             <form method=\"post\">{fields}\
             <p><button name=\"answer\" value=\"switch\">Switch to that account</button> \
             <button name=\"answer\" value=\"keep\">Stay here</button></p></form>"
        ),
    )
}

/// The browser has the other account's token from now on; the one it had is shown, so that its owner can always come back.
pub(super) fn switched(token: &str, return_to: &str) -> Response {
    page(
        StatusCode::OK,
        "You are logged in",
        &format!(
            "<p>This browser uses that account from now on.</p>\
             <p>The account it had before stays as it is, and only this access token opens it. Keep it if you want to come \
             back:</p><p><code>{}</code></p><p><a class=\"button\" href=\"{}\">Go on</a></p>",
            Escaped(token),
            Escaped(return_to),
        ),
    )
}

/// A month and its year.
fn month(at: Millis) -> String {
    const MONTHS: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    let text = moment_text(at);
    let month = text[5..7].parse::<usize>().ok().and_then(|month| MONTHS.get(month.wrapping_sub(1)));
    format!("{} {}", month.copied().unwrap_or_default(), &text[..4])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_of_its_month() {
        assert_eq!(month(0), "January 1970");
        assert_eq!(month(1_800_000_000_000), "January 2027");
        assert_eq!(month(1_796_000_000_000), "November 2026");
    }
}
