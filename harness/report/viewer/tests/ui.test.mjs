// The page of `run --ui` in a real Chromium: runs all and one, follows saves, goes through the steps of a browser.
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { request as send } from 'node:http'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { serious } from './accessible.mjs'
import { chromium } from './chromium.mjs'
import { folder, home, started } from './command.mjs'

const given = (more = '') => `given:
  zones: { shop.example: { hosts: { shop.example: { site: signup } } } }
  deployments:
    flow:
      worker: ${join(home, 'fixtures/workers/plain-js')}
      identification_pages: [shop.example/signup]
      protected_apis: [POST shop.example/api/create-account*]
      failure_mode: closed
      ruleset: anybody
  rulesets: { anybody: {} }
${more}`
const HTTP = (status) => `scenario: A call without signals
tags: [calls]
${given()}steps:
  - request: POST https://shop.example/api/create-account
    expect: { status: ${status} }
`
const PAGE = (status) => `scenario: Somebody signs up
tags: [pages]
${given('  visitors: { ann: { profile: regular } }\n')}steps:
  - visit: https://shop.example/signup
  - wait: { for: agent }
  - click: "#create"
    call: POST /api/create-account
    expect: { status: ${status} }
`
const SLOW = `scenario: A call that hangs
tags: [calls, slow]
timeout: 50s
${given('  faults: [{ on: origin, fault: hang }]\n')}steps:
  - request: GET https://shop.example/elsewhere
    expect: { status: 200 }
`

const temporary = folder()
const scenarios = join(temporary.path, 'shop')
const write = (name, text) => writeFileSync(join(scenarios, name), text)
let browser, run, url

before(async () => {
  mkdirSync(scenarios)
  write('a_call.yaml', HTTP(403))
  write('a_page.yaml', PAGE(402))
  run = await started(['run', scenarios, '--ui'], /for you alone:\s+(\S+)/)
  ;[, url] = run.match
  browser = await chromium()
})

after(async () => {
  await browser?.end()
  await run?.end()
  temporary.remove()
})

const row = (title) => `[...document.querySelectorAll('nav li')].find((row) => row.textContent.includes(${JSON.stringify(title)}))`
const verdict = (title) => `${row(title)}?.querySelector('b')?.getAttribute('aria-label')`

/** Opens the page at this part of its address. */
async function open(hash = '', look) {
  const page = await browser.open(`${url}${hash}`, look)
  await page.until('document.querySelector("nav li")')
  return page
}

test('one is picked and run, and the others are not', async () => {
  const page = await open()
  assert.deepEqual(await page.run(`return [${verdict('A call')}, ${verdict('Somebody')}]`), ['not run', 'not run'])
  await page.run(`${row('A call')}.querySelector('.again').click()`)
  await page.until(`${verdict('A call')} === 'passed'`)
  assert.equal(await page.run(`return ${verdict('Somebody')}`), 'not run')
  await page.click('nav li a', 'A call')
  await page.until('document.querySelector(".sequence")')
  assert.match(await page.text(), /failure mode closed: it is blocked/)
  assert.deepEqual(page.errors, [])
})

test('what a filter shows is run, says where it failed, and one goes through its steps', async () => {
  const page = await open('#tag=pages')
  await page.until('document.querySelectorAll("nav li").length === 1')
  await page.click('header button', 'run these 1')
  await page.until(`${verdict('Somebody')} === 'running'`)
  await page.until(`${verdict('Somebody')} === 'failed'`)
  await page.click('nav li a', 'Somebody')
  await page.until('document.querySelector(".card mark")')
  assert.match(await page.text(), /expected status 402, got 201/)
  assert.equal(await page.run('return document.querySelector(".card mark").textContent'), '402')
  // Why it failed stands in the list already; its steps come when it is looked at.
  await page.until('document.querySelectorAll(".steps li").length === 3')
  await page.key('ArrowRight')
  await page.until('document.querySelector(".step img")?.naturalWidth > 100')
  const shown = () => page.run('return [location.hash, document.querySelector(".step .tools code").textContent, document.querySelector(".step .marked").textContent.trim()]')
  const [hash, title, line] = await shown()
  assert.match(hash, /step=1/)
  assert.match(title, /^visit/)
  assert.equal(line, '- visit: https://shop.example/signup')
  const calls = () => page.run('return [...document.querySelectorAll(".calls li, .call .tools code")].map((call) => call.textContent).join("\\n")')
  assert.doesNotMatch(await calls(), /create-account/)
  const before = await page.run('return document.querySelector(".step img").src')
  await page.key('ArrowRight')
  await page.key('ArrowRight')
  await page.until('location.hash.includes("step=3")')
  await page.until('document.querySelector(".step img")?.naturalWidth > 100')
  assert.equal((await shown())[2], '- click: "#create"')
  assert.match(await calls(), /create-account/)
  assert.notEqual(await page.run('return document.querySelector(".step img").src'), before, 'the page was another one by then')
  assert.deepEqual(await serious(page), [])
})

test('a save runs the file again, and a file with a mistake is told beside the others', async () => {
  const page = await open()
  await page.until(`${verdict('Somebody')} === 'failed'`)
  write('a_page.yaml', PAGE(201))
  await page.until(`${verdict('Somebody')} === 'passed'`)
  write('a_call.yaml', HTTP('[oops'))
  await page.until('document.querySelector("pre.bad")?.textContent.includes("a_call.yaml:")')
  assert.equal(await page.run('return document.querySelectorAll("nav li").length'), 1)
  write('a_call.yaml', HTTP(404))
  await page.until('document.querySelectorAll("nav li").length === 2 && !document.querySelector("pre.bad")')
  await page.until(`${verdict('A call')} === 'failed'`)
  write('a_call.yaml', HTTP(403))
  await page.until(`${verdict('A call')} === 'passed'`)
})

