// What a server is told to do or not to do, line by line: compression, CORS, cookies, whom to let in, which transports there
// are. Each switch has a server of its own.
import assert from 'node:assert/strict'
import test, { after, before } from 'node:test'
import { gunzipSync, inflateSync } from 'node:zlib'
import { ask, each, echoes, parked, poll, Socket, target } from '../support/engine.mjs'
import { head, Raw, upgradeHeaders } from '../support/bytes.mjs'
import { isReference, Server } from '../support/server.mjs'
import { decode } from '../support/wire.mjs'

const PAGE = 'https://page.example'
const OTHER = 'https://other.example:8443'
const THRESHOLD = 300

const kinds = {
  plain: ['eio'],
  small: ['eio', ['--compression-threshold', String(THRESHOLD)]],
  listed: ['eio', ['--allow-origin', PAGE, '--allow-origin', OTHER, '--cookie', 'biscuit']],
  any: ['eio', ['--allow-origin', '*']],
  polling: ['eio', ['--transports', 'polling']],
  websocket: ['eio', ['--transports', 'websocket']],
  fixed: ['eio', ['--no-upgrades']],
  new: ['eio', ['--no-eio3']],
  client: ['eio-client', ['--ping-interval', '25000']]
}
const servers = {}
before(() => Promise.all(Object.entries(kinds).map(async ([name, kind]) => { servers[name] = await Server.startSuite(...kind) })))
after(() => Promise.all(Object.values(servers).map((server) => server.stop())))

const polling = (version, more) => ({ EIO: version, transport: 'polling', ...more })
const handshake = (name, version, headers) => ask(servers[name], polling(version), { headers })

/** A session's answer of `size` bytes to a client that takes `encodings`. */
async function answered (server, version, size, encodings) {
  const poller = await poll(server, version)
  const packet = `4${'x'.repeat(size - (version === 4 ? 1 : `${size}:4`.length))}`
  await poller.post([packet])
  const answer = await poller.get({ headers: encodings === undefined ? {} : { 'accept-encoding': encodings } })
  return { answer, packet }
}

const unpack = { gzip: gunzipSync, deflate: inflateSync }

each('HTTP compression', 'of polls as long as the threshold, for clients that take it', async (version) => {
  for (const [name, threshold] of [['plain', 1024], ['small', THRESHOLD]]) {
    for (const encodings of ['gzip', 'deflate', 'gzip, deflate, br', 'br, gzip;q=0.5']) {
      const { answer, packet } = await answered(servers[name], version, threshold, encodings)
      const encoding = answer.headers['content-encoding']
      assert.ok(encodings.includes(encoding), `${encodings}: ${encoding}`)
      assert.deepEqual(decode(version, unpack[encoding](answer.bytes).toString()), [packet])
      assert.match(answer.headers['content-type'], /^text\/plain;\s*charset=utf-8$/i)
      assert.equal(answer.headers['cache-control'], 'no-store')
      assert.ok(answer.bytes.length < threshold)
    }
  }
})

each('HTTP compression', 'not of shorter ones, nor for others', async (version) => {
  for (const [name, size, encodings] of [
    ['plain', 1023, 'gzip'], ['small', THRESHOLD - 1, 'gzip'], ['plain', 5000, undefined], ['plain', 5000, ''],
    ['plain', 5000, 'identity'], ['plain', 5000, 'gzip;q=0, deflate;q=0'], ['plain', 5000, 'br']
  ]) {
    const { answer, packet } = await answered(servers[name], version, size, encodings)
    assert.equal(answer.headers['content-encoding'], undefined, `${size}, ${encodings}`)
    assert.deepEqual(decode(version, answer.body), [packet])
  }
})

each('HTTP compression', 'of a poll that waits, and the session goes on', async (version) => {
  const poller = await poll(servers.plain, version)
  for (let n = 0; n < 3; n += 1) {
    const { waiting } = await parked(poller, { headers: { 'accept-encoding': 'gzip' } })
    await poller.post([`4${n}${'é'.repeat(2000)}`])
    assert.deepEqual(decode(version, gunzipSync((await waiting).bytes).toString()), [`4${n}${'é'.repeat(2000)}`])
  }
})

