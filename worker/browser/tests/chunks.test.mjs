// Signals in cookies: as the worker reads them, and there before a navigation leaves.
import assert from 'node:assert/strict'
import { test } from 'node:test'

const { putSignals } = await import(process.env.CHUNKS_MODULE)

/** A jar that notes what happens to it. */
function noted() {
  const happened = []
  const jar = {
    get cookie() {
      happened.push('read')
      return ''
    },
    set cookie(text) {
      happened.push(text)
    },
  }
  return { happened, jar }
}

test('no cookie is longer than a browser takes, and together they are the signals', () => {
  const { happened, jar } = noted()
  const signals = Array.from({ length: 20_480 }, (_, index) => String.fromCharCode(97 + (index % 26))).join('')
  putSignals(jar, signals, new URL('https://shop.example/report;v=1'))
  const cookies = happened.filter((text) => text !== 'read').map((text) => text.split('; '))
  for (const [pair] of cookies) assert.ok(pair.length <= 4096)
  const values = cookies.map(([pair], at) => pair.slice(`fp-data-${at}=`.length))
  assert.equal(values.join(''), `${cookies.length}.${signals}`)
  for (const [, path, , , secure] of cookies) assert.deepEqual([path, secure], ['path=/report', 'secure'])
})

test('the jar is read at the end, which waits until the browser has every cookie', () => {
  const { happened, jar } = noted()
  putSignals(jar, 'a'.repeat(9000), new URL('http://shop.example/'))
  assert.deepEqual(happened.map((what) => what === 'read'), [false, false, false, true])
})
