// The instrumentor takes the same calls for protected ones as the worker: both run the table in `fixtures/near-misses.json`.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'

const { forms, place } = await import(process.env.CANONICAL_MODULE)
const table = JSON.parse(readFileSync(new URL('../../../fixtures/near-misses.json', import.meta.url), 'utf8'))

for (const { pattern, shape, own, below, neither } of table.patterns) {
  for (const [expected, cases] of Object.entries({ own, below, null: neither })) {
    for (const { path, why } of cases) {
      test(`${path} is ${expected === 'null' ? 'no call' : expected} of ${pattern}: ${why}`, () => {
        const found = forms(new URL(`https://shop.example${path}`).pathname)
        assert.equal(String(place(shape, pattern.endsWith('*'), found)), expected)
      })
    }
  }
}
