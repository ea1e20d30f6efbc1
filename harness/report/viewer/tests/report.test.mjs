// The report of real runs in a real Chromium.
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { serious } from './accessible.mjs'
import { chromium } from './chromium.mjs'
import { edgeproof, folder } from './command.mjs'

const BLOCKED = 'flow::incognito_is_blocked'
const temporary = folder()
const at = (name) => join(temporary.path, name)
const url = (name, hash = '') => `${pathToFileURL(at(name))}${hash}`
let browser

before(async () => {
  const paths = ['scenarios/flow/incognito_is_blocked.yaml', 'scenarios/flow/no_signals_fail_closed.yaml', 'scenarios/flow/no_signals_fail_open.yaml']
  const workers = ['--worker', 'fixtures/workers/pass-through', '--against', 'fixtures/workers/plain-js']
  const run = await edgeproof('run', ...paths, ...workers, '--report', `html=${at('run.html')}`, '--report', `json=${at('run.json')}`)
  assert.equal(run.code, 1, run.stderr)
  browser = await chromium()
})

after(async () => {
  await browser?.end()
  temporary.remove()
})

/** Makes a page of a report that was changed. */
async function changed(name, change) {
  const report = JSON.parse(readFileSync(at('run.json'), 'utf8'))
  change(report)
  writeFileSync(at(`${name}.json`), JSON.stringify(report))
  const merged = await edgeproof('report', 'merge', at(`${name}.json`), '--report', `html=${at(`${name}.html`)}`)
  assert.equal(merged.stderr, '')
}

test('a search finds the case that failed, and its call says what every hop decided', async () => {
  const page = await browser.open(url('run.html'))
  await page.until('document.querySelector("nav li")')
  await page.key('/')
  await page.type('incognito create-account')
  await page.until('document.querySelectorAll("nav li").length === 1')
  await page.click('nav li a', 'incognito')
  await page.until('document.querySelector("h1").textContent.includes("incognito visitor is blocked")')
  assert.match(await page.run('return location.hash'), /q=incognito%20create-account&case=flow::incognito_is_blocked/)
  const text = await page.text()
  assert.match(text, /expected status 403, got 201/)
  assert.match(text, /A visitor in a private window must never get an account/)
  await page.click('.sequence button', 'POST shop.example/api/create-account')
  await page.until('document.querySelector(".messages")')
  assert.match(await page.run('return document.querySelector(".messages").innerText'), /"password": "\[redacted\]"|password/)
  assert.deepEqual(page.errors, [])
})

test('where the platform was asked, the call shows rule, clause and event', async () => {
  const page = await browser.open(url('run.html', `#case=${BLOCKED}&run=2`))
  await page.until('document.querySelector(".sequence")')
  const text = await page.text()
  assert.match(text, /block with 403 by rule 1 of `no-incognito` \(r_\w+\), `incognito`; incognito is true/)
  assert.match(text, /event \d+\.\w+/)
})

test('two workers stand side by side, and what differs comes first', async () => {
  const page = await browser.open(url('run.html'))
  await page.until('document.querySelector("nav h2")')
  assert.match(await page.run('return document.querySelector("nav h2").textContent'), /^differs/)
  assert.match(await page.text(), /The workers differ in \d of 3 cases/)
  await page.run(`location.hash = 'case=${BLOCKED}'`)
  await page.until('document.querySelectorAll(".both section").length === 2')
  const words = await page.run('return [...document.querySelectorAll(".both .badge")].map((badge) => badge.textContent)')
  assert.deepEqual(words, ['failed', 'passed'])
  // Each side is run again with its own worker.
  await page.run('window.copied = []; navigator.clipboard.writeText = async (text) => { window.copied.push(text) }')
  await page.click('.facts button', 'copy the command')
  await page.run(`location.hash = 'case=${BLOCKED}&run=2'`)
  await page.until('document.querySelector(".facts .badge").textContent === "passed"')
  await page.click('.facts button', 'copy the command')
  await page.until('window.copied.length === 2')
  const workers = await page.run(`return window.copied.map((command) => command.replace(/.*--worker /, ''))`)
  assert.deepEqual(workers, ['pass-through', 'plain-js'].map((worker) => `fixtures/workers/${worker} --filter ${BLOCKED}`))
})

