use stripeflare::prelude::*;

#[get("/report")]
#[priced(max_cents = 1)]
async fn report(Path(id): Path<u32>) -> Result<Json<u32>> {
    Ok(Json(id))
}

fn main() {}
