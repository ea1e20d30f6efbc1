// Makes the pictures of the README anew: the report, the page of a run and the console, wide and narrow, light and dark.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { chromium } from './chromium.mjs'
import { edgeproof, folder, home, started } from './command.mjs'

const SCENARIO = 'scenarios/flow/incognito_is_blocked.yaml'
const to = join(home, 'fixtures/pictures')
const temporary = folder()
const browser = await chromium()
/** What ends everything that was started. */
const ends = [browser.end, temporary.remove]

/** A picture of each look; the one that is named first is shown, the others are linked. */
async function pictures(name, url, height, prepare) {
  for (const [suffix, look] of [
    ['', { width: 1280, height }],
    ['-dark', { width: 1280, height, dark: true }],
    ['-narrow', { width: 400, height: 900 }],
    ['-narrow-dark', { width: 400, height: 900, dark: true }],
  ]) {
    const page = await browser.open(url, look)
    // A page behind another one paints nothing.
    await page.command('Page.bringToFront')
    await prepare(page)
    await page.until('[...document.images].filter((image) => image.checkVisibility() && image.getBoundingClientRect().top < innerHeight).every(({ complete }) => complete)')
    await page.run('await new Promise((done) => requestAnimationFrame(() => setTimeout(done)))')
    writeFileSync(join(to, `${name}${suffix}.png`), await page.picture())
  }
}

async function report() {
  const file = join(temporary.path, 'report.html')
  await edgeproof('run', '--worker', 'fixtures/workers/pass-through', SCENARIO, '--report', `html=${file}`)
  await pictures('report', `${pathToFileURL(file)}#case=flow::incognito_is_blocked`, 1500, (page) => page.until('document.querySelector(".sequence")'))
}

async function ui() {
  const run = await started(['run', '--ui', '--worker', 'fixtures/workers/plain-js', SCENARIO], /for you alone:\s+(\S+)/)
  ends.unshift(run.end)
  const url = `${run.match[1]}#case=flow::incognito_is_blocked`
  const waits = (number) => `document.querySelector('.now')?.textContent.includes('before step ${number} of')`
  const page = await browser.open(url)
  await page.until('document.querySelector("nav li")')
  await page.click('header button', 'step by step')
  await page.until('document.querySelector("header button[title=\'Waits before each step\']").ariaPressed === "true"')
  await page.key('r')
  for (const number of [1, 2]) {
    await page.until(waits(number))
    await page.key('n')
  }
  await page.until(waits(3))
  await pictures('ui', url, 800, (page) => page.until(`${waits(3)} && document.querySelector('.now img')`))
}

async function live() {
  const rig = await started(
    ['up', SCENARIO, '--console', '--worker', 'fixtures/workers/plain-js'],
    /host-resolver-rules='([^']+)' --ignore-certificate-errors-spki-list=(\S+)[\s\S]*Its console, for you alone:\s+(\S+)[\s\S]*Ctrl-C/,
  )
  ends.unshift(rig.end)
  const [, rules, key, url] = rig.match
  const visitor = await chromium([`--host-resolver-rules=${rules}`, `--ignore-certificate-errors-spki-list=${key}`])
  ends.unshift(visitor.end)
  const shop = await visitor.open('https://shop.example/signup')
  await shop.run(`await fetch('/nothing')
    const body = JSON.stringify({ email: 'ann@shop.example', password: 'correct horse 7' })
    await fetch('/api/create-account', { method: 'POST', headers: { 'content-type': 'application/json' }, body })`)
  const row = `[...document.querySelectorAll('nav li a')].find((call) => call.title.includes('create-account'))`
  await pictures('console', url, 900, async (page) => {
    await page.until(row)
    await page.run(`${row}.click()`)
    await page.until('document.querySelector(".sequence button")')
    await page.run('document.querySelector(".sequence button").click()')
    await page.until('document.querySelector(".messages")')
  })
}

mkdirSync(to, { recursive: true })
try {
  await report()
  await ui()
  await live()
} finally {
  for (const end of ends) await end()
}
