use stripeflare::StripeUser;

#[derive(StripeUser)]
struct User {
    #[column(unique)]
    nickname: String,
}

fn main() {}
