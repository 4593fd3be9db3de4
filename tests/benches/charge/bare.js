// The stricter anchor: what a bare worker costs in JavaScript, its object called over RPC.
import { DurableObject } from "cloudflare:workers";

export class DORM extends DurableObject {
  constructor(state, env) {
    super(state, env);
    this.sql = state.storage.sql;
    this.sql.exec("CREATE TABLE IF NOT EXISTS hits (id INTEGER PRIMARY KEY, n INTEGER NOT NULL)");
    this.sql.exec("INSERT OR IGNORE INTO hits VALUES (1, 0)");
  }

  hit() {
    return this.sql.exec("UPDATE hits SET n = n + 1 WHERE id = 1 RETURNING n").one().n;
  }
}

export default {
  async fetch(request, env) {
    const path = new URL(request.url).pathname;
    if (path === "/free") return new Response("free");
    if (path.startsWith("/hit/")) {
      const { text } = await request.json();
      const object = env.DORM_NAMESPACE.getByName(path.slice("/hit/".length));
      return Response.json({ text, hits: await object.hit() });
    }
    return new Response("not found", { status: 404 });
  },
};
