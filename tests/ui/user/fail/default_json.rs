use stripeflare::StripeUser;

#[derive(StripeUser)]
struct User {
    #[column(json, default = 1)]
    settings: Vec<String>,
}

fn main() {}