test('each step of a case that failed has a picture', async () => {
  const page = await browser.open(url('run.html', `#case=${BLOCKED}`))
  await page.until('document.querySelector(".steps img")')
  await page.until('[...document.querySelectorAll(".steps > li > details > summary > img")].every((one) => one.naturalWidth > 0)')
  const steps = await page.run('return [...document.querySelectorAll(".steps li")].map((step) => [step.querySelector("code").textContent, step.querySelector("img") !== null])')
  assert.deepEqual(steps.at(-1), ['click #create', true])
})

test('the filters of the address and the keys lead where they say', async () => {
  const page = await browser.open(url('run.html', '#failed'))
  await page.until('document.querySelector("nav li")')
  const failed = await page.run('return document.querySelectorAll("nav li").length')
  assert.ok(failed > 0 && failed < 3, `${failed}`)
  await page.key('j')
  await page.until('location.hash.includes("case=")')
  await page.key('d')
  assert.equal(await page.run('return getComputedStyle(document.body).backgroundColor'), 'rgb(21, 23, 26)')
  await page.key('Escape')
  await page.until('!location.hash.includes("case=")')
})

test('without JavaScript the page says what did not pass', async () => {
  const page = await browser.open(url('run.html'), { scripts: false })
  assert.match(await page.text(), /expected status 403, got 201/)
  assert.equal(await page.run('return document.querySelector("#viewer").childElementCount'), 0)
  assert.ok(await page.run('return document.querySelector("#picture-0").src.startsWith("data:image/jpeg")'))
})

test('what sites, visitors and scenarios say is never markup', async () => {
  const evil = '</script></pre><img src="https://evil.example/a" onerror="window.owned = 1"><script>window.owned = 2</script>'
  const plant = (value, key) => {
    if (typeof value === 'string') return ['status', 'jpeg', 'file', 'started'].includes(key) ? value : value + evil
    if (Array.isArray(value)) return value.map((one) => plant(one))
    if (value === null || typeof value !== 'object') return value
    return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, plant(one, name)]))
  }
  await changed('evil', (report) => {
    report.cases = report.cases.map((one) => (typeof one.verdict === 'string' ? { ...plant(one), verdict: one.verdict } : plant(one)))
    report.cases[0].refs = ['javascript:window.owned=3', `https://ok.example/${evil}`]
  })
  const page = await browser.open(url('evil.html'))
  await page.until('document.querySelector("nav li")')
  const count = await page.run('return document.querySelectorAll("nav li").length')
  for (let index = 0; index < count; index += 1) {
    await page.key('j')
    await page.run('document.querySelectorAll("details").forEach((one) => { one.open = true }); document.querySelector(".sequence button")?.click(); await new Promise((done) => setTimeout(done, 50))')
  }
  assert.match(await page.text(), /onerror=/)
  assert.equal(await page.run('return window.owned ?? null'), null)
  assert.equal(await page.run(`return document.querySelectorAll('img:not([src^="data:"]), a[href^=javascript], #viewer script').length`), 0)
  assert.deepEqual(page.requests.filter((request) => !/^(file|data):/.test(request)), [])
})

for (const dark of [false, true]) {
  for (const width of [360, 1280, 2000]) {
    test(`nothing serious stands in anybody's way at ${width} px, ${dark ? 'dark' : 'light'}`, async () => {
      for (const hash of ['', `#case=${BLOCKED}`, `#case=${BLOCKED}&run=2`]) {
        const page = await browser.open(url('run.html', hash), { width, dark })
        await page.until('document.querySelector("h1")')
        await page.run('document.querySelector(".sequence button")?.click(); document.querySelectorAll("details").forEach((one) => { one.open = true }); await new Promise((done) => setTimeout(done, 50))')
        assert.deepEqual(await serious(page), [], hash)
        assert.ok((await page.run('return document.documentElement.scrollWidth')) <= width, `${hash} is wider than ${width}`)
        assert.deepEqual(page.errors, [])
      }
    })
  }
}

