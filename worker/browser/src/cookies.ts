// Signals for a top-level navigation. It has no headers a page could set, and a URL has no room for them, so they
// travel in cookies that live for seconds on that path alone: `fp-data-0=<count>.<text>`, `fp-data-1=<text>`, …
import { protectedCall } from './protection'
import { take } from './signals'

/** Enough for the request to leave. */
const LIFE_SECONDS = 5

/** A browser refuses cookies of more than 4096 bytes, name included. */
const CHUNK = 4000

/**
 * Gives a navigation what it needs; `false` when it needs signals and there are none at hand. `hasWaited` is for one
 * that was held. Cookies set here reach no other origin, so what goes there is let go.
 */
export function prepareNavigation(url: string, base: string, hasWaited = false): boolean {
  const target = protectedCall(url, base, 'GET')
  if (!target || target.crossOrigin) return true
  const data = take(hasWaited)
  if (!data) return false
  const { pathname, protocol } = target.url
  // A semicolon would end the attribute; the part before it is a path above this one.
  const path = pathname.split(';')[0] ?? '/'
  const attributes = `; path=${path}; max-age=${LIFE_SECONDS}; samesite=strict${protocol === 'https:' ? '; secure' : ''}`
  const count = Math.ceil(data.length / CHUNK)
  for (let at = 0; at < count; at++) {
    const chunk = data.slice(at * CHUNK, (at + 1) * CHUNK)
    document.cookie = `fp-data-${at}=${at ? '' : `${count}.`}${chunk}${attributes}`
  }
  return true
}
