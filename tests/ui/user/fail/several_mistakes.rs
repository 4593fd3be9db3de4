use stripeflare::StripeUser;

#[derive(StripeUser)]
struct User {
    #[column(defualt = "free", since = 0)]
    tier: String,
    #[column(default = "no")]
    news: bool,
    balance: i64,
}

fn main() {}
