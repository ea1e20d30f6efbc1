// Where a browser has one import map and no more, the agent's module must not be loaded before it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { agent, instrumented, visit } from './world.mjs'

const MAP = '<script type="importmap">{"imports": {"shop": "/shop.js"}}</script>'
const MODULE = '<script type="module">import { create } from "shop"; create()</script>'
const REPORT = `<script>
  addEventListener('load', async () => {
    while (!(await (await fetch('/calls')).json()).length && performance.now() < 10_000) await new Promise((r) => setTimeout(r, 50))
    fetch('/report', { method: 'POST', body: JSON.stringify({ started: window.started ?? false, tag: document.querySelectorAll('[src*=instrumentor]').length }) })
  })
</script>`
const SHOP = {
  type: 'text/javascript',
  text: `window.started = true; export const create = () => fetch('/api/create', { method: 'POST' })`,
}
const paragraphs = '<p>text</p>'.repeat(5000)
const inline = '<script>window.parsed = 1</script>'

for (const [where, page] of Object.entries({
  'first in the head': `${MAP}${MODULE}${REPORT}</head><body></body>`,
  'behind scripts of the head': `${inline}<link rel="icon" href="data:,">${MAP}<link rel="modulepreload" href="/shop.js">${MODULE}${REPORT}</head>`,
  'at the end of a long body': `</head><body>${paragraphs}${REPORT}${MAP}${MODULE}</body>`,
  'added by a script': `<script>const map = document.createElement('script'); map.type = 'importmap'; map.textContent = '{"imports": {"shop": "/shop.js"}}'; document.head.append(map)</script>${MODULE}${REPORT}`,
})) {
  test(`an import map counts, and the page's calls have signals: ${where}`, async () => {
    const { report, calls } = await visit({ pages: { '/': instrumented(page), '/shop.js': SHOP }, loader: agent() })
    assert.deepEqual(report, { started: true, tag: 0 })
    assert.match(calls[0]?.headers['fp-data'] ?? 'none', /^A\d+$/)
  })
}
