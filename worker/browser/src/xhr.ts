import { normalMethod, protectedCall, type ProtectedCall } from './protection'
import { collect, learn, take } from './signals'
import { getter, replace, replaceGetter, type Original, type Realm } from './wrap'

/** What is known of a request from one `open` to the next. */
interface Opened {
  target: ProtectedCall | null
  async: boolean
  /** Sent by the page, and held here until there are signals. */
  held: boolean
  /** What `readyState` says after a held request was aborted or timed out, which the platform never saw begin. */
  readyState?: number
  /** Undoes what was changed on the object for the sake of the call. */
  restore: Array<() => void>
}

/** XMLHttpRequest: protected calls carry signals in the `fp-data` header, taken when they are sent. */
export function instrumentXhr(win: Realm): void {
  const prototype = win.XMLHttpRequest.prototype
  const setHeader = prototype.setRequestHeader
  const stateOf = getter<number>(prototype, 'readyState')
  const requests = new WeakMap<XMLHttpRequest, Opened>()

  replace(prototype, 'open', (xhr: XMLHttpRequest, args, original) => {
    const result = original()
    for (const undo of requests.get(xhr)?.restore ?? []) undo()
    requests.set(xhr, {
      target: protectedCall(String(args[1]), win.document.baseURI, normalMethod(String(args[0]))),
      // With two arguments a request is asynchronous; a third that is missing or false makes it synchronous.
      async: args.length < 3 || !!args[2],
      held: false,
      restore: [],
    })
    return result
  })

  replace(prototype, 'send', (xhr: XMLHttpRequest, args, original) => {
    const request = requests.get(xhr)
    if (request?.held) throw invalidState('send')
    if (!request?.target || stateOf(xhr) !== XMLHttpRequest.OPENED) return original()
    const data = take()
    if (!data && request.async) return hold(xhr, request, args[0], original)
    return leave(xhr, request, data, original)
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
      request.readyState = XMLHttpRequest.UNSENT
    }
    return result
  })

  replaceGetter(prototype, 'readyState', (xhr: XMLHttpRequest, _args, original) => requests.get(xhr)?.readyState ?? original())

  /** Sends with the signals there are. */
  function leave(xhr: XMLHttpRequest, request: Opened, data: string | null, original: Original, args?: unknown[]): unknown {
    if (data) {
      const included = xhr.withCredentials
      if (request.target?.crossOrigin && !included) {
        xhr.withCredentials = true
        request.restore.push(() => (xhr.withCredentials = false))
      }
      setHeader.call(xhr, 'fp-data', (request.target?.crossOrigin && included ? '_' : '') + data)
      xhr.addEventListener('loadend', () => learn(agentData(xhr)), { once: true })
    }
    return original(args)
  }

  /** Holds a sent request until there are signals, as little visible to the page as can be. */
  function hold(xhr: XMLHttpRequest, request: Opened, body: unknown, original: Original): void {
    const { timeout } = xhr
    const since = performance.now()
    const kept = snapshot(body)
    const waiting = (): boolean => request.held && requests.get(xhr) === request
    const timer = timeout && setTimeout(() => waiting() && end(xhr, request, 'timeout'), timeout)
    request.held = true
    void collect().then((data) => {
      clearTimeout(timer)
      if (!waiting()) return
      request.held = false
      if (timeout) {
        // The platform counts from now on, the page from when it sent.
        xhr.timeout = Math.max(1, timeout - (performance.now() - since))
        request.restore.push(() => (xhr.timeout = timeout))
      }
      leave(xhr, request, data, original, [kept])
    })
  }

  /** Ends a held request as the platform ends one that is under way. */
  function end(xhr: XMLHttpRequest, request: Opened, how: 'abort' | 'timeout'): void {
    request.held = false
    request.readyState = XMLHttpRequest.DONE
    xhr.dispatchEvent(new Event('readystatechange'))
    for (const event of [how, 'loadend']) xhr.dispatchEvent(new ProgressEvent(event))
  }

  /** A body as it is now: what the page does to it after `send` does not count. */
  function snapshot(body: unknown): unknown {
    if (body instanceof win.ArrayBuffer) return body.slice(0)
    if (ArrayBuffer.isView(body)) return body.buffer.slice(body.byteOffset, body.byteOffset + body.byteLength)
    if (body instanceof win.URLSearchParams) return new win.URLSearchParams(body)
    if (body instanceof win.Document) return body.cloneNode(true)
    if (!(body instanceof win.FormData)) return body
    const copy = new win.FormData()
    for (const [name, value] of body) copy.append(name, value as string)
    return copy
  }

  const invalidState = (method: string): DOMException =>
    new win.DOMException(
      `Failed to execute '${method}' on 'XMLHttpRequest': The object's state must be OPENED.`,
      'InvalidStateError',
    )
}

/** Read from all headers at once: asking for one that is not exposed makes the browser complain on the console. */
function agentData(xhr: XMLHttpRequest): string | undefined {
  return /^fp-agent-data: *(\S+)/im.exec(xhr.getAllResponseHeaders())?.[1]
}
