// The body of a page: its start is looked at, and what came goes on at once. No decision is taken here.
import { concatenated } from "./runtime.js";

const ENDED = 0;
const CAME = 1;
const LATE = 2;

export class PageBody {
  constructor(response) {
    this.body = response.body;
    this.reader = this.body.getReader();
    // What came and is not passed on, and where that starts in the page.
    this.pieces = [];
    this.start = 0;
    // Which piece is looked at next, and from where.
    this.index = 0;
    this.from = 0;
    this.isEnded = false;
  }

  // Waits for the next piece, or the end; a body that breaks off has ended. With a limit to patience, in milliseconds from
  // the first call with this limit, it may be late.
  async fill(patience) {
    // It came while others were passed on.
    if (this.index < this.pieces.length) return CAME;
    this.next ??= this.reader.read().then(
      ({ done, value }) => this.take(done, value),
      (error) => {
        this.error = error;
        return this.take(true);
      },
    );
    if (patience === undefined) return await this.next;
    if (this.patience !== patience) {
      this.patience = patience;
      this.late = new Promise((resolve) => setTimeout(resolve, patience, LATE));
    }
    return await Promise.race([this.next, this.late]);
  }

  take(isEnd, piece) {
    this.next = undefined;
    if (isEnd) {
      this.isEnded = true;
      return ENDED;
    }
    this.pieces.push(piece);
    return CAME;
  }

  // The next bytes that were not looked at, at most so many; undefined when they have not arrived.
  look(size) {
    const piece = this.pieces[this.index];
    if (piece === undefined) return undefined;
    const bytes = piece.subarray(this.from, this.from + size);
    this.from += bytes.byteLength;
    if (this.from === piece.byteLength) {
      this.index++;
      this.from = 0;
    }
    return bytes;
  }

  // The whole page with `inserted` at `position`: bytes where nothing is left to wait for, otherwise a stream. `length` is
  // its length, where that is known.
  insert(position, inserted, length) {
    const bytes = this.rest(position, inserted);
    if (bytes.byteLength === length || (this.isEnded && this.error === undefined)) return bytes;
    const readable = this.open(length);
    this.pour(bytes).catch(() => {});
    return readable;
  }

  // The stream that the visitor reads.
  open(length) {
    const { readable, writable } = length === undefined ? new IdentityTransformStream() : new FixedLengthStream(length);
    this.writable = writable;
    this.writer = writable.getWriter();
    return readable;
  }

  // Passes on the start of the page, up to there. All that came was looked at.
  async pass(end) {
    if (end <= this.start) return;
    const held = concatenated(this.pieces);
    const rest = held.subarray(end - this.start);
    const bytes = held.subarray(0, end - this.start);
    this.pieces = rest.byteLength > 0 ? [rest] : [];
    this.index = this.pieces.length;
    this.start = end;
    await this.writer.write(bytes);
  }

  // Passes on the rest of the page with `inserted` at `position`.
  async finish(position, inserted) {
    await this.pour(this.rest(position, inserted));
  }

  rest(position, inserted) {
    const held = concatenated(this.pieces);
    if (inserted.byteLength === 0) return held;
    const at = position - this.start;
    return concatenated([held.subarray(0, at), inserted, held.subarray(at)]);
  }

  // Passes on what came, and then what comes. What breaks off here breaks off for the reader too, behind what came.
  async pour(bytes) {
    this.pieces = [];
    // It may come while the others are written.
    const { next } = this;
    if (bytes.byteLength > 0) await this.writer.write(bytes);
    if ((await next) === CAME) await this.writer.write(this.pieces.pop());
    if (this.error !== undefined) {
      // The runtime drops the head too where the error is there before it was sent.
      await new Promise((resolve) => setTimeout(resolve));
      return await this.writer.abort(this.error);
    }
    if (this.isEnded) return await this.writer.close();
    this.writer.releaseLock();
    this.reader.releaseLock();
    await this.body.pipeTo(this.writable);
  }
}

// The hash of a script as an `integrity` attribute has it.
export async function integrity(source) {
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(source));
  return `sha256-${btoa(String.fromCharCode(...new Uint8Array(hash)))}`;
}
