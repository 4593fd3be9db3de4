use stripeflare::{App, get, routes};

mod notes {
    #[stripeflare::get("/notes/{note}")]
    pub async fn read() {}
}

#[get("/notes/{id}")]
async fn note() {}

fn main() {
    let _: App = App::new().routes(routes![note, notes::read]);
}
