use stripeflare::StripeUser;

#[derive(StripeUser)]
struct User<T> {
    tier: T,
}

fn main() {}
