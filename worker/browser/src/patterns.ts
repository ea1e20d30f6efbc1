// Which URLs a pattern catches. The worker decides the same in Rust; `fixtures/patterns.json` holds the
// cases both are tested with.

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
  const [, scheme = '', rest = ''] = /^(?:([^/]*:)\/\/)?(.*)$/s.exec(pattern) ?? []
  if (!rest || rest.includes('?') || !/^(https?:)?$/i.test(scheme)) return null
  const anySubdomain = rest.startsWith('*')
  // A bare star leaves no host to parse, and a URL needs one.
  const [host, written] = split(anySubdomain ? rest.slice(1) : rest)
  const anyHost = anySubdomain && !host
  try {
    const url = new URL(`https://${anyHost ? 'any' : host}${written}`)
    const prefix = url.pathname.endsWith('*')
    const bare = prefix ? url.pathname.slice(0, -1) : url.pathname
    if (decodeURIComponent(url.hostname).includes('*') || bare.includes('*')) return null
    const path = capitalEscapes(bare)
    return { scheme: scheme.toLowerCase(), host: anyHost ? '' : url.hostname, anySubdomain, path, prefix }
  } catch {
    return null
  }
}

function split(rest: string): [host: string, path: string] {
  const slash = rest.indexOf('/')
  return slash < 0 ? [rest, ''] : [rest.slice(0, slash), rest.slice(slash)]
}

/** The digits of escapes in capitals: they mean the same (RFC 3986 §6.2.2.1). */
function capitalEscapes(path: string): string {
  return path.replace(/%[\da-f]{2}/gi, (escape) => escape.toUpperCase())
}

/** Whether a pattern names a host. */
export function namesHost({ anySubdomain, host }: Pattern, hostname: string): boolean {
  return anySubdomain ? hostname.endsWith(host) : hostname === host
}

/** Whether a pattern catches a URL: ports, userinfo and fragment do not count, the query does. */
export function catches(pattern: Pattern, url: URL): boolean {
  const path = capitalEscapes(url.pathname) + url.search
  return (
    (!pattern.scheme || pattern.scheme === url.protocol) &&
    namesHost(pattern, url.hostname) &&
    (pattern.prefix ? path.startsWith(pattern.path) : path === pattern.path)
  )
}
