import { config } from './config'
import { address, find, startsWith, upper, type Address } from './language'
import { endpoint } from './loader'
import { catches, parsePattern, type Pattern } from './patterns'
import { pageOrigin } from './platform'

/** A call the worker will ask signals of. */
export interface ProtectedCall {
  url: Address
  /** Whether it goes to another origin than the page's. */
  crossOrigin: boolean
}

const apis: { method: string; pattern: Pattern }[] = []
const configured = config.protectedApis ?? []
for (let at = 0; at < configured.length; at++) {
  const { method, url } = configured[at]!
  const pattern = parsePattern(url)
  if (pattern) apis[apis.length] = { method, pattern }
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
  return null
}

/** A method as the platform sends it: six names are put into upper case, all others stay as they are written. */
export function normalMethod(method: string): string {
  return find(/^(delete|get|head|options|post|put)$/i, method) ? upper(method) : method
}
