// What standalone workerd lacks of Workers Cache: `ctx.cache.purge()`. A purge goes out as an operation of the Cache API, which
// the edge in front of the worker takes in.
import * as worker from "MAIN";
export * from "MAIN";

const cache = Object.freeze({
  async purge({ tags = [], pathPrefixes = [], purgeEverything = false } = {}) {
    const some = tags.length > 0 || pathPrefixes.length > 0;
    if (some === Boolean(purgeEverything)) {
      throw new TypeError("purge() takes tags, path prefixes or both, or else purgeEverything");
    }
    const purges = await caches.open("NAMESPACE");
    const wanted = JSON.stringify({ tags, pathPrefixes, purgeEverything: Boolean(purgeEverything) });
    await purges.put("https://workers-cache.invalid/", new Response(wanted));
    return { success: true, errors: [] };
  },
});

function withCache(context) {
  Object.defineProperty(context, "cache", { value: cache, configurable: true, enumerable: true });
  return context;
}

const given = worker.default;

export default typeof given === "function"
  ? class extends given {
      constructor(context, environment) {
        super(withCache(context), environment);
      }
    }
  : {
      __proto__: given,
      fetch: (request, environment, context) => given.fetch(request, environment, withCache(context)),
    };
