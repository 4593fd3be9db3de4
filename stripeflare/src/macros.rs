//! The macros, with their documentation: here their examples compile.

/// Answers `GET` requests at a path.
///
/// ```
/// use stripeflare::prelude::*;
///
/// /// Greets whoever is calling.
/// #[get("/hello/{name}")]
/// async fn hello(Path(name): Path<String>) -> String {
///     format!("Hello {name}")
/// }
///
/// let app: App = App::new().routes(routes![hello]);
/// ```
///
/// The arguments are axum extractors, the one that reads the body last; `State<Env>` is the worker's environment. The answer is
/// anything that implements `IntoResponse`, or a `worker::Response`. The future may be `!Send`. Add [`#[priced]`](macro@priced), before or after, to charge for
/// it; without a price the function stays what you wrote.
///
/// Beside the function stands a hidden type of the same name, which `routes!` finds; so a handler cannot be called like
/// a module beside it or like a primitive type, and it cannot stand in an `impl` block.
///
/// `crate = path` names the `stripeflare` crate where a manifest renames it.
pub use stripeflare_macros::get;

/// Answers `POST` requests at a path. Everything else is as for [`#[get]`](macro@get).
///
/// ```
/// # use stripeflare::prelude::*;
/// # #[derive(serde::Serialize, serde::Deserialize)]
/// # struct Text {
/// #     text: String,
/// # }
/// #[post("/reverse")]
/// #[priced(cents = 1)]
/// async fn reverse(Json(input): Json<Text>) -> Json<Text> {
///     Json(Text { text: input.text.chars().rev().collect() })
/// }
/// ```
pub use stripeflare_macros::post;

/// Answers `PUT` requests at a path. Everything else is as for [`#[get]`](macro@get).
///
/// ```
/// # use stripeflare::prelude::*;
/// #[put("/notes/{id}")]
/// async fn replace(Path(id): Path<u32>, body: String) -> StatusCode {
///     StatusCode::NO_CONTENT
/// }
/// ```
pub use stripeflare_macros::put;

/// Answers `PATCH` requests at a path. Everything else is as for [`#[get]`](macro@get).
///
/// ```
/// # use stripeflare::prelude::*;
/// # #[derive(serde::Deserialize)]
/// # struct Change {}
/// #[patch("/notes/{id}")]
/// async fn change(Path(id): Path<u32>, Json(change): Json<Change>) -> StatusCode {
///     StatusCode::NO_CONTENT
/// }
/// ```
pub use stripeflare_macros::patch;

/// Answers `DELETE` requests at a path. Everything else is as for [`#[get]`](macro@get).
///
/// ```
/// # use stripeflare::prelude::*;
/// #[delete("/notes/{id}")]
/// async fn remove(Path(id): Path<u32>) -> StatusCode {
///     StatusCode::NO_CONTENT
/// }
/// ```
pub use stripeflare_macros::delete;

/// Answers `OPTIONS` requests at a path. Everything else is as for [`#[get]`](macro@get).
///
/// For other origins' pages a CORS layer answers them, see [`App::layer`](crate::App::layer).
pub use stripeflare_macros::options;

/// Answers `HEAD` requests at a path, which otherwise a `#[get]` handler answers. Everything else is as for
/// [`#[get]`](macro@get), but that it cannot be priced.
pub use stripeflare_macros::head;

/// Answers requests of every method at a path that has no handler for the method. Everything else is as for
/// [`#[get]`](macro@get).
///
/// ```
/// # use stripeflare::prelude::*;
/// # use stripeflare::axum::http::Method;
/// #[any("/mirror")]
/// async fn mirror(method: Method) -> String {
///     method.to_string()
/// }
/// ```
pub use stripeflare_macros::any;

