/** A protected API as the worker is configured: method and URL pattern. */
interface ProtectedApi {
  method: string
  url: string
  /** Present where near misses of it carry signals too. */
  shape?: import('./canonical').Shape
}

/**
 * The worker replaces this identifier by a JSON object literal when it serves the script,
 * so it exists only as text; `config.ts` reads it, once.
 */
declare const __EDGEPROOF_CONFIG__: {
  /** The path prefix the worker answers itself on, without slashes at its ends. */
  routePrefix: string
  /** Present for the instrumentor only. */
  protectedApis?: ProtectedApi[]
  logLevel: string
}
