// Forms: a protected submission carries its signals in the field `fp-data`.
//
// The field is put into the form's data while the platform gathers it (the `formdata` event), so the document is
// never changed, every submission has its own signals, and every way to submit passes here. What the platform
// gathers must be there at once; when the stock is empty the submission is held before it begins, and repeated.
import { prepareNavigation } from './cookies'
import { protectedCall } from './protection'
import { restock, stocked, take } from './signals'
import { getter, lookalike, replace, type Realm } from './wrap'

type Submitter = HTMLElement | null

// A field named `action` hides the form's own attribute, so the platform's getters are asked.
const actionOf = getter<string>(HTMLFormElement.prototype, 'action')
const methodOf = getter<string>(HTMLFormElement.prototype, 'method')
const enctypeOf = getter<string>(HTMLFormElement.prototype, 'enctype')
const targetOf = getter<string>(HTMLFormElement.prototype, 'target')
const rootOf = Node.prototype.getRootNode
const requestSubmit = HTMLFormElement.prototype.requestSubmit

/** Submissions under way whose data is yet to be gathered, with their buttons. */
const begun = new WeakMap<HTMLFormElement, Submitter>()
/** Submissions held, with the button that was pressed last. */
const held = new Map<HTMLFormElement, Submitter>()
/** The form whose submission is being repeated; `heard` if the page's listeners have had it already. */
let repeated: { form: HTMLFormElement; heard: boolean } | null = null
/** A form whose data was gathered when there were no signals. */
let starved: { form: HTMLFormElement; submitter: Submitter } | null = null
/** Whether the page is gathering a form's data itself. */
let gathering = false

/** Forms of a window, wherever they are and whenever they come. */
export function instrumentForms(win: Realm): void {
  watch(win)
  // Inside a shadow root these events end at the root.
  replace(win.Element.prototype, 'attachShadow', (_self, _args, original) => {
    const root = original() as ShadowRoot
    watch(root)
    return root
  })
  // Roots the parser made show in the path of what leads to a submission.
  for (const event of ['click', 'keydown']) {
    win.addEventListener(event, (happened) => happened.composedPath().forEach(watchRoot), true)
  }
  const prototype = win.HTMLFormElement.prototype
  replace(prototype, 'requestSubmit', (form: HTMLFormElement, _args, original) => {
    watchRoot(rootOf.call(form))
    return original()
  })
  replace(prototype, 'submit', (form: HTMLFormElement, _args, original) => {
    watchRoot(rootOf.call(form))
    begun.set(form, null)
    starved = null
    if (!carries(form, null) || stocked()) return original()
    later(() => repeat(form, false, original))
    return undefined
  })
  win.FormData = lookalike(win.FormData, {
    construct: (target, args, newTarget) => {
      gathering = true
      try {
        return Reflect.construct(target, args, newTarget) as FormData
      } finally {
        gathering = false
      }
    },
  })
  win.FormData.prototype.constructor = win.FormData
}

/** Repeats the submission that is leaving without signals, if there is one; the page has heard of it already. */
export function resubmitStarved(): boolean {
  if (!starved) return false
  const { form, submitter } = starved
  starved = null
  later(() => repeat(form, true, () => press(form, submitter)))
  return true
}

function watchRoot(target: EventTarget): void {
  if (target instanceof Node && target.nodeType === Node.DOCUMENT_FRAGMENT_NODE) watch(target)
}

/** Adding the same listener twice does nothing. */
function watch(target: EventTarget): void {
  target.addEventListener('submit', onSubmit as EventListener, true)
  target.addEventListener('formdata', onFormData as EventListener, true)
}

/** Comes before the page's own listeners. */
function onSubmit(event: SubmitEvent): void {
  const form = event.target as HTMLFormElement
  if (!event.isTrusted) return
  begun.set(form, event.submitter)
  starved = null
  if (repeated?.form === form) {
    if (repeated.heard) event.stopImmediatePropagation()
    return
  }
  if (!carries(form, event.submitter) || stocked()) return
  event.preventDefault()
  event.stopImmediatePropagation()
  const waiting = held.has(form)
  held.set(form, event.submitter)
  if (waiting) return
  later(() => {
    const submitter = held.get(form) ?? null
    held.delete(form)
    repeat(form, false, () => press(form, submitter))
  })
}

/** Runs a submission when there are signals, and not within the events of the one before, where it would be ignored. */
function later(act: () => void): void {
  void restock().then(() => setTimeout(act))
}

/** Submits a form once more, with signals or without. */
function repeat(form: HTMLFormElement, heard: boolean, act: () => void): void {
  repeated = { form, heard }
  try {
    act()
  } finally {
    repeated = null
  }
}

function press(form: HTMLFormElement, submitter: Submitter): void {
  // A button that has left its form in the meantime would be refused.
  requestSubmit.call(form, (submitter as HTMLButtonElement | null)?.form === form ? submitter : null)
}

function onFormData(event: FormDataEvent): void {
  const form = event.target as HTMLFormElement
  // The browser gathers the data a second time to show it to listeners of the navigation.
  const submitter = begun.get(form)
  if (gathering || !event.isTrusted || submitter === undefined) return
  begun.delete(form)
  const to = destination(form, submitter)
  if (to.method === 'get' && !/^(_self)?$/.test(to.target)) {
    // In this window the navigation itself is seen; another window's is prepared here.
    const query = new URLSearchParams(event.formData as unknown as URLSearchParams)
    prepareNavigation(`${to.action.split(/[?#]/)[0]}?${query}`, document.baseURI)
  }
  if (!carries(form, submitter)) return
  const data = take(repeated?.form === form)
  if (data) putFirst(event.formData, data)
  else if (repeated?.form !== form) starved = { form, submitter }
}

/** The worker holds only the start of a body: the field comes before files of any size. */
function putFirst(formData: FormData, data: string): void {
  const entries = [...formData].filter(([name]) => name !== 'fp-data')
  for (const name of [...formData.keys()]) formData.delete(name)
  formData.append('fp-data', data)
  for (const [name, value] of entries) formData.append(name, value as string)
}

/** Where a submission goes and how: a button's own attributes come before its form's. */
function destination(form: HTMLFormElement, submitter: Submitter): Record<'action' | 'method' | 'enctype' | 'target', string> {
  const button = submitter as HTMLButtonElement | null
  const of = (attribute: string, own: string | undefined, read: (form: unknown) => string): string =>
    button?.hasAttribute(attribute) ? own ?? '' : read(form)
  return {
    action: of('formaction', button?.formAction, actionOf),
    method: of('formmethod', button?.formMethod, methodOf),
    enctype: of('formenctype', button?.formEnctype, enctypeOf),
    target: of('formtarget', button?.formTarget, targetOf),
  }
}

/** Whether a submission is protected and of a kind whose field the worker can read. */
function carries(form: HTMLFormElement, submitter: Submitter): boolean {
  const { action, method, enctype } = destination(form, submitter)
  return method === 'post' && enctype !== 'text/plain' && !!protectedCall(action, document.baseURI, 'POST')
}
