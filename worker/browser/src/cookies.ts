// Signals for a top-level navigation. It has no headers a page could set, and a URL has no room for them, so they
// travel in cookies that live for seconds on that path alone.
import { putSignals } from './chunks'
import { protectedCall } from './protection'
import { take } from './signals'

/**
 * Gives a navigation what it needs; `false` when it needs signals and there are none at hand. `hasWaited` is for one
 * that was held. Cookies set here reach no other origin, so what goes there is let go.
 */
export function prepareNavigation(url: string, base: string, hasWaited = false): boolean {
  const target = protectedCall(url, base, 'GET')
  if (!target || target.crossOrigin) return true
  const data = take(hasWaited)
  if (!data) return false
  putSignals(document, data, target.url)
  return true
}
