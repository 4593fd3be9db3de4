// Each crossing between JavaScript and WebAssembly costs more than what most of them carry, so what belongs together crosses
// in one piece: as a list of values, whose form `values.rs` knows as well.

const NULL = 0, INTEGER = 1, REAL = 2, TEXT = 3, BLOB = 4;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

class Writer {
  bytes = new Uint8Array(1024);
  view = new DataView(this.bytes.buffer);
  length = 0;

  put(value) {
    if (value === null || value === undefined) {
      this.tag(NULL, 0);
    } else if (typeof value === "string") {
      this.tag(TEXT, 4 + 3 * value.length);
      const { written } = encoder.encodeInto(value, this.bytes.subarray(this.length + 4));
      this.view.setUint32(this.length, written, true);
      this.length += 4 + written;
    } else if (Number.isSafeInteger(value)) {
      this.tag(INTEGER, 8);
      this.view.setBigInt64(this.length, BigInt(value), true);
      this.length += 8;
    } else if (typeof value === "number") {
      this.tag(REAL, 8);
      this.view.setFloat64(this.length, value, true);
      this.length += 8;
    } else {
      const blob = new Uint8Array(value);
      this.tag(BLOB, 4 + blob.length);
      this.view.setUint32(this.length, blob.length, true);
      this.bytes.set(blob, this.length + 4);
      this.length += 4 + blob.length;
    }
  }

  // With room for so many bytes after it.
  tag(tag, room) {
    const needed = this.length + 1 + room;
    if (needed > this.bytes.length) {
      const larger = new Uint8Array(2 * needed);
      larger.set(this.bytes);
      this.bytes = larger;
      this.view = new DataView(larger.buffer);
    }
    this.bytes[this.length++] = tag;
  }

  written() {
    return this.bytes.subarray(0, this.length);
  }
}

function read(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const values = [];
  let at = 0;
  const number = (get) => view[get]((at += 8) - 8, true);
  const piece = () => {
    const length = view.getUint32(at, true);
    at += 4 + length;
    return bytes.subarray(at - length, at);
  };
  while (at < bytes.length) {
    switch (bytes[at++]) {
      case NULL: values.push(null); break;
      case INTEGER: values.push(Number(number("getBigInt64"))); break;
      case REAL: values.push(number("getFloat64")); break;
      case TEXT: values.push(decoder.decode(piece())); break;
      // A copy: the runtime may keep it, and the memory that it lies in changes.
      case BLOB: values.push(piece().slice()); break;
    }
  }
  return values;
}

// One statement: how many rows it wrote, how many it answers, how many values each of these has, and all of them.
export function run(sql, statement, parameters) {
  const cursor = sql.exec(statement, ...read(parameters));
  const rows = cursor.raw().toArray();
  const writer = new Writer();
  writer.put(cursor.rowsWritten);
  writer.put(rows.length);
  writer.put(rows[0]?.length ?? 0);
  for (const row of rows) for (const value of row) writer.put(value);
  return writer.written();
}

// The same for people, who wait for no more than is shown: how many columns there are, their names, so many rows and bytes at
// most, each row after a 1 and then a 0, whether there are more, and how many rows were written.
export function look(sql, statement, parameters, most, bytes) {
  const cursor = sql.exec(statement, ...read(parameters));
  const writer = new Writer();
  writer.put(cursor.columnNames.length);
  cursor.columnNames.forEach((name) => writer.put(name));
  let more = 0;
  for (const row of cursor.raw()) {
    const { length } = writer;
    [1, ...row].forEach((value) => writer.put(value));
    if (most-- === 0 || writer.length > bytes) {
      writer.length = length;
      more = 1;
      break;
    }
  }
  [0, more, cursor.rowsWritten].forEach((value) => writer.put(value));
  return writer.written();
}

// Method, address, and each header's name and value.
export function head(request) {
  const writer = new Writer();
  writer.put(request.method);
  writer.put(request.url);
  for (const [name, value] of request.headers) {
    writer.put(name);
    writer.put(value);
  }
  return writer.written();
}

// A whole body, or null where it takes longer than so many milliseconds.
export async function body(request, ms) {
  const buffer = await within(ms, request.arrayBuffer());
  return buffer && new Uint8Array(buffer);
}

// What an object answers to a message, or null where that takes longer than so many milliseconds.
export async function ask(env, binding, name, message, ms) {
  // A copy: a view would send all of our memory along.
  return within(ms, env[binding].getByName(name).call(message.slice()));
}

function within(ms, promise) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms, null);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

// The bytes of what `body` and `ask` come to, where those are there.
export function asBytes(value) {
  return value instanceof Uint8Array ? value : undefined;
}

// A response of a status and of each header's name and value. Its body is bytes or a stream, if there is one.
export function respond(head, bytes, stream, socket) {
  const [status, encoded, ...pairs] = read(head);
  const headers = new Headers();
  for (let at = 0; at < pairs.length; at += 2) headers.append(pairs[at], pairs[at + 1]);
  const init = { status, headers };
  // Else the runtime would compress it once more.
  if (encoded) init.encodeBody = "manual";
  if (socket) init.webSocket = socket;
  return new Response(bytes?.slice() ?? stream, init);
}
