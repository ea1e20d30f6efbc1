import { normalMethod, protectedCall, type ProtectedCall } from './protection'
import { collect, learn, take } from './signals'
import { getter, replace } from './wrap'

/** What is known of a request between `open` and the next `open`. */
interface Opened {
  target: ProtectedCall | null
  async: boolean
  /** Sent by the page, held here until there are signals. */
  held: boolean
  /** What `readyState` says while the platform's own state lags behind: after a held call was aborted or timed out. */
  readyState?: number
  /** Undoes what was changed on the object for the sake of the call. */
  restore: Array<() => void>
}

/** Instruments XMLHttpRequest of a window: protected calls carry signals in the `fp-data` header. */
export function instrumentXhr(win: Window & typeof globalThis): void {
  const prototype = win.XMLHttpRequest.prototype
  const setHeader = prototype.setRequestHeader
  const requests = new WeakMap<object, Opened>()
  const stateOf = getter<number>(prototype, 'readyState')

  replace(prototype, 'open', (self, args, native) => {
    native()
    const xhr = self as XMLHttpRequest
    for (const undo of requests.get(xhr)?.restore ?? []) undo()
    // With two arguments a request is asynchronous; a third one that is missing or false makes it synchronous.
    const request: Opened = { target: null, async: args.length < 3 || !!args[2], held: false, restore: [] }
    requests.set(xhr, request)
    try {
      request.target = protectedCall(String(args[1]), win.document.baseURI, normalMethod(String(args[0])))
    } catch {
      // A URL the platform could open and we cannot read is no pattern's.
    }
  })

  replace(prototype, 'send', (self, args, native) => {
    const xhr = self as XMLHttpRequest
    const request = requests.get(xhr)
    if (request?.held) throw invalidState('send')
    if (!request?.target || stateOf(xhr) !== 1) return native()
    const data = take()
    if (data || !request.async) return leave(xhr, request, data, native)
    hold(xhr, request, args, native)
    return undefined
  })

  replace(prototype, 'setRequestHeader', (self, _args, native) => {
    if (requests.get(self as object)?.held) throw invalidState('setRequestHeader')
    return native()
  })

  replace(prototype, 'abort', (self, _args, native) => {
    const request = requests.get(self as object)
    native()
    if (request?.held) {
      end(self as XMLHttpRequest, request, 'abort')
      request.readyState = 0
    }
  })

  Object.defineProperty(prototype, 'readyState', {
    ...Object.getOwnPropertyDescriptor(prototype, 'readyState'),
    get: new Proxy(Object.getOwnPropertyDescriptor(prototype, 'readyState')?.get as () => number, {
      apply: (target, self) => requests.get(self as object)?.readyState ?? Reflect.apply(target, self, []),
    }),
  })

  /** Sends with the signals there are. */
  function leave(xhr: XMLHttpRequest, request: Opened, data: string | null, native: (args?: unknown[]) => unknown, args?: unknown[]): unknown {
    if (data && request.target) {
      const included = xhr.withCredentials
      if (request.target.crossOrigin && !included) {
        xhr.withCredentials = true
        request.restore.push(() => (xhr.withCredentials = false))
      }
      setHeader.call(xhr, 'fp-data', (request.target.crossOrigin && included ? '_' : '') + data)
      if (request.async) xhr.addEventListener('loadend', () => learn(agentData(xhr)), { once: true })
    }
    const result = native(args)
    if (!request.async) learn(agentData(xhr))
    return result
  }

  /** Holds a sent request until the agent has signals, as little visible to the page as can be. */
  function hold(xhr: XMLHttpRequest, request: Opened, args: unknown[], native: (args?: unknown[]) => unknown): void {
    const since = performance.now()
    const body = snapshot(args[0])
    const { timeout } = xhr
    request.held = true
    const timer = timeout && setTimeout(() => {
      if (current()) end(xhr, request, 'timeout')
    }, timeout)
    const current = (): boolean => request.held && requests.get(xhr) === request

    void collect().then((data) => {
      clearTimeout(timer)
      if (!current()) return
      request.held = false
      if (timeout) {
        xhr.timeout = Math.max(1, timeout - (performance.now() - since))
        request.restore.push(() => (xhr.timeout = timeout))
      }
      leave(xhr, request, data, native, [body])
    })
  }

  /** Ends a held request as the platform ends one that is under way. */
  function end(xhr: XMLHttpRequest, request: Opened, how: 'abort' | 'timeout'): void {
    request.held = false
    request.readyState = 4
    xhr.dispatchEvent(new Event('readystatechange'))
    for (const event of [how, 'loadend']) xhr.dispatchEvent(new ProgressEvent(event))
  }

  /** A body as it is now: what the page does to it after `send` no longer counts. */
  function snapshot(body: unknown): unknown {
    if (body instanceof win.FormData) {
      const copy = new win.FormData()
      for (const [name, value] of body) copy.append(name, value as string)
      return copy
    }
    if (body instanceof win.URLSearchParams) return new win.URLSearchParams(body)
    if (body instanceof win.Document) return body.cloneNode(true)
    if (body instanceof win.ArrayBuffer) return body.slice(0)
    if (ArrayBuffer.isView(body)) return body.buffer.slice(body.byteOffset, body.byteOffset + body.byteLength)
    return body
  }

  const invalidState = (method: string): DOMException =>
    new win.DOMException(
      `Failed to execute '${method}' on 'XMLHttpRequest': The object's state must be OPENED.`,
      'InvalidStateError',
    )
}

/** Read from all headers at once: asking for a hidden one by name makes the browser complain on the console. */
function agentData(xhr: XMLHttpRequest): string | null {
  return /^fp-agent-data: *(.*)$/im.exec(xhr.getAllResponseHeaders() ?? '')?.[1]?.trim() ?? null
}