test('a thousand cases are searched and opened', async (context) => {
  await changed('thousand', (report) => {
    const { cases } = report
    report.cases = Array.from({ length: 1000 }, (_, index) => ({ ...cases[index % cases.length], name: `flow::case_${index}`, title: `Number ${index} of a thousand` }))
    delete report.against
  })
  const began = performance.now()
  const page = await browser.open(url('thousand.html'))
  await page.until('document.querySelectorAll("nav li").length > 0 && document.body.innerText.includes("1000 cases")')
  const opened = Math.round(performance.now() - began)
  const search = (text) =>
    page.run(`const input = document.querySelector('input[type=search]'), began = performance.now()
      input.value = ${JSON.stringify(text)}
      input.dispatchEvent(new Event('input', { bubbles: true }))
      await new Promise((done) => requestAnimationFrame(() => setTimeout(done)))
      return Math.round(performance.now() - began)`)
  const times = [await search('n'), await search('number 777'), await search('create-account 201')]
  await search('number 777')
  await page.until('document.querySelectorAll("nav li").length === 1')
  await search('')
  await page.click('nav button', 'more')
  await page.until('document.querySelectorAll("nav li").length === 1000')
  context.diagnostic(`${readFileSync(at('thousand.html')).length} bytes, opened in ${opened} ms, searched in ${times.join(', ')} ms`)
})

test('paper is light, whatever the screen was', async () => {
  const page = await browser.open(url('run.html', `#case=${BLOCKED}`))
  await page.until('document.querySelector(".call")')
  await page.key('d')
  await page.command('Emulation.setEmulatedMedia', { media: 'print' })
  assert.equal(await page.run('return getComputedStyle(document.body).color'), 'rgb(29, 31, 33)')
  assert.equal(await page.run('return getComputedStyle(document.querySelector("header")).display'), 'none')
})

test('one goes through the steps of a case, and the address says which it is', async () => {
  const page = await browser.open(url('run.html', `#case=${BLOCKED}`))
  await page.until('document.querySelector(".steps li")')
  // Keys are listened to once what was rendered has been painted.
  await page.run('await new Promise((done) => requestAnimationFrame(() => setTimeout(done)))')
  await page.key('ArrowRight')
  await page.until('document.querySelector(".step img")?.naturalWidth > 100')
  assert.match(await page.run('return location.hash'), /step=1/)
  await page.key('ArrowLeft')
  await page.until('!document.querySelector(".step")')
})

test('a call is copied as a command of a shell and as a step that the command takes', async () => {
  const page = await browser.open(url('run.html', `#case=${BLOCKED}`))
  await page.until('document.querySelector(".call")')
  await page.run('window.copied = []; navigator.clipboard.writeText = async (text) => { window.copied.push(text) }')
  await page.key('c')
  await page.key('s')
  await page.until('window.copied.length === 2')
  const [curl, step] = await page.run('return window.copied')
  assert.match(curl, /^curl --request 'POST' 'https:\/\/shop\.example\/api\/create-account' /)
  const file = at('copied.yaml')
  writeFileSync(file, `scenario: copied\ngiven:\n  zones: { shop.example: { hosts: { shop.example: { site: signup } } } }\n  deployments: { flow: { worker: ${JSON.stringify(join(process.cwd(), 'fixtures/workers/pass-through'))} , routes: [shop.example/*] } }\nsteps:\n${step}`)
  const run = await edgeproof('run', file)
  assert.equal(run.code, 0, `${step}\n${run.stdout}${run.stderr}`)
})
