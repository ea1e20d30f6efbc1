import { normalMethod, protectedCall } from './protection'
import { collect, learn, take } from './signals'
import { getter, replace, type Realm } from './wrap'

/** A request about to leave. */
interface Departure {
  request: Request
  /** `_` tells the worker that the page itself wanted credentials on a call to another origin. */
  flag: '' | '_'
}

/** `fetch`: protected calls carry signals in the `fp-data` header. */
export function instrumentFetch(win: Realm): void {
  const NativeRequest = win.Request
  const urlOf = getter<string>(NativeRequest.prototype, 'url')

  replace(win, 'fetch', (_self, args, original) => {
    const departure = prepare(args[0], args[1] as RequestInit | undefined)
    if (!departure) return original()
    const { request, flag } = departure
    const leave = (data: string | null): Promise<Response> => {
      if (data) request.headers.set('fp-data', flag + data)
      return (original([request]) as Promise<Response>).then((response) => {
        learn(response.headers.get('fp-agent-data'))
        return response
      })
    }
    const data = take()
    // An aborted request is handed on at once: the platform rejects it with the signal's own reason.
    return data ? leave(data) : Promise.race([collect(), aborted(request.signal)]).then(leave)
  })

  /** The request the platform would make of the arguments, if it needs signals. Its body is read now, as it would be. */
  function prepare(input: unknown, init: RequestInit | undefined): Departure | null {
    try {
      const given = isRequest(input) ? input : null
      const method = normalMethod(String(init?.method ?? given?.method ?? 'GET'))
      const target = protectedCall(given ? given.url : String(input), win.document.baseURI, method)
      if (!target) return null

      const overrides: PropertyDescriptorMap = {}
      const override = (name: keyof RequestInit, value: unknown): void => {
        overrides[name] = { value }
      }
      const included = (init?.credentials ?? given?.credentials) === 'include'
      if (target.crossOrigin) override('credentials', 'include')
      if ((init?.mode ?? given?.mode) === 'no-cors') {
        // In this mode the platform drops the header. Within the origin another mode means the same; beyond it
        // nothing does, and the call stays as it is.
        if (target.crossOrigin) return null
        override('mode', 'same-origin')
      }
      if (given && !init) {
        // Any init at all makes the platform forget these two.
        override('referrer', given.referrer)
        override('referrerPolicy', given.referrerPolicy)
      }
      const request = new NativeRequest(input as RequestInfo, Object.create(init ?? null, overrides) as RequestInit)
      return { request, flag: target.crossOrigin && included ? '_' : '' }
    } catch {
      return null // The call is wrong, and the platform will say so in its own words.
    }
  }

  /** True for a request of any window: `instanceof` knows only this one's. */
  function isRequest(input: unknown): input is Request {
    try {
      return !!urlOf(input)
    } catch {
      return false
    }
  }
}

/** Resolves when the signal fires, and not before. */
function aborted(signal: AbortSignal): Promise<null> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(null)
    signal.addEventListener('abort', () => resolve(null), { once: true })
  })
}
