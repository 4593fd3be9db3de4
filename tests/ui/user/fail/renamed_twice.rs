use stripeflare::StripeUser;

#[derive(StripeUser)]
struct User {
    #[column(since = 2, renamed_from = "kind")]
    sort: Option<String>,
    #[column(since = 3, renamed_from = "Kind")]
    order: Option<String>,
}

fn main() {}
