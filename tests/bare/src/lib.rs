//! What the benchmark compares with: a worker without stripeflare, on the crate `worker` alone.
//!
//! `/free` answers by itself. `/hit/<name>` takes a body of JSON and asks the object of that name, which commits one `UPDATE` per
//! call.

// The macros of `worker` export items without documentation.
#![allow(missing_docs)]

use serde::{Deserialize, Serialize};
use worker::{
    Context, DurableObject, Env, Error, Request, Response, Result, SqlStorage, SqlStorageValue, State, durable_object,
    event, wasm_bindgen,
};

#[derive(Deserialize)]
struct Text {
    text: String,
}

#[derive(Serialize)]
struct Hit {
    text: String,
    hits: i64,
}

#[event(fetch)]
async fn fetch(mut request: Request, env: Env, _context: Context) -> Result<Response> {
    let path = request.path();
    match path.strip_prefix("/hit/") {
        Some(name) => {
            let Text { text } = request.json().await?;
            let object = env.durable_object("DORM_NAMESPACE")?.get_by_name(name)?;
            let hits = object.fetch_with_str("http://object/").await?.json().await?;
            Response::from_json(&Hit { text, hits })
        }
        None if path == "/free" => Response::ok("free"),
        None => Response::error("not found", 404),
    }
}

/// One counter.
#[durable_object]
pub struct DORM {
    sql: SqlStorage,
}

impl DurableObject for DORM {
    fn new(state: State, _env: Env) -> Self {
        let sql = state.storage().sql();
        for statement in [
            "CREATE TABLE IF NOT EXISTS hits (id INTEGER PRIMARY KEY, n INTEGER NOT NULL)",
            "INSERT OR IGNORE INTO hits VALUES (1, 0)",
        ] {
            sql.exec(statement, None).expect("valid SQL");
        }
        Self { sql }
    }

    async fn fetch(&self, _request: Request) -> Result<Response> {
        let hit = self.sql.exec("UPDATE hits SET n = n + 1 WHERE id = 1 RETURNING n", None)?;
        let row = hit.raw().next().ok_or(Error::RustError("no row".into()))??;
        match row.as_slice() {
            [SqlStorageValue::Integer(n)] => Response::ok(n.to_string()),
            other => Response::error(format!("{other:?}"), 500),
        }
    }
}
