use stripeflare::StripeUser;

#[derive(StripeUser)]
struct User {
    #[column(default = 256)]
    level: u8,
}

fn main() {}
