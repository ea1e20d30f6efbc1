// A window that was opened empty has the script of the page that opened it, until it goes to a page that has its own.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { agent, instrumented, visit } from './world.mjs'

const OPENER = `<script>
  addEventListener('load', async () => {
    await fetch('/api/ready', { method: 'POST' })
    const other = open('')
    other.location = '/own'
    await new Promise((resolve) => setTimeout(resolve, 1500))
    location = '/gone'
  })
</script>`

const OWN = `<script>
  addEventListener('load', async () => {
    await new Promise((resolve) => setTimeout(resolve, 4000))
    await fetch('/api/late', { method: 'POST' })
    const xhr = new XMLHttpRequest()
    xhr.open('POST', '/api/later', false)
    xhr.send()
    await fetch('/report', { method: 'POST', body: '{}' })
  })
</script>`

test('a window outlives the page that opened it', async () => {
  const pages = { '/': instrumented(OPENER), '/own': instrumented(OWN), '/gone': '<!doctype html><title>gone</title>' }
  const { report, calls } = await visit({ pages, loader: agent(), within: 30_000 })
  assert.deepEqual(report, {})
  assert.deepEqual(calls.map(({ url }) => url), ['/api/ready', '/api/late', '/api/later'])
  for (const { headers } of calls) assert.match(headers['fp-data'] ?? 'none', /^A\d+$/)
})
