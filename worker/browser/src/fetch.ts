import { putCallCookies } from './cookies'
import { construct, create, NativePromise, text } from './language'
import { tell } from './log'
import { baseOf, getter, listen, method, type Realm } from './platform'
import { normalMethod, protectedCall, type ProtectedCall } from './protection'
import { collect, first, learn, take, USABLE_MS } from './signals'
import { replace, type Original } from './wrap'

/** A request about to leave. */
interface Departure {
  request: Request
  method: string
  target: ProtectedCall
  /** `_` tells the worker that the page itself wanted credentials on a call to another origin. */
  flag: '' | '_'
  /** Whether cookies can carry its signals. */
  takesCookies: boolean
  /** Whether it may be the last thing its page does. */
  keepalive: boolean
}

const isAborted = getter<boolean>(AbortSignal.prototype, 'aborted')

/** `fetch`: protected calls carry signals in the `fp-data` header. */
export function instrumentFetch(win: Realm): void {
  const NativeRequest = win.Request
  const { prototype } = NativeRequest
  const urlOf = getter<string>(prototype, 'url')
  const methodOf = getter<string>(prototype, 'method')
  const modeOf = getter<RequestMode>(prototype, 'mode')
  const credentialsOf = getter<RequestCredentials>(prototype, 'credentials')
  const redirectOf = getter<RequestRedirect>(prototype, 'redirect')
  const keepaliveOf = getter<boolean>(prototype, 'keepalive')
  const referrerOf = getter<string>(prototype, 'referrer')
  const referrerPolicyOf = getter<string>(prototype, 'referrerPolicy')
  const signalOf = getter<AbortSignal>(prototype, 'signal')
  const headersOf = getter<Headers>(prototype, 'headers')
  const responseHeaders = getter<Headers>(win.Response.prototype, 'headers')
  const setHeader = method<void>(win.Headers.prototype, 'set')
  const getHeader = method<string | null>(win.Headers.prototype, 'get')
  const { document } = win

  replace(win, 'fetch', (_self, args, original) => {
    const departure = prepare(args[0], args[1] as RequestInit | undefined)
    return departure ? depart(departure, take(departure.keepalive ? USABLE_MS : undefined), original) : original()
  })

  /** An aborted request is handed on at once: the platform rejects it with the signal's own reason. */
  async function depart(departure: Departure, ready: string | null, original: Original): Promise<Response> {
    const { request, target, flag } = departure
    const data = ready ?? (await first(collect(), aborted(() => signalOf(request)))) ?? null
    const landed = guarded(() => (data && departure.takesCookies ? putCallCookies(data, target.url) : null))
    if (data && !landed) guarded(() => setHeader(headersOf(request), 'fp-data', flag + data))
    tell('fetch', departure.method, target.url.href, data)
    try {
      const response = (await original([request])) as Response
      guarded(() => learn(getHeader(responseHeaders(response), 'fp-agent-data')))
      return response
    } finally {
      landed?.()
    }
  }

  /** The request the platform would make of the arguments, if it needs signals. Its body is read now, as it would be. */
  function prepare(input: unknown, init: RequestInit | undefined): Departure | null {
    try {
      const url = givenUrl(input)
      const given = url === null ? null : input
      const method = normalMethod(text(init?.method ?? (given ? methodOf(given) : 'GET')))
      const target = protectedCall(url ?? text(input), baseOf(document), method)
      if (!target) return null

      const overrides = create(null) as PropertyDescriptorMap
      const override = (name: keyof RequestInit, value: unknown): void => {
        overrides[name] = { value }
      }
      const credentials = init?.credentials ?? (given ? credentialsOf(given) : undefined)
      if (target.crossOrigin) override('credentials', 'include')
      if ((init?.mode ?? (given ? modeOf(given) : undefined)) === 'no-cors') {
        // In this mode the platform drops the header. Within the origin another mode means the same; beyond it
        // nothing does, and the call stays as it is.
        if (target.crossOrigin) return null
        override('mode', 'same-origin')
      }
      if (given && !init) {
        // Any init at all makes the platform forget these two.
        override('referrer', referrerOf(given))
        override('referrerPolicy', referrerPolicyOf(given))
      }
      const request = construct(NativeRequest, [input, create(init ?? null, overrides)]) as Request
      return {
        request,
        method,
        target,
        flag: target.crossOrigin && credentials === 'include' ? '_' : '',
        takesCookies:
          method === 'GET' && !target.crossOrigin && credentials !== 'omit' && redirectOf(request) === 'follow',
        keepalive: keepaliveOf(request),
      }
    } catch {
      return null // The call is wrong, and the platform will say so in its own words.
    }
  }

  /** The URL of a request of any window, `null` for anything else: `instanceof` knows only this one's. */
  function givenUrl(input: unknown): string | null {
    try {
      return urlOf(input)
    } catch {
      return null
    }
  }
}

/** What fails here for what the page had made of the platform does not fail the page's call. */
function guarded<T>(act: () => T): T | undefined {
  try {
    return act()
  } catch {
    return undefined
  }
}

/** Resolves when the signal fires, and not before. */
function aborted(signalOf: () => AbortSignal): Promise<null> {
  return new NativePromise((resolve) => {
    const end = (): void => resolve(null)
    guarded(() => {
      const signal = signalOf()
      listen(signal, 'abort', end, { once: true })
      if (isAborted(signal)) end()
    })
  })
}
