//! Tables of the application's own.

use serde::{Deserialize, Serialize};
use stripeflare::prelude::*;
use stripeflare::{Routes, TxError};

/// A key that SQLite gives, and columns of several kinds.
#[derive(StripeTable, Serialize, Deserialize, Debug)]
pub(crate) struct Note {
    #[column(key)]
    #[serde(default)]
    id: i64,
    #[column(index)]
    tag: String,
    #[column(index)]
    at: i64,
    #[serde(default)]
    pinned: bool,
    #[serde(default)]
    factor: f64,
    #[column(json)]
    #[serde(default)]
    links: Option<Vec<String>>,
}

/// A key of its own.
#[derive(StripeTable, Serialize, Deserialize)]
pub(crate) struct Setting {
    #[column(key)]
    name: String,
    value: Cents,
}

/// Not in the list of `#[stripeflare::main]`.
#[derive(StripeTable)]
struct Forgotten {
    #[column(key)]
    id: i64,
}

#[post("/notes")]
async fn add_note(account: Account<crate::User>, Json(note): Json<Note>) -> Result<Json<i64>> {
    Ok(Json(account.table::<Note>().insert(&note).await?))
}

#[get("/notes/{id}")]
async fn note(account: Account<crate::User>, Path(id): Path<i64>) -> Result<Json<Option<Note>>> {
    Ok(Json(account.table::<Note>().get(id).await?))
}

#[put("/notes/{id}")]
async fn write_note(account: Account<crate::User>, Path(id): Path<i64>, Json(note): Json<Note>) -> Result<Json<bool>> {
    Ok(Json(account.table::<Note>().update(&Note { id, ..note }).await?))
}

#[delete("/notes/{id}")]
async fn delete_note(account: Account<crate::User>, Path(id): Path<i64>) -> Result<Json<bool>> {
    Ok(Json(account.table::<Note>().delete(id).await?))
}

/// What `/notes` looks for.
#[derive(Deserialize)]
struct Wanted {
    tag: String,
    before: Option<i64>,
    limit: Option<u32>,
}

/// The newest first.
#[get("/notes")]
async fn notes(account: Account<crate::User>, Query(wanted): Query<Wanted>) -> Result<Json<Vec<Note>>> {
    let table = account.table::<Note>();
    let filter = Note::tag.eq(wanted.tag).and(Note::at.lt(wanted.before.unwrap_or(i64::from(u32::MAX))));
    let found = table.find(filter).order_by(Note::at.desc()).limit(wanted.limit.unwrap_or(100));
    Ok(Json(found.rows().await?))
}

/// A row of no table.
#[derive(Serialize, Deserialize)]
struct Count {
    tag: String,
    notes: u32,
    any_pinned: bool,
    balance: i64,
}

#[get("/note-counts")]
async fn note_counts(account: Account<crate::User>) -> Result<Json<Vec<Count>>> {
    let sql = "SELECT tag, COUNT(*) AS notes, MAX(pinned) AS any_pinned, (SELECT balance FROM users) AS balance
        FROM note WHERE tag <> ? GROUP BY tag ORDER BY tag";
    Ok(Json(account.query(sql, &["draft".into()]).await?))
}

#[post("/query")]
async fn any_query(account: Account<crate::User>, sql: String) -> Result<Json<usize>> {
    let rows: Vec<std::collections::BTreeMap<String, Option<i64>>> = account.query(&sql, &[]).await?;
    Ok(Json(rows.len()))
}

#[post("/settings")]
async fn add_setting(account: Account<crate::User>, Json(setting): Json<Setting>) -> Result<Json<String>> {
    Ok(Json(account.table::<Setting>().insert(&setting).await?))
}

#[get("/settings")]
async fn settings(account: Account<crate::User>) -> Result<Json<Vec<Setting>>> {
    Ok(Json(account.table::<Setting>().all().rows().await?))
}

#[get("/settings/{name}")]
async fn setting(account: Account<crate::User>, Path(name): Path<String>) -> Result<Json<Cents>> {
    let found = account.table::<Setting>().get(name).await?;
    found.map(|setting| Json(setting.value)).ok_or_else(|| Error::new(StatusCode::NOT_FOUND, "no such setting"))
}

#[post("/forgotten")]
async fn forgotten(account: Account<crate::User>) -> Result<String> {
    match account.table::<Forgotten>().insert(&Forgotten { id: 0 }).await {
        Err(error) if error.refusal().is_some_and(|why| matches!(why, TxError::Wrong(_))) => Err(error),
        other => Ok(format!("{other:?}")),
    }
}

pub(crate) fn routes() -> Routes<crate::User> {
    routes![
        add_note,
        note,
        write_note,
        delete_note,
        notes,
        note_counts,
        any_query,
        add_setting,
        settings,
        setting,
        forgotten
    ]
}
