use stripeflare::StripeUser;

#[derive(StripeUser)]
struct User {
    #[column(default = -1)]
    level: Option<u32>,
}

fn main() {}
