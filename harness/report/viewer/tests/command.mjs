// Runs the command of this checkout, which `EDGEPROOF` names.
import { execFile, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

export const home = resolve(fileURLToPath(import.meta.url), '../../../../..')
const program = process.env.EDGEPROOF ?? join(home, 'target/debug/edgeproof')

/** A folder that `remove` removes. */
export function folder() {
  const path = mkdtempSync(join(tmpdir(), 'edgeproof-viewer-'))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}

/** Runs the command to its end, at the root of the checkout. */
export function edgeproof(...args) {
  return edgeproofWith({}, ...args)
}

/** The same with these variables of the environment. */
export function edgeproofWith(variables, ...args) {
  return new Promise((done) => {
    execFile(program, args, { cwd: home, maxBuffer: 1 << 26, env: { ...process.env, ...variables } }, (error, stdout, stderr) => done({ code: error?.code ?? 0, stdout, stderr }))
  })
}

/** Starts the command, waits until it has printed what matches, and gives that and what ends it. */
export function started(args, pattern) {
  const running = spawn(program, args, { cwd: home, stdio: ['ignore', 'pipe', 'pipe'] })
  let text = ''
  const ended = new Promise((done) => running.on('exit', done))
  const end = async () => {
    running.kill('SIGINT')
    await ended
  }
  return new Promise((found, failed) => {
    const read = (data) => {
      text += data
      const match = pattern.exec(text)
      if (match) found({ match, text, end })
    }
    running.stdout.on('data', read)
    running.stderr.on('data', read)
    ended.then(() => failed(new Error(`it ended: ${text}`)))
  })
}
