use stripeflare::StripeUser;

#[derive(StripeUser)]
struct User {
    #[column(since = 2)]
    first: Option<String>,
    #[column(since = 4)]
    second: Option<String>,
}

fn main() {}
