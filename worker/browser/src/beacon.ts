import { apply, text } from './language'
import { baseOf, getter, method, type Realm } from './platform'
import { protectedCall } from './protection'
import { replace } from './wrap'

/** The platform queues no larger beacon, and no larger bodies of all `fetch`es that outlive their page together. */
const LIMIT_BYTES = 64 * 1024

/** Bytes on their way. */
let queued = 0

/**
 * `navigator.sendBeacon`: a beacon has no headers, so a protected one becomes a `fetch` that outlives the page.
 * To be called after `fetch` is instrumented.
 */
export function instrumentBeacon(win: Realm): void {
  const send = win.fetch
  const { document, Blob, FormData, ReadableStream, ArrayBuffer } = win
  const isView = ArrayBuffer.isView
  const blobSize = getter<number>(Blob.prototype, 'size')
  const each = method<void>(FormData.prototype, 'forEach')

  replace(win.Navigator.prototype, 'sendBeacon', (_self, args, original) => {
    const url = text(args[0])
    const body = args[1] as BodyInit | null | undefined
    if (!protectedCall(url, baseOf(document), 'POST')) return original()
    const bytes = size(body)
    // The platform refuses it in its own words.
    if (bytes > LIMIT_BYTES) return original()
    if (queued + bytes > LIMIT_BYTES) return false
    queued += bytes
    void deliver([url, { method: 'POST', body: body ?? null, keepalive: true, credentials: 'include' }], bytes)
    return true
  })

  async function deliver(call: unknown[], bytes: number): Promise<void> {
    try {
      await (apply(send, win, call) as Promise<unknown>)
    } catch {
      // Nobody is told how a beacon ended.
    } finally {
      queued -= bytes
    }
  }

  /** Length of a body; what cannot be a beacon's is too long. */
  function size(body: unknown): number {
    if (body instanceof ReadableStream) return Infinity
    if (body instanceof Blob) return blobSize(body)
    if (body instanceof FormData) {
      let sum = 0
      each(body, (value: FormDataEntryValue, name: string) => {
        sum += name.length + size(value)
      })
      return sum
    }
    if (body == null) return 0
    return blobSize(new Blob([body instanceof ArrayBuffer || isView(body) ? (body as BlobPart) : text(body)]))
  }
}
