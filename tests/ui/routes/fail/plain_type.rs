use stripeflare::routes;

struct Hello;

fn main() {
    let _ = routes![Hello];
}
