// The call to the filtering node. No decision is taken here.
import { edit } from "./runtime.js";
import { NODE, ORIGIN, SHARE } from "./shared_body.js";

export class NodeCall {
  // `head` is the URL and, as lines, the edits of the header fields. A length of 0 says that there is no body. A large
  // one is shared.
  constructor(request, head, deadline, length, shared) {
    // What has the body that the origin gets too, to be looked at.
    this.message = request;
    // The body for the origin, where its own is not left to the request.
    this.body = () => undefined;
    this.deadline = deadline;
    this.isCut = false;
    this.shared = shared;
    // What ends a call with a large body early. One that is sent in one go has nothing but its deadline, which costs less
    // as a signal of the runtime's own.
    this.call = shared && new AbortController();
    this.others = undefined;
    const end = head.indexOf("\n");
    const headers = new Headers(request.headers);
    edit(headers, head.slice(end + 1));
    const init = { headers, redirect: "manual" };
    this.outcome = this.ask(request, head.slice(0, end), init, length).then(
      (response) => {
        // Nobody reads it.
        response.body?.cancel().catch(() => {});
        return response.status;
      },
      (error) => this.failure ?? failureOf(error),
    );
  }

  // The response of the node, its head at least.
  async ask(request, url, init, length) {
    const { method } = request;
    if (length !== 0 && (method === "GET" || method === "HEAD")) {
      return await this.askWithClone(request, url, init, length);
    }
    init.method = method;
    if (this.shared !== undefined) {
      return await this.askWithStream(this.shared, url, init, length);
    }
    if (length !== 0) {
      // Both get the same bytes, which costs a tenth less than a stream for each.
      const bytes = this.fromVisitor(request.arrayBuffer());
      this.message = { arrayBuffer: () => bytes };
      this.body = () => bytes;
      init.body = await bytes;
    }
    return await this.fetchInTime(url, init);
  }

  async askWithStream(body, url, init, length) {
    const stream = body.stream();
    this.message = { body: stream };
    this.body = () => (length === undefined ? stream : stream.pipeThrough(new FixedLengthStream(length)));
    try {
      const { readable, writable } = new IdentityTransformStream();
      init.body = readable;
      init.signal = this.call.signal;
      const response = fetch(url, init);
      // A response before the end of the body is a response.
      await Promise.race([response, this.feed(body, writable)]);
      return await this.inTime(response);
    } finally {
      this.isCut = body.isCut;
      body.leave(NODE);
    }
  }

  // `fetch` takes no body with these methods; a request that came with one goes on with it, and so does its clone. The
  // runtime holds what one of the two has not taken, so such a body must be a small one.
  async askWithClone(request, url, init, length) {
    if (!(length <= SHARE)) throw new TypeError("the body is too large for this method");
    const [whole, copy] = [request.clone(), request.clone()];
    await this.fromVisitor(whole.arrayBuffer());
    return await this.fetchInTime(new Request(url, copy), init);
  }

  fetchInTime(request, init) {
    init.signal = AbortSignal.timeout(this.deadline);
    return fetch(request, init);
  }

  // Gives the node its part of the body.
  async feed(body, writable) {
    const writer = writable.getWriter();
    for (;;) {
      const piece = await this.fromVisitor(body.take(NODE));
      try {
        await this.inTime(piece === undefined ? writer.close() : writer.write(piece));
      } catch {
        // It takes no more. Its response says why, or there will be none.
        return;
      }
      if (piece === undefined) return;
    }
  }

  // The clock of the deadline runs while the node is waited for and never while the visitor is.
  async inTime(promise) {
    const clock = setTimeout(() => this.end("deadline"), this.deadline);
    try {
      return await promise;
    } finally {
      clearTimeout(clock);
    }
  }

  async fromVisitor(promise) {
    try {
      return await promise;
    } catch (error) {
      this.end("visitor");
      throw error;
    }
  }

  end(why) {
    this.failure = why;
    this.call?.abort();
  }

  // The request does not go to the origin.
  abandon() {
    this.end("abandoned");
    this.shared?.leave(ORIGIN);
  }

  // Whether the outcome is there before the promise settles.
  before(promise) {
    const late = () => false;
    return Promise.race([this.outcome.then(() => true), promise.then(late, late)]);
  }

  get stop() {
    this.others ??= new AbortController();
    return this.others.signal;
  }

  stopOthers() {
    this.others?.abort();
  }
}

// What is wrong with a request is a `TypeError`; what is wrong with the way to the node is none.
function failureOf(error) {
  if (error instanceof TypeError) return "refused";
  return error?.name === "TimeoutError" ? "deadline" : "unreachable";
}
