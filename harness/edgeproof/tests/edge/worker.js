// A worker with one behaviour a path, for the tests of the edge.
const behaviours = {
  "/w/url": (request) => new Response(request.url),
  "/w/cf": (request) => Response.json(request.cf),
  "/w/pass": (request) => fetch(request),
  "/w/same": () => fetch("https://shop.example/w/url"),
  "/w/other": () => fetch("https://other.example/headers"),
  "/w/elsewhere": () => fetch("https://vendor.test/headers"),
  "/w/domain": () => fetch("https://domain.shop.example/from-worker"),
  "/w/asset": () => fetch("https://shop.example/asset.js"),
  "/w/encoding": () => fetch("https://shop.example/varying.css", { headers: { "accept-encoding": "identity" } }),
  "/w/forced": () => fetch("https://vendor.test/page", { cf: { cacheTtl: 60 } }),
  "/w/chosen": () => fetch("https://shop.example/headers", { headers: { "x-real-ip": "192.0.2.99" } }),
  "/w/unreachable": async (request) => {
    const answer = await fetch(new URL(request.url).searchParams.get("url"));
    return new Response(`${answer.status}`);
  },
  "/w/many": async () => {
    let answered = 0;
    try {
      for (;;) {
        await (await fetch("https://vendor.test/counted")).text();
        answered += 1;
      }
    } catch (error) {
      return new Response(`${answered} answered, then ${error.constructor.name}`);
    }
  },
  "/w/refuse": () => new Response("refused by the worker", { status: 403 }),
  // As many KB as the query says.
  "/w/refuse-at-length": ({ url }) => {
    const kilobytes = Number(new URL(url).search.slice(1));
    return new Response("x".repeat(kilobytes * 1024), { status: 403 });
  },
  "/w/pass/refuse": (request) => fetch("https://shop.example/refuse", request),
  // The handler waits for ever, `waitUntil` for the end of the visitor.
  "/w/signal": async (request, context) => {
    const tell = (path) => fetch(`https://vendor.test${path}`).then((answer) => answer.text());
    const gone = new Promise((resolve) => request.signal.addEventListener("abort", resolve));
    context.waitUntil(gone.then(() => tell("/aborted")).then(() => tell("/lived-on")));
    return tell("/hangs");
  },
  "/w/streamed": () => {
    const { readable, writable } = new TransformStream();
    const writer = writable.getWriter();
    writer.write(new TextEncoder().encode("in pieces")).then(() => writer.close());
    return new Response(readable);
  },
  "/w/throw": () => {
    throw new Error("boom");
  },
  "/w/hang": () => new Promise(() => {}),
  "/w/busy": () => {
    let sum = 0;
    for (let number = 0; number < 4e8; number += 1) sum += number % 7;
    return new Response(`${sum}`);
  },
  "/w/open": (request, context) => {
    context.passThroughOnException();
    throw new Error("boom");
  },
  "/w/open-after-reading": async (request, context) => {
    context.passThroughOnException();
    await request.text();
    throw new Error("boom");
  },
  "/w/echo": (request) => new Response(request.body),
  "/w/oversized": () => fetch("https://vendor.test/oversized"),
  "/w/cache": async (request, context) => {
    const stored = await caches.default.match(request.url);
    if (stored) return stored;
    const answer = new Response("made by the worker", { headers: { "cache-control": "max-age=60" } });
    await caches.default.put(request.url, answer.clone());
    return answer;
  },
  "/w/socket": () => {
    const [visitor, own] = Object.values(new WebSocketPair());
    own.accept();
    own.addEventListener("message", ({ data }) => own.send(`echo ${data}`));
    return new Response(null, { status: 101, webSocket: visitor });
  },
};

export default {
  fetch(request, env, context) {
    const { pathname } = new URL(request.url);
    const behaviour = behaviours[pathname];
    return behaviour ? behaviour(request, context) : fetch(request);
  },
};
