import { prepareNavigation } from './cookies'
import { resubmitStarved } from './forms'
import { restock } from './signals'
import { replace, type Realm } from './wrap'

/** Top-level navigations to a protected GET, within the page's origin: links, GET forms, `location`, `window.open`. */
export function instrumentNavigation(win: Realm): void {
  const navigable = win.navigation as Navigation | undefined
  /** Where a held navigation goes now, whether there are signals or not. */
  let released: string | null = null

  navigable?.addEventListener('navigate', (event) => {
    const { url, sameDocument } = event.destination
    if (sameDocument) return
    if (event.formData) {
      if (event.cancelable && resubmitStarved()) event.preventDefault()
      return
    }
    const ready = url === released || prepareNavigation(url, url)
    released = null
    const history = event.navigationType
    // A traversal or a reload cannot be repeated as it was, and a download would become a page.
    if (ready || !event.cancelable || event.downloadRequest !== null) return
    if (history !== 'push' && history !== 'replace') return
    event.preventDefault()
    void restock().then(() => {
      prepareNavigation(url, url, true)
      released = url
      const { committed, finished } = navigable.navigate(url, { history })
      for (const promise of [committed, finished]) promise?.catch(() => undefined)
    })
  })

  // What opens in another window is that window's navigation, so it is prepared where it begins.
  for (const name of ['click', 'auxclick']) {
    win.addEventListener(
      name,
      (happened) => {
        const event = happened as MouseEvent
        const link = event.composedPath().find(isLink)
        const elsewhere = event.button > 0 || event.ctrlKey || event.metaKey || event.shiftKey
        if (link && (elsewhere || !/^(_self)?$/.test(link.target))) prepareNavigation(link.href, link.href)
      },
      true,
    )
  }
  replace(win, 'open', (_self, args, original) => {
    if (args[0]) prepareNavigation(String(args[0]), win.document.baseURI)
    return original()
  })
}

function isLink(target: EventTarget): target is HTMLAnchorElement {
  return /^(A|AREA)$/.test((target as Element).nodeName)
}
