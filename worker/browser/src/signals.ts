// The signals of a call: taken from a stock of some that are seconds old at most, or collected for it.
//
// The stock is for calls that cannot wait: a synchronous XHR, a beacon, a form, a call made while the page unloads.
// It also lets every other call leave at the very moment it would have left without instrumentation. It is filled near
// use and by what a collection costs, so that a page nobody touches collects nothing.
import { find, NativePromise, startsWith } from './language'
import { endpoint, importLoader, type Agent, type Loader } from './loader'
import { log } from './log'
import { doc, forget, getter, later, listen, listenAll, now, win } from './platform'

/**
 * How long a call waits for the agent to start, and then for it to collect; past it the call leaves without signals. On
 * a slow device behind a slow network seconds pass before an agent runs, and a call that left too early is refused.
 */
const PATIENCE_MS = 8000

/** How long it waits once an agent has been silent for that long. */
const SHORT_PATIENCE_MS = 200

/** The worker refuses signals older than 3 s; a second here leaves two for the way. */
const FRESH_MS = 1000

/** For a call that cannot wait: half a second for the way is better than no signals. */
export const USABLE_MS = 2500

/** How old the newest signals are when they are renewed. */
const RENEWAL_MS = 800

/** How many sets the stock has at most: for calls in a row that cannot wait. */
const SETS = 4

/** What a renewal may cost to be made at every touch: 1 % of the time between two. */
const CHEAP_MS = 8

/** A first collection that took longer is no slow start. */
const SLOW_START_MS = 30

/** How many collections the cost is told from. */
const MEASURES = 4

/** How much of the time collections in advance may take: with the first two, less than 1 % of half a minute. */
const SHARE = 0.004

interface Signals {
  data: string
  /** When they were asked for, on the page's clock. */
  at: number
}

let loader: Promise<Loader> | undefined
let agent: Agent | null = null
let started: Promise<void> = NativePromise.resolve()
/** When it was last asked to start, on the page's clock. */
let startedAt = 0
let patience = PATIENCE_MS
/** The oldest first. */
let stock: Signals[] = []
/** Ends the waits of calls that would be lost with the page. */
let waits: Array<() => void> = []
let leaving = false
let renewing: Promise<void> | null = null
/** What a collection takes in milliseconds, from question to answer: how much of it keeps the page busy cannot be told. */
let cost = 0
const measures: number[] = []
let weighed = 0
/** What collections in advance may still cost, and since when. */
let credit = 0
let creditAt = 0

const isPersisted = getter<boolean>(PageTransitionEvent.prototype, 'persisted')
const keyOf = getter<string>(KeyboardEvent.prototype, 'key')
const blockedUri = getter<string>(SecurityPolicyViolationEvent.prototype, 'blockedURI')
const directiveOf = getter<string>(SecurityPolicyViolationEvent.prototype, 'effectiveDirective')
const dispositionOf = getter<string>(SecurityPolicyViolationEvent.prototype, 'disposition')

/** Starts the agent at once, so that it is ready as early as can be. */
export function startAgent(): void {
  start()
  listen(doc, 'securitypolicyviolation', (event: Event) => {
    // A policy that only reports keeps nothing out.
    if (dispositionOf(event) === 'report' || !startsWith(blockedUri(event), endpoint)) return
    log('error', `${directiveOf(event)} of the page's policy keeps the agent out: protected calls leave without signals`)
  })
  listen(win, 'pagehide', leave, true)
  listen(win, 'pageshow', comeBack, true)
}

/** `attempt` sets a module apart from one that never came: the browser would wait for that one again. */
function start(attempt = 0): void {
  startedAt = now()
  loader = importLoader(attempt)
  started = run(loader)
}

async function run(loading: Promise<Loader>): Promise<void> {
  try {
    const running = await (await loading).start({ endpoints: endpoint, integrationInfo: ['edgeproof/instrumentor'] })
    if (!agent) keepStocked()
    agent = running
  } catch (reason) {
    log('debug', 'the agent did not start', reason)
  }
}

/** Whether `take` would give signals now. */
export function stocked(oldest = USABLE_MS): boolean {
  for (let at = 0; at < stock.length; at++) if (age(stock[at]!) < oldest) return true
  return false
}

const age = (signals: Signals): number => now() - signals.at

/** Signals for a call that leaves now; `null` when there are none as young as that. None are given out twice. */
export function take(oldest = FRESH_MS): string | null {
  let taken: string | null = null
  const kept: Signals[] = []
  for (let at = 0; at < stock.length; at++) {
    const signals = stock[at]!
    if (age(signals) >= USABLE_MS) continue
    if (taken === null && age(signals) < (leaving ? USABLE_MS : oldest)) taken = signals.data
    else kept[kept.length] = signals
  }
  stock = kept
  void restock()
  return taken
}

/** Signals for a call that can wait; `null` when the agent gives none in time. Never rejects. */
export async function collect(): Promise<string | null> {
  if (renewing) {
    await renewing
    const data = take()
    if (data) return data
  }
  return (await gather())?.data ?? null
}