each('CORS', 'a listed page is told that it may', async (version) => {
  for (const origin of [PAGE, OTHER]) {
    const { status, headers } = await handshake('listed', version, { origin })
    assert.equal(status, 200)
    assert.equal(headers['access-control-allow-origin'], origin)
    assert.equal(headers['access-control-allow-credentials'], 'true')
    assert.match(headers.vary, /\borigin\b/i)
  }
  const poller = await poll(servers.listed, version)
  await poller.post(['4a'], { origin: PAGE })
  assert.equal((await poller.get({ headers: { origin: PAGE } })).headers['access-control-allow-origin'], PAGE)
})

each('CORS', 'a page that is not listed is not told, or refused', async (version, t) => {
  for (const origin of ['https://evil.example', `${PAGE}.evil.example`, 'http://page.example', `${PAGE}:444`, 'null', 'x']) {
    const { status, headers } = await handshake('listed', version, { origin })
    // The reference leaves it to the browser; there are none for WebSocket.
    assert.ok([200, 403].includes(status), `${origin}: ${status}`)
    assert.equal(headers['access-control-allow-origin'], undefined, origin)
  }
  const strange = await handshake('plain', version, { origin: PAGE })
  assert.ok([200, 403].includes(strange.status))
  assert.equal(strange.headers['access-control-allow-origin'], undefined)
})

each('CORS', 'any page, without credentials', async (version, t) => {
  const { status, headers } = await handshake('any', version, { origin: PAGE })
  assert.equal(status, 200)
  assert.equal(headers['access-control-allow-origin'], '*')
  assert.equal(headers['access-control-allow-credentials'], undefined)
  const socket = await Socket.open(t, servers.any, { EIO: version }, { headers: { origin: PAGE } })
  await socket.echoes()
})

each('CORS', 'a preflight is answered before any check; without CORS it is a bad handshake', async (version) => {
  const asks = { 'access-control-request-method': 'POST', 'access-control-request-headers': 'x-my, content-type' }
  const headers = { origin: PAGE, ...asks }
  const queries = [['listed', polling(version)], ['any', polling(version)], ['listed', { EIO: 9, sid: 'x' }], ['listed', {}]]
  for (const [name, query] of queries) {
    const { status, headers: said, body } = await ask(servers[name], query, { method: 'OPTIONS', headers })
    assert.deepEqual([status, body], [204, ''], JSON.stringify(query))
    assert.equal(said['access-control-allow-origin'], name === 'any' ? '*' : PAGE)
    assert.match(said['access-control-allow-methods'], /GET.*POST/)
    assert.match(said['access-control-allow-headers'], /x-my, ?content-type/)
  }
  const none = await ask(servers.plain, polling(version), { method: 'OPTIONS' })
  assert.deepEqual([none.status, none.body], [400, '{"code":2,"message":"Bad handshake method"}'])
})

test('Hazard: no Origin check on WebSocket (CVE-2019-13611), any Origin by default (CVE-2020-28481)', {
  skip: isReference && 'opens a WebSocket for any page'
}, async (t) => {
  for (const [name, origin] of [['plain', PAGE], ['listed', 'https://evil.example'], ['listed', 'null']]) {
    const raw = await Raw.connect(t, servers[name])
    raw.write(head(servers[name], target({ EIO: 4, transport: 'websocket' }), [['Origin', origin], ...upgradeHeaders()]))
    assert.ok([400, 403].includes((await raw.answer()).status))
  }
  const own = servers.plain.url
  await (await Socket.open(t, servers.plain, { EIO: 4 }, { headers: { origin: own } })).echoes()
  await (await Socket.open(t, servers.listed, { EIO: 4 }, { headers: { origin: PAGE } })).echoes()
})

each('Cookie', 'the session id, with the answer to a handshake only', async (version) => {
  const poller = await poll(servers.listed, version)
  const [cookie, ...others] = poller.answer.headers['set-cookie']
  assert.deepEqual(others, [])
  assert.deepEqual(cookie.split('; ').sort(), ['HttpOnly', 'Path=/', 'SameSite=Lax', `biscuit=${poller.opened.sid}`])
  const posted = await poller.post(['4a'], { cookie: 'biscuit=of-somebody-else' })
  const answer = await poller.get({ headers: { cookie: 'biscuit=of-somebody-else' } })
  for (const { status, headers } of [posted, answer]) assert.deepEqual([status, headers['set-cookie']], [200, undefined])
  assert.equal((await handshake('plain', version)).headers['set-cookie'], undefined)
})

