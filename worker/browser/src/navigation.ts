import { giveNavigation, prepareNavigation } from './cookies'
import { keepStarved } from './forms'
import { find, NativePromise, store, text } from './language'
import {
  attribute,
  baseOf,
  getter,
  isCancelable,
  isPrevented,
  listen,
  listenAll,
  method,
  nodeName,
  pathOf,
  prevent,
  query,
  silence,
  unlisten,
  type Realm,
} from './platform'
import { collect } from './signals'
import { replace, replaceSetter, type Replacement } from './wrap'

/** Top-level navigations to a protected GET, within the page's origin: links, GET forms, `location`, `window.open`. */
export function instrumentNavigation(win: Realm, opened: (blank: Window | null) => void): void {
  if (win.navigation) holdNavigations(win, win.navigation)
  // What opens in another window is that window's navigation, so it is prepared where it begins.
  listenAll(win, ['click', 'auxclick'], (event) => {
    const { button, ctrlKey, metaKey, shiftKey } = mouse(event as MouseEvent)
    const link = linkOf(event)
    if (!link) return
    const base = query(win.document, 'base[target]')
    const target = attribute(link, 'target') ?? (base && attribute(base, 'target')) ?? ''
    const elsewhere = button > 0 || ctrlKey || metaKey || shiftKey
    if (elsewhere || !find(/^(_self)?$/i, target)) prepareNavigation(attribute(link, 'href')!, baseOf(link))
  })
  replace(win, 'open', (_self, args, original) => {
    if (args[0]) prepareNavigation(text(args[0]), baseOf(win.document))
    const other = original() as Window | null
    // What the page opens empty it fills itself.
    if (!args[0] || find(/^about:blank/i, text(args[0]))) opened(other)
    return other
  })
}

const buttonOf = getter<number>(MouseEvent.prototype, 'button')
const ctrlOf = getter<boolean>(MouseEvent.prototype, 'ctrlKey')
const metaOf = getter<boolean>(MouseEvent.prototype, 'metaKey')
const shiftOf = getter<boolean>(MouseEvent.prototype, 'shiftKey')

function mouse(event: MouseEvent): Pick<MouseEvent, 'button' | 'ctrlKey' | 'metaKey' | 'shiftKey'> {
  return { button: buttonOf(event), ctrlKey: ctrlOf(event), metaKey: metaOf(event), shiftKey: shiftOf(event) }
}

function linkOf(event: Event): Element | null {
  const path = pathOf(event)
  for (let at = 0; at < path.length; at++) {
    const node = path[at]!
    if (!('window' in node) && find(/^a(rea)?$/i, nodeName(node)) && attribute(node, 'href') !== null) return node as Element
  }
  return null
}

/**
 * Navigations of this window. What a router of the page takes over is no navigation, and is let alone: the decision is
 * taken behind all of the page's listeners.
 */
function holdNavigations(win: Realm, navigation: Navigation): void {
  const { prototype } = win.Navigation
  const event = win.NavigateEvent.prototype
  const destination = win.NavigationDestination.prototype
  const navigate = method<NavigationResult>(prototype, 'navigate')
  const destinationOf = getter<NavigationDestination>(event, 'destination')
  const typeOf = getter<NavigationType>(event, 'navigationType')
  const infoOf = getter(event, 'info')
  const formDataOf = getter<FormData | null>(event, 'formData')
  const downloadOf = getter<string | null>(event, 'downloadRequest')
  const urlOf = getter<string>(destination, 'url')
  const isSameDocument = getter<boolean>(destination, 'sameDocument')
  const stateOf = method(destination, 'getState')
  const taken = store<Event, boolean>()
  /** Where a held navigation goes now, whether there are signals or not. */
  let released: string | null = null
  /** Counts navigations: the newest supersedes one that is held. */
  let newest = 0
  /** The navigation that was just held. */
  let held: Promise<NavigationResult> | null = null

  replace(event, 'intercept', (navigated: Event, _args, original) => {
    const result = original()
    taken.set(navigated, true)
    return result
  })

  const decide = (navigated: NavigateEvent): void => {
    const to = destinationOf(navigated)
    if (isSameDocument(to) || taken.get(navigated) || isPrevented(navigated)) return
    newest++
    const url = urlOf(to)
    if (isCancelable(navigated) && keepStarved(url)) return void hold(navigated)
    if (formDataOf(navigated)) return
    const isReleased = url === released
    released = null
    const history = typeOf(navigated)
    // A traversal or a reload cannot be repeated as it was, and a download would become a page.
    const canWait = isCancelable(navigated) && downloadOf(navigated) === null && find(/^(push|replace)$/, history)
    if (isReleased || prepareNavigation(url, url) || !canWait) return
    hold(navigated)
    held = release(url, { history, state: stateOf(to), info: infoOf(navigated) } as NavigationNavigateOptions)
  }

  const hold = (navigated: Event): void => {
    isOurs = true
    prevent(navigated)
  }

  async function release(url: string, options: NavigationNavigateOptions): Promise<NavigationResult> {
    const turn = newest
    const data = await collect()
    // One that came later has taken its place.
    if (turn !== newest) return { committed: never(), finished: never() }
    giveNavigation(url, url, data)
    released = url
    const result = navigate(navigation, url, options)
    void muffle(result.committed!)
    void muffle(result.finished!)
    return result
  }

  const last = (): void => {
    unlisten(navigation, 'navigate', decide)
    listen(navigation, 'navigate', decide)
  }
  const stayLast: Replacement = (_self, _args, original) => {
    const result = original()
    last()
    return result
  }
  last()
  replace(prototype, 'addEventListener', stayLast)
  replaceSetter(prototype, 'onnavigate', stayLast)

  // The page is not to hear that a navigation ended which only waits.
  let isOurs = false
  listen(navigation, 'navigateerror', (failed: Event) => {
    if (isOurs) silence(failed)
    isOurs = false
  })
  replace(prototype, 'navigate', (_self, _args, original) => {
    held = null
    const result = original() as NavigationResult
    const again = held as Promise<NavigationResult> | null
    held = null
    if (!again) return result
    void muffle(result.committed!)
    void muffle(result.finished!)
    return { committed: part(again, 'committed'), finished: part(again, 'finished') }
  })
}

async function part(again: Promise<NavigationResult>, name: 'committed' | 'finished'): Promise<NavigationHistoryEntry> {
  return (await again)[name]!
}

const never = (): Promise<never> => new NativePromise(() => undefined)

/** Its failure is somebody else's matter. */
async function muffle(promise: Promise<unknown>): Promise<void> {
  try {
    await promise
  } catch {
    // See above.
  }
}
