// The call to the filtering node, and the body that the node and the origin share. No decision is taken here.
import { edit } from "./runtime.js";

// Bodies up to this length are read in one go, which costs less than a stream of a few pieces. Of larger ones the node
// sees so much at least.
const SMALL = 64 * 1024;

// How much of a larger body is read at a time; by itself the runtime reads 4 KiB.
const PIECE = 64 * 1024;

const NODE = 0;
const ORIGIN = 1;

// How many bytes of bodies this isolate holds. The runtime forgets requests whose visitors went away, in the middle of
// whatever they did; what they held no longer counts when it is collected.
let held = 0;
const forgotten = new FinalizationRegistry((holding) => {
  held -= holding.size;
});

export class NodeCall {
  constructor(request, url, edits, deadline, limit, length) {
    // What has the body that the origin gets too, to be looked at.
    this.message = request;
    // The body for the origin, where its own is not left to the request.
    this.body = () => undefined;
    this.deadline = deadline;
    this.isCut = false;
    this.failure = "unreachable";
    this.call = new AbortController();
    this.others = undefined;
    const headers = new Headers(request.headers);
    edit(headers, edits);
    const init = { method: request.method, headers, redirect: "manual", signal: this.call.signal };
    this.outcome = this.ask(request, url, init, limit, length).then(
      (answer) => {
        // Nobody reads it.
        answer.body?.cancel().catch(() => {});
        return answer.status;
      },
      () => this.failure,
    );
  }

  // The answer of the node, its head at least.
  async ask(request, url, init, limit, length) {
    if (request.body === null) {
      return await this.inTime(fetch(url, init));
    }
    if (length <= SMALL) {
      // Both get the same bytes, which costs a tenth less than a stream for each.
      const bytes = this.fromVisitor(request.arrayBuffer());
      this.message = { arrayBuffer: () => bytes };
      this.body = () => bytes;
      init.body = await bytes;
      return await this.inTime(fetch(url, init));
    }
    const body = new SharedBody(request.body, limit);
    this.shared = body;
    const stream = body.stream();
    this.message = { body: stream };
    this.body = () => (length === undefined ? stream : stream.pipeThrough(new FixedLengthStream(length)));
    try {
      const { readable, writable } = new IdentityTransformStream();
      init.body = readable;
      const answer = fetch(url, init);
      // An answer before the end of the body is an answer.
      await Promise.race([answer, this.feed(body, writable)]);
      return await this.inTime(answer);
    } finally {
      this.isCut = body.isCut;
      body.leave(NODE);
    }
  }

  // Gives the node its part of the body.
  async feed(body, writable) {
    const writer = writable.getWriter();
    for (;;) {
      const piece = await this.fromVisitor(body.take(NODE));
      try {
        await this.inTime(piece === undefined ? writer.close() : writer.write(piece));
      } catch {
        // It takes no more. Its answer says why, or there will be none.
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
    this.call.abort();
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

// A body with two readers, each at its own pace: what one has taken is held until the other has taken it too. Where this
// isolate would hold more than the limit, the node's part ends.
class SharedBody {
  constructor(body, limit) {
    this.reader = body.getReader({ mode: "byob" });
    this.limit = limit;
    this.pieces = [];
    this.holding = { size: 0 };
    forgotten.register(this, this.holding);
    // Pieces are numbered: the first one held, the next one of each reader, and where each reader's part ends.
    this.first = 0;
    this.next = [0, 0];
    this.end = [Infinity, Infinity];
    this.isEnded = false;
    this.isCut = false;
  }

  // The next piece for a reader; undefined at the end of its part.
  async take(who) {
    for (;;) {
      const number = this.next[who];
      const index = number - this.first;
      if (number >= this.end[who]) return undefined;
      if (index < this.pieces.length) {
        const piece = this.pieces[index];
        this.next[who] += 1;
        this.release(number);
        return piece;
      }
      if (this.isEnded) return undefined;
      if (this.isFull()) {
        this.isCut = true;
        this.end[NODE] = this.first + this.pieces.length;
      } else {
        await this.read();
      }
    }
  }

  // Reads the next piece; both readers may wait for the same one.
  read() {
    const keep = ({ done, value }) => {
      this.reading = undefined;
      if (done) {
        this.isEnded = true;
        return;
      }
      // A piece that is mostly room gets a place of its own size.
      this.pieces.push(value.byteLength < PIECE / 2 ? value.slice() : value);
      this.hold(value.byteLength);
    };
    this.reading ??= this.reader.read(new Uint8Array(PIECE)).then(keep);
    return this.reading;
  }

  hold(bytes) {
    this.holding.size += bytes;
    held += bytes;
  }

  isFull() {
    return !this.isCut && this.end[NODE] > 0 && this.holding.size >= SMALL && held >= this.limit;
  }

  // Lets go of a piece that nobody will take any more.
  release(number) {
    const index = number - this.first;
    const isWanted = [NODE, ORIGIN].some((who) => this.next[who] <= number && number < this.end[who]);
    if (isWanted || this.pieces[index] === undefined) return;
    this.hold(-this.pieces[index].byteLength);
    this.pieces[index] = undefined;
    while (this.pieces.length > 0 && this.pieces[0] === undefined) {
      this.pieces.shift();
      this.first += 1;
    }
  }

  // A reader takes no more.
  leave(who) {
    this.end[who] = 0;
    const { first } = this;
    for (let number = first + this.pieces.length - 1; number >= first; number -= 1) {
      this.release(number);
    }
  }

  // What the origin gets.
  stream() {
    const pull = async (controller) => {
      const piece = await this.take(ORIGIN);
      if (piece === undefined) {
        controller.close();
      } else {
        controller.enqueue(piece);
      }
    };
    return new ReadableStream({ pull, cancel: () => this.leave(ORIGIN) }, { highWaterMark: 0 });
  }
}
