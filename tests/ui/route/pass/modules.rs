//! Private functions, one name in two modules, `use … as`, handlers called like functions.

use stripeflare::{get, routes};

mod first {
    use stripeflare::get;

    #[get("/first")]
    pub(crate) async fn read() -> &'static str {
        secret().await
    }

    #[get("/secret")]
    async fn secret() -> &'static str {
        "secret"
    }
}

mod second {
    #[stripeflare::get("/second")]
    pub async fn read() -> &'static str {
        super::hello().await
    }
}

use second::read as renamed;

#[get("/")]
async fn hello() -> &'static str {
    "hello"
}

#[get("/type")]
async fn r#type() {}

fn main() {
    let _: stripeflare::App = stripeflare::App::new().routes(routes![hello, first::read, renamed, r#type]);
}