each('allowRequest', 'refuses handshakes, before it looks at EIO', async (version, t) => {
  for (const query of [polling(version, { deny: 1 }), { EIO: 5, transport: 'polling', deny: '' }]) {
    const { status, json, type } = await ask(servers.client, query)
    assert.deepEqual([status, json, type], [403, { code: 4, message: 'Forbidden' }, 'application/json'])
  }
  const raw = await Raw.connect(t, servers.client)
  raw.write(head(servers.client, target({ EIO: version, transport: 'websocket', deny: 1 }), upgradeHeaders()))
  const { status, body } = await raw.answer()
  assert.ok([400, 403].includes(status)) // The reference has one answer to an Upgrade, 400; the words are these.
  assert.equal(body, 'Forbidden')
  await raw.end()
  // A session that was let in is not asked again.
  const poller = await poll(servers.client, version)
  assert.equal((await ask(servers.client, { ...poller.query, deny: 1 }, { method: 'POST', body: '' })).status < 401, true)
})

each('headers events', 'an application adds headers to the answer to a handshake, of either transport', async (version, t) => {
  const second = /^2=2; Path=\/; HttpOnly; Secure; SameSite=Strict$/
  const expected = [/^1=1; Max-Age=86400$/, second, /^3=3; Max-Age=0$/, /^4=4; Expires=.* GMT$/]
  const poller = await poll(servers.client, version)
  const cookies = poller.answer.headers['set-cookie']
  assert.equal(cookies.length, 4)
  expected.forEach((pattern, n) => assert.match(cookies[n], pattern))
  assert.equal((await poller.get()).headers['set-cookie'], undefined)
  const raw = await Raw.connect(t, servers.client)
  raw.write(head(servers.client, target({ EIO: version, transport: 'websocket' }), upgradeHeaders()))
  await raw.answer()
  for (const start of ['1=1', '2=2', '3=3', '4=4']) assert.match(raw.text, new RegExp(start))
})

each('headers events', 'the headers of a request are there to be read', async (version) => {
  const poller = await poll(servers.client, version)
  await poller.post(['4sendHeaders'], { 'x-my-header': 'of mine' })
  const packet = await poller.until((packet) => packet.startsWith('4{'))
  assert.equal(JSON.parse(packet.slice(1))['x-my-header'], 'of mine')
})

each('XSS header', 'is switched off for those who would stumble over it', async (version) => {
  const said = async (agent) => (await handshake('plain', version, { 'user-agent': agent })).headers['x-xss-protection']
  assert.equal(await said('Mozilla/4.0 (compatible;MSIE 8.0; Windows NT 6.1)'), '0')
  assert.equal(await said('Mozilla/5.0 (Windows NT 6.1; Trident/7.0; rv:11.0) like Gecko'), '0')
  assert.equal(await said('Mozilla/5.0 Firefox/140'), undefined)
})

each('Handshake GET', 'upgrades are those that there are', async (version, t) => {
  assert.deepEqual((await poll(servers.fixed, version)).opened.upgrades, [])
  assert.deepEqual((await poll(servers.polling, version)).opened.upgrades, [])
  assert.deepEqual((await Socket.session(t, servers.websocket, version)).handshake.upgrades, [])
  await (await Socket.session(t, servers.fixed, version)).echoes()
  await echoes(await poll(servers.polling, version))
})

each('Error bodies', 'a transport that there is not is an unknown one', async (version, t) => {
  const { status, json } = await ask(servers.websocket, polling(version))
  assert.deepEqual([status, json], [400, { code: 0, message: 'Transport unknown' }])
  const raw = await Raw.connect(t, servers.polling)
  raw.write(head(servers.polling, target({ EIO: version, transport: 'websocket' }), upgradeHeaders()))
  // The reference does not listen for Upgrades then, and Node takes it for a GET.
  const answer = await raw.answer()
  assert.equal(answer.status, 400)
  assert.match(answer.body, /Transport unknown/)
})

test('EIO query: 3 is refused where it is not allowed', async (t) => {
  const { status, json } = await ask(servers.new, polling(3))
  assert.deepEqual([status, json], [400, { code: 5, message: 'Unsupported protocol version' }])
  await echoes(await poll(servers.new, 4))
  const raw = await Raw.connect(t, servers.new)
  raw.write(head(servers.new, target({ EIO: 3, transport: 'websocket' }), upgradeHeaders()))
  await raw.end()
  // The reference says 101 before it looks, and then writes its refusal into the WebSocket.
  assert.match(raw.text, /HTTP\/1\.1 400 Bad Request/)
  assert.doesNotMatch(raw.text, /0\{/)
})
