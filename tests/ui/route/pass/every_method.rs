//! One handler for each method, with and without arguments.

use stripeflare::prelude::*;

#[get("/notes/{id}")]
async fn read(Path(id): Path<u32>, Query(_): Query<Vec<(String, String)>>) -> Result<Json<u32>> {
    Ok(Json(id))
}

#[put("/notes/{id}")]
async fn replace(Path(_): Path<u32>, body: String) -> impl IntoResponse {
    (StatusCode::CREATED, body)
}

#[post("/notes")]
async fn create(Json(text): Json<String>) -> String {
    text
}

#[patch("/notes/{id}")]
async fn change(
    #[allow(unused_mut)] mut body: String,
) -> Result<Response, (StatusCode, &'static str)> {
    Ok(body.into_response())
}

#[delete("/notes/{id}")]
async fn remove() {}

#[options("/notes")]
async fn choose() {}

#[head("/notes")]
async fn about() {}

#[any("/notes")]
async fn another() {}

fn main() {
    let _: App = App::new().routes(routes![read, replace, create, change, remove, choose, about, another,]);
}
