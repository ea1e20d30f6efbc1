// Forms: a protected submission carries its signals in the field `fp-data`.
//
// The field is put into the form's data while the platform gathers it (the `formdata` event), so the document is
// never changed, every submission has its own signals, and every way to submit passes here. What the platform
// gathers must be there at once; when the stock is empty, what it gathered is kept and sent as soon as there are signals:
// whatever becomes of the form meanwhile, what leaves is what would have left.
import { prepareNavigation } from './cookies'
import { address, construct, create, defineProperty, find, lower, store, text } from './language'
import { tell } from './log'
import {
  append,
  attribute,
  baseOf,
  createElement,
  dispatch,
  documentOf,
  eventTarget,
  getter,
  isConnected,
  later,
  listen,
  listenAll,
  method,
  nodeType,
  pathOf,
  prevent,
  query,
  remove,
  rootElement,
  rootOf,
  setAttribute,
  silence,
  win as own,
  type Realm,
} from './platform'
import { protectedCall } from './protection'
import { collect, stocked, take, USABLE_MS } from './signals'
import { lookalike, replace, type Replacement } from './wrap'

type Submitter = HTMLElement | null

/** Where a submission goes and how. */
interface Destination {
  action: string
  method: 'get' | 'post' | 'dialog'
  enctype: string
  target: string
}

/** A submission as it would have left. */
interface Kept extends Destination {
  form: HTMLFormElement
  document: Document
  charset: string
  rel: string
  entries: FormData
}

const NativeFormData = FormData
const NativeSubmitEvent = SubmitEvent
const NativeUIEvent = UIEvent
const submit = method<void>(HTMLFormElement.prototype, 'submit')
const submitterOf = getter<Submitter>(SubmitEvent.prototype, 'submitter')
const dataOf = getter<FormData>(FormDataEvent.prototype, 'formData')
const eachEntry = method<void>(FormData.prototype, 'forEach')
const addEntry = method<void>(FormData.prototype, 'append')
const dropEntry = method<void>(FormData.prototype, 'delete')
const urlOf = getter<string>(Document.prototype, 'URL')
const pairsOf = method<string>(URLSearchParams.prototype, 'toString')
const NativeSearchParams = URLSearchParams
const addPair = method<void>(URLSearchParams.prototype, 'append')

/** Submissions under way whose data is yet to be gathered, with their buttons. */
const begun = store<HTMLFormElement, Submitter | undefined>()
/** The newest submission that each form has waiting: it supersedes the one before, as it does in the browser. */
const waiting = store<HTMLFormElement, Kept>()
/** A submission whose data was gathered when there were no signals; listeners of the page may add to the data yet. */
let starved: { form: HTMLFormElement; to: Destination; entries: FormData } | null = null
/** Whether data of a form is being gathered that is not about to leave. */
let gathering = false
/** What is leaving in the place of the form that it was gathered from. */
let leaving: { form: HTMLElement; kept: Kept; data: string | null } | null = null

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
  listenAll(win, ['click', 'keydown'], (event) => {
    const path = pathOf(event)
    for (let at = 0; at < path.length; at++) if (!('window' in path[at]!)) watchRoot(path[at] as Node)
  })
  // A document that is written anew loses the listeners of its window.
  const renew: Replacement = (_self, _args, original) => {
    const result = original()
    watch(win)
    return result
  }
  const documents = win.Document.prototype
  replace(documents, 'open', renew)
  replace(documents, 'write', renew)
  replace(documents, 'writeln', renew)
  const { prototype } = win.HTMLFormElement
  replace(prototype, 'requestSubmit', (form: HTMLFormElement, _args, original) => {
    watchRoot(rootOf(form))
    return original()
  })
  replace(prototype, 'submit', (form: HTMLFormElement, _args, original) => {
    watchRoot(rootOf(form))
    starved = null
    const to = destination(form, null)
    if (isConnected(form) && isProtected(form, to) && !stocked()) {
      const entries = gather(form, null)
      if (entries) return keep(form, to, entries)
    }
    begun.set(form, null)
    return original()
  })
  win.FormData = lookalike(win.FormData, {
    construct: (target, args, newTarget) => quietly(() => construct(target, args, newTarget) as FormData),
  })
  win.FormData.prototype.constructor = win.FormData
}

/** Keeps the submission that is leaving without signals, if there is one, until there are some. */
export function keepStarved(url: string): boolean {
  if (starved?.to.action !== url) return false
  const { form, to, entries } = starved
  starved = null
  keep(form, to, entries)
  return true
}

/** Adding the same listener twice does nothing. */
function watch(target: EventTarget): void {
  listen(target, 'submit', onSubmit, true)
  listen(target, 'formdata', onFormData, true)
}

const DOCUMENT_FRAGMENT = 11

function watchRoot(node: Node): void {
  if (nodeType(node) === DOCUMENT_FRAGMENT) watch(node)
}

/** Comes before the page's own listeners. */
function onSubmit(event: SubmitEvent): void {
  if (!event.isTrusted) return
  const form = eventTarget(event) as HTMLFormElement
  const submitter = submitterOf(event)
  begun.set(form, submitter)
  starved = null
  const to = destination(form, submitter)
  // In this window its navigation can still be held, when the page's own listeners have had their say.
  if (!isProtected(form, to) || stocked() || (isHere(to) && own.navigation)) return
  prevent(event)
  silence(event)
  if (!dispatch(form, standIn(submitter)) || !isConnected(form)) return
  const entries = gather(form, submitter)
  if (entries) keep(form, destination(form, submitter), entries)
}

