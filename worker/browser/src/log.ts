import { config } from './config'
import { print } from './platform'

/** Writes to the console: what went wrong at every level, everything at `debug`. A working page stays silent. */
export function log(level: 'debug' | 'error', what: string, reason?: unknown): void {
  if (level === 'debug' && config.logLevel !== 'debug') return
  const line: unknown[] = ['[edgeproof]', what]
  if (reason !== undefined) line[2] = reason
  print(level, line)
}

/** Says of a protected call how it leaves. */
export function tell(way: string, method: string, url: string, data: string | null): void {
  log('debug', `${way} ${method} ${url} leaves with${data ? '' : 'out'} signals`)
}
