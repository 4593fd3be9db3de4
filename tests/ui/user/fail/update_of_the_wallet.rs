use stripeflare::prelude::*;

#[derive(StripeUser)]
struct User {
    tier: String,
}

async fn gift(mut account: Account<User>) -> Result<()> {
    account.update(|user| user.balance = Cents::new(500)).await?;
    Ok(())
}

fn main() {}
