use axum::response::Response;
use stripeflare_core::account::{NotCharged, NotReserved, Short};
use stripeflare_core::identity::AccountId;
use stripeflare_core::money::Cents;

use crate::http::call::context::Inner;
use crate::http::call::idempotency;
use crate::http::reply::refusals::{self, PaymentRequired};

impl Inner {
    /// The answer where nobody has paid yet.
    pub(crate) fn unregistered(&self, price: Cents) -> Response {
        self.payment_required(price, Cents::ZERO)
    }

    pub(super) fn not_reserved(&self, price: Cents, refusal: NotReserved) -> Response {
        match refusal {
            NotReserved::Short(short) => self.short(price, &short),
            NotReserved::TooManyHolds { .. } => refusals::too_many_holds(),
            NotReserved::Full => refusals::full(),
            NotReserved::Claimed(claim) => idempotency::claimed(claim),
        }
    }

    pub(super) fn not_charged(&self, price: Cents, refusal: &NotCharged) -> Response {
        match refusal {
            NotCharged::Short(short) => self.short(price, short),
            NotCharged::Full => refusals::full(),
            NotCharged::KeyReused => refusals::key_reused(),
        }
    }

    /// The event that ends a stream of events whose caller has no more money.
    pub(super) fn out_of_credit(&self, account: &AccountId) -> String {
        // Addresses have no quotes.
        let link = self.deployment.payment_link(account);
        format!("event: payment_required\ndata: {{\"error\":\"payment_required\",\"paymentLink\":\"{link}\"}}\n\n")
    }

    fn short(&self, price: Cents, short: &Short) -> Response {
        refusals::short(price, short, &self.deployment.config.currency)
            .unwrap_or_else(|balance| self.payment_required(price, balance))
    }

    fn payment_required(&self, price: Cents, balance: Cents) -> Response {
        let account = match self.account() {
            Ok(account) => account,
            Err(response) => return response,
        };
        self.mark_personal();
        self.give_cookie();
        let newcomer = matches!(self.token(), Ok(None));
        let answer = PaymentRequired {
            price,
            balance,
            currency: &self.deployment.config.currency,
            payment_link: &self.deployment.payment_link(&account),
            access_token: (newcomer && !self.manner.browser).then(|| self.visitor().expose()),
        };
        answer.response(self.manner.navigation)
    }
}
