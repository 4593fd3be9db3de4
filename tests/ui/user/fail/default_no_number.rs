use stripeflare::StripeUser;

#[derive(StripeUser)]
struct User {
    #[column(default = "1")]
    factor: f64,
}

fn main() {}
