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

const cookiesOf = (happened) => happened.filter((text) => text !== 'read').map((text) => text.split('; '))

test('no cookie is longer than a browser takes, and together they are the signals', () => {
  const { happened, jar } = noted()
  const signals = Array.from({ length: 20_480 }, (_, index) => String.fromCharCode(97 + (index % 26))).join('')
  putSignals(jar, signals, new URL('https://shop.example/report;v=1'))
  const cookies = cookiesOf(happened)
  const [own, ...rest] = cookies.pop()
  const [, key] = /^__Host-fp-data-key=(\d+-\d+)$/.exec(own)
  assert.deepEqual(rest, ['path=/', 'max-age=5', 'samesite=strict', 'secure'])
  for (const [pair] of cookies) assert.ok(pair.length <= 4096)
  const values = cookies.map(([pair], at) => pair.slice(`fp-data-${key}-${at}=`.length))
  assert.equal(values.join(''), `${cookies.length}.${signals}`)
  for (const [, ...attributes] of cookies) {
    assert.deepEqual(attributes, ['path=/report', 'max-age=5', 'samesite=strict', 'secure'])
  }
})

test('two navigations have two keys, and without TLS the key has no prefix', () => {
  const { happened, jar } = noted()
  for (let turn = 0; turn < 2; turn++) putSignals(jar, 'a', new URL('http://shop.example/'))
  const [first, firstKey, second, secondKey] = cookiesOf(happened).map(([pair]) => pair)
  assert.match(firstKey, /^fp-data-key=/)
  assert.notEqual(firstKey, secondKey)
  assert.notEqual(first, second)
})

test('the jar is read at the end, which waits until the browser has every cookie', () => {
  const { happened, jar } = noted()
  putSignals(jar, 'a'.repeat(9000), new URL('http://shop.example/'))
  assert.deepEqual(happened.map((what) => what === 'read'), [false, false, false, false, true])
})