/**
 * A submit event for the page's listeners. Firefox tells nobody of a real one while the form submits itself, and submits
 * the form after one at another time; to it this is an event of another kind with the same name.
 */
function standIn(submitter: Submitter): Event {
  const event = construct(NativeUIEvent, ['submit', { bubbles: true, cancelable: true }], NativeSubmitEvent) as Event
  const value = create(null) as PropertyDescriptor
  value.value = submitter
  defineProperty(event, 'submitter', value)
  return event
}

function onFormData(event: FormDataEvent): void {
  if (gathering || !event.isTrusted) return
  const form = eventTarget(event) as HTMLFormElement
  const entries = dataOf(event)
  if (leaving?.form === form) {
    const { kept, data } = leaving
    silence(event)
    if (data) addEntry(entries, 'fp-data', data)
    return eachEntry(kept.entries, (value: FormDataEntryValue, name: string) => addEntry(entries, name, value))
  }
  // The browser gathers the data a second time to show it to listeners of the navigation.
  const submitter = begun.get(form)
  if (submitter === undefined) return
  begun.set(form, undefined)
  const to = destination(form, submitter)
  if (to.method === 'get' && !isHere(to)) {
    // In this window the navigation itself is seen; another window's is prepared here.
    prepareNavigation(`${find(/^[^?#]*/, to.action)![0]}?${pairs(entries)}`, baseOf(form))
  }
  if (!isProtected(form, to)) return
  const data = take(USABLE_MS)
  if (!data) {
    starved = { form, to, entries }
    return
  }
  tell('form', 'POST', to.action, data)
  putFirst(entries, data)
}

/** The worker holds only the start of a body: the field comes before files of any size. */
function putFirst(entries: FormData, data: string): void {
  const names: string[] = []
  const values: FormDataEntryValue[] = []
  eachEntry(entries, (value: FormDataEntryValue, name: string) => {
    names[names.length] = name
    values[values.length] = value
  })
  for (let at = 0; at < names.length; at++) dropEntry(entries, names[at])
  addEntry(entries, 'fp-data', data)
  for (let at = 0; at < names.length; at++) if (names[at] !== 'fp-data') addEntry(entries, names[at], values[at])
}

function pairs(entries: FormData): string {
  const made = new NativeSearchParams()
  eachEntry(entries, (value: FormDataEntryValue, name: string) => addPair(made, name, text(value)))
  return pairsOf(made)
}

/** Runs what makes a browser gather a form's data that is not about to leave. */
function quietly<T>(act: () => T): T {
  gathering = true
  try {
    return act()
  } finally {
    gathering = false
  }
}

/** What a submission would send, gathered as the platform does; `null` where it would send nothing. */
function gather(form: HTMLFormElement, submitter: Submitter): FormData | null {
  try {
    return quietly(() => new NativeFormData(form, submitter))
  } catch {
    return null
  }
}

/** Sends a submission when there are signals: not within the events of another, where it would be ignored. */
function keep(form: HTMLFormElement, to: Destination, entries: FormData): void {
  const kept: Kept = {
    ...to,
    form,
    document: documentOf(form),
    charset: attribute(form, 'accept-charset') ?? '',
    rel: attribute(form, 'rel') ?? '',
    entries,
  }
  waiting.set(form, kept)
  void sendLater(kept)
}

async function sendLater(kept: Kept): Promise<void> {
  const data = await collect()
  later(() => waiting.get(kept.form) === kept && send(kept, data))
}

/** Submits another form that sends the same. */
function send(kept: Kept, data: string | null): void {
  const { document } = kept
  const form = createElement(document, 'form')
  setAttribute(form, 'action', kept.action)
  setAttribute(form, 'method', kept.method)
  setAttribute(form, 'enctype', kept.enctype)
  setAttribute(form, 'target', kept.target)
  if (kept.charset) setAttribute(form, 'accept-charset', kept.charset)
  if (kept.rel) setAttribute(form, 'rel', kept.rel)
  append(rootElement(document), form)
  leaving = { form, kept, data }
  tell('form', 'POST', kept.action, data)
  try {
    submit(form)
  } finally {
    leaving = null
    remove(form)
  }
}

/** Where a submission goes and how: a button's own attributes come before its form's, whatever its fields are called. */
function destination(form: HTMLFormElement, submitter: Submitter): Destination {
  const read = (name: string): string | null =>
    (submitter && attribute(submitter, `form${name}`)) ?? attribute(form, name)
  const document = documentOf(form)
  const action = read('action')
  const method = lower(read('method') ?? '')
  const target = read('target') ?? attribute(query(document, 'base[target]') ?? form, 'target') ?? ''
  return {
    action: (action && address(action, baseOf(form))?.href) || urlOf(document),
    method: method === 'post' || method === 'dialog' ? method : 'get',
    enctype: lower(read('enctype') ?? ''),
    target,
  }
}

/** Whether a submission goes to the window it is made in. */
const isHere = ({ target }: Destination): boolean => !!find(/^(_self)?$/i, target)

/** Whether a submission is protected and of a kind whose field the worker can read. */
function isProtected(form: HTMLFormElement, { action, method, enctype }: Destination): boolean {
  return method === 'post' && enctype !== 'text/plain' && !!protectedCall(action, baseOf(form), 'POST')
}
