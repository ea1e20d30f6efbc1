// The instrumentor's patterns decide as the worker's: both run the table of cases in `fixtures/patterns.json`.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'

const { catches, parsePattern } = await import(process.env.PATTERNS_MODULE)
const table = JSON.parse(readFileSync(new URL('../../../fixtures/patterns.json', import.meta.url), 'utf8'))

for (const { pattern, url, matches, why } of table.matches) {
  test(`${pattern} ${matches ? 'catches' : 'leaves'} ${url}: ${why}`, () => {
    const parsed = parsePattern(pattern)
    assert.ok(parsed, 'the pattern is valid')
    assert.equal(catches(parsed, new URL(url)), matches)
  })
}

for (const { pattern, why } of table.invalid) {
  test(`"${pattern}" is no pattern: ${why}`, () => assert.equal(parsePattern(pattern), null))
}
