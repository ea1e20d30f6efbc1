// A worker behind a cache: its URL says what it is to answer, and each response says how often it has run.
let runs = 0;
let failing = false;

export default {
  async fetch(request, environment, context) {
    runs += 1;
    const url = new URL(request.url);
    const said = JSON.parse(url.searchParams.get("say") ?? "{}");
    if (url.pathname === "/cached/fail") {
      failing = true;
      return new Response("from now on it fails", { headers: { "cache-control": "no-store" } });
    }
    if (url.pathname === "/cached/purge") {
      const purged = await context.cache.purge(said);
      return Response.json(purged, { headers: { "cache-control": "no-store" } });
    }
    if (failing) throw new Error("it fails");
    if (url.pathname === "/cached/gate") await (await fetch("https://vendor.test/gate")).text();
    if (request.headers.get("if-none-match") === said.etag && said.etag) {
      return new Response(null, { status: 304 });
    }
    const text = `run ${runs} ${request.method} ${request.headers.get("range") ?? "whole"}`;
    return new Response(text, { status: said.status ?? 200, headers: said });
  },
};
