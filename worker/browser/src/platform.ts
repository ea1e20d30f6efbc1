// The browser's own functions and values, taken before the first statement of the page: see `language.ts`.
import { apply, getter, method, setter } from './language'

export { getter, method, setter }

/** A window with the globals of its own realm. */
export type Realm = Window & typeof globalThis

export const win = window as Realm
export const doc = document
export const pageOrigin = self.origin
export const NativeObserver = MutationObserver
const consoleOf = console
const write = { debug: console.debug, error: console.error }

export const print = (level: 'debug' | 'error', message: unknown[]): void => void apply(write[level], consoleOf, message)

// Time.
const clock = performance
const clockNow = method<number>(Performance.prototype, 'now')
const nativeTimeout = setTimeout
const nativeClear = clearTimeout

/** Milliseconds on the page's clock. */
export const now = (): number => clockNow(clock)
export const later = (act: () => void, milliseconds = 0): number => apply(nativeTimeout, win, [act, milliseconds]) as number
export const forget = (timer: number): void => void apply(nativeClear, win, [timer])

// Events. A listener that fails is its window's matter.
export const listen = method<void>(EventTarget.prototype, 'addEventListener')
/** Listens to several events, before the page's own listeners. */
export function listenAll(target: EventTarget, types: string[], listener: (event: Event) => void): void {
  for (let at = 0; at < types.length; at++) listen(target, types[at], listener, true)
}
export const unlisten = method<void>(EventTarget.prototype, 'removeEventListener')
export const dispatch = method<boolean>(EventTarget.prototype, 'dispatchEvent')
export const prevent = method<void>(Event.prototype, 'preventDefault')
export const silence = method<void>(Event.prototype, 'stopImmediatePropagation')
export const pathOf = method<EventTarget[]>(Event.prototype, 'composedPath')
export const eventTarget = getter<EventTarget>(Event.prototype, 'target')
export const isPrevented = getter<boolean>(Event.prototype, 'defaultPrevented')
export const isCancelable = getter<boolean>(Event.prototype, 'cancelable')

// The document. Elements with names (`<img name=cookie>`) hide attributes of the document, and of forms.
export const baseOf = getter<string>(Node.prototype, 'baseURI')
export const documentOf = getter<Document>(Node.prototype, 'ownerDocument')
export const isConnected = getter<boolean>(Node.prototype, 'isConnected')
export const nodeName = getter<string>(Node.prototype, 'nodeName')
export const nodeType = getter<number>(Node.prototype, 'nodeType')
export const nextSibling = getter<Node | null>(Node.prototype, 'nextSibling')
export const parentNode = getter<Node | null>(Node.prototype, 'parentNode')
export const append = method(Node.prototype, 'appendChild')
export const rootOf = method<Node>(Node.prototype, 'getRootNode')
export const remove = method(Element.prototype, 'remove')
export const attribute = method<string | null>(Element.prototype, 'getAttribute')
export const nonceOf = getter<string>(HTMLElement.prototype, 'nonce')
export const setAttribute = method(Element.prototype, 'setAttribute')
export const createElement = method<HTMLElement>(Document.prototype, 'createElement')
export const queryAll = method<NodeListOf<Element>>(Document.prototype, 'querySelectorAll')
export const query = method<Element | null>(Document.prototype, 'querySelector')
export const rootElement = getter<Element | null>(Document.prototype, 'documentElement')
export const readyState = getter<DocumentReadyState>(Document.prototype, 'readyState')
export const isHidden = getter<boolean>(Document.prototype, 'hidden')
export const getCookie = getter<string>(Document.prototype, 'cookie')
export const setCookie = setter(Document.prototype, 'cookie')
export const observe = method(MutationObserver.prototype, 'observe')
export const disconnect = method(MutationObserver.prototype, 'disconnect')
