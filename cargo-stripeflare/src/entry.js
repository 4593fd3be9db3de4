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
    Entrypoint.prototype[name] = function (event) {
      return call(() => handler(event, this.env, this.ctx));
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
