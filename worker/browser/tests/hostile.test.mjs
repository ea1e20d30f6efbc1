// Whatever a page puts over a global or a member of a prototype, before or after the script runs, its calls have signals.
//
// The names come from the bundle itself: every word of it that some global object or prototype has as a member is made
// hostile, all those of one owner at a time.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { agent, instrumented, instrumentor, visit } from './world.mjs'

const words = [...new Set(instrumentor.match(/[A-Za-z_$][\w$]*/g))]

/** Members that nothing can do without: the language asks for them itself. */
const EXEMPT = [
  // `await` asks a promise for its constructor.
  'constructor',
  // A script that loads cannot be told from one that does not.
  'currentScript',
]

/** Runs in the page: finds what can be made hostile, by its owner. */
function targets(words, exempt) {
  const owners = new Map([['window', window], ['document', document], ['location', location], ['navigator', navigator], ['console', console], ['performance', performance]])
  for (const name of ['history', 'navigation']) if (window[name]) owners.set(name, window[name])
  for (const name of Object.getOwnPropertyNames(window)) {
    const value = Object.getOwnPropertyDescriptor(window, name).value
    if (typeof value !== 'function' && (typeof value !== 'object' || value === null || value === window)) continue
    if (!/^[A-Z]/.test(name)) continue
    owners.set(name, value)
    if (value.prototype) owners.set(`${name}.prototype`, value.prototype)
  }
  const found = []
  for (const [name, owner] of owners) {
    const members = []
    for (const word of words) {
      // Every function has these of its own, and nothing asks for them.
      if (typeof owner === 'function' && /^(name|length|prototype|arguments|caller)$/.test(word)) continue
      if (exempt.includes(word) || (word === 'length' && Array.isArray(owner))) continue
      const own = Object.getOwnPropertyDescriptor(owner, word)
      // Elements with names hide members of the document, which its prototype has.
      const hides = name === 'document' && word in document
      if (own ? own.configurable || own.writable : hides) members.push({ name: `${name}.${word}`, owner, word, own })
    }
    if (members.length) found.push(members)
  }
  return found
}

/** Runs in the page: the members of a few owners together, since a frame for each takes long. */
function batches(found) {
  const made = []
  for (let at = 0; at < found.length; at += 6) made.push(found.slice(at, at + 6).flat())
  return made
}

/** Runs in the page: makes a member hostile; returns what undoes it. */
function poison({ owner, word, own, name }) {
  const complain = function () {
    throw new Error(`${name} is the page's`)
  }
  const descriptor = !own || own.configurable
    ? own && !('value' in own)
      ? { get: complain, set: complain, configurable: true }
      : { value: typeof own?.value === 'function' ? complain : 'hostile', configurable: true, writable: true }
    : { value: typeof own.value === 'function' ? complain : 'hostile' }
  const undo = own ? () => defineProperty(owner, word, own) : () => deleteProperty(owner, word)
  defineProperty(owner, word, descriptor)
  return undo
}

/** Runs in the page: the ways to call, by what the page has kept of the platform. */
function ways(frame) {
  const { apply, construct } = Reflect
  const { fetch, XMLHttpRequest, navigator } = window
  const { open, send } = XMLHttpRequest.prototype
  const { sendBeacon } = Navigator.prototype
  const { submit, requestSubmit } = HTMLFormElement.prototype
  const setAction = Object.getOwnPropertyDescriptor(HTMLFormElement.prototype, 'action').set
  const [form, other] = document.querySelectorAll('form')
  const xhr = (url, async) => {
    const request = construct(XMLHttpRequest, [])
    apply(open, request, ['POST', url, async])
    apply(send, request, ['a=1'])
  }
  return {
    fetch: (url) => apply(fetch, window, [url, { method: 'POST', body: 'a=1' }]),
    get: (url) => apply(fetch, window, [url]),
    xhr: (url) => xhr(url, true),
    sync: (url) => xhr(url, false),
    beacon: (url) => apply(sendBeacon, navigator, [url, 'a=1']),
    submit: (url) => (apply(setAction, form, [url]), apply(submit, form, [])),
    request: (url) => (apply(setAction, other, [url]), apply(requestSubmit, other, [])),
  }
}

const FORMS = ['one', 'two']
  .map((name) => `<iframe name="${name}"></iframe><form method="post" target="${name}"><input name="a" value="1"></form>`)
  .join('')

/** A function of this file as a script, with what it uses; a page's own names are no members of its window. */
const script = (run) => `<script>(() => {
  const { defineProperty, deleteProperty } = Reflect
  ${targets}; ${batches}; ${poison}; ${ways}
  const words = ${JSON.stringify(words)}, exempt = ${JSON.stringify(EXEMPT)}
  const failed = (error) => fetch('/report', { method: 'POST', body: JSON.stringify({ error: String(error && error.stack) }) })
  ;(async () => (${run})())().catch(failed)
})()</script>`

const page = (run) => instrumented(`</head><body>${FORMS}${script(run)}`)

