use stripeflare::StripeUser;

#[derive(StripeUser)]
struct User {
    #[column(default = 0)]
    news: bool,
}

fn main() {}
