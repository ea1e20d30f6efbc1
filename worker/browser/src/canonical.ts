// Paths in canonical form: what the servers behind the edge make of the many spellings of one path. The worker does the
// same in Rust (`core/src/canonical.rs`), where it is explained; `fixtures/near-misses.json` is the table of both.

/** A pattern's path in canonical form, as the worker hands it over. */
export interface Shape {
  path: string
  /** Without a file name or an extension that many servers do not ask for. */
  bare?: string
}

/** What may stand behind a path while servers run the same call. */
const NOTHING =
  /^([?#].*|\/index\.(php|s?html?|aspx?|jspx?|cgi|do)(\/.*)?|\.[a-z].*|\.[^/]*|[^\p{Alphabetic}\p{N}_/-]*)$/su

/** The canonical forms of a path: as it came and unescaped, with dot segments and without. */
export function forms(path: string): string[] {
  const found: string[] = []
  for (let level = 0; level++ < 3; path = path.replace(/%([\da-f]{2})/gi, (_, digits) => String.fromCharCode(+`0x${digits}`))) {
    // A path is bytes here, one a character.
    const text = new TextDecoder().decode(Uint8Array.from(path, (byte) => byte.charCodeAt(0)))
    const clean = text.normalize('NFKC').toLowerCase().replace(/[\s\p{Cc}\p{DI}\uFFFD]|;[^/\\]*/gu, '')
    const kept: string[] = []
    const resolved: string[] = []
    for (const segment of clean.split(/[/\\]/)) {
      const isUp = segment === '..'
      const name = isUp ? segment : segment.replace(/\.+$/, '')
      if (name) kept.push('/' + name)
      if (isUp) resolved.pop()
      else if (name) resolved.push('/' + name)
    }
    found.push(kept.join(''), resolved.join(''))
  }
  return found
}

/** Where a path lies, given in its forms: `own` is the pattern's own path, `below` where its wildcard stands. */
export function place({ path, bare }: Shape, prefix: boolean, forms: string[]): 'own' | 'below' | null {
  const own = path.replace(/\/$/, '')
  const places = forms.map((form) => {
    if (form === bare) return 'own'
    if (!form.startsWith(own)) return null
    const rest = form.slice(own.length)
    const isBehind = rest[0] === '/'
    if (NOTHING.test(rest) || (isBehind && bare !== undefined)) return 'own'
    return prefix && (isBehind || own === path) ? 'below' : null
  })
  return places.find((place) => place === 'own') ?? places.find((place) => place) ?? null
}
