// Engine.IO's HTTP face, line by line: which requests are let in, how a handshake is answered, and how the others are
// refused. What a session does with its requests is in other files.
import assert from 'node:assert/strict'
import test, { after, before } from 'node:test'
import { ask, each, poll, Socket, target } from '../support/engine.mjs'
import { head, Raw, upgradeHeaders } from '../support/bytes.mjs'
import { Server } from '../support/server.mjs'
import { decode } from '../support/wire.mjs'

const flags = ['--ping-interval', '7000', '--ping-timeout', '5000', '--max-payload', '3000']
let server, lenient
before(async () => {
  [server, lenient] = await Promise.all(['eio', 'eio-client'].map((kind) => Server.startSuite(kind, flags)))
})
after(() => Promise.all([server, lenient].map((one) => one?.stop())))

const polling = (version, more) => ({ EIO: version, transport: 'polling', ...more })
const json = (code, message) => JSON.stringify({ code, message })
const REFUSALS = {
  0: 'Transport unknown', 1: 'Session ID unknown', 2: 'Bad handshake method', 3: 'Bad request', 5: 'Unsupported protocol version'
}

async function assertRefused (query, code, options) {
  const answer = await ask(server, query, options)
  assert.deepEqual([answer.status, answer.body], [400, json(code, REFUSALS[code])], JSON.stringify(query))
  assert.equal(answer.type, 'application/json')
}

/** Asks for an Upgrade by hand. */
async function upgrading (t, path, method = 'GET') {
  const raw = await Raw.connect(t, server)
  raw.write(head(server, path, upgradeHeaders(), method))
  return raw
}

