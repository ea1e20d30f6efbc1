// Calls into the Workers runtime that would be many small ones from wasm: each function here is one crossing, and the
// bytes of bodies stay on this side. No decision is taken here. `forEach` takes half the time of iterators here.

// The signals of the request that was last read, some 20 KB: each time they are read from its header they are copied.
let signals;

// Method and URL of a request, and its header fields as `name: value` lines. A field holds no line break. Of the signals,
// which wasm has no use for, only the start is told.
export function requestLines(request) {
  let lines = `${request.method} ${request.url}\n`;
  signals = undefined;
  request.headers.forEach((value, name) => {
    if (name === "fp-data") {
      signals = value;
      lines += `fp-data: ${value.slice(0, 2)}\n`;
    } else {
      lines += `${name}: ${value}\n`;
    }
  });
  return lines;
}

export function takeSignals() {
  const taken = signals;
  signals = undefined;
  return taken;
}

// The header fields of a response, as lines.
export function responseLines(response) {
  let lines = "";
  response.headers.forEach((value, name) => {
    lines += `${name}: ${value}\n`;
  });
  return lines;
}

// Sends the request on with changed header fields, lines of `-name`, `=name: value` and `+name: value`, and, where one is
// given, another body. The runtime changes it on the way: a request of our own in between would cost as much again.
export function forward(request, edits, body) {
  if (edits === "") {
    return body === undefined ? fetch(request) : fetch(request, { body });
  }
  const headers = new Headers(request.headers);
  edit(headers, edits);
  return fetch(request, body === undefined ? { headers } : { headers, body });
}

// The response with changed header fields and, where one is given, another body.
export function withResponseHeaders(response, edits, body) {
  const changed = new Response(body === undefined ? response.body : body, response);
  if (ArrayBuffer.isView(body)) free(body);
  edit(changed.headers, edits);
  return changed;
}

export function ownResponse(status, edits, body) {
  const headers = new Headers();
  edit(headers, edits);
  return new Response(body, { status, headers });
}

export function edit(headers, edits) {
  for (const line of edits.split("\n")) {
    const colon = line.indexOf(": ");
    const name = colon < 0 ? line.slice(1) : line.slice(1, colon);
    switch (line[0]) {
      case "-":
        headers.delete(name);
        break;
      case "=":
        headers.set(name, line.slice(colon + 2));
        break;
      case "+":
        headers.append(name, line.slice(colon + 2));
        break;
    }
  }
}

// Posts JSON to the platform; status and bytes of the response. The deadline covers both, and so does the signal, where one
// is given. Signals of the visitor, where they are given, become the first member of the body, from a character on.
export async function postJson(url, authorization, body, deadline, signals, signalsFrom, stop) {
  if (signals !== undefined) {
    body = `{"fingerprint_data":${quoted(signals.slice(signalsFrom))},${body.slice(1)}`;
  }
  const response = await fetch(url, {
    method: "POST",
    headers: { "Content-Type": "application/json", Authorization: authorization },
    body,
    redirect: "manual",
    signal: stop ? AbortSignal.any([stop, AbortSignal.timeout(deadline)]) : AbortSignal.timeout(deadline),
  });
  return [response.status, new Uint8Array(await response.arrayBuffer())];
}

// Signals as JSON. What an agent sends needs no escapes, and looking for the three characters that a header field may hold
// and JSON escapes costs a fraction of what `JSON.stringify` takes for 20 KB.
function quoted(signals) {
  const needsEscapes = ['"', "\\", "\t"].some((character) => signals.includes(character));
  return needsEscapes ? JSON.stringify(signals) : `"${signals}"`;
}

// Asks another host in the visitor's place.
export function fetchFrom(url, request, edits, deadline) {
  const headers = new Headers(request.headers);
  edit(headers, edits);
  return fetch(url, { method: request.method, headers, redirect: "manual", signal: AbortSignal.timeout(deadline) });
}

// Gets what the cache keeps for everybody. An error is not kept: the one that a visitor met, or provoked, is not the
// response to the next.
export function fetchShared(url, deadline, seconds) {
  const cf = { cacheEverything: true, cacheTtlByStatus: { "200-299": seconds, "300-599": -1 } };
  return fetch(url, { cf, redirect: "manual", signal: AbortSignal.timeout(deadline) });
}

// Bodies up to this length are read in one go, which costs less than a stream of a few pieces.
const SMALL = 64 * 1024;

// The body of a request that is looked at from its start and then passed on, the rest of it untouched.
export class Peeked {
  constructor(message, length) {
    this.message = message;
    this.isSmall = length <= SMALL;
    this.reader = this.isSmall ? undefined : message.body.getReader();
    this.pieces = [];
    this.seen = 0;
    this.isEnded = false;
  }

  // Waits for the next piece of the body; false at its end.
  async fill() {
    if (this.isSmall) {
      if (this.isEnded) return false;
      this.pieces.push(new Uint8Array(await this.message.arrayBuffer()));
      this.isEnded = true;
      return true;
    }
    const { done, value } = await this.reader.read();
    if (done) {
      this.isEnded = true;
      return false;
    }
    this.pieces.push(value);
    return true;
  }

  // The next bytes that were not looked at, at most so many; undefined when they have not arrived.
  look(size) {
    let start = 0;
    for (const piece of this.pieces) {
      const end = start + piece.byteLength;
      if (this.seen < end) {
        const from = this.seen - start;
        const bytes = piece.subarray(from, from + size);
        this.seen += bytes.byteLength;
        return bytes;
      }
      start = end;
    }
    return undefined;
  }

  // The body without these pairs of start and end, in order.
  without(cuts, length) {
    const held = concatenated(this.pieces);
    const pieces = [];
    let start = 0;
    for (let cut = 0; cut < cuts.length; cut += 2) {
      pieces.push(held.subarray(start, cuts[cut]));
      start = cuts[cut + 1];
    }
    pieces.push(held.subarray(start));
    return this.passOn(pieces, length);
  }

  // The pieces and then the rest of the body. Where nothing is left to wait for, it is bytes rather than a stream.
  passOn(pieces, length) {
    const start = concatenated(pieces);
    if (this.isEnded || start.byteLength === length) {
      return start;
    }
    const { readable, writable } =
      length === undefined ? new IdentityTransformStream() : new FixedLengthStream(length);
    // What breaks off here breaks off for the reader too, and there is nobody else to tell.
    this.pour(start, writable).catch(() => {});
    return readable;
  }

  async pour(start, writable) {
    const writer = writable.getWriter();
    await writer.write(start);
    writer.releaseLock();
    this.reader.releaseLock();
    await this.message.body.pipeTo(writable);
  }
}

// Gives up the memory of bytes that were copied. Otherwise it waits for the collector, which comes late: it counts objects
// rather than what they hold.
export function free(bytes) {
  bytes.buffer.transfer(0);
}

export function concatenated(pieces) {
  if (pieces.length === 1) return pieces[0];
  const bytes = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.byteLength, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.byteLength;
  }
  return bytes;
}
