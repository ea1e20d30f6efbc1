import { config } from './config'

/** What the worker's `loader.js` exports: the platform's agent. */
export interface Loader {
  start(options: { endpoints: string; integrationInfo: string[] }): Agent | Promise<Agent>
  /** Stores what an identification answered; throws on malformed input. */
  handleAgentData(data: string): void
}

/** A started agent. */
export interface Agent {
  collect(): Promise<string>
}

/** Where the worker answers itself, on the page's own origin. */
export const endpoint = `${self.origin}/${config.routePrefix}`

/** Loads the agent's module, once a page and attempt however often it is asked for. */
export const importLoader = (attempt = 0): Promise<Loader> =>
  import(`${endpoint}/loader.js${attempt ? `?attempt=${attempt}` : ''}`) as Promise<Loader>
