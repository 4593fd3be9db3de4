use stripeflare::prelude::*;

fn of_text(text: &String) -> Cents {
    cents!(1) * text.len()
}

#[post("/translate/{language}")]
#[priced(with = of_text)]
async fn translate(Path(language): Path<String>, text: String) -> String {
    language + &text
}

fn main() {}