/// Charges the caller for a handler.
///
/// ```
/// # use stripeflare::prelude::*;
/// # #[derive(serde::Deserialize)]
/// # struct Prompt {}
/// # #[derive(serde::Serialize)]
/// # struct Completion {
/// #     kilotokens: i64,
/// # }
/// # async fn model(_: Prompt) -> Result<Completion> {
/// #     Ok(Completion { kilotokens: 2 })
/// # }
/// /// Costs one cent.
/// #[post("/reverse")]
/// #[priced(cents = 1)]
/// async fn reverse(text: String) -> String {
///     text.chars().rev().collect()
/// }
///
/// /// Costs what it used, never more than half a dollar, and may take two minutes.
/// #[post("/complete")]
/// #[priced(max_cents = 50, hold_s = 120)]
/// async fn complete(Json(prompt): Json<Prompt>) -> Result<Priced<Json<Completion>>> {
///     let completion = model(prompt).await?;
///     let price = Cents::new(3) * completion.kilotokens;
///     Ok(Priced::new(Json(completion), price))
/// }
/// ```
///
/// The arguments of the handler are extracted first, and bad input costs nothing. Then the price is reserved, the handler
/// runs, and its answer settles the charge: an error (a status of 400 or more), an `Err` or a panic costs nothing.
///
/// | key | |
/// |---|---|
/// | `cents = 1` | the price: a decimal literal exact to four places (`0.25`), or a `const` of type `Cents` |
/// | `max_cents = 50` | the most it may cost; the handler answers `Priced` with what it did cost, or takes a `Meter` and adds it up while its answer streams |
/// | `min_cents = 1` | with `max_cents`: where less than that is there, what there is, from `min_cents` on |
/// | `with = price` | a function of all of the handler's arguments, by reference, says the price: `Cents` or `Result<Cents>`, `async` or not |
/// | `label = "Reverse a text"` | what statements call the charge by; without it the method and the path |
/// | `hold_s = 60` | for how many seconds the money is set aside, 1 to 3600; a handler that takes longer is charged before its answer leaves |
/// | `crate = path` | the `stripeflare` crate where a manifest renames it |
///
/// The function's name becomes the charged handler, with a route attribute or without one: it is charged wherever it is
/// mounted. `name::uncharged(…)` is the function as you wrote it, for tests and for calls from other handlers:
///
/// ```
/// # use stripeflare::prelude::*;
/// #[priced(cents = 0.5)]
/// async fn report(Path(id): Path<u32>) -> String {
///     format!("report {id}")
/// }
///
/// let router: axum::Router = axum::Router::new().route("/reports/{id}", axum::routing::get(report));
/// # async fn call() -> String {
/// let text = report::uncharged(Path(1)).await;
/// # text
/// # }
/// ```
pub use stripeflare_macros::priced;

/// Makes a function that builds an `App` the entry point of a worker.
///
/// ```no_run
/// use stripeflare::prelude::*;
///
/// # #[derive(StripeUser)]
/// # pub struct User {}
/// # #[get("/")]
/// # async fn hello() {}
/// # #[post("/reverse")]
/// # async fn reverse() {}
/// #[stripeflare::main]
/// fn app() -> App<User> {
///     App::new().routes(routes![hello, reverse])
/// }
/// # fn main() {}
/// ```
///
/// It exports what the Workers runtime calls: `fetch`, `scheduled`, `queue` and the Durable Object class `DORM`. The nearest
/// `wrangler.toml`, `wrangler.json` or `wrangler.jsonc`, if there is one, is checked for the binding `DORM_NAMESPACE` and for the class.
///
/// `version = "2"` starts over with fresh data: it is part of every account's address. It is 1 to 32 letters, digits, `_`
/// or `.`, and `"1"` if left out. `tables(Note, Item)` lists your [tables](macro@StripeTable). `crate = path` names the `stripeflare` crate where a manifest renames it.
pub use stripeflare_macros::main;

