// Paths in canonical form: what the servers behind the edge make of the many spellings of one path. The worker does the
// same in Rust (`core/src/canonical.rs`), where it is explained; `fixtures/near-misses.json` is the table of both.

import { decoded, endsWith, find, fromCharCode, indexOf, lastIndexOf, lower, normalize, slice, startsWith } from './language'

/** A pattern's path in canonical form, as the worker hands it over. */
export interface Shape {
  path: string
  /** Without a file name or an extension that many servers do not ask for. */
  bare?: string
}

/** What may stand behind a path while servers run the same call. */
const NOTHING =
  /^([?#].*|\/index\.(php|s?html?|aspx?|jspx?|cgi|do)(\/.*)?|\.[a-z].*|\.[^/]*|[^\p{Alphabetic}\p{N}_/-]*)$/su

/** What nobody sees in a path, and parameters of a segment. */
const UNSEEN = /[\s\p{Cc}\p{DI}\uFFFD]|;[^/\\]*/u

/** The canonical forms of a path: as it came and unescaped, with dot segments and without. */
export function forms(path: string): string[] {
  const found: string[] = []
  for (let level = 0; level++ < 3; path = unescaped(path)) {
    // A path is bytes here, one a character.
    const clean = without(UNSEEN, lower(normalize(decoded(path), 'NFKC')))
    let kept = ''
    let resolved = ''
    for (let rest = clean, ended = false; !ended; ) {
      const slash = find(/[/\\]/, rest)
      ended = !slash
      const segment = slash ? slice(rest, 0, slash.index) : rest
      rest = slash ? slice(rest, slash.index + 1) : ''
      const isUp = segment === '..'
      const name = isUp ? segment : trimmed(segment)
      if (name) kept += '/' + name
      if (isUp) resolved = slice(resolved, 0, lastIndexOf(resolved, '/'))
      else if (name) resolved += '/' + name
    }
    found[found.length] = kept
    found[found.length] = resolved
  }
  return found
}

/** The bytes with their escapes undone. */
function unescaped(path: string): string {
  let made = ''
  for (let rest = path; ; ) {
    const at = indexOf(rest, '%')
    if (at < 0) return made + rest
    const escape = find(/^%([\da-f]{2})/i, slice(rest, at, at + 3))
    made += slice(rest, 0, at) + (escape ? fromCharCode(+`0x${escape[1]}`) : '%')
    rest = slice(rest, at + (escape ? 3 : 1))
  }
}

/** A text without what a pattern finds in it. */
function without(pattern: RegExp, text: string): string {
  let made = ''
  for (let rest = text; ; ) {
    const found = find(pattern, rest)
    if (!found) return made + rest
    made += slice(rest, 0, found.index)
    rest = slice(rest, found.index + found[0].length)
  }
}

/** A segment without the dots at its end. */
function trimmed(segment: string): string {
  let end = segment.length
  while (end && segment[end - 1] === '.') end--
  return slice(segment, 0, end)
}

/** Where a path lies, given in its forms: `own` is the pattern's own path, `below` where its wildcard stands. */
export function place({ path, bare }: Shape, prefix: boolean, forms: string[]): 'own' | 'below' | null {
  const own = endsWith(path, '/') ? slice(path, 0, -1) : path
  let best: 'below' | null = null
  for (let at = 0; at < forms.length; at++) {
    const form = forms[at]!
    if (form === bare) return 'own'
    if (!startsWith(form, own)) continue
    const rest = slice(form, own.length)
    const isBehind = rest[0] === '/'
    if (find(NOTHING, rest) || (isBehind && bare !== undefined)) return 'own'
    if (prefix && (isBehind || own === path)) best = 'below'
  }
  return best
}
