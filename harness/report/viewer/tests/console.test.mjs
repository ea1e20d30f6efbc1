// The console of a running rig in a real Chromium.
import assert from 'node:assert/strict'
import { request as send } from 'node:http'
import { after, before, test } from 'node:test'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { serious } from './accessible.mjs'
import { chromium } from './chromium.mjs'
import { edgeproofWith, folder, home, started } from './command.mjs'

const SCENARIO = `
scenario: One shop
given:
  zones: { shop.example: { hosts: { shop.example: { site: signup } } } }
  deployments:
    flow:
      worker: ${join(home, 'fixtures/workers/plain-js')}
      identification_pages: [shop.example/signup]
      protected_apis: [POST shop.example/api/create-account*]
      failure_mode: closed
      ruleset: anybody
      secrets: { SIGNING: a1b2-c3d4 }
  rulesets: { anybody: {}, nobody: { rules: [{ if: "not incognito", block: { status: 403 } }] } }
`

const temporary = folder()
let browser, rig, door, console

before(async () => {
  const file = join(temporary.path, 'shop.yaml')
  writeFileSync(file, SCENARIO)
  rig = await started(['up', file, '--console'], /As \S+, at (\S+):[\s\S]*Its console, for you alone:\s+(\S+)[\s\S]*Ctrl-C/)
  ;[, door, console] = rig.match
  browser = await chromium()
})

after(async () => {
  await browser?.end()
  await rig?.end()
  temporary.remove()
})

/** Sends a request to the edge, and gives its status. */
function visit(path, { method = 'GET', headers = {}, body } = {}) {
  const [host, port] = door.split(':')
  return new Promise((done, failed) => {
    const request = send({ host, port, path, method, headers: { host: 'shop.example', ...headers } }, (response) => {
      response.resume().on('end', () => done(response.statusCode))
    })
    request.on('error', failed).end(body)
  })
}

/** Takes a step in the page. */
async function step(page, text) {
  await page.run(`location.hash = ''; await new Promise((done) => setTimeout(done, 50))`)
  await page.until('document.querySelector(".levers textarea")')
  await page.run(`const area = document.querySelector('.levers textarea')
    area.value = ${JSON.stringify(text)}
    area.dispatchEvent(new Event('input', { bubbles: true }))
    await new Promise((done) => setTimeout(done, 50))`)
  const before = await page.run('return document.querySelector(".levers > pre")?.textContent.length ?? 0')
  await page.click('.levers button', 'take the step')
  await page.until(`(document.querySelector('.levers > pre')?.textContent.length ?? 0) > ${before}`)
}

/** Asks the console without a page. */
function ask(path, { method = 'GET', headers = {}, body } = {}) {
  const { hostname, port } = new URL(console)
  return new Promise((done, failed) => {
    const request = send({ host: hostname, port, path, method, headers }, (response) => {
      response.resume()
      done(response.statusCode)
    })
    request.on('error', failed).end(body)
  })
}

