use stripeflare::priced;

trait Reverse {
    #[priced(cents = 1)]
    async fn reverse(text: String) -> String {
        text
    }
}

fn main() {}
