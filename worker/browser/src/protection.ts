import { forms, place, type Shape } from './canonical'
import { config } from './config'
import { address, endsWith, find, slice, startsWith, upper, type Address } from './language'
import { endpoint } from './loader'
import { catches, namesHost, parsePattern, type Pattern } from './patterns'
import { pageOrigin } from './platform'

/** A call the worker will ask signals of. */
export interface ProtectedCall {
  url: Address
  /** Whether it goes to another origin than the page's. */
  crossOrigin: boolean
}

const apis: { method: string; pattern: Pattern; shape?: Shape | undefined }[] = []
const configured = config.protectedApis ?? []
for (let at = 0; at < configured.length; at++) {
  const { method, url, shape } = configured[at]!
  const pattern = parsePattern(url)
  if (pattern) apis[apis.length] = { method, pattern, shape }
}

/** Whether there is anything to protect: if not, nothing on the page is touched. */
export const anyProtected = apis.length > 0

/**
 * Decides as the worker does whether a call needs signals; `base` is what a relative URL is relative to. What the
 * worker answers itself is exempt: the agent must be able to load.
 */
export function protectedCall(url: string, base: string, method: string): ProtectedCall | null {
  const target = address(url, base)
  // What is no URL the platform will refuse in its own words.
  if (!target || startsWith(target.href, `${endpoint}/`)) return null
  for (let at = 0; at < apis.length; at++) {
    const api = apis[at]!
    if (api.method === method && catches(api.pattern, target)) {
      return { url: target, crossOrigin: target.origin !== pageOrigin }
    }
  }
  return isNearMiss(target, method) ? { url: target, crossOrigin: target.origin !== pageOrigin } : null
}

/** Whether an origin may take a call for a protected one that it is not by its letters: the worker asks signals of it too. */
function isNearMiss({ hostname, pathname }: Address, method: string): boolean {
  const host = endsWith(hostname, '.') ? slice(hostname, 0, -1) : hostname
  let found: string[] | undefined
  for (let at = 0; at < apis.length; at++) {
    const { method: own, pattern, shape } = apis[at]!
    const where = counts(own, method)
    if (!shape || !where || !namesHost(pattern, host)) continue
    const lies = place(shape, pattern.prefix, (found ??= forms(pathname)))
    if (lies === 'own' || lies === where) return true
  }
  return false
}

/** Where a call by another method counts as one of an API's: also below its path, on its path only, or nowhere. */
function counts(own: string, method: string): 'below' | 'own' | null {
  if (own === method || !find(/^(GET|HEAD|OPTIONS|POST|PUT|PATCH|DELETE)$/, method)) return 'below'
  if (method === 'HEAD') return own === 'GET' ? 'below' : null
  // The body of a POST may override its method.
  if (method === 'POST') return own === 'GET' ? null : 'below'
  return own === 'POST' && method !== 'GET' && method !== 'OPTIONS' ? 'own' : null
}

/** A method as the platform sends it: six names are put into upper case, all others stay as they are written. */
export function normalMethod(method: string): string {
  return find(/^(delete|get|head|options|post|put)$/i, method) ? upper(method) : method
}
