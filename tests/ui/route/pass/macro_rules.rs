//! Everything that a macro can pass on.
#![deny(warnings)]

use stripeflare::prelude::*;

macro_rules! route {
    ($name:ident, $path:literal, $cents:literal, $answer:ty, $value:expr) => {
        #[get($path)]
        #[priced(cents = $cents)]
        async fn $name() -> $answer {
            $value
        }
    };
}

macro_rules! priced_const {
    ($name:ident, $price:expr, $argument:ty) => {
        #[post("/const")]
        #[priced(max_cents = $price)]
        async fn $name(argument: $argument) -> $argument {
            argument
        }
    };
}

macro_rules! user {
    ($name:ident { $($field:ident: $type:ty = $default:literal),* }) => {
        #[derive(StripeUser)]
        struct $name {
            $(#[column(default = $default)] $field: $type),*
        }
    };
}

const PRICE: Cents = Cents::new(2);

route!(hello, "/", 0.25, String, String::new());
priced_const!(echo, PRICE, String);
user!(User { tier: String = "free", level: Option<u8> = 3 });

fn main() {
    let _: App = App::new().routes(routes![hello, echo]);
    let _ = |user: User| (user.tier, user.level);
}
