use stripeflare::{get, priced};

struct Texts;

impl Texts {
    #[get("/reverse")]
    #[priced(cents = 1)]
    async fn reverse(text: String) -> String {
        text
    }
}

fn main() {}
