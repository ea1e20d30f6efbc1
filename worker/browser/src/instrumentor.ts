// Sees to it that no protected call leaves the page without signals. It stands first in the head and is not
// deferred, so everything it replaces is replaced before the page's own code runs.
import { instrumentBeacon } from './beacon'
import { instrumentFetch } from './fetch'
import { instrumentForms } from './forms'
import { instrumentFrames, once } from './frames'
import { instrumentNavigation } from './navigation'
import { anyProtected } from './protection'
import { startAgent } from './signals'
import { disguise, type Realm } from './wrap'
import { instrumentXhr } from './xhr'

function instrument(win: Realm): void {
  disguise(win)
  instrumentFetch(win)
  instrumentXhr(win)
  instrumentBeacon(win)
  instrumentForms(win)
  instrumentNavigation(win)
  instrumentFrames(win, instrument)
}

if (anyProtected) {
  once(window, (win) => {
    startAgent()
    instrument(win)
  })
}
