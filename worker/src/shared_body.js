// A body that the node and the origin share, and the memory that all such bodies of this isolate share. No decision about
// a request is taken here.

// Every body may hold so much, whatever the others do; so much of its start the node always sees.
export const SHARE = 64 * 1024;

export const NODE = 0;
export const ORIGIN = 1;

// How much of a body is read at a time; by itself the runtime reads 4 KiB.
const PIECE = 64 * 1024;

// What a piece costs beside its bytes, so that a body of many small ones is not cheaper than it is.
const OVERHEAD = 256;

// How often a body looks whether others need its memory, and whether there is room for more of it.
const TICK = 100;

// How long a body that does nothing any more keeps its memory when others need it, in milliseconds beyond the deadline.
const GRACE = 5000;

// What the bodies of this isolate hold, all together and for each network that they come from. Where there is no room,
// whoever holds most gives way: the largest body of the network that holds most. Its part for the node ends, so the node
// judges it, and then its bytes go on or are dropped. Who needs room meanwhile waits for it.
//
// Bodies of other requests are plain objects here. Their streams, promises and timers belong to their requests and are
// not touched.
const memory = {
  size: 0,
  // Bodies of each network.
  networks: new Map(),

  add(body) {
    const bodies = this.networks.get(body.network) ?? new Set();
    this.networks.set(body.network, bodies.add(body));
  },

  remove(body) {
    const bodies = this.networks.get(body.network);
    bodies?.delete(body);
    if (bodies?.size === 0) this.networks.delete(body.network);
  },

  // Whether this body may take another piece. Where it may not, somebody was told to give way.
  hasRoom(body) {
    if (body.size < SHARE) return true;
    const own = this.networks.get(body.network) ?? [body];
    // Several bodies of one network leave a quarter to the others; a single one may have everything that is there.
    if (own.size > 1 && total(own) >= 0.75 * body.limit) {
      this.giveWay(own, 0.75 * body.limit);
      return false;
    }
    if (this.size < body.limit) return true;
    this.forget(body.grace);
    const most = [...this.networks.values()].reduce((most, bodies) =>
      total(bodies, isWhole) > total(most, isWhole) ? bodies : most,
    );
    this.giveWay(most, body.limit, this.networks.values());
    return this.size < body.limit;
  },

  // The largest of these is cut, unless what was cut before makes room enough.
  giveWay(bodies, limit, all = [bodies]) {
    let staying = 0;
    for (const some of all) staying += total(some, isWhole);
    if (staying < limit) return;
    let largest;
    for (const body of bodies) {
      if (isWhole(body) && body.size >= (largest?.size ?? SHARE)) largest = body;
    }
    largest?.cut();
  },

  // Drops what belongs to requests that the runtime has forgotten, as it does in the middle of whatever they did when
  // their visitors go away, and to origins that take no more.
  forget(grace) {
    const now = Date.now();
    for (const bodies of this.networks.values()) {
      for (const body of bodies) {
        if (now - body.lastSign > grace) body.drop(new Error("the memory of this isolate was needed"));
      }
    }
  },
};

// Whether a body keeps what it holds for as long as its visitor takes.
const isWhole = (body) => !body.givesWay;

function total(bodies, counts = () => true) {
  let size = 0;
  for (const body of bodies) if (counts(body)) size += body.size;
  return size;
}

// A body with two readers, each at its own pace: what one has taken is held until the other has taken it too.
export class SharedBody {
  // `limit` is for all bodies of this isolate; `network` is where the visitor is. `isCopy`: the origin reads at once.
  constructor(request, limit, network, deadline, isCopy) {
    this.reader = request.body.getReader({ mode: "byob" });
    this.limit = limit;
    this.network = network;
    this.grace = deadline + GRACE;
    this.isCopy = isCopy;
    this.pieces = [];
    this.size = 0;
    // Pieces are numbered: the first one held, the next one of each reader, and where each reader's part ends.
    this.first = 0;
    this.next = [0, 0];
    this.end = [Infinity, Infinity];
    this.isEnded = false;
    // Whether others need the memory, and whether the node therefore sees only the start.
    this.givesWay = false;
    this.isCut = false;
    this.lastSign = Date.now();
    this.whenCut = new Promise((resolve) => {
      this.tellCut = resolve;
    });
    this.clock = setInterval(() => this.tick(), TICK);
    memory.forget(this.grace);
    memory.add(this);
  }

