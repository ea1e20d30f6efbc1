// The body of a page: its start is looked at, and what came goes on at once. No decision is taken here.
import { concatenated, free } from "./runtime.js";

const ENDED = 0;
const CAME = 1;
const LATE = 2;

// How much is read at a time; by itself the runtime reads 4 KiB.
const PIECE = 16 * 1024;
const LONGEST_PIECE = 64 * 1024;

// Room in front of a page for what goes into it: then its start is moved there, and not the whole page copied.
const ROOM = 1024;

export class PageBody {
  // `length` is that of the body, where it is known.
  constructor(body, length) {
    this.body = body;
    this.reader = body.getReader({ mode: "byob" });
    // What the next piece is read into.
    this.space = new Uint8Array(ROOM + Math.min(length || PIECE, LONGEST_PIECE)).subarray(ROOM);
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
  fill(patience) {
    // It came while others were passed on.
    if (this.index < this.pieces.length) return Promise.resolve(CAME);
    this.next ??= this.reader.read(this.space ?? new Uint8Array(PIECE)).then(
      ({ done, value }) => this.take(done, value),
      (error) => {
        this.error = error;
        return this.take(true);
      },
    );
    if (patience === undefined) return this.next;
    if (this.patience !== patience) {
      this.patience = patience;
      this.late = new Promise((resolve) => {
        clearTimeout(this.clock);
        this.clock = setTimeout(resolve, patience, LATE);
      });
    }
    return Promise.race([this.next, this.late]);
  }

  take(isEnd, piece) {
    this.next = undefined;
    if (isEnd) {
      this.isEnded = true;
      return ENDED;
    }
    // A piece that is mostly room gets a place of its own size, and the next one the room.
    const { buffer, byteOffset, byteLength } = piece;
    const isSmall = byteLength < (buffer.byteLength - byteOffset) / 2;
    this.pieces.push(isSmall ? piece.slice() : piece);
    this.space = isSmall ? new Uint8Array(buffer, byteOffset) : undefined;
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

  // What is held, with `inserted` at `position`. Nobody waits for more of it.
  rest(position, inserted) {
    clearTimeout(this.clock);
    const at = position - this.start;
    const [piece] = this.pieces;
    if (this.pieces.length === 1 && piece.byteOffset >= inserted.byteLength) return widened(piece, at, inserted);
    const bytes = concatenated(parted(this.pieces, at, inserted));
    this.pieces.forEach(free);
    return bytes;
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

// A piece with `inserted` at a place in it; what is in front of the place moves into the room in front of the piece.
function widened(piece, at, inserted) {
  const room = inserted.byteLength;
  const bytes = new Uint8Array(piece.buffer, piece.byteOffset - room, room + piece.byteLength);
  bytes.copyWithin(0, room, room + at);
  bytes.set(inserted, at);
  return bytes;
}

// The pieces with `inserted` at a place in them: never that alone, which is memory of wasm and has to be copied.
function parted(pieces, at, inserted) {
  const [before, after] = [[new Uint8Array()], []];
  for (const piece of pieces) {
    before.push(piece.subarray(0, at));
    after.push(piece.subarray(at));
    at = Math.max(0, at - piece.byteLength);
  }
  return [...before, inserted, ...after];
}

// The hash of a script, its source or a response, as an `integrity` attribute has it.
export async function integrity(script) {
  const bytes = typeof script === "string" ? new TextEncoder().encode(script) : await script.arrayBuffer();
  const hash = await crypto.subtle.digest("SHA-256", bytes);
  return `sha256-${btoa(String.fromCharCode(...new Uint8Array(hash)))}`;
}
