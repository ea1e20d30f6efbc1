// Sees to it that no protected call leaves the page without signals. It stands first in the head and is not
// deferred, so everything it replaces is replaced before the page's own code runs.
import { instrumentFetch } from './fetch'
import { anyProtected } from './protection'
import { keepStocked } from './signals'
import { instrumentXhr } from './xhr'

if (anyProtected) {
  instrumentFetch(window)
  instrumentXhr(window)
  keepStocked()
}
