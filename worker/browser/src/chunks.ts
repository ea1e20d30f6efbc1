// Signals as cookies: `fp-data-<key>-0=<count>.<text>`, `fp-data-<key>-1=<text>`, …, and which of them count. Another host
// of the site can leave cookies here too, but none whose name begins with `__Host-`.

/** Enough for the request to leave; the worker's answer ends them sooner. */
const LIFE_SECONDS = 5

/** A browser refuses cookies of more than 4096 bytes, name included. */
const CHUNK = 4000

/** Puts signals into the jar of a page for requests of this path. When it is done the browser has them. */
export function putSignals(jar: Pick<Document, 'cookie'>, data: string, { pathname, protocol }: URL): void {
  const [host, secure] = protocol === 'https:' ? ['__Host-', '; secure'] : ['', '']
  const attributes = `; max-age=${LIFE_SECONDS}; samesite=strict${secure}`
  const key = crypto.getRandomValues(new Uint32Array(2)).join('-')
  // A semicolon would end the attribute; the part before it is a path above this one.
  const path = pathname.split(';')[0] ?? '/'
  const count = Math.ceil(data.length / CHUNK)
  for (let at = 0; at < count; at++) {
    const chunk = data.slice(at * CHUNK, (at + 1) * CHUNK)
    jar.cookie = `fp-data-${key}-${at}=${at ? '' : `${count}.`}${chunk}; path=${path}${attributes}`
  }
  jar.cookie = `${host}fp-data-key=${key}; path=/${attributes}`
  // A browser writes cookies in the background, and a navigation may leave before the last of them. Reading waits.
  void jar.cookie
}
