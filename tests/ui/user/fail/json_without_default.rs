use stripeflare::StripeUser;

#[derive(StripeUser)]
struct User {
    #[column(json)]
    settings: Vec<String>,
}

fn main() {}
