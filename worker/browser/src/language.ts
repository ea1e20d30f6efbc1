// The language's own functions, taken before the first statement of the page; `platform.ts` has the browser's. What the
// page, or a library it uses, puts over a global or adds to a prototype later is the page's own: nothing else in these
// scripts reads a global, calls a method or asks a getter of either by its name.
//
// The language calls some of them unasked, so these scripts neither iterate (`for of`, spread, destructured arrays) nor
// chain promises: indices and `await` ask nothing that a page can replace.

type Function_ = (...args: never[]) => unknown

const { apply, construct, getOwnPropertyDescriptor, defineProperty } = Reflect
const { create } = Object
export { apply, construct, create, defineProperty, getOwnPropertyDescriptor }

/** A method of the platform as a function of the object it is called on. */
export function method<R = unknown>(prototype: object, name: string): (self: unknown, ...args: unknown[]) => R {
  const called = (prototype as Record<string, Function_>)[name]!
  return (self, ...args) => apply(called, self, args) as R
}

/** An attribute's getter as a function of the object it is read from. */
export function getter<R = unknown>(prototype: object, name: string): (self: unknown) => R {
  const get = getOwnPropertyDescriptor(prototype, name)?.get as Function_
  return (self) => apply(get, self, []) as R
}

/** An attribute's setter, likewise. */
export function setter(prototype: object, name: string): (self: unknown, value: unknown) => void {
  const set = getOwnPropertyDescriptor(prototype, name)?.set as Function_
  return (self, value) => void apply(set, self, [value])
}

/** A map that holds its keys weakly. */
export interface Store<K, V> {
  get(key: K): V | undefined
  set(key: K, value: V): void
}

const NativeWeakMap = WeakMap
const weakGet = method(WeakMap.prototype, 'get')
const weakSet = method(WeakMap.prototype, 'set')

export function store<K extends object, V>(): Store<K, V> {
  const map = new NativeWeakMap<K, V>()
  return {
    get: (key) => weakGet(map, key) as V | undefined,
    set: (key, value) => void weakSet(map, key, value),
  }
}

export const text = String
export const NativePromise = Promise

// Text.
export const indexOf = method<number>(String.prototype, 'indexOf')
export const lastIndexOf = method<number>(String.prototype, 'lastIndexOf')
export const slice = method<string>(String.prototype, 'slice')
export const upper = method<string>(String.prototype, 'toUpperCase')
export const lower = method<string>(String.prototype, 'toLowerCase')
export const normalize = method<string>(String.prototype, 'normalize')
const codeAt = method<number>(String.prototype, 'charCodeAt')
export const { fromCharCode } = String
const exec = method<RegExpExecArray | null>(RegExp.prototype, 'exec')

/** What a pattern finds; it has neither the flag `g` nor `y`, whose state would be the page's to read. */
export const find = (pattern: RegExp, searched: string): RegExpExecArray | null => exec(pattern, searched)
export const startsWith = (whole: string, start: string): boolean => slice(whole, 0, start.length) === start
export const endsWith = (whole: string, end: string): boolean => !end || slice(whole, -end.length) === end

const Bytes = Uint8Array
const decoder = new TextDecoder()
const decode = method<string>(TextDecoder.prototype, 'decode')

/** The text of bytes, one a character, in UTF-8. */
export function decoded(bytes: string): string {
  const array = new Bytes(bytes.length)
  for (let at = 0; at < bytes.length; at++) array[at] = codeAt(bytes, at)
  return decode(decoder, array)
}

const Words = Uint32Array
const source = crypto
const fill = method(Crypto.prototype, 'getRandomValues')

/** Digits that nobody guesses. */
export function randomText(): string {
  const words = new Words(2)
  fill(source, words)
  return `${words[0]}-${words[1]}`
}

// Addresses.

/** A URL as far as these scripts look at it. */
export interface Address {
  href: string
  origin: string
  protocol: string
  hostname: string
  pathname: string
  search: string
}

const NativeUrl = URL
const hrefOf = getter<string>(URL.prototype, 'href')
const originOf = getter<string>(URL.prototype, 'origin')
const protocolOf = getter<string>(URL.prototype, 'protocol')
const hostnameOf = getter<string>(URL.prototype, 'hostname')
const pathnameOf = getter<string>(URL.prototype, 'pathname')
const searchOf = getter<string>(URL.prototype, 'search')

/** Takes a URL apart; `null` where the platform would refuse it. */
export function address(url: string, base?: string): Address | null {
  try {
    const read = new NativeUrl(url, base)
    return {
      href: hrefOf(read),
      origin: originOf(read),
      protocol: protocolOf(read),
      hostname: hostnameOf(read),
      pathname: pathnameOf(read),
      search: searchOf(read),
    }
  } catch {
    return null
  }
}
