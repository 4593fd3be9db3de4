use axum::response::Response;
use stripeflare_core::account::Refusal;
use stripeflare_core::money::Cents;

use crate::http::call::context::Inner;
use crate::http::reply::refusals::{self, PaymentRequired};

impl Inner {
    /// The answer to a call that its account could not pay for.
    pub(crate) fn refused(&self, price: Cents, refusal: Refusal) -> Response {
        refusals::refused(price, &refusal).unwrap_or_else(|balance| self.payment_required(price, balance))
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
