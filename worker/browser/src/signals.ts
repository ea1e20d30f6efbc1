// The signals of a call: taken from a stock of one that is never older than a second, or collected for it.
//
// The stock is for calls that cannot wait: a synchronous XHR, a beacon, a form, a call made while the page unloads.
// It also lets every other call leave at the very moment it would have left without instrumentation.
import { endpoint, importLoader, type Agent, type Loader } from './loader'
import { log } from './log'

/**
 * How long a call waits for the agent to start, and then for it to collect; past it the call leaves without signals. On
 * a slow device behind a slow network seconds pass before an agent runs, and a call that left too early is refused.
 */
const PATIENCE_MS = 8000

/** How long it waits once an agent has been silent for that long. */
const SHORT_PATIENCE_MS = 200

/** The worker refuses signals older than 3 s; a second here leaves two for the way. */
const STOCK_AGE_MS = 1000

/** For a call that has waited already: what a slow agent gave is better than nothing. */
const OLDEST_MS = 2500

/** How often the stock is renewed while the page is looked at. */
const RENEWAL_MS = 800

interface Stock {
  data: string
  /** When it was asked for, on the page's clock. */
  at: number
}

let loader: Promise<Loader> | undefined
let agent: Agent | null = null
let started: Promise<void> = Promise.resolve()
/** When it was last asked to start, on the page's clock. */
let startedAt = 0
let patience = PATIENCE_MS
let stock: Stock | null = null
/** Ends the waits of calls that would be lost with the page. */
const waits = new Set<() => void>()
let leaving = false
let renewing: Promise<void> | null = null

/** Starts the agent at once, so that it is ready as early as can be. */
export function startAgent(): void {
  start()
  document.addEventListener('securitypolicyviolation', ({ blockedURI, effectiveDirective }) => {
    if (!blockedURI.startsWith(endpoint)) return
    log('error', `${effectiveDirective} of the page's policy keeps the agent out: protected calls leave without signals`)
  })
  addEventListener('pagehide', leave, true)
  addEventListener('pageshow', comeBack, true)
}

/** `attempt` sets a module apart from one that never came: the browser would wait for that one again. */
function start(attempt = 0): void {
  startedAt = performance.now()
  loader = importLoader(attempt)
  started = loader
    .then((module) => module.start({ endpoints: endpoint, integrationInfo: ['edgeproof/instrumentor'] }))
    .then((running) => {
      if (!agent) keepStocked()
      agent = running
    })
    .catch(quietly('the agent did not start'))
}

/** Whether `take` would give signals now. */
export const stocked = (oldest = STOCK_AGE_MS): boolean => !!stock && performance.now() - stock.at < oldest

/** Signals for a call that leaves now; `null` when it must wait for more. None are given out twice. */
export function take(hasWaited = false): string | null {
  const data = stocked(hasWaited ? OLDEST_MS : STOCK_AGE_MS) ? stock!.data : null
  stock = null
  void restock()
  return data
}

/** Signals for a call that can wait; `null` when the agent gives none in time. Never rejects. */
export const collect = async (): Promise<string | null> => (await gather())?.data ?? null

/** Fills the stock; with an agent that answers at once this is done when the running task ends. */
export function restock(): Promise<void> {
  return (renewing ??= gather().then((gathered) => {
    stock = gathered ?? stock
    renewing = null
  }))
}

async function gather(): Promise<Stock | null> {
  try {
    if (!agent) await patient(started, PATIENCE_MS + startedAt - performance.now())
    if (!agent) return null
    // Dated before the collection: the agent may date the signals at any moment of it.
    const at = performance.now()
    const data = await patient(agent.collect(), patience)
    patience = data === undefined ? SHORT_PATIENCE_MS : PATIENCE_MS
    // Anything else could not travel in a header, and the page's call would fail for our sake.
    return /^[\w-]+$/.test(data ?? '') ? { data: data!, at } : null
  } catch (reason) {
    log('debug', 'the agent did not collect', reason)
    return null
  }
}

/** Hands the answer of an identification to the agent. */
export function learn(data: string | null | undefined): void {
  if (data) void loader?.then((module) => module?.handleAgentData(data)).catch(quietly('the agent refused its data'))
}

function keepStocked(): void {
  void restock()
  setInterval(() => document.hidden || void restock(), RENEWAL_MS)
  // For what the page does in its own listener, which runs after this one and the promises it settles.
  addEventListener('visibilitychange', () => void restock(), true)
}

/** A page that is back from the back/forward cache: what the agent was waiting for when it was left may never come. */
function comeBack({ persisted, timeStamp }: PageTransitionEvent): void {
  leaving = false
  if (persisted && !agent) start(timeStamp)
  void restock()
}

/** A page that is left cannot wait: what would, leaves now, with signals if the agent answers at once. */
function leave(): void {
  leaving = true
  void restock()
  for (const end of waits) end()
}

const quietly = (what: string) => (reason: unknown) => log('debug', what, reason)

/** Resolves as the promise does, or with `undefined` when that takes too long. */
async function patient<T>(promise: Promise<T>, limit: number): Promise<T | undefined> {
  if (leaving) return Promise.race([promise, moment()])
  let end: () => void = () => undefined
  const over = new Promise<undefined>((resolve) => {
    end = () => void moment().then(resolve)
    waits.add(end)
  })
  const timer = setTimeout(end, Math.max(0, limit))
  try {
    return await Promise.race([promise, over])
  } finally {
    clearTimeout(timer)
    waits.delete(end)
  }
}

/** As long as a promise takes that is settled already, through all who pass it on. */
async function moment(): Promise<undefined> {
  for (let turn = 0; turn < 32; turn++) await null
}
