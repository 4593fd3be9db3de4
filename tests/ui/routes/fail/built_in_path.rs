use stripeflare::prelude::*;

#[get("/cards/{number}")]
async fn card(Path(number): Path<u32>) -> String {
    number.to_string()
}

fn main() {
    let _: App = App::new().routes(routes![card]);
}
