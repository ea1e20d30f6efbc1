import { forms, place } from './canonical'
import { config } from './config'
import { endpoint } from './loader'
import { catches, namesHost, parsePattern } from './patterns'

/** A call the worker will ask signals of. */
export interface ProtectedCall {
  url: URL
  /** Whether it goes to another origin than the page's. */
  crossOrigin: boolean
}

const apis = (config.protectedApis ?? []).flatMap(({ method, url, shape }) => {
  const pattern = parsePattern(url)
  return pattern ? [{ method, pattern, shape }] : []
})

/** Whether there is anything to protect: if not, nothing on the page is touched. */
export const anyProtected = apis.length > 0

/**
 * Decides as the worker does whether a call needs signals; `base` is what a relative URL is relative to. What the
 * worker answers itself is exempt: the agent must be able to load.
 */
export function protectedCall(url: string, base: string, method: string): ProtectedCall | null {
  let target: URL
  try {
    target = new URL(url, base)
  } catch {
    return null // The platform will refuse it in its own words.
  }
  if (target.href.startsWith(`${endpoint}/`)) return null
  const isCall = apis.some((api) => api.method === method && catches(api.pattern, target))
  if (!isCall && !isNearMiss(target, method)) return null
  return { url: target, crossOrigin: target.origin !== self.origin }
}

/** Whether an origin may take a call for a protected one that it is not by its letters: the worker asks signals of it too. */
function isNearMiss(target: URL, method: string): boolean {
  let found: string[]
  return apis.some(({ method: own, pattern, shape }) => {
    const where = counts(own, method)
    if (!shape || !where || !namesHost(pattern, target.hostname.replace(/\.$/, ''))) return false
    const lies = place(shape, pattern.prefix, (found ??= forms(target.pathname)))
    return lies === 'own' || lies === where
  })
}

/** Where a call by another method counts as one of an API's: also below its path, on its path only, or nowhere. */
function counts(own: string, method: string): 'below' | 'own' | null {
  if (own === method || !/^(GET|HEAD|OPTIONS|POST|PUT|PATCH|DELETE)$/.test(method)) return 'below'
  if (method === 'HEAD') return own === 'GET' ? 'below' : null
  // The body of a POST may override its method.
  if (method === 'POST') return own === 'GET' ? null : 'below'
  return own === 'POST' && !/^(GET|OPTIONS)$/.test(method) ? 'own' : null
}

/** A method as the platform sends it: six names are put into upper case, all others stay as they are written. */
export function normalMethod(method: string): string {
  return /^(delete|get|head|options|post|put)$/i.test(method) ? method.toUpperCase() : method
}
