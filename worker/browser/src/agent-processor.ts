// Hands the identification's answer to the agent when it came with a document: the worker puts it on this
// script's own tag.
import { importLoader } from './loader'
import { log } from './log'

const data = document.currentScript?.dataset['agentData']

if (data) {
  importLoader()
    .then((loader) => loader.handleAgentData(data))
    .catch((reason: unknown) => log('debug', 'the answer of the identification was not taken', reason))
}