test('one goes through a case step by step while it runs, looks at the steps before, and that is none of its time', async () => {
  const page = await open('#case=a_page')
  await page.click('header button', 'step by step')
  await page.until('document.querySelector("header button[title=\'Waits before each step\']").ariaPressed === "true"')
  // What is saved is run.
  write('a_page.yaml', PAGE(201).replace('tags:', 'timeout: 20s\ntags:'))
  const waits = (number) => page.until(`document.querySelector('.now')?.textContent.includes('waits before step ${number} of 3')`)
  await waits(1)
  assert.equal(await page.run(`return ${verdict('Somebody')}`), 'running')
  // What came of it before is gone.
  await page.until('document.querySelectorAll(".steps li").length === 0')
  await page.key('n')
  await waits(2)
  await page.until('document.querySelector(".now img")?.naturalWidth > 100')
  assert.match(await page.run(`return ${row('Somebody')}.textContent`), /waits 2\/3/)
  assert.equal(await page.run('return document.querySelector(".now .marked").textContent.trim()'), '- wait: { for: agent }')
  // Calls of what is over are there already, and so is the step.
  assert.match(await page.run('return document.querySelector(".call").textContent'), /shop\.example/)
  await page.key('ArrowRight')
  await page.until('document.querySelector(".steps .chosen") && document.querySelector(".step:not(.now) img")?.naturalWidth > 100')
  assert.deepEqual(await serious(page), [])
  await page.key('ArrowLeft')
  await page.click('.now button', 'next step')
  await waits(3)
  const began = await page.run('return Date.now()')
  await page.until(`Date.now() > ${began} + 20_000`)
  assert.equal(await page.run(`return ${verdict('Somebody')}`), 'running')
  await page.click('.now button', 'go on')
  await page.until(`${verdict('Somebody')} === 'passed'`)
  await page.until('!document.querySelector(".now") && document.querySelectorAll(".steps li").length === 3')
  assert.deepEqual(page.errors, [])
})

test('what takes long is stopped', async () => {
  const page = await open()
  write('slow.yaml', SLOW)
  await page.until('document.querySelectorAll("nav li").length === 3')
  // What was saved is run.
  await page.until(`${verdict('hangs')} === 'running'`)
  await page.run(`${row('A call')}.querySelector('.again').click()`)
  await page.click('header button', 'stop')
  await page.until(`${verdict('hangs')} === 'not run'`)
  await page.run(`${row('A call')}.querySelector('.again').click()`)
  await page.until(`${verdict('A call')} === 'passed'`)
  assert.equal(await page.run(`return ${verdict('hangs')}`), 'not run')
})

test('a save ends what hangs, and runs it again with what was saved', async () => {
  const page = await open()
  write('slow.yaml', `${SLOW}# again\n`)
  await page.until(`${verdict('hangs')} === 'running'`)
  write('a_call.yaml', HTTP(404))
  await page.until(`${verdict('A call')} === 'failed' && ${verdict('hangs')} === 'running'`)
  write('slow.yaml', SLOW.replace(/ *faults:.*\n/, '').replace('status: 200', 'status: 404'))
  await page.until(`${verdict('hangs')} === 'passed'`)
  write('a_call.yaml', HTTP(403))
  await page.until(`${verdict('A call')} === 'passed'`)
})

test('nobody else runs anything, and nothing happens by GET', async () => {
  const { hostname, port, pathname, host, origin } = new URL(url)
  const ask = (method, path, headers) =>
    new Promise((done, failed) => {
      const asked = send({ host: hostname, port, path, method, headers: { host, ...headers } }, (response) => {
        response.resume()
        done(response.statusCode)
      })
      asked.on('error', failed).end(method === 'POST' ? '{"names":[]}' : undefined)
    })
  const yaml = { 'content-type': 'application/yaml' }
  assert.equal(await ask('GET', '/', {}), 404)
  assert.equal(await ask('GET', pathname, { host: 'rebound.example' }), 421)
  assert.equal(await ask('GET', `${pathname}run`, {}), 404)
  assert.equal(await ask('POST', `${pathname}run`, yaml), 403)
  assert.equal(await ask('POST', `${pathname}run`, { ...yaml, origin: 'https://evil.example' }), 403)
  assert.equal(await ask('POST', `${pathname}run`, { origin, 'content-type': 'text/plain' }), 403)
  assert.equal(await ask('POST', `${pathname}state`, { ...yaml, origin }), 404)
})

for (const dark of [false, true]) {
  for (const width of [360, 400, 1440]) {
    test(`nothing serious stands in anybody's way at ${width} px, ${dark ? 'dark' : 'light'}`, async () => {
      for (const hash of ['', '#case=a_page', '#case=a_page&step=3']) {
        const page = await open(hash, { width, dark })
        await page.until(hash === '' ? 'document.querySelector("h1")' : 'document.querySelector(".steps li")')
        assert.deepEqual(await serious(page), [], hash)
        assert.ok((await page.run('return document.documentElement.scrollWidth')) <= width, `${hash} is wider than ${width}`)
      }
    })
  }
}
