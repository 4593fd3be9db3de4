use stripeflare::routes;

async fn hello() {}

fn main() {
    let _ = routes![hello];
}
