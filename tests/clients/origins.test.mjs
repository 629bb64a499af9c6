// Pages and applications of other origins, by polling and by WebSocket: which of them the chat lets in when they are listed, and
// that it lets in no others. The reference lets in every WebSocket, has no subdomains in its list, and leaves polls to the browser.
import assert from 'node:assert/strict'
import test, { after, before } from 'node:test'
import { exchange, get, HANDSHAKE, header, statusOf, UPGRADE, upgradeFields } from './support/exchange.mjs'
import { isReference, Server } from './support/server.mjs'

const strict = { skip: isReference && 'lets in every page, and leaves it to the browser' }
const APPLICATIONS = ['capacitor://localhost', 'ionic://localhost', 'tauri://localhost', 'chrome-extension://abc', 'null']

let open, listed, same
before(async () => {
  const flags = (origins) => origins.flatMap((origin) => ['--allow-origin', origin]);
  [open, listed, same] = await Promise.all([
    Server.start(flags(APPLICATIONS)), Server.start(flags(['https://*.example.com', 'https://*.ported.example:8443'])), Server.start()
  ])
})
after(() => Promise.all([open, listed, same].map((server) => server?.stop())))

/** A handshake by polling, its preflight, and one by WebSocket. */
async function responses (server, origin) {
  const fields = [`Origin: ${origin}`]
  const preflight = get(HANDSHAKE, [...fields, 'Access-Control-Request-Method: POST', 'Access-Control-Request-Headers: content-type'])
  return Promise.all([
    exchange(server, get(HANDSHAKE, fields)), exchange(server, get(UPGRADE, [...fields, ...upgradeFields()])),
    exchange(server, preflight.replace('GET', 'OPTIONS'), (text) => text.includes('\r\n\r\n'))
  ])
}

async function assertLetIn (server, origin) {
  const [poll, upgrade, preflight] = await responses(server, origin)
  assert.deepEqual([poll, upgrade, preflight].map(statusOf), [200, 101, 204], origin)
  for (const response of [poll, preflight]) {
    assert.equal(header(response, 'access-control-allow-origin'), origin)
    assert.match(header(response, 'vary'), /\borigin\b/i)
  }
}

async function assertRefused (server, origin) {
  const [poll, upgrade, preflight] = await responses(server, origin)
  assert.deepEqual([poll, upgrade].map(statusOf), [403, 403], origin)
  for (const response of [poll, upgrade, preflight]) assert.equal(header(response, 'access-control-allow-origin'), undefined, origin)
}

for (const origin of APPLICATIONS) {
  test(`5: ${origin} is let in where it is listed`, () => assertLetIn(open, origin))

  test(`5: ${origin} is refused where it is not listed`, strict, async () => {
    for (const server of [listed, same]) await assertRefused(server, origin)
  })
}

test('5: what looks like the origin of an application is refused', strict, async () => {
  for (const origin of [
    'capacitor://localhost:80', 'capacitor://other', 'http://localhost.evil.example', 'chrome-extension://abcd', 'chrome-extension://ab',
    'tauri://localhost.evil.example', 'tauris://localhost', 'NULL', 'nul', 'null.example', 'file://'
  ]) await assertRefused(open, origin)
})

test('5: `https://*.example.com` are its subdomains', strict, async () => {
  for (const origin of [
    'https://a.example.com', 'https://a.b.example.com', 'https://A.Example.Com', 'https://a.example.com:443',
    'https://a.ported.example:8443'
  ]) await assertLetIn(listed, origin)
})

test('5: `https://*.example.com` is neither the domain itself, nor another scheme, port or name', strict, async () => {
  for (const origin of [
    'https://example.com', 'http://a.example.com', 'https://a.example.com:8443', 'https://aexample.com', 'https://.example.com',
    'https://example.com.evil.example', 'https://a.example.com.evil.example', 'https://evil.example/.example.com', 'https://*.example.org',
    'https://a.ported.example', 'https://a.ported.example:443', 'https://ported.example:8443'
  ]) await assertRefused(listed, origin)
})
