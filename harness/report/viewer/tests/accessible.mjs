// What axe-core finds in a page, but for what is of no consequence.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

const axe = readFileSync(createRequire(import.meta.url).resolve('../../../../ci/node_modules/axe-core/axe.min.js'), 'utf8')

/** The findings that are serious or critical, each with the first element. */
export async function serious(page) {
  await page.command('Runtime.evaluate', { expression: axe })
  return page.run(`const { violations } = await axe.run({ resultTypes: ['violations'] })
    return violations.filter(({ impact }) => ['serious', 'critical'].includes(impact))
      .map(({ id, nodes }) => id + ': ' + nodes[0].html.slice(0, 200) + ' ' + nodes[0].failureSummary)`)
}