/// Keeps the fields of a struct as columns beside the wallet's own.
///
/// ```
/// # use stripeflare::prelude::*;
/// # #[derive(serde::Serialize, serde::Deserialize)]
/// # pub struct Settings {}
/// #[derive(StripeUser)]
/// #[stripe_user(
///     dropped(name = "legacy", since = 3),
///     index(columns = [tier, points], since = 2),
///     migration(version = 4, sql = "UPDATE users SET points = points * 10"),
/// )]
/// pub struct User {
///     #[column(default = "free", index)]
///     tier: String,
///     #[column(since = 2, default = 0)]
///     points: i64,
///     #[column(since = 2, unique)]
///     nickname: Option<String>,
///     #[column(since = 3, json)]
///     settings: Option<Settings>,
/// }
/// ```
///
/// Keys of `#[column(…)]`:
///
/// | key | |
/// |---|---|
/// | `default = "free"` | the value of a new row: a literal that fits the type |
/// | `since = 2` | the version of the table that first has the column; without it 1 |
/// | `index` | an index over the column |
/// | `unique` | no two accounts with the same value; the column is an `Option` |
/// | `public` | shown by `GET /me`, to every token of the account |
/// | `json` | stored as JSON through `serde` |
/// | `renamed_from = "old"` | the name the column had before version `since` |
///
/// Versions count up from 1 without gaps. A column that comes later needs a default or an `Option`. Each account's table is
/// brought to the newest version when the account is next used, in one transaction: columns are added and renamed, then the
/// version's `migration` runs, then columns are dropped and indexes made. The mirror of all accounts runs the same, so a
/// `migration` must give the same result for a row wherever the row is.
///
/// Where clippy takes two `migration`s or `dropped`s for the same twice, allow `clippy::duplicated_attributes` on the struct.
///
/// `cargo stripeflare schema lock` records the versions that are released in `stripeflare.schema.json`, beside the worker's
/// `Cargo.toml`. From then on a struct that would make one of them another does not compile.
///
/// The struct gets a constant of each field's name, as in `User::tier.eq("pro")`, for `Users::find`.
///
/// `#[stripe_user(crate = path)]` names the `stripeflare` crate where a manifest renames it.
pub use stripeflare_macros::StripeUser;

/// Keeps a struct's values as rows of a table of your own, in each account's database.
///
/// ```no_run
/// use stripeflare::prelude::*;
///
/// #[derive(StripeTable)]
/// pub struct Note {
///     #[column(key)]
///     id: i64,
///     #[column(index)]
///     tag: String,
///     text: String,
/// }
///
/// #[post("/notes/{tag}")]
/// async fn add(account: Account<()>, Path(tag): Path<String>, text: String) -> Result<String> {
///     let id = account.table::<Note>().insert(&Note { id: 0, tag, text }).await?;
///     Ok(format!("note {id}"))
/// }
///
/// #[stripeflare::main(tables(Note))]
/// fn app() -> App {
///     App::new().routes(routes![add])
/// }
/// # fn main() {}
/// ```
///
/// One field is the key: an `i64`, which SQLite gives to a row that is inserted with 0 and never gives again, or a `String` of
/// yours. Columns, their keys `default`, `index`, `since`, `json` and `renamed_from`, the struct's `dropped`, `index` and
/// `migration`, versions and the schema lock are those of [`StripeUser`](macro@StripeUser); each table counts its own versions.
///
/// In SQL the table is called as the struct in `snake_case`, or as `#[stripe_table(name = "note")]` says. The struct gets a
/// constant of each field's name, as in `Note::tag.eq("work")`, for [`Table::find`](crate::Table::find); those of columns without
/// an index find nothing.
///
/// `#[stripe_table(crate = path)]` names the `stripeflare` crate where a manifest renames it.
pub use stripeflare_macros::StripeTable;

/// Keeps an enum without fields as a text in a column.
///
/// ```
/// # use stripeflare::prelude::*;
/// #[derive(ColumnEnum, Clone, Copy, PartialEq)]
/// pub enum Tier {
///     Free,
///     #[column(rename = "pro+")]
///     Pro,
/// }
///
/// #[derive(StripeUser)]
/// pub struct User {
///     #[column(default = "free")]
///     tier: Tier,
/// }
/// ```
///
/// A variant is stored as its name in `snake_case`, or as `rename` says. Rows keep what they have: a variant that was stored
/// once stays, or a migration changes the rows.
///
/// `#[column(crate = path)]` on the enum names the `stripeflare` crate where a manifest renames it.
pub use stripeflare_macros::ColumnEnum;
