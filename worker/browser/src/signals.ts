// The signals of a call: collected for it alone, or taken from a stock of one that is never older than a second.
//
// The stock is what makes calls possible that cannot wait: a synchronous XHR, a beacon, a form, a call made while
// the page unloads. It also lets every other call leave at the moment it would have left without instrumentation.
import { endpoint, importLoader, type Agent, type Loader } from './loader'
import { log } from './log'

/** How long a call waits for the agent to start, and then for it to collect. Past it the call leaves without signals. */
const PATIENCE_MS = 4000

/** The worker refuses signals older than 3 s; a second here leaves two for the way. */
const STOCK_AGE_MS = 1000

const loader: Promise<Loader | null> = importLoader().catch((reason: unknown) => {
  log('debug', 'the agent could not be loaded', reason)
  return null
})

const agent: Promise<Agent | null> = loader
  .then((module) => module && module.start({ endpoints: endpoint, integrationInfo: ['edgeproof/instrumentor'] }))
  .catch((reason: unknown) => {
    log('debug', 'the agent did not start', reason)
    return null
  })

const started = patient(agent)
let stock: { data: string; at: number } | null = null
let stocking = false

/** Signals for a call that leaves now; `null` when it must wait for `collect`. */
export function take(): string | null {
  const fresh = stock && performance.now() - stock.at < STOCK_AGE_MS ? stock.data : null
  stock = null
  void refill()
  return fresh
}

/** Signals for a call that can wait; `null` when the agent has none to give in time. Never rejects. */
export async function collect(): Promise<string | null> {
  const running = await started
  return running && patient(running.collect()).catch((reason: unknown) => {
    log('debug', 'the agent did not collect', reason)
    return null
  })
}

/** Hands the answer of an identification to the agent. */
export function learn(data: string | null): void {
  if (!data) return
  loader
    .then((module) => module?.handleAgentData(data))
    .catch((reason: unknown) => log('debug', 'the agent refused its data', reason))
}

/** Puts fresh signals into the stock. With an agent that answers at once this is done when the current task ends. */
async function refill(): Promise<void> {
  if (stocking) return
  stocking = true
  try {
    const data = await collect()
    if (data) stock = { data, at: performance.now() }
  } finally {
    stocking = false
  }
}

/** Keeps the stock fresh for as long as somebody looks at the page. */
export function keepStocked(): void {
  void agent.then((running) => {
    if (!running) return
    void refill()
    setInterval(() => {
      if (!document.hidden) void refill()
    }, STOCK_AGE_MS / 2)
    // What the page does on its way out runs after these listeners, and after the promises they settle.
    for (const leaving of ['visibilitychange', 'pagehide', 'beforeunload', 'pageshow']) {
      addEventListener(leaving, () => void refill(), true)
    }
  })
}

function patient<T>(promise: Promise<T>): Promise<T | null> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => resolve(null), PATIENCE_MS)
    promise.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}
