use stripeflare::StripeUser;

#[derive(StripeUser)]
struct User {
    #[column(defualt = "free")]
    tier: String,
}

fn main() {}
