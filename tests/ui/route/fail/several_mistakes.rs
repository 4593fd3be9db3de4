use stripeflare::post;

#[post("/notes/:id?")]
#[stripeflare::priced(cent = 1, hold_s = 0)]
unsafe fn hello<T>(_: T) {}

#[post("notes")]
async fn notes() {}

fn main() {}
