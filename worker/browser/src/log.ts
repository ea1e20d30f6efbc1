import { config } from './config'

const LEVELS = ['debug', 'info', 'warn', 'error']

/** Writes to the console what the configured level lets through; at the default level a working page stays silent. */
export function log(level: 'debug' | 'error', ...message: unknown[]): void {
  const lowest = LEVELS.indexOf(config.logLevel)
  if (LEVELS.indexOf(level) >= (lowest < 0 ? LEVELS.length - 1 : lowest)) console[level]('[edgeproof]', ...message)
}