/** Fills the stock; with an agent that answers at once this is done when the running task ends. */
function restock(): Promise<void> {
  return (renewing ??= fill())
}

async function fill(): Promise<void> {
  // The caller has to keep this promise before it ends.
  await null
  while (isShort() && isAffordable()) {
    const gathered = await gather()
    if (!gathered) break
    credit -= cost
    const kept: Signals[] = []
    for (let at = stock.length < SETS ? 0 : 1; at < stock.length; at++) kept[kept.length] = stock[at]!
    kept[kept.length] = gathered
    stock = kept
  }
  renewing = null
}

/** Whether fewer sets are young than there should be: as many as are cheap together, or one. */
function isShort(): boolean {
  let young = 0
  for (let at = 0; at < stock.length; at++) if (age(stock[at]!) < RENEWAL_MS) young++
  return !young || (young < SETS && (isUnknown() || (young + 1) * cost <= CHEAP_MS))
}

/** Whether the cost is yet to be told: code that runs for the first time is slow. */
const isUnknown = (): boolean => weighed < MEASURES && cost < SLOW_START_MS

function isAffordable(): boolean {
  const time = now()
  const limit = cost * SETS
  credit += (time - creditAt) * SHARE
  if (credit > limit) credit = limit
  creditAt = time
  return cost <= CHEAP_MS || isUnknown() || credit >= cost
}

async function gather(): Promise<Signals | null> {
  try {
    if (!agent) await patient(started, PATIENCE_MS + startedAt - now())
    if (!agent) return null
    // Dated before the collection: the agent may date the signals at any moment of it.
    const at = now()
    const data = await patient(agent.collect(), patience)
    weigh(now() - at)
    // An agent that was not waited for was not silent.
    if (!leaving) patience = data === undefined ? SHORT_PATIENCE_MS : PATIENCE_MS
    // Anything else could not travel in a header, and the page's call would fail for our sake.
    return find(/^[\w-]+$/, data ?? '') ? { data: data!, at } : null
  } catch (reason) {
    log('debug', 'the agent did not collect', reason)
    return null
  }
}

/** The lowest of the last counts: the others have in them what else the page was busy with. */
function weigh(measured: number): void {
  if (!cost) credit = measured * 2
  measures[weighed++ % MEASURES] = cost = measured
  for (let at = 0; at < measures.length; at++) if (measures[at]! < cost) cost = measures[at]!
}

/** Hands the answer of an identification to the agent. */
export async function learn(data: string | null | undefined): Promise<void> {
  if (!data || !loader) return
  try {
    ;(await loader).handleAgentData(data)
  } catch (reason) {
    log('debug', 'the agent refused its data', reason)
  }
}

function keepStocked(): void {
  void restock()
  // What a person does just before a call.
  const touch = (): void => void restock()
  // A click without a pointer is a key's, or that of a program that reads the page aloud.
  listenAll(win, ['pointerdown', 'click', 'change'], touch)
  // What may come long before. A page gets its signals before its own listener hears that it is hidden, while they are
  // cheap.
  const glance = (): void => void (cost > CHEAP_MS || restock())
  listenAll(win, ['pointermove', 'focusin', 'input', 'visibilitychange'], glance)
  listenAll(win, ['keydown'], (event) => (find(/^(Enter| )$/, keyOf(event)) ? touch : glance)())
}

/** A page that is back from the back/forward cache: what the agent was waiting for when it was left may never come. */
function comeBack(event: PageTransitionEvent): void {
  leaving = false
  if (isPersisted(event) && !agent) start(now())
  void restock()
}

/** A page that is left cannot wait: what would, leaves now, with signals if the agent answers at once. */
function leave(): void {
  leaving = true
  void restock()
  const ended = waits
  waits = []
  for (let at = 0; at < ended.length; at++) ended[at]!()
}

/** Resolves as the promise does, or with `undefined` when that takes too long. */
async function patient<T>(promise: Promise<T>, limit: number): Promise<T | undefined> {
  let end = (): void => undefined
  const over = new NativePromise<undefined>((resolve) => {
    end = () => void moment(resolve)
  })
  if (leaving) end()
  waits[waits.length] = end
  const timer = later(end, limit > 0 ? limit : 0)
  try {
    return (await first(promise, over)) as T | undefined
  } finally {
    forget(timer)
    const kept: typeof waits = []
    for (let at = 0; at < waits.length; at++) if (waits[at] !== end) kept[kept.length] = waits[at]!
    waits = kept
  }
}

/** As the first of two promises ends; `Promise.race` asks what a page may have replaced. */
export function first<T>(one: Promise<T>, other: Promise<T | undefined>): Promise<T | undefined> {
  return new NativePromise((resolve, reject) => {
    const pass = async (promise: Promise<T | undefined>): Promise<void> => {
      try {
        resolve(await promise)
      } catch (reason) {
        reject(reason)
      }
    }
    void pass(one)
    void pass(other)
  })
}

/** As long as a promise takes that is settled already, through all who pass it on. */
async function moment(resolve: (nothing: undefined) => void): Promise<void> {
  for (let turn = 0; turn < 48; turn++) await null
  resolve(undefined)
}
