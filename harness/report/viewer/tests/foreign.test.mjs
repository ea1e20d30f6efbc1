// An application that nobody here wrote, behind a rig with a console: somebody signs up in a browser, picks the calls, saves and
// runs them.
import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { chromium } from './chromium.mjs'
import { edgeproofWith, folder, home, started } from './command.mjs'

const app = join(home, 'fixtures/apps/fastify')
const skip = existsSync(join(app, 'node_modules')) ? false : 'fixtures/apps/setup fastify installs the application'
const SCENARIO = `
scenario: A shop made with Fastify
given:
  zones: { fernweh.example: { hosts: { fernweh.example: { app: { run: npm start, in: ${app} } } } } }
  deployments:
    flow:
      worker: ${join(home, 'fixtures/workers/plain-js')}
      identification_pages: [fernweh.example/signup]
      protected_apis: [POST fernweh.example/api/create-account*]
      failure_mode: closed
      ruleset: anybody
  rulesets: { anybody: {} }
`

const temporary = folder()
let visitor, looking, rig, url

before(async () => {
  if (skip) return
  const file = join(temporary.path, 'shop.yaml')
  writeFileSync(file, SCENARIO)
  rig = await started(['up', file, '--console', '--allow-path', app], /host-resolver-rules='([^']+)' --ignore-certificate-errors-spki-list=(\S+)[\s\S]*Its console, for you alone:\s+(\S+)[\s\S]*Ctrl-C/)
  const [, rules, key, at] = rig.match
  url = at
  visitor = await chromium([`--host-resolver-rules=${rules}`, `--ignore-certificate-errors-spki-list=${key}`])
  looking = await chromium()
})

after(async () => {
  await visitor?.end()
  await looking?.end()
  await rig?.end()
  temporary.remove()
})

test('a sign-up in a browser is saved as a scenario, which passes at once and fails where nothing protects', { skip }, async () => {
  const shop = await visitor.open('https://fernweh.example/signup')
  await shop.until('document.querySelector("#create") && performance.getEntriesByName("edgeproof-agent-started").length > 0')
  for (const [field, text] of [['email', 'ann@fernweh.example'], ['password', 'correct horse 7']]) {
    await shop.run(`document.querySelector('input[name=${field}]').focus()`)
    await shop.type(text)
  }
  await shop.click('#create')
  await shop.until('location.pathname === "/welcome"')
  const page = await looking.open(url)
  for (const path of ['signup', 'api/create-account', 'api/me']) {
    const row = `document.querySelector('nav li:has(> a[title="https://fernweh.example/${path}"])')`
    await page.until(row)
    await page.run(`${row}.querySelector('input').click(); await new Promise((done) => setTimeout(done, 50))`)
  }
  await page.until('document.querySelector(".save h2")?.textContent === "3 calls are picked"')
  await page.run(`const input = document.querySelectorAll('.save input')[1]
    input.value = 'signed_up'
    input.dispatchEvent(new Event('input', { bubbles: true }))
    await new Promise((done) => setTimeout(done, 50))`)
  await page.click('.save button', 'save as scenario')
  await page.until('document.querySelector(".save [role=status]").innerText !== ""')
  assert.match(await page.run('return document.querySelector(".save [role=status]").innerText'), /signed_up\.yaml is written[\s\S]*export PASSWORD=…/)
  const file = join(temporary.path, 'signed_up.yaml')
  const text = readFileSync(file, 'utf8')
  assert.match(text, /signals: { page: https:\/\/fernweh\.example\/signup, bot: headless_chrome }/)
  assert.doesNotMatch(text, /correct horse/)
  const password = { PASSWORD: 'correct horse 7' }
  const run = await edgeproofWith(password, 'run', file, '--allow-path', app)
  assert.equal(run.code, 0, `${text}\n${run.stdout}${run.stderr}`)
  // Who lets calls without signals through lets this one through with them, and the origin sees them.
  const unprotected = join(temporary.path, 'unprotected.yaml')
  writeFileSync(unprotected, text.replace('workers/plain-js', 'workers/pass-through'))
  assert.equal((await edgeproofWith(password, 'run', unprotected, '--allow-path', app)).code, 1)
})
