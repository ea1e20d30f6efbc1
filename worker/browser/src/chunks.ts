// Signals as cookies: `fp-data-0=<count>.<text>`, `fp-data-1=<text>`, …

import { indexOf, slice } from './language'

/** Enough for the request to leave. */
const LIFE_SECONDS = 5

/** A browser refuses cookies of more than 4096 bytes, name included. */
const CHUNK = 4000

/** Puts signals into the jar of a page for requests of this path. When it is done the browser has them. */
export function putSignals(jar: Pick<Document, 'cookie'>, data: string, { pathname, protocol }: Pick<URL, 'pathname' | 'protocol'>): void {
  // A semicolon would end the attribute; the part before it is a path above this one.
  const end = indexOf(pathname, ';')
  const path = end < 0 ? pathname : slice(pathname, 0, end)
  const attributes = `; path=${path}; max-age=${LIFE_SECONDS}; samesite=strict${protocol === 'https:' ? '; secure' : ''}`
  const count = ((data.length + CHUNK - 1) / CHUNK) | 0
  for (let at = 0; at < count; at++) {
    const chunk = slice(data, at * CHUNK, (at + 1) * CHUNK)
    jar.cookie = `fp-data-${at}=${at ? '' : `${count}.`}${chunk}${attributes}`
  }
  // A browser writes cookies in the background, and a navigation may leave before the last of them. Reading waits.
  void jar.cookie
}