/** Runs in the page: after the script. One owner at a time, all ways, until the server has seen them. */
async function afterwards() {
  const { fetch, Promise, setTimeout } = window
  const { json } = Response.prototype
  const { apply } = Reflect
  const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
  const seen = async () => (await apply(json, await fetch('/calls'), [])).length
  await fetch('/api/ready', { method: 'POST' })
  const found = targets(words, exempt)
  const called = ways()
  const names = Object.keys(called)
  const thrown = []
  let loaded = 0
  for (const frame of document.querySelectorAll('iframe')) frame.addEventListener('load', () => loaded++)
  for (let at = 0; at < found.length; at++) {
    // What the page wants of the member itself is none of the script's: the calls are made with what it kept.
    const undo = []
    for (let member = 0; member < found[at].length; member++) undo[member] = poison(found[at][member])
    for (let way = 0; way < names.length; way++) {
      try {
        const ended = called[names[way]](`/api/${names[way]}?${at}`)
        if (ended && ended !== true) await ended
      } catch (error) {
        thrown[thrown.length] = `${found[at][0].name} and others: ${names[way]}: ${error && error.stack}`
      }
    }
      for (let member = 0; member < undo.length; member++) undo[member]()
    // The next submission would take the place of one that has not left.
    for (let turn = 0; turn < 500 && loaded < 2 * (at + 1); turn++) await wait(4)
  }
  for (let turn = 0; turn < 100 && (await seen()) < 1 + found.length * names.length; turn++) await wait(50)
  await fetch('/report', { method: 'POST', body: JSON.stringify({ found: found.map((members) => members.map(({ name }) => name)), names, thrown }) })
}

test('what the page makes of the platform later changes nothing', async () => {
  const { report, calls } = await visit({ pages: { '/': page(afterwards) } })
  assert.equal(report.error, undefined)
  assert.deepEqual(report.thrown, [])
  // Names that a change of the script may not lose by accident.
  for (const name of ['window.URL', 'window.performance', 'window.length', 'document.cookie', 'String.prototype.slice']) {
    assert.ok(report.found.flat().includes(name), `${name} is among the members`)
  }
  assertSigned(report, calls)
})

/** Runs in a frame: members of one owner are hostile while the script is loaded, and no longer when the page calls. */
function before() {
  const members = batches(targets(words, exempt))[Number(location.search.slice(1))]
  const undo = []
  window.restore = () => {
    for (let at = 0; at < undo.length; at++) undo[at]()
  }
  for (let at = 0; at < members.length; at++) undo[at] = poison(members[at])
}

/** Runs in the frame behind the script: what the page does without the script works. */
async function called() {
  restore()
  const broken = []
  const attempt = async (way, call) => {
    try {
      await call()
    } catch (error) {
      broken.push(`${way}: ${error}`)
    }
  }
  await attempt('fetch', () => fetch('/open/fetch', { method: 'POST' }))
  await attempt('protected fetch', () => fetch('/api/fetch', { method: 'POST' }))
  await attempt('XHR', () => new Promise((resolve, reject) => {
    const xhr = new XMLHttpRequest()
    xhr.open('POST', '/api/xhr')
    xhr.onload = resolve
    xhr.onerror = reject
    xhr.send('a=1')
  }))
  await attempt('beacon', () => navigator.sendBeacon('/open/beacon', 'a=1') || Promise.reject('refused'))
  parent.postMessage(broken, '*')
}

/** Runs in the page: one frame for each batch. */
async function frames() {
  const broken = []
  const found = batches(targets(words, exempt))
  for (let at = 0; at < found.length; at++) {
    const frame = document.createElement('iframe')
    frame.src = `/before?${at}`
    const said = await new Promise((resolve) => {
      onmessage = ({ data }) => resolve(data)
      setTimeout(resolve, 20_000, ['nothing was heard'])
      document.body.append(frame)
    })
    for (const what of said) broken.push(`${found[at].map(({ name }) => name)}: ${what}`)
    frame.remove()
  }
  await fetch('/report', { method: 'POST', body: JSON.stringify({ broken, frames: found.length }) })
}

test('what the page had made of the platform before breaks none of its calls', async () => {
  const pages = {
    '/': `<!doctype html><body>${script(frames)}`,
    // An agent that is not waited for: what it needs may be among what is hostile.
    '/before': `<!doctype html><head>${script(before)}<script src="/fp/instrumentor.iife.js"></script>${script(called)}`,
  }
  const { report } = await visit({ pages })
  assert.equal(report.error, undefined)
  assert.deepEqual(report.broken, [])
  assert.ok(report.frames > 20, `${report.frames} batches`)
})

/** Every call of every member was seen once, with signals of its own. */
function assertSigned({ found, names }, calls) {
  const signals = new Map()
  const used = new Set()
  for (const { url, headers, body } of calls) {
    // The key names the cookies that count: nobody ends the others here.
    const [, key] = /fp-data-key=([\d-]+)/.exec(headers.cookie ?? '') ?? []
    const cookies = new RegExp(`fp-data-${key}-0=1\\.(A\\d+)`).exec(headers.cookie ?? '')
    const field = /fp-data=(A\d+)|name="fp-data"\s+(A\d+)/.exec(body)
    const data = headers['fp-data'] ?? field?.[1] ?? field?.[2] ?? cookies?.[1]
    signals.set(url, data && used.has(data) ? `${data} again` : data)
    used.add(data)
  }
  const missing = []
  found.forEach((name, at) => {
    for (const way of names) {
      const data = signals.get(`/api/${way}?${at}`)
      if (!/^A\d+$/.test(data ?? '')) missing.push(`${name.join(', ')}: ${way}: ${signals.has(`/api/${way}?${at}`) ? data : 'not seen'}`)
    }
  })
  assert.deepEqual(missing, [])
}
