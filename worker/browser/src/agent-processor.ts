// Hands the identification's response to the agent when it came with a document: the worker puts it on this
// script's own tag.
import { importLoader } from './loader'
import { log } from './log'

const script = document.currentScript
const data = script?.dataset['agentData']
script?.remove()

async function handOver(data: string): Promise<void> {
  try {
    ;(await importLoader()).handleAgentData(data)
  } catch (reason) {
    log('debug', 'the answer of the identification was not taken', reason)
  }
}

if (data) void handOver(data)
