// Signals as cookies: `fp-data-<key>-0=<count>.<text>`, `fp-data-<key>-1=<text>`, …, and which of them count. Another host
// of the site can leave cookies here too, but none whose name begins with `__Host-`.

import { indexOf, randomText, slice } from './language'

/** Enough for the request to leave; the worker's answer ends them sooner. */
const LIFE_SECONDS = 5

/** A browser refuses cookies of more than 4096 bytes, name included. */
const CHUNK = 4000

/** Puts signals into the jar of a page for requests of this path. When it is done the browser has them. */
export function putSignals(jar: Pick<Document, 'cookie'>, data: string, { pathname, protocol }: Pick<URL, 'pathname' | 'protocol'>): void {
  const isSecure = protocol === 'https:'
  const attributes = `; max-age=${LIFE_SECONDS}; samesite=strict${isSecure ? '; secure' : ''}`
  const key = randomText()
  // A semicolon would end the attribute; the part before it is a path above this one.
  const end = indexOf(pathname, ';')
  const path = end < 0 ? pathname : slice(pathname, 0, end)
  const count = ((data.length + CHUNK - 1) / CHUNK) | 0
  for (let at = 0; at < count; at++) {
    const chunk = slice(data, at * CHUNK, (at + 1) * CHUNK)
    jar.cookie = `fp-data-${key}-${at}=${at ? '' : `${count}.`}${chunk}; path=${path}${attributes}`
  }
  jar.cookie = `${isSecure ? '__Host-' : ''}fp-data-key=${key}; path=/${attributes}`
  // A browser writes cookies in the background, and a navigation may leave before the last of them. Reading waits.
  void jar.cookie
}
