use stripeflare::StripeUser;

#[derive(StripeUser)]
struct User {
    #[column(unique, json)]
    tags: Option<Vec<String>>,
}

fn main() {}
