import { config } from './config'
import { endpoint } from './loader'
import { catches, parsePattern } from './patterns'

/** A call the worker will ask signals of. */
export interface ProtectedCall {
  url: URL
  /** Whether it goes to another origin than the page's. */
  crossOrigin: boolean
}

const apis = (config.protectedApis ?? []).flatMap(({ method, url }) => {
  const pattern = parsePattern(url)
  return pattern ? [{ method, pattern }] : []
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
  if (!apis.some((api) => api.method === method && catches(api.pattern, target))) return null
  return { url: target, crossOrigin: target.origin !== self.origin }
}

/** A method as the platform sends it: six names are put into upper case, all others stay as they are written. */
export function normalMethod(method: string): string {
  return /^(delete|get|head|options|post|put)$/i.test(method) ? method.toUpperCase() : method
}
