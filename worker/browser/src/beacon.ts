import { protectedCall } from './protection'
import { replace, type Realm } from './wrap'

/** The platform queues no larger beacon, and no larger body of a `fetch` that outlives its page. */
const LIMIT_BYTES = 64 * 1024

/**
 * `navigator.sendBeacon`: a beacon has no headers, so a protected one becomes a `fetch` that outlives the page.
 * To be called after `fetch` is instrumented.
 */
export function instrumentBeacon(win: Realm): void {
  const send = win.fetch
  replace(win.Navigator.prototype, 'sendBeacon', (_self, args, original) => {
    const [url, body] = args as [unknown, BodyInit | null | undefined]
    const replaced = protectedCall(String(url), win.document.baseURI, 'POST') && size(body) <= LIMIT_BYTES
    if (!replaced) return original()
    send(String(url), { method: 'POST', body: body ?? null, keepalive: true, credentials: 'include' }).catch(() => undefined)
    return true
  })

  /** Length of a body; what cannot be a beacon's is too long, so that the platform refuses it in its own words. */
  function size(body: unknown): number {
    if (body instanceof win.ReadableStream) return Infinity
    if (body instanceof win.Blob) return body.size
    if (body instanceof win.FormData) return [...body].reduce((sum, [name, value]) => sum + name.length + size(value), 0)
    if (body instanceof win.ArrayBuffer || ArrayBuffer.isView(body)) return body.byteLength
    return body == null ? 0 : new Blob([String(body)]).size
  }
}
