import { putCallCookies } from './cookies'
import { find, store, text } from './language'
import { tell } from './log'
import { baseOf, dispatch, forget, getter, later, listen, method, now, setter, unlisten, type Realm } from './platform'
import { normalMethod, protectedCall, type ProtectedCall } from './protection'
import { collect, learn, take, USABLE_MS } from './signals'
import { meaning, replace, replaceGetter, type Original } from './wrap'

/** What is known of a request from one `open` to the next. */
interface Opened {
  target: ProtectedCall | null
  method: string
  async: boolean
  /** Sent by the page, and held here until there are signals. */
  held: boolean
  /** What `readyState` says after a held request was aborted or timed out, which the platform never saw begin. */
  readyState?: number
  /** What was changed on the object for the sake of the call before. */
  restore: { credentials?: false; timeout?: number }
}

const OPENED = 1
const DONE = 4

/** XMLHttpRequest: protected calls carry signals in the `fp-data` header, taken when they are sent. */
export function instrumentXhr(win: Realm): void {
  const { document, Event, ProgressEvent, DOMException, ArrayBuffer, URLSearchParams, Blob, Document, FormData } = win
  const isView = ArrayBuffer.isView
  const { prototype } = win.XMLHttpRequest
  const setHeader = method<void>(prototype, 'setRequestHeader')
  const allHeaders = method<string>(prototype, 'getAllResponseHeaders')
  const stateOf = getter<number>(prototype, 'readyState')
  const credentialsOf = getter<boolean>(prototype, 'withCredentials')
  const setCredentials = setter(prototype, 'withCredentials')
  const timeoutOf = getter<number>(prototype, 'timeout')
  const setTimeoutOf = setter(prototype, 'timeout')
  const pairs = method<string>(URLSearchParams.prototype, 'toString')
  const clone = method(win.Node.prototype, 'cloneNode')
  const eachEntry = method<void>(FormData.prototype, 'forEach')
  const addEntry = method<void>(FormData.prototype, 'append')
  const requests = store<XMLHttpRequest, Opened>()

  replace(prototype, 'open', (xhr: XMLHttpRequest, args, original) => {
    const before = requests.get(xhr)
    const request: Opened = {
      target: protectedCall(text(args[1]), baseOf(document), normalMethod(text(args[0]))),
      method: normalMethod(text(args[0])),
      // With two arguments a request is asynchronous; a third that is missing or false makes it synchronous.
      async: args.length < 3 || !!args[2],
      held: false,
      restore: before?.restore ?? {},
    }
    // A page may send it while it is being opened, from its listener of `readystatechange`.
    requests.set(xhr, request)
    try {
      return original()
    } catch (error) {
      if (before) requests.set(xhr, before)
      throw error
    } finally {
      restore(xhr)
    }
  })

  replace(prototype, 'send', (xhr: XMLHttpRequest, args, original) => {
    const request = requests.get(xhr)
    if (request?.held) throw invalidState('send')
    if (!request?.target || stateOf(xhr) !== OPENED) return original()
    restore(xhr)
    const data = take(request.async ? undefined : USABLE_MS)
    if (!data && request.async) return void hold(xhr, request, args[0], original)
    return leave(xhr, request, request.target, data, original)
  })

  replace(prototype, 'setRequestHeader', (xhr: XMLHttpRequest, _args, original) => {
    if (requests.get(xhr)?.held) throw invalidState('setRequestHeader')
    return original()
  })

  replace(prototype, 'abort', (xhr: XMLHttpRequest, _args, original) => {
    const request = requests.get(xhr)
    const result = original()
    if (request?.held) {
      end(xhr, request, 'abort')
      request.readyState = 0
    }
    return result
  })

  replaceGetter(prototype, 'readyState', (xhr: XMLHttpRequest, _args, original) => requests.get(xhr)?.readyState ?? original())

  /** Gives the page back what the call before changed, which can be done while a request is opened and not sent. */
  function restore(xhr: XMLHttpRequest): void {
    const request = requests.get(xhr)
    if (!request || stateOf(xhr) !== OPENED) return
    const { credentials, timeout } = request.restore
    if (credentials === false) setCredentials(xhr, false)
    if (timeout) setTimeoutOf(xhr, timeout)
    request.restore = {}
  }

  /** Sends with the signals there are. */
  function leave(
    xhr: XMLHttpRequest,
    request: Opened,
    target: ProtectedCall,
    data: string | null,
    original: Original,
    args?: unknown[],
  ): unknown {
    tell('XMLHttpRequest', request.method, target.url.href, data)
    if (!data) return original(args)
    const included = credentialsOf(xhr)
    if (target.crossOrigin && !included) {
      setCredentials(xhr, true)
      request.restore.credentials = false
    }
    const landed = request.method === 'GET' && !target.crossOrigin ? putCallCookies(data, target.url) : null
    if (!landed) setHeader(xhr, 'fp-data', (target.crossOrigin && included ? '_' : '') + data)
    // As soon as there are headers, since a listener of the page may open the object again at the end.
    let isLearnt = false
    const read = (): void => {
      if (isLearnt || stateOf(xhr) < 2) return
      isLearnt = true
      unlisten(xhr, 'readystatechange', read)
      landed?.()
      void learn(agentData(xhr))
    }
    listen(xhr, 'readystatechange', read)
    if (landed) listen(xhr, 'loadend', landed, { once: true })
    try {
      return original(args)
    } finally {
      if (!request.async) {
        landed?.()
        read()
      }
    }
  }

  /** Holds a sent request until there are signals, as little visible to the page as can be. */
  async function hold(xhr: XMLHttpRequest, request: Opened, body: unknown, original: Original): Promise<void> {
    const timeout = timeoutOf(xhr)
    const since = now()
    const kept = snapshot(body)
    const waiting = (): boolean => request.held && requests.get(xhr) === request
    const timer = timeout && later(() => waiting() && end(xhr, request, 'timeout'), timeout)
    request.held = true
    const data = await collect()
    if (timer) forget(timer)
    if (!waiting()) return
    request.held = false
    if (timeout) {
      // The platform counts from now on, the page from when it sent.
      const left = timeout - (now() - since)
      setTimeoutOf(xhr, left < 1 ? 1 : left)
      request.restore.timeout = timeout
    }
    leave(xhr, request, request.target!, data, original, [kept])
  }

  /** Ends a held request as the platform ends one that is under way. */
  function end(xhr: XMLHttpRequest, request: Opened, how: 'abort' | 'timeout'): void {
    request.held = false
    request.readyState = DONE
    dispatch(xhr, new Event('readystatechange'))
    dispatch(xhr, new ProgressEvent(how))
    dispatch(xhr, new ProgressEvent('loadend'))
  }

  /** A body as it is now: what the page does to it after `send` does not count. */
  function snapshot(body: unknown): unknown {
    // Without a type a blob is sent as bytes are.
    if (body instanceof ArrayBuffer || isView(body)) return new Blob([body as BlobPart])
    if (body instanceof URLSearchParams) return new URLSearchParams(pairs(body))
    if (body instanceof Document) return clone(body, true)
    if (!(body instanceof FormData)) return body
    const copy = new FormData()
    eachEntry(body, (value: FormDataEntryValue, name: string) => addEntry(copy, name, value))
    return copy
  }

  /** Read from all headers at once: asking for one that is not exposed makes the browser complain on the console. */
  function agentData(xhr: XMLHttpRequest): string | undefined {
    return find(/^fp-agent-data: *(\S+)/im, allHeaders(xhr))?.[1]
  }

  const invalidState = (name: string): DOMException =>
    meaning(
      new DOMException(
        `Failed to execute '${name}' on 'XMLHttpRequest': The object's state must be OPENED.`,
        'InvalidStateError',
      ),
    )
}
