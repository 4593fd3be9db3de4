import { WorkerEntrypoint } from "cloudflare:workers";
import * as wasm from "./wasm.js";

Error.stackTraceLimit = 100;

// `worker` counts the WebAssembly instances here. After an abort the next call gets a new one.
const state = wasm.__worker_init_state();

// wasm-bindgen notices a dead instance by itself, but only where panics unwind.
if (PANIC_ABORTS) addEventListener("error", ({ error }) => mourn(error));

function mourn(error) {
  if (error instanceof WebAssembly.RuntimeError) state.criticalError = true;
}

function revive() {
  if (PANIC_ABORTS && state.criticalError) {
    wasm.__wbg_reset_state();
    state.criticalError = false;
  } else {
    // Any call does: wasm-bindgen changes the instance before it.
    wasm.__worker_init_state();
  }
}

function call(run) {
  revive();
  return PANIC_ABORTS ? watched(run) : run();
}

function watched(run) {
  try {
    const result = run();
    if (result instanceof Promise) result.catch(mourn);
    return result;
  } catch (error) {
    mourn(error);
    throw error;
  }
}

function entrypoint(handlers) {
  class Entrypoint extends WorkerEntrypoint {}
  for (const [name, handler] of Object.entries(handlers)) {
    const run = UNDER_WRANGLER_DEV && name === "fetch" ? accompanied(handler) : handler;
    Entrypoint.prototype[name] = function (event) {
      return call(() => run(event, this.env, this.ctx));
    };
  }
  return Entrypoint;
}

// What an object holds lies in the instance that made it: in a new instance it is made anew.
function durable(Class) {
  return new Proxy(Class, {
    construct(target, parameters, newTarget) {
      const make = () => call(() => Reflect.construct(target, parameters, newTarget));
      let object = make();
      let instance = state.instanceId;
      return new Proxy(object, {
        get(_, name) {
          const value = Reflect.get(object, name);
          if (typeof value !== "function" || name === "constructor") return value;
          return (...parameters) =>
            call(() => {
              if (instance !== state.instanceId) {
                object = make();
                instance = state.instanceId;
              }
              return object[name](...parameters);
            });
        },
      });
    },
  });
}

// What `wrangler dev` alone needs; other builds leave it out.

function accompanied(handler) {
  return async (request, env, context) => {
    const [forHandler, read] = readable(request);
    try {
      const response = await handler(forHandler, env, context);
      report(request, response);
      return response;
    } finally {
      await read;
    }
  };
}

// A body that nobody read closes the connection, and wrangler's proxy puts the next request on it, which then hangs.
function readable(request) {
  if (!request.body) return [request];
  const [body, copy] = request.body.tee();
  const read = copy.pipeTo(new WritableStream()).catch(() => {});
  // One that goes on for as long as the handler answers has no length.
  return [new Request(request, { body }), request.headers.has("content-length") ? read : undefined];
}

// A line for each charge.
function report(request, { headers }) {
  const price = headers.get("x-price");
  if (!headers.has("x-entry")) return;
  const cost = price === null ? "will be charged at its end" : `cost ${price} ${price === "1" ? "cent" : "cents"}`;
  const route = `${request.method} ${new URL(request.url).pathname}`;
  console.log(`${route} ${cost}; account ${account(request.headers)} has ${headers.get("x-balance")}`);
}

// The part of an access token that is no secret.
function account(headers) {
  const sent = [headers.get("authorization"), headers.get("x-api-key"), headers.get("cookie")].join(" ");
  return /\b([a-z2-7]{26})\.[a-z2-7]{52}\b/.exec(sent)?.[1] ?? "of somebody";
}