each('Path', 'with its slash, or with more behind it as the reference takes it', async (version) => {
  for (const path of ['/engine.io/', '/engine.io/more']) {
    const { status, body } = await ask(server, polling(version), { path })
    // A prefix there; a server that wants it whole says that there is nothing.
    assert.ok(path === '/engine.io/' ? status === 200 : [200, 404].includes(status), `${path}: ${status}`)
    if (status === 200) assert.match(decode(version, body)[0], /^0\{/)
  }
  for (const path of ['/', '/engine.ioh/', '/engine', '/socket.io/', '/x/engine.io/']) {
    assert.equal((await ask(server, polling(version), { path })).status, 404, path)
  }
})

each('Path', 'an Upgrade elsewhere is no WebSocket', async (version, t) => {
  const raw = await upgrading(t, `/elsewhere/?EIO=${version}&transport=websocket`)
  // The reference ends the connection without a word, after a second.
  assert.notEqual((await raw.outcome())?.status, 101)
})

test('EIO query: exactly 3 and exactly 4', async () => {
  for (const EIO of ['', '0', '2', '5', 'abc', '03', '4 ', ' 4', '4.0', '3,4', '34', '٤']) {
    await assertRefused({ EIO, transport: 'polling' }, 5)
  }
  await assertRefused({ transport: 'polling' }, 5)
  await assertRefused({ eio: '4', transport: 'polling' }, 5)
})

test('EIO query: exactly 3 and exactly 4, by WebSocket', async (t) => {
  for (const EIO of ['', '2', '5', 'abc', '04']) {
    const raw = await upgrading(t, target({ EIO, transport: 'websocket' }))
    assert.equal((await raw.answer()).status, 400, EIO)
    await raw.end()
  }
})

test('EIO query: missing, it is 3, unless the server wants it', async (t) => {
  const { status, body } = await ask(lenient, { transport: 'polling' })
  assert.equal(status, 200)
  const [open, ...heard] = decode(3, body)
  // In every later request, too; one that names it is as good.
  const query = { transport: 'polling', sid: JSON.parse(open.slice(1)).sid }
  const hears = async (packet) => {
    while (!heard.includes(packet)) heard.push(...decode(3, (await ask(lenient, query)).body))
  }
  await hears('4hi')
  for (const [more, packet] of [[{}, '4a'], [{ EIO: 3 }, '4b']]) {
    assert.equal((await ask(lenient, { ...query, ...more }, { method: 'POST', body: `2:${packet}` })).body, 'ok')
    await hears(packet)
  }
  const probing = await Socket.open(t, lenient, { sid: query.sid })
  probing.send('2probe')
  await probing.next((frame) => frame === '3probe')
  await hears('6')
  probing.send('5')
  await probing.echoes('4upgraded')

  const socket = await Socket.open(t, lenient, {})
  assert.match(await socket.next(), /^0\{/)
  assert.equal(await socket.next(), '4hi')
  socket.send('2')
  await socket.next((frame) => frame === '3')
})

test('EIO query: missing, it is 3, and neither empty nor odd', async (t) => {
  for (const EIO of ['', '0', '2', '5', 'abc', '03', '4 ', ' 4', '4.0', '3,4', '34', '٤']) {
    const answer = await ask(lenient, { EIO, transport: 'polling' })
    assert.deepEqual([answer.status, answer.body], [400, json(5, REFUSALS[5])], EIO)
  }
})

each('EIO change inside a session', 'is refused and does no harm', async (version, t) => {
  const poller = await poll(server, version)
  for (const EIO of [7 - version, 5, '']) {
    await assertRefused({ ...poller.query, EIO }, 3)
    await assertRefused({ ...poller.query, EIO }, 3, { method: 'POST', body: '1' })
    const raw = await upgrading(t, target({ EIO, transport: 'websocket', sid: poller.opened.sid }))
    assert.equal((await raw.answer()).status, 400)
  }
  const { sid, ...rest } = poller.query
  delete rest.EIO
  await assertRefused({ ...rest, sid }, 3)
  assert.equal((await poller.post(['4a'])).status, 200)
  await poller.until((packet) => packet === '4a')
})

each('Handshake GET', 'polling: one open packet with all there is to know', async (version) => {
  const { answer, opened } = await poll(server, version)
  assert.equal(answer.status, 200)
  assert.equal(decode(version, answer.body).length, 1)
  const { sid, ...rest } = opened
  assert.deepEqual(rest, { upgrades: ['websocket'], pingInterval: 7000, pingTimeout: 5000, maxPayload: 3000 })
  assert.ok(version === 4 ? answer.body.startsWith('0{') : /^\d+:0\{/.test(answer.body), answer.body)
})

each('Handshake GET', 'websocket: the same in a text frame, and no upgrades', async (version, t) => {
  const { sid, ...rest } = (await Socket.session(t, server, version)).handshake
  assert.deepEqual(rest, { upgrades: [], pingInterval: 7000, pingTimeout: 5000, maxPayload: 3000 })
  assert.match(sid, /^[\w-]{20,}$/)
})

each('Handshake GET', 'nothing else than GET', async (version) => {
  for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']) {
    await assertRefused(polling(version), 2, { method, body: '' })
    await assertRefused(polling(version, { sid: '' }), 2, { method, body: '' })
  }
  const answer = await ask(server, polling(version), { method: 'HEAD' })
  assert.deepEqual([answer.status, answer.body], [400, ''])
})

each('Content types', 'of polls, of POSTs and of refusals; nothing is to be stored', async (version) => {
  const poller = await poll(server, version)
  const posted = await poller.post(['4x'])
  assert.deepEqual([posted.status, posted.body, posted.type], [200, 'ok', 'text/html'])
  assert.equal(posted.headers['content-length'], '2')
  const answer = await poller.get()
  for (const { headers, bytes } of [poller.answer, answer]) {
    assert.match(headers['content-type'], /^text\/plain;\s*charset=utf-8$/i)
    assert.equal(headers['content-length'], String(bytes.length))
  }
  for (const { headers } of [poller.answer, answer, posted]) assert.equal(headers['cache-control'], 'no-store')
  await assertRefused({ transport: 'none' }, 0)
})

each('sid', 'url-safe, long, of one length, and none like another', async (version) => {
  const sids = []
  for (let n = 0; n < 100; n += 1) sids.push((await poll(server, version)).opened.sid)
  for (const sid of sids) assert.match(sid, /^[A-Za-z0-9_-]{20,}$/)
  assert.equal(new Set(sids.map((sid) => sid.length)).size, 1)
  // CVE-2017-16031: ids that can be guessed. By chance, two of 100 have the same 48 bits once in fifty billion runs.
  assert.equal(new Set(sids.map((sid) => sid.slice(0, 8))).size, 100)
})

each('t query', 'is ignored, as is whatever else nobody knows', async (version) => {
  for (const more of [{ t: 'Oxyz123' }, { t: 'Oxyz123' }, { t: '' }, { other: '\ud83d\ude00' }, { 'a[b]': 'c' }]) {
    const poller = await poll(server, version, more)
    await poller.post(['4a'])
    await poller.until((packet) => packet === '4a')
  }
})

each('Error bodies', 'numbers and words', async (version) => {
  const poller = await poll(server, version)
  const { sid } = poller.opened
  for (const transport of ['abc', '', 'constructor', '__proto__', 'POLLING', 'polling ', 'webtransport']) {
    await assertRefused({ EIO: version, transport }, 0)
  }
  await assertRefused({ EIO: version }, 0)
  for (const unknown of ['x', 'A'.repeat(2000), '__proto__', 'toString', sid.slice(1), `${sid}A`, ` ${sid}`, '😀', '\0']) {
    await assertRefused(polling(version, { sid: unknown }), 1)
  }
  await assertRefused(polling(version), 2, { method: 'POST', body: '' })
  await assertRefused({ EIO: version, transport: 'websocket' }, 3)
  await assertRefused({ EIO: version, transport: 'websocket', sid }, 3)
  await assertRefused({ EIO: version, transport: 'websocket', sid }, 3, { method: 'POST', body: '1' })
  assert.equal((await poller.post(['4a'])).status, 200, 'the session lives')
})

each('Error bodies', 'of two faults the first is told: transport, sid, mismatch; method, no Upgrade, EIO', async (version) => {
  const { sid } = (await poll(server, version)).opened
  await assertRefused({ transport: 'none', sid: 'x', EIO: 5 }, 0, { method: 'POST', body: '' })
  await assertRefused({ transport: 'none', sid }, 0)
  await assertRefused({ transport: 'polling', sid: 'x', EIO: 5 }, 1, { method: 'POST', body: '' })
  await assertRefused({ transport: 'websocket', sid: 'x', EIO: version }, 1)
  await assertRefused({ transport: 'websocket', sid, EIO: 7 - version }, 3)
  await assertRefused({ transport: 'polling', sid, EIO: 7 - version }, 3, { method: 'PUT', body: '' })
  await assertRefused({ transport: 'websocket' }, 2, { method: 'POST', body: '' })
  await assertRefused({ transport: 'polling', EIO: 5 }, 2, { method: 'PUT', body: '' })
  await assertRefused({ transport: 'websocket', EIO: 5 }, 3)
})

each('Error bodies', 'an Origin that is no header value', async (version, t) => {
  for (const character of ['\x01', '\x7f', '\0']) {
    const raw = await Raw.connect(t, server)
    raw.write(head(server, target(polling(version)), [['Origin', `http://a${character}b`]]))
    const { status, body } = await raw.answer()
    // The reference's HTTP parser refuses it before the engine could say `{"code":3,"message":"Bad request"}`.
    assert.equal(status, 400, body)
  }
})

each('Refused Upgrade', 'is a plain 400 with the words as its body, and the end of the connection', async (version, t) => {
  const { sid } = (await poll(server, version)).opened
  const refused = [
    [0, { EIO: version, transport: 'none' }],
    [0, { EIO: version }],
    [1, { EIO: version, transport: 'websocket', sid: 'x' }],
    [3, { EIO: 7 - version, transport: 'websocket', sid }],
    [5, { EIO: 5, transport: 'websocket' }],
    [2, { EIO: version, transport: 'websocket' }, 'POST']
  ]
  for (const [code, query, method] of refused) {
    const raw = await upgrading(t, target(query), method)
    const { line, headers, body } = await raw.answer()
    assert.match(line, /^HTTP\/1\.1 400 /)
    assert.match(headers.connection, /^close$/i)
    assert.equal(body, REFUSALS[code])
    await raw.end()
  }
})
