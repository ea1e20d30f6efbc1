// Signals in cookies, where no header can carry them: a navigation has none that a page could set, and a URL has no room
// for them. They live for seconds on that path alone.
import { putSignals } from './chunks'
import { indexOf, type Address } from './language'
import { tell } from './log'
import { doc, getCookie, setCookie } from './platform'
import { protectedCall } from './protection'
import { take, USABLE_MS } from './signals'

/** The page's cookies, whatever it put over `document.cookie`. */
const jar = {
  get cookie(): string {
    return getCookie(doc)
  },
  set cookie(text: string) {
    setCookie(doc, text)
  },
}

/** Whether a call is on its way whose signals are in cookies: those of two would be taken for each other's. */
let onTheWay = false

/**
 * Gives a navigation what it needs; `false` when it needs signals and there are none at hand. Cookies set here reach
 * no other origin, so what goes there is let go.
 */
export function prepareNavigation(url: string, base: string): boolean {
  return !navigationNeeds(url, base) || giveNavigation(url, base, take(USABLE_MS))
}

/** Whether a navigation needs signals and can be given some. */
export function navigationNeeds(url: string, base: string): Address | null {
  const target = protectedCall(url, base, 'GET')
  return target && !target.crossOrigin ? target.url : null
}

/** Gives a navigation these signals; `false` when there are none. */
export function giveNavigation(url: string, base: string, data: string | null): boolean {
  const target = navigationNeeds(url, base)
  if (!target || !data) return false
  tell('navigation', 'GET', target.href, data)
  putSignals(jar, data, target)
  return true
}

/**
 * Gives a GET of a script its signals in cookies, and returns what to call when it is answered; `null` where a header
 * has to do. The header of a call that is redirected would go on to wherever that leads: another origin would be asked
 * for leave first (a preflight), and would have the signals if it gave it.
 */
export function putCallCookies(data: string, target: Address): (() => void) | null {
  if (onTheWay || !keepsCookies()) return null
  onTheWay = true
  putSignals(jar, data, target)
  return () => {
    onTheWay = false
  }
}

/** Whether this page may set cookies at all: one in a frame of another site may not, and a person may have said no. */
function keepsCookies(): boolean {
  if (kept !== undefined) return kept
  const probe = 'fp-data-probe=1; path=/; samesite=strict; max-age='
  jar.cookie = `${probe}5`
  kept = indexOf(jar.cookie, 'fp-data-probe=') >= 0
  jar.cookie = `${probe}0`
  return kept
}

let kept: boolean | undefined
