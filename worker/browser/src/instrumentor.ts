// Sees to it that no protected call leaves the page without signals. It stands first in the head and is not
// deferred, so everything it replaces is replaced before the page's own code runs.
import { instrumentBeacon } from './beacon'
import { instrumentFetch } from './fetch'
import { instrumentForms } from './forms'
import { adopt, instrumentFrames, once } from './frames'
import { instrumentNavigation } from './navigation'
import { doc, win, type Realm } from './platform'
import { anyProtected } from './protection'
import { startAgent } from './signals'
import { disguise } from './wrap'
import { instrumentXhr } from './xhr'

// A framework that renders the whole document takes an element it does not know for a broken page, and throws it away.
doc.currentScript?.remove()

function instrument(win: Realm): void {
  disguise(win.Function)
  instrumentFetch(win)
  instrumentXhr(win)
  instrumentBeacon(win)
  instrumentForms(win)
  instrumentNavigation(win, (opened) => adopt(opened, instrument))
  instrumentFrames(win, instrument)
}

if (anyProtected) {
  once(win, () => {
    startAgent()
    instrument(win)
  })
}
