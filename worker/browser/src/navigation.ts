import { attachCookies, needsCookies } from './cookies'
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
    const attached = url === released || !needsCookies(url) || attachCookies(url)
    released = null
    const history = event.navigationType
    // A traversal or a reload cannot be repeated as it was, and a download would become a page.
    if (attached || !event.cancelable || event.downloadRequest !== null) return
    if (history !== 'push' && history !== 'replace') return
    event.preventDefault()
    void restock().then(() => {
      attachCookies(url, true)
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
        if (link && (elsewhere || !/^(_self)?$/.test(link.target)) && needsCookies(link.href)) attachCookies(link.href)
      },
      true,
    )
  }
  replace(win, 'open', (_self, args, original) => {
    const url = args[0] ? URL.parse(String(args[0]), win.document.baseURI)?.href : null
    if (url && needsCookies(url)) attachCookies(url)
    return original()
  })
}

function isLink(target: EventTarget): target is HTMLAnchorElement {
  return /^(a|area)$/i.test((target as Element).nodeName ?? '') && !!(target as HTMLAnchorElement).href
}