  // The next piece for a reader; undefined at the end of its part.
  async take(who) {
    const since = Date.now();
    for (;;) {
      this.lastSign = Date.now();
      if (this.failure !== undefined) throw this.failure;
      const number = this.next[who];
      if (number >= this.end[who]) return undefined;
      const piece = this.pieces[number - this.first];
      if (piece !== undefined) {
        this.next[who] += 1;
        this.release(number);
        return piece;
      }
      if (this.isEnded) {
        this.leave(who);
        return undefined;
      }
      if (this.isHeldBack() && !memory.hasRoom(this)) {
        // The origin does not wait for the node.
        if (who === ORIGIN || this.lastSign - since > this.grace) this.cut();
        else if (!this.givesWay) await new Promise((resolve) => setTimeout(resolve, TICK));
      } else {
        await (who === NODE ? Promise.race([this.read(), this.whenCut]) : this.read());
      }
    }
  }

  // Whether what is read now is held for the slower of two readers.
  isHeldBack() {
    return !this.givesWay && this.end[NODE] > 0 && this.end[ORIGIN] > 0;
  }

  // Reads the next piece; both readers may wait for the same one.
  read() {
    // Nobody needs the start of a piece before its end while the origin waits for the verdict.
    const min = this.isCopy || !this.isHeldBack() ? 1 : PIECE;
    this.reading ??= this.reader.read(new Uint8Array(PIECE), { min }).then(
      ({ done, value }) => {
        this.reading = undefined;
        this.isEnded = done;
        if (value?.byteLength > 0 && this.failure === undefined) {
          // A piece that is mostly room gets a place of its own size.
          this.pieces.push(value.byteLength < PIECE / 2 ? value.slice() : value);
          this.hold(value.byteLength + OVERHEAD);
        }
      },
      (error) => this.drop(error),
    );
    return this.reading;
  }

  hold(bytes) {
    this.size += bytes;
    memory.size += bytes;
  }

  // Lets go of a piece that nobody will take any more.
  release(number) {
    const index = number - this.first;
    const isWanted = [NODE, ORIGIN].some((who) => this.next[who] <= number && number < this.end[who]);
    if (isWanted || this.pieces[index] === undefined) return;
    this.hold(-this.pieces[index].byteLength - OVERHEAD);
    this.pieces[index] = undefined;
    while (this.pieces.length > 0 && this.pieces[0] === undefined) {
      this.pieces.shift();
      this.first += 1;
    }
  }

  // The node's part ends with what is held.
  cut() {
    this.givesWay = true;
    if (this.isEnded || this.end[NODE] === 0) return;
    this.isCut = true;
    this.end[NODE] = this.first + this.pieces.length;
  }

  // A reader takes no more.
  leave(who) {
    this.end[who] = 0;
    const { first } = this;
    for (let number = first + this.pieces.length - 1; number >= first; number -= 1) {
      this.release(number);
    }
    if (this.end[NODE] === 0 && this.end[ORIGIN] === 0) this.finish();
  }

  // It broke off.
  drop(failure) {
    this.failure = failure;
    this.hold(-this.size);
    this.pieces = [];
    memory.remove(this);
  }

  finish() {
    clearInterval(this.clock);
    memory.remove(this);
  }

  // Runs as long as the request does. Once the body gives way, only its readers show that it goes on.
  tick() {
    if (this.givesWay) this.tellCut();
    else this.lastSign = Date.now();
    if (this.failure !== undefined) this.finish();
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
