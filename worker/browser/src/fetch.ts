import { normalMethod, protectedCall } from './protection'
import { collect, learn, take } from './signals'
import { getter, replace } from './wrap'

/** Instruments `fetch` of a window: protected calls carry signals in the `fp-data` header. */
export function instrumentFetch(win: Window & typeof globalThis): void {
  const NativeRequest = win.Request
  const urlOf = getter<string>(NativeRequest.prototype, 'url')

  replace(win, 'fetch', (_self, args, native) => {
    const call = prepare(args[0], args[1] as RequestInit | undefined)
    if (!call) return native()
    const { request, flag } = call
    const leave = (data: string | null): Promise<Response> => {
      if (data) request.headers.set('fp-data', flag + data)
      return (native([request]) as Promise<Response>).then((response) => {
        learn(response.headers.get('fp-agent-data'))
        return response
      })
    }
    const data = take()
    // An aborted request is handed on at once: the platform rejects it with the signal's own reason.
    return data ? leave(data) : Promise.race([collect(), aborted(request.signal)]).then(leave)
  })

  /** The request the platform would make, if it needs signals. Its body is read now, as the platform would. */
  function prepare(input: unknown, init: RequestInit | undefined): { request: Request; flag: string } | null {
    try {
      const given = isRequest(input) ? input : null
      const method = normalMethod(String(init?.method ?? given?.method ?? 'GET'))
      const target = protectedCall(given ? given.url : String(input), win.document.baseURI, method)
      if (!target) return null

      const overrides: PropertyDescriptorMap = {}
      const override = (name: keyof RequestInit, value: unknown): void => {
        overrides[name] = { value, enumerable: true }
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
      return null // The call is wrong, and the platform says so in its own words.
    }
  }

  /** True for a request of any window: `instanceof` knows only this one's. */
  function isRequest(input: unknown): input is Request {
    try {
      return typeof input === 'object' && urlOf(input) !== undefined
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