test('a call stands in the list while it happens, and says everything of itself', async () => {
  const page = await browser.open(console)
  await page.until('document.querySelector("h1")?.textContent === "One shop"')
  assert.doesNotMatch(await page.text(), /a1b2-c3d4/)
  assert.equal(await visit('/api/create-account', { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"email":"a@b.example","password":"hunter2-x"}' }), 403)
  await page.until('document.querySelector("nav li")?.textContent.includes("create-account")')
  await page.click('nav li a', 'create-account')
  await page.until('document.querySelector(".sequence")')
  await page.click('.sequence button', 'POST')
  await page.until('document.querySelector(".messages")')
  const text = await page.text()
  assert.match(text, /failure mode closed: it is blocked/)
  assert.match(text, /a@b\.example/)
  assert.doesNotMatch(text, /hunter2-x/)
  assert.deepEqual(page.errors, [])
})

test('a lever is a step: after it the next call fails open', async () => {
  const page = await browser.open(console)
  await page.until('document.querySelector(".levers select")')
  const choose = async (title) => {
    await page.run(`const select = document.querySelector('.levers select')
      select.value = [...select.options].find((option) => option.textContent.includes(${JSON.stringify(title)})).value
      select.dispatchEvent(new Event('change', { bubbles: true }))
      await new Promise((done) => setTimeout(done, 50))`)
    const before = await page.run('return document.querySelector(".levers").innerText.split("\\n- ").length')
    await page.click('.levers button', 'take the step')
    await page.until(`document.querySelector('.levers [role=status]').textContent === 'Done.'`)
    await page.until(`document.querySelector('.levers pre:last-of-type') !== null`)
    return before
  }
  await choose('Fault on ingress: refuse')
  assert.equal(await visit('/api/create-account', { method: 'POST', headers: { 'fp-data': 'x' } }), 403)
  await choose('Deployment flow: failure mode open')
  await page.until('document.querySelector(".levers").innerText.includes("failure_mode: open")')
  assert.equal(await visit('/api/create-account', { method: 'POST', headers: { 'fp-data': 'x' } }), 201)
  await page.until('document.querySelector("nav li").textContent.includes("201")')
  const text = await page.text()
  assert.match(text, /- set: { faults: \[{ on: ingress, fault: refuse }\] }/)
  await choose('No faults')
})

test('calls that one picks are saved as a scenario, which passes at once and fails where nothing protects', async () => {
  const page = await browser.open(console)
  const json = { 'content-type': 'application/json' }
  await page.until('document.querySelector(".levers textarea")')
  await step(page, 'set: { deployments: { flow: { failure_mode: closed } } }')
  assert.equal(await visit('/signup?a=1'), 200)
  assert.equal(await visit('/api/create-account?saved=1', { method: 'POST', headers: json, body: '{"email":"a@b.example","password":"hunter2-y"}' }), 403)
  await step(page, 'set: { deployments: { flow: { failure_mode: open } } }')
  await step(page, 'set: { faults: [{ on: ingress, fault: refuse }] }')
  assert.equal(await visit('/api/create-account?saved=2', { method: 'POST', headers: { ...json, 'fp-data': 'made up' }, body: '{"email":"c@d.example"}' }), 201)
  await step(page, 'set: { faults: [] }')
  for (const text of ['saved=2', 'saved=1', 'signup?a=1']) {
    await page.until(`[...document.querySelectorAll('nav li')].some((row) => row.textContent.includes('${text}'))`)
    await page.run(`[...document.querySelectorAll('nav li')].find((row) => row.textContent.includes('${text}')).querySelector('input').click()
      await new Promise((done) => setTimeout(done, 50))`)
  }
  await page.until('document.querySelector(".save h2")?.textContent === "3 calls are picked"')
  const write = (index, text) => page.run(`const input = document.querySelectorAll('.save input')[${index}]
    input.value = ${JSON.stringify(text)}
    input.dispatchEvent(new Event('input', { bubbles: true }))
    await new Promise((done) => setTimeout(done, 50))`)
  await write(0, 'Two sign-ups, the second where the platform is down')
  await write(1, 'picked')
  assert.deepEqual(await serious(page), [])
  await page.click('.save button', 'save as scenario')
  await page.until('document.querySelector(".save [role=status]").innerText.includes("is written")')
  assert.match(await page.run('return document.querySelector(".save [role=status]").innerText'), /export PASSWORD=…\nedgeproof run .*picked\.yaml/)
  const file = join(temporary.path, 'picked.yaml')
  const text = readFileSync(file, 'utf8')
  assert.doesNotMatch(text, /hunter2/)
  assert.match(text, /fault: refuse/)
  const run = await edgeproofWith({ PASSWORD: 'hunter2-y' }, 'run', file)
  assert.equal(run.code, 0, `${text}\n${run.stdout}${run.stderr}`)
  await page.click('.save button', 'save as scenario')
  await page.until('document.querySelector(".save [role=status]").innerText.includes("already exists")')
  const unprotected = join(temporary.path, 'unprotected.yaml')
  writeFileSync(unprotected, text.replaceAll('workers/plain-js', 'workers/pass-through'))
  assert.equal((await edgeproofWith({ PASSWORD: 'hunter2-y' }, 'run', unprotected)).code, 1)
})

test('calls are those of one visitor or worker, where one says so', async () => {
  const page = await browser.open(console)
  await page.until('document.querySelectorAll(".filters select").length === 2 && document.querySelector("nav li")')
  const shown = () => page.run('return [document.querySelectorAll("nav li").length, document.querySelectorAll(".filters option:not(:first-child)").length]')
  const [all, names] = await shown()
  assert.equal(names, 2, 'a visitor and a worker')
  const name = await page.run('return document.querySelector(".filters select").options[1].value')
  await page.run(`location.hash = 'visitor=${name}'; await new Promise((done) => setTimeout(done, 100))`)
  assert.equal((await shown())[0], all)
  await page.run(`location.hash = 'worker=other'; await new Promise((done) => setTimeout(done, 100))`)
  assert.equal((await shown())[0], 0)
})

test('what another window does is followed, and stands in the log', async () => {
  const page = await browser.open(console)
  await page.until('document.querySelector(".levers textarea")')
  const { pathname, host, origin } = new URL(console)
  await ask(`${pathname}step`, { method: 'POST', headers: { host, origin, 'content-type': 'application/yaml' }, body: 'set: { faults: [{ on: cdn, fault: refuse }] }' })
  await page.until('document.querySelector(".about").innerText.includes("cdn")')
  await step(page, 'set: { faults: [] }')
  await page.click('.filters a', 'log')
  await page.until('document.querySelector(".log li")')
  const text = await page.text()
  assert.match(text, /step set: \{ faults: \[\] \}/)
  assert.match(text, /deployed flow; \d+ routes/)
  assert.deepEqual(await serious(page), [])
})

test('a step with a mistake says where it is', async () => {
  const page = await browser.open(console)
  await page.until('document.querySelector(".levers textarea")')
  await page.run(`const area = document.querySelector('.levers textarea')
    area.value = 'set: { fault: [] }'
    area.dispatchEvent(new Event('input', { bubbles: true }))
    await new Promise((done) => setTimeout(done, 50))`)
  await page.click('.levers button', 'take the step')
  await page.until('document.querySelector(".levers [role=status]").textContent.includes("step:1:")')
})

test('a URL that is typed in says which route wins', async () => {
  const page = await browser.open(console)
  await page.until('document.querySelector("input[type=url]")')
  await page.run(`const input = document.querySelector('input[type=url]')
    input.value = 'https://shop.example/api/create-account'
    input.dispatchEvent(new Event('input', { bubbles: true }))`)
  await page.until('document.body.innerText.includes("as a protected API: POST shop.example/api/create-account*")')
})

test('what a visitor sends is never markup', async () => {
  const evil = '<img src=x onerror=window.owned=1><script>window.owned=2</script>'
  const page = await browser.open(console)
  await visit(`/${encodeURIComponent(evil)}?q=${encodeURIComponent(evil)}`, { method: 'POST', headers: { 'x-evil': evil, 'user-agent': evil }, body: evil })
  await page.until('document.querySelector("nav li")?.textContent.includes("%3Cimg")')
  await page.click('nav li a', '%3Cimg')
  await page.until('document.querySelector(".sequence button")')
  await page.click('.sequence button')
  await page.until('document.querySelector(".messages")?.innerText.includes("onerror")')
  assert.equal(await page.run('return window.owned ?? null'), null)
  assert.equal(await page.run('return document.querySelectorAll("#viewer img, #viewer script").length'), 0)
})

test('nobody else comes in, and nothing happens by GET', async () => {
  const { pathname, host, origin } = new URL(console)
  const yaml = { 'content-type': 'application/yaml' }
  assert.equal(await ask('/', { headers: { host } }), 404)
  assert.equal(await ask('/0123456789abcdef0123456789abcdef/', { headers: { host } }), 404)
  assert.equal(await ask(pathname, { headers: { host: 'rebound.example' } }), 421)
  assert.equal(await ask(`${pathname}step`, { headers: { host } }), 404)
  const step = { method: 'POST', body: 'advance: 1s' }
  assert.equal(await ask(`${pathname}step`, { ...step, headers: { host, ...yaml, origin: 'https://shop.example' } }), 403)
  assert.equal(await ask(`${pathname}step`, { ...step, headers: { host, ...yaml } }), 403)
  assert.equal(await ask(`${pathname}step`, { ...step, headers: { host, 'content-type': 'text/plain', origin } }), 403)
  assert.equal(await ask(`${pathname}step`, { ...step, headers: { host, ...yaml, origin } }), 200)
})

for (const dark of [false, true]) {
  for (const width of [360, 1280]) {
    test(`nothing serious stands in anybody's way at ${width} px, ${dark ? 'dark' : 'light'}`, async () => {
      const page = await browser.open(console, { width, dark })
      await page.until('document.querySelector("nav li") && document.querySelector(".levers")')
      assert.deepEqual(await serious(page), [])
      assert.ok((await page.run('return document.documentElement.scrollWidth')) <= width)
      await page.click('nav li a')
      await page.until('document.querySelector(".sequence")')
      assert.deepEqual(await serious(page), [])
    })
  }
}

test('ten thousand requests stay fluent, and the page keeps a bounded number', async (context) => {
  const page = await browser.open(console)
  await page.until('document.querySelector(".levers")')
  const many = +(process.env.MANY ?? 2000)
  const began = performance.now()
  let sent = 0
  await Promise.all(Array.from({ length: 8 }, async () => {
    while (sent < many) {
      sent += 1
      await visit(`/signup?number=${sent}`)
    }
  }))
  const took = Math.round(performance.now() - began)
  await page.until(`+document.querySelectorAll('.chip')[1].textContent.split(' ')[0] >= Math.min(${many}, 10000)`)
  const frame = await page.run(`const box = document.querySelector('.rows'), times = []
    for (let turn = 0; turn < 60; turn += 1) {
      const began = performance.now()
      box.scrollTop = turn * 500
      await new Promise((done) => requestAnimationFrame(() => setTimeout(done)))
      times.push(performance.now() - began)
    }
    return Math.round(Math.max(...times))`)
  const asked = performance.now()
  await visit('/signup?the=next')
  await page.run('document.querySelector(".rows").scrollTop = 0')
  await page.until('document.querySelector("nav li").textContent.includes("the=next")')
  const next = Math.round(performance.now() - asked)
  const rows = await page.run('return document.querySelectorAll("nav li").length')
  assert.ok(rows < 200, `${rows} rows are in the document`)
  const { usedSize } = await page.command('Runtime.getHeapUsage')
  context.diagnostic(`${many} requests in ${took} ms; the next one stood in the list ${next} ms after it was sent; the longest turn of scrolling took ${frame} ms; ${Math.round(usedSize / 1e6)} MB`)
})
