// The published Node SDK, unchanged, against the emulated Server API. Its hosts are fixed, so its `fetch` takes the
// request to the emulated address instead and names the host it was for.
//
// usage: node node_sdk.mjs PACKAGE_JSON ADDRESS SECRET_KEY EVENT_ID RULESET_ID VISITOR_ID
import { createRequire } from 'node:module'
import { request } from 'node:http'

const [manifest, address, apiKey, eventId, rulesetId, visitorId] = process.argv.slice(2)
const { FingerprintServerApiClient, Region, TooManyRequestsError, ServerApiError } =
  createRequire(manifest)('@fingerprint/node-sdk')

// Node's own fetch does not let a caller set the Host header.
function emulated(url, { method, headers, body }) {
  const { host, pathname, search } = new URL(url)
  return new Promise((resolve, reject) => {
    const call = request(`http://${address}${pathname}${search}`, { method, headers: { ...headers, host } }, (answer) => {
      const chunks = []
      answer.on('data', (chunk) => chunks.push(chunk))
      answer.on('end', () =>
        resolve(new Response(Buffer.concat(chunks), { status: answer.statusCode, headers: answer.headers })),
      )
    })
    call.on('error', reject)
    call.end(body)
  })
}

const client = new FingerprintServerApiClient({ apiKey, region: Region.Global, fetch: emulated })
const failure = (call) =>
  call.then(
    () => 'no error',
    (error) => ({
      status: error.statusCode,
      code: error.errorCode,
      server: error instanceof ServerApiError,
      throttled: error instanceof TooManyRequestsError,
    }),
  )

const results = {}
results.event = await client.getEvent(eventId)
results.decided = (await client.getEvent(eventId, { ruleset_id: rulesetId })).rule_action
await client.updateEvent(eventId, { linked_id: 'order-1', suspect: true })
results.updated = await client.getEvent(eventId)
results.found = await client.searchEvents({ visitor_id: visitorId, incognito: true, limit: 1 })
results.next = await client.searchEvents({ limit: 1, pagination_key: results.found.pagination_key })
results.unknown = await failure(client.getEvent('1708102555327.NLOjmg'))
const european = new FingerprintServerApiClient({ apiKey, region: Region.EU, fetch: emulated })
results.region = await failure(european.getEvent(eventId))
const stranger = new FingerprintServerApiClient({ apiKey: 'another', fetch: emulated })
results.stranger = await failure(stranger.getEvent(eventId))
await client.deleteVisitorData(visitorId)
const many = await Promise.all(Array.from({ length: 20 }, () => failure(client.getEvent(eventId))))
results.throttled = many.find((error) => error.throttled) ?? null
console.log(JSON.stringify(results))
