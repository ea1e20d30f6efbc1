// A page in a real browser, without the rest of the harness: a server that serves pages with the instrumentor in them, and
// keeps what they call. Chromium unless BROWSER says `firefox`.
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export const instrumentor = readFileSync(process.env.INSTRUMENTOR, 'utf8')

/** An agent whose signals are numbered, so that a set used twice shows. `collecting` is what a collection waits for. */
export const agent = (collecting = 'undefined') => `
  let turn = 0
  const waits = () => ${collecting}
  export const start = () => ({ collect: async () => { turn++; const data = 'A' + turn; await waits(); return data } })
  export const handleAgentData = () => {}`

const TAG = '<script src="/fp/instrumentor.iife.js"></script>'

/** The page with the instrumentor where the worker puts it. */
export const instrumented = (rest) => `<!doctype html><html><head>${TAG}${rest}`

/**
 * Opens the first of these pages and returns what it reports: a page ends by sending JSON to `/report`. Everything below
 * `/api/` is protected for POST and GET, is answered with `next`, and its calls are returned too.
 */
export async function visit({ pages, loader = agent(), next = '<!doctype html><title>received</title>', logLevel = 'error', within = +(process.env.WITHIN ?? 120_000) }) {
  const calls = []
  let reported
  const report = new Promise((resolve) => (reported = resolve))
  const server = createServer({ maxHeaderSize: 512 * 1024 }, async (request, response) => {
    const { pathname } = new URL(request.url, 'http://server')
    const chunks = []
    for await (const chunk of request) chunks.push(chunk)
    const body = Buffer.concat(chunks).toString()
    const send = (type, text, headers = {}) => response.writeHead(200, { 'content-type': type, ...headers }).end(text)
    if (pathname === '/fp/instrumentor.iife.js') {
      const config = {
        routePrefix: 'fp',
        logLevel,
        protectedApis: ['POST', 'GET'].map((method) => ({ method, url: `*/api/*` })),
      }
      return send('text/javascript', instrumentor.replace('__EDGEPROOF_CONFIG__', JSON.stringify(config)))
    }
    if (pathname === '/fp/loader.js') return send('text/javascript', loader)
    if (pathname === '/report') {
      send('text/plain', 'thanks')
      return reported(JSON.parse(body))
    }
    if (pathname === '/calls') return send('application/json', JSON.stringify(calls))
    if (pathname.startsWith('/api/') || pathname.startsWith('/open/')) {
      calls.push({ method: request.method, url: request.url, headers: request.headers, body })
      return send('text/html', next)
    }
    const page = pages[pathname]
    if (page === undefined) return response.writeHead(404).end()
    const { type = 'text/html', text = page, headers } = typeof page === 'string' ? {} : page
    send(type, text, headers)
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const stop = open(`http://127.0.0.1:${server.address().port}${Object.keys(pages)[0]}`)
  const timer = setTimeout(() => reported({ error: `no report within ${within} ms; ${calls.length} calls, the last of them ${calls.at(-1)?.url}` }), within)
  try {
    return { report: await report, calls }
  } finally {
    clearTimeout(timer)
    await stop()
    server.closeAllConnections()
    server.close()
  }
}

/** Starts a browser at a page; returns what ends it. */
function open(url) {
  const profile = mkdtempSync(join(tmpdir(), 'edgeproof-page-'))
  const [program, args] = process.env.BROWSER === 'firefox' ? firefox(profile) : chromium(profile)
  const browser = spawn(program, [...args, url], {
    stdio: 'ignore',
    detached: true,
    env: { ...process.env, HOME: profile, MOZ_CRASHREPORTER_DISABLE: '1' },
  })
  const ended = new Promise((resolve) => browser.on('exit', resolve).on('error', resolve))
  return async () => {
    try {
      process.kill(-browser.pid, 'SIGKILL')
    } catch {
      // It has ended by itself.
    }
    await ended
    rmSync(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
  }
}

function chromium(profile) {
  const quiet = ['--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-popup-blocking', '--no-sandbox']
  return [process.env.EDGEPROOF_CHROMIUM ?? 'chromium', ['--headless', `--user-data-dir=${profile}`, ...quiet]]
}

function firefox(profile) {
  const preferences = {
    'browser.startup.page': 0,
    'dom.disable_open_during_load': false,
    'browser.shell.checkDefaultBrowser': false,
    'datareporting.policy.dataSubmissionEnabled': false,
    'app.update.enabled': false,
    'services.settings.server': 'http://127.0.0.1:9',
  }
  const lines = Object.entries(preferences).map(([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});`)
  writeFileSync(join(profile, 'user.js'), lines.join('\n'))
  return ['firefox-esr', ['--headless', '--no-remote', '--profile', profile]]
}
