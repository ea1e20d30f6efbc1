// Which URLs a pattern catches. The worker decides the same in Rust; `fixtures/patterns.json` holds the
// cases both are tested with.

import { address, endsWith, find, indexOf, lower, slice, startsWith, upper, type Address } from './language'

/** A URL pattern, taken apart once so that a call costs a few string comparisons. */
export interface Pattern {
  /** `http:` or `https:`; empty means both. */
  scheme: string
  /** The whole host, or what it must end with when `anySubdomain`. */
  host: string
  anySubdomain: boolean
  /** The whole path and query, or what they must begin with when `prefix`. */
  path: string
  prefix: boolean
}

/** Takes a pattern apart; an invalid one is `null` and catches nothing, as at the edge. */
export function parsePattern(pattern: string): Pattern | null {
  const parts = find(/^(?:([^/]*:)\/\/)?(.*)$/s, pattern)
  const scheme = lower(parts?.[1] ?? '')
  const rest = parts?.[2] ?? ''
  if (!rest || indexOf(rest, '?') >= 0 || !find(/^(https?:)?$/, scheme)) return null
  const anySubdomain = rest[0] === '*'
  // A bare star leaves no host to parse, and a URL needs one.
  const start = anySubdomain ? 1 : 0
  const slash = indexOf(rest, '/')
  const host = slice(rest, start, slash < 0 ? rest.length : slash)
  const anyHost = anySubdomain && !host
  const url = address(`https://${anyHost ? 'any' : host}${slash < 0 ? '' : slice(rest, slash)}`)
  if (!url) return null
  const prefix = endsWith(url.pathname, '*')
  const bare = prefix ? slice(url.pathname, 0, -1) : url.pathname
  if (find(/\*|%2a/i, url.hostname) || indexOf(bare, '*') >= 0) return null
  return { scheme, host: anyHost ? '' : url.hostname, anySubdomain, path: capitalEscapes(bare), prefix }
}

/** The digits of escapes in capitals: they mean the same (RFC 3986 §6.2.2.1). */
function capitalEscapes(path: string): string {
  let made = ''
  for (let rest = path; ; ) {
    const at = indexOf(rest, '%')
    if (at < 0) return made + rest
    const escape = slice(rest, at, at + 3)
    const isEscape = find(/^%[\da-f]{2}$/i, escape)
    made += slice(rest, 0, at) + (isEscape ? upper(escape) : '%')
    rest = slice(rest, at + (isEscape ? 3 : 1))
  }
}

/** Whether a pattern names a host. */
export function namesHost({ anySubdomain, host }: Pattern, hostname: string): boolean {
  return anySubdomain ? endsWith(hostname, host) : hostname === host
}

/** Whether a pattern catches a URL: ports, userinfo and fragment do not count, the query does. */
export function catches(pattern: Pattern, url: Address): boolean {
  const path = capitalEscapes(url.pathname) + url.search
  return (
    (!pattern.scheme || pattern.scheme === url.protocol) &&
    namesHost(pattern, url.hostname) &&
    (pattern.prefix ? startsWith(path, pattern.path) : path === pattern.path)
  )
}
