import { replaceGetter, type Realm } from './wrap'

/** Marks a realm as instrumented, for the scripts of every window that can reach it. */
const MARK = Symbol.for('edgeproof.instrumented')

/** Instruments a window once, whoever comes first: its own script or that of the page around it. */
export function once(win: Realm, instrument: (win: Realm) => void): void {
  const prototype = win.XMLHttpRequest.prototype
  if (MARK in prototype) return
  Object.defineProperty(prototype, MARK, { value: true })
  instrument(win)
}

/**
 * Frames of the same origin: of `srcdoc`, of `about:blank`, and of pages the worker does not instrument itself.
 * A frame begins with an empty document whose window the first page of the same origin inherits, so a frame that is
 * instrumented when it enters the document has what it needs before its first script runs.
 */
export function instrumentFrames(win: Realm, instrument: (win: Realm) => void): void {
  const scan = (): void => {
    for (let at = 0; at < win.length; at++) adopt(win[at], instrument)
  }
  new MutationObserver(scan).observe(win.document, { childList: true, subtree: true })
  // A frame that has gone on to another page has another window.
  win.addEventListener('load', scan, true)
  // A page may reach into a frame before an observer is told of it.
  for (const name of ['contentWindow', 'contentDocument']) {
    replaceGetter(win.HTMLIFrameElement.prototype, name, (_self, _args, original) => {
      scan()
      return original()
    })
  }
}

/** Instruments a window if it is of this origin. */
export function adopt(win: Window | null | undefined, instrument: (win: Realm) => void): void {
  try {
    if (win) once(win as Realm, instrument)
  } catch {
    // Of another origin: none of ours.
  }
}
