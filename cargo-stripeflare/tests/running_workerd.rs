//! The workerd runner, with a worker written in JavaScript: no build needed.

use cargo_stripeflare::workerd::{Script, Workerd, WorkerdOptions};

/// Counts calls in an object that is reached by RPC.
const COUNTER: &str = r#"
import { DurableObject } from "cloudflare:workers";

export class DORM extends DurableObject {
  constructor(ctx, env) {
    super(ctx, env);
    ctx.storage.sql.exec("CREATE TABLE IF NOT EXISTS calls (name TEXT)");
  }
  call(name) {
    this.ctx.storage.sql.exec("INSERT INTO calls VALUES (?)", name);
    return this.ctx.storage.sql.exec("SELECT count(*) AS n FROM calls").one().n;
  }
}

export default {
  async fetch(request, env) {
    const { pathname } = new URL(request.url);
    if (pathname === "/var") return new Response(env.GREETING);
    if (pathname === "/throw") throw new Error("thrown on purpose");
    const stub = env.DORM_NAMESPACE.get(env.DORM_NAMESPACE.idFromName("a"));
    return new Response(String(await stub.call(pathname)));
  },
};
"#;

async fn get(workerd: &Workerd, path: &str) -> String {
    let response = reqwest::get(format!("{}{path}", workerd.url())).await.unwrap();
    response.text().await.unwrap()
}

#[tokio::test]
async fn objects_survive_a_kill_and_a_restart() {
    let disk = tempfile::tempdir().unwrap();
    let options = WorkerdOptions::new(Script::Js(COUNTER.to_owned()), disk.path()).var("GREETING", "zwölf \"\\\n");
    let mut workerd = Workerd::start(options).await.unwrap();
    assert_eq!(get(&workerd, "/var").await, "zwölf \"\\\n");
    assert_eq!(get(&workerd, "/").await, "1");
    assert_eq!(get(&workerd, "/").await, "2");
    assert!(!workerd.object_files().unwrap().is_empty());

    let (url, pid) = (workerd.url(), workerd.pid());
    workerd.kill9().await.unwrap();
    assert_eq!(workerd.pid(), None);
    assert!(reqwest::get(&url).await.is_err());
    workerd.restart().await.unwrap();
    assert_eq!(workerd.url(), url);
    assert_ne!(workerd.pid(), pid);
    assert_eq!(get(&workerd, "/").await, "3");
}

#[tokio::test]
async fn exceptions_are_in_the_log() {
    let disk = tempfile::tempdir().unwrap();
    let options = WorkerdOptions::new(Script::Js(COUNTER.to_owned()), disk.path());
    let workerd = Workerd::start(options).await.unwrap();
    assert_eq!(reqwest::get(format!("{}/throw", workerd.url())).await.unwrap().status(), 500);
    assert!(workerd.log().contains("thrown on purpose"), "{}", workerd.log());
}

#[tokio::test]
async fn a_broken_worker_is_an_error_that_says_why() {
    let disk = tempfile::tempdir().unwrap();
    let options = WorkerdOptions::new(Script::Js("this is no JavaScript".to_owned()), disk.path());
    let error = Workerd::start(options).await.unwrap_err().to_string();
    assert!(error.contains("SyntaxError"), "{error}");
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let disk = tempfile::tempdir().unwrap();
    let mut options = WorkerdOptions::new(Script::Js(COUNTER.to_owned()), disk.path());
    options.port = Some(port);
    let error = Workerd::start(options).await.unwrap_err().to_string();
    assert!(error.contains(&format!("port {port} is taken")), "{error}");
}
