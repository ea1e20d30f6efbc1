// Drives a real Chromium over its pipe: opens pages, runs scripts in them, presses keys, takes pictures.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** How long anything may take before the test has failed, in milliseconds. */
const LIMIT = 30_000

/** Starts a browser, with these arguments too; `end` ends it and removes its profile. */
export async function chromium(more = []) {
  const profile = mkdtempSync(join(tmpdir(), 'edgeproof-viewer-'))
  const quiet = ['--no-first-run', '--disable-background-networking', '--disable-component-update', '--no-sandbox']
  const program = spawn(process.env.EDGEPROOF_CHROMIUM ?? 'chromium', ['--headless', '--remote-debugging-pipe', `--user-data-dir=${profile}`, ...quiet, ...more], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
    detached: true,
  })
  const ended = new Promise((resolve) => program.on('exit', resolve).on('error', resolve))
  const waiting = new Map()
  const listeners = []
  let rest = ''
  program.stdio[4].on('data', (data) => {
    const messages = (rest + data).split('\0')
    rest = messages.pop()
    for (const message of messages.map((text) => JSON.parse(text))) {
      const { resolve, reject } = waiting.get(message.id) ?? {}
      if (message.error) reject?.(new Error(message.error.message))
      else resolve?.(message.result)
      waiting.delete(message.id)
      if (message.method) for (const listener of listeners) listener(message)
    }
  })
  let last = 0
  const send = (method, params = {}, sessionId) =>
    new Promise((resolve, reject) => {
      last += 1
      waiting.set(last, { resolve, reject })
      program.stdio[3].write(`${JSON.stringify({ id: last, method, params, sessionId })}\0`)
    })
  let before
  return {
    // One page at a time: a browser has six connections to a server, and a console takes one for itself.
    open: async (url, look) => {
      if (before) await send('Target.closeTarget', { targetId: before })
      const page = await open(send, listeners, url, look)
      before = page.id
      return page
    },
    end: async () => {
      try {
        process.kill(-program.pid, 'SIGKILL')
      } catch {
        // It has ended by itself.
      }
      await ended
      rmSync(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
    },
  }
}

/** A page of its own, `width` wide, light or dark, with or without scripts of its own. What it prints as an error, and what it asks the network for, is kept. */
async function open(send, listeners, url, { width = 1280, height = 900, dark = false, scripts = true } = {}) {
  const { targetId } = await send('Target.createTarget', { url: 'about:blank' })
  const { sessionId } = await send('Target.attachToTarget', { targetId, flatten: true })
  const command = (method, params) => send(method, params, sessionId)
  const errors = []
  const requests = []
  listeners.push((message) => {
    if (message.sessionId !== sessionId) return
    const { exceptionDetails, entry, request } = message.params
    if (message.method === 'Runtime.exceptionThrown') errors.push(exceptionDetails.exception?.description ?? exceptionDetails.text)
    if (message.method === 'Log.entryAdded' && entry.level === 'error') errors.push(entry.text)
    if (message.method === 'Network.requestWillBeSent') requests.push(request.url)
  })
  for (const domain of ['Page', 'Runtime', 'Log', 'Network']) await command(`${domain}.enable`)
  await command('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: 1, mobile: false })
  await command('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value: dark ? 'dark' : 'light' }] })
  if (!scripts) await command('Emulation.setScriptExecutionDisabled', { value: true })
  const page = {
    id: targetId,
    errors,
    requests,
    command,
    /** What a script comes to: the body of an async function. */
    run: async (script) => {
      const { result, exceptionDetails } = await command('Runtime.evaluate', { expression: `(async () => { ${script} })()`, awaitPromise: true, returnByValue: true })
      if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text)
      return result.value
    },
    /** Waits until an expression is true in the page. */
    until: async (expression) => {
      const end = performance.now() + LIMIT
      while (!(await page.run(`return !!(${expression})`))) {
        if (performance.now() > end) throw new Error(`never: ${expression}\n${(await page.text()).slice(0, 2000)}`)
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
    },
    text: () => page.run('return document.body.innerText'),
    /** Clicks what a selector finds and whose text this is in. */
    click: (selector, text = '') => page.run(`const found = [...document.querySelectorAll(${JSON.stringify(selector)})].find((one) => one.textContent.includes(${JSON.stringify(text)}))
      if (!found) throw new Error(${JSON.stringify(`nothing to click: ${selector} ${text}`)})
      found.click()`),
    key: async (key) => {
      await command('Input.dispatchKeyEvent', { type: 'keyDown', key, text: key.length === 1 ? key : undefined })
      await command('Input.dispatchKeyEvent', { type: 'keyUp', key })
    },
    type: (text) => command('Input.insertText', { text }),
    picture: async () => Buffer.from((await command('Page.captureScreenshot', { format: 'png', captureBeyondViewport: false })).data, 'base64'),
  }
  await command('Page.navigate', { url })
  await page.until('document.readyState === "complete"')
  return page
}
