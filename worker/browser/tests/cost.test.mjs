// An agent that costs: what is collected without a call stays below 1 % of the time, and nobody's page collects nothing.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { instrumented, visit } from './world.mjs'

const agent = (busy, takes) => `
  window.collected = []
  const collect = async () => {
    const since = performance.now()
    window.collected.push(since)
    while (performance.now() - since < ${busy});
    if (${takes}) await new Promise((resolve) => setTimeout(resolve, ${takes}))
    return 'A' + window.collected.length
  }
  export const start = () => ({ collect })
  export const handleAgentData = () => {}`

/** Runs in the page: a person's doing, or none, and how often the agent collected meanwhile. */
const page = (run) => instrumented(`</head><body><script>
  const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
  const touch = (type) => document.body.dispatchEvent(new Event(type, { bubbles: true }))
  const during = async (act) => {
    while (!window.collected?.length) await wait(20)
    await wait(1500)
    const before = collected.length
    const since = performance.now()
    await act()
    return { collected: collected.length - before, took: performance.now() - since }
  }
  (${run})().then((report) => fetch('/report', { method: 'POST', body: JSON.stringify(report) }))
</script>`)

const visited = async (run, busy, takes) => (await visit({ pages: { '/': page(run) }, loader: agent(busy, takes) })).report

for (const [name, busy, takes] of [['costs nothing', 0, 0], ['costs 80 ms', 80, 0], ['takes 300 ms', 0, 300]]) {
  test(`a page that nobody touches collects nothing: the agent ${name}`, async () => {
    const report = await visited(() => during(() => wait(4000)), busy, takes)
    assert.equal(report.collected, 0, JSON.stringify(report))
  })
}

test('an agent that costs nothing has fresh signals for several calls at every touch', async () => {
  const report = await visited(async () => {
    const moved = await during(async () => {
      for (let turn = 0; turn < 20; turn++) {
        touch('pointermove')
        await wait(100)
      }
    })
    return moved
  }, 0, 0)
  // Four sets, renewed every 0.8 s of two seconds.
  assert.ok(report.collected >= 4 && report.collected <= 16, JSON.stringify(report))
})

for (const [busy, takes] of [[80, 0], [0, 300]]) {
  test(`an agent that costs ${busy + takes} ms collects for a press and not for a look, and rarely`, async () => {
    const report = await visited(async () => {
      const looked = await during(async () => {
        for (let turn = 0; turn < 10; turn++) {
          touch('pointermove')
          await wait(100)
        }
      })
      const pressed = await during(async () => {
        for (let turn = 0; turn < 16; turn++) {
          touch('pointerdown')
          await wait(500)
        }
      })
      return { looked, pressed, all: collected.length, time: performance.now() }
    }, busy, takes)
    assert.equal(report.looked.collected, 0, JSON.stringify(report))
    assert.equal(report.pressed.collected, 1, JSON.stringify(report))
  })
}
