import { config } from './config'
import { find, NativePromise } from './language'
import {
  append,
  attribute,
  createElement,
  disconnect,
  doc,
  listen,
  NativeObserver,
  nextSibling,
  nonceOf,
  observe,
  pageOrigin,
  parentNode,
  query,
  readyState,
  remove,
  rootElement,
  setAttribute,
} from './platform'

/** What the worker's `loader.js` exports: the platform's agent. */
export interface Loader {
  start(options: { endpoints: string; integrationInfo: string[] }): Agent | Promise<Agent>
  /** Stores what an identification answered; throws on malformed input. */
  handleAgentData(data: string): void
}

/** A started agent. */
export interface Agent {
  collect(): Promise<string>
}

/** Where the worker answers itself, on the page's own origin. */
export const endpoint = `${pageOrigin}/${config.routePrefix}`

/** The first Chromium that reads an import map although modules were loaded before it. */
const MERGING_CHROMIUM = 133

const script = doc.currentScript

/** The hash of the module, on a page whose `Integrity-Policy` blocks scripts that are loaded without one. */
const hash = script && attribute(script, 'data-loader')
const nonce = hash && nonceOf(script)

/** Loads the agent's module, once a page and attempt however often it is asked for. */
export async function importLoader(attempt = 0): Promise<Loader> {
  if (!mergesImportMaps) await importMapIsRead()
  const url = `${endpoint}/loader.js${attempt ? `?attempt=${attempt}` : ''}`
  if (hash) await preload(url, hash)
  return (await import(url)) as Loader
}

/** Loads a module with its hash. `import()` takes none, and finds the module that is there. */
function preload(href: string, integrity: string): Promise<void> {
  return new NativePromise((resolve) => {
    const link = createElement(doc, 'link')
    const end = (): void => {
      remove(link)
      resolve()
    }
    setAttribute(link, 'rel', 'modulepreload')
    setAttribute(link, 'href', href)
    setAttribute(link, 'integrity', integrity)
    setAttribute(link, 'nonce', nonce)
    listen(link, 'load', end)
    listen(link, 'error', end)
    append(rootElement(doc), link)
  })
}

/** Chromium alone tells its version; others wait, whatever theirs. */
const mergesImportMaps = ((): boolean => {
  const { userAgentData } = navigator as { userAgentData?: { brands: { brand: string; version: string }[] } }
  const brands = userAgentData?.brands ?? []
  for (let at = 0; at < brands.length; at++) {
    if (brands[at]!.brand === 'Chromium') return +brands[at]!.version >= MERGING_CHROMIUM
  }
  return false
})()

/**
 * Resolves when a module can be loaded without harm. Other browsers ignore an import map that comes after the first
 * module was loaded, and with it every module of the page is lost.
 */
function importMapIsRead(): Promise<void> {
  return new NativePromise((resolve) => {
    const look = (): void => {
      if (readyState(doc) === 'loading' && !hasModules()) return
      disconnect(observer)
      resolve()
    }
    const observer = new NativeObserver(look)
    observe(observer, doc, { childList: true, subtree: true })
    listen(doc, 'readystatechange', look)
    look()
  })
}

/** Whether the parser has read an import map, which counts at its end, or a module, which no map may follow. */
function hasModules(): boolean {
  const script = query(doc, 'script[type=importmap i],script[type=module i]')
  if (!script) return false
  const isModule = find(/^m/i, attribute(script, 'type') ?? '')
  return !!(isModule ?? nextSibling(script) ?? nextSibling(parentNode(script)))
}
