use stripeflare::StripeUser;

#[derive(StripeUser)]
struct User {
    #[column(renamed_from = "kind")]
    sort: String,
}

fn main() {}
