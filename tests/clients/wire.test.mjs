// The HTTP face of Engine.IO, byte by byte: handshakes, what is refused and how, content types. No client library here.
import assert from 'node:assert/strict'
import test, { after, before } from 'node:test'
import { Server } from './support/server.mjs'
import { decode, encode, Poller, request } from './support/wire.mjs'

const flags = ['--ping-interval', '7000', '--ping-timeout', '5000', '--max-payload', '3000']
let server
before(async () => { server = await Server.start(flags) })
after(() => server?.stop())

const polling = (version, more) => ({ EIO: version, transport: 'polling', ...more })

async function assertRefused (query, options, status, code, message) {
  const answer = await request(server, query, options)
  assert.equal(answer.status, status, answer.body)
  assert.equal(answer.type, 'application/json')
  assert.deepEqual(answer.json, { code, message })
}

for (const version of [3, 4]) {
  test(`EIO=${version}: handshake`, async () => {
    const { answer, opened } = await Poller.open(server, version)
    assert.equal(answer.status, 200)
    assert.match(answer.headers['content-type'], /^text\/plain;\s*charset=utf-8$/i)
    assert.equal(answer.headers['cache-control'], 'no-store')
    assert.match(opened.sid, /^[\w-]{20,}$/)
    assert.deepEqual(opened, { sid: opened.sid, upgrades: ['websocket'], pingInterval: 7000, pingTimeout: 5000, maxPayload: 3000 })
    assert.ok(version === 4 ? answer.body.startsWith('0{') : /^\d+:0\{/.test(answer.body), answer.body)
  })

  test(`EIO=${version}: two sessions have two ids of one length`, async () => {
    const sids = []
    for (let n = 0; n < 20; n += 1) sids.push((await Poller.open(server, version)).opened.sid)
    assert.equal(new Set(sids).size, 20)
    assert.equal(new Set(sids.map((sid) => sid.length)).size, 1)
  })

  test(`EIO=${version}: the path with and without more in the query`, async () => {
    for (const more of [{ t: 'abc123' }, { t: '' }, { b64: '1' }, { unknown: '\ud83d\ude00' }]) {
      const answer = await request(server, polling(version, more))
      assert.equal(answer.status, 200, JSON.stringify(more))
      assert.match(decode(version, answer.body)[0], /^0\{/)
    }
  })

  test(`EIO=${version}: entering the room, saying something, hearing it`, async () => {
    const poller = await Poller.open(server, version)
    if (version === 4) {
      const posted = await poller.post(['40'])
      assert.deepEqual([posted.status, posted.body, posted.type], [200, 'ok', 'text/html'])
    }
    const connect = await poller.until((packet) => packet.startsWith('40'))
    if (version === 4) {
      const { sid } = JSON.parse(connect.slice(2))
      assert.equal(typeof sid, 'string')
      assert.notEqual(sid, poller.opened.sid, 'the session id is a secret, the socket id is not')
    } else {
      assert.equal(connect, '40')
    }
    const { name, color } = await poller.next('initUser')
    // Two packets in one payload; the length of the second is counted in UTF-16 units.
    await poller.post(['42["chat message",{"description":"one"}]', '427["chat message",{"description":"二😀"}]'])
    assert.equal((await poller.next('message from server', (message) => message.nickName === name)).description, 'one')
    const told = []
    while (told.length < 2) {
      const packet = await poller.until((packet) => /^437|二/.test(packet))
      told.push(packet)
    }
    const [answer, message] = told.sort((a) => a.startsWith('43') ? -1 : 1)
    const [{ ok, id }] = JSON.parse(answer.slice(3))
    assert.equal(ok, true)
    const [event, { time, ...rest }] = JSON.parse(message.slice(2))
    assert.deepEqual([event, rest], ['message from server', { description: '二😀', nickName: name, color, id }])
    assert.ok(time)
  })

  test(`EIO=${version}: content types of a poll and its answer to a POST`, async () => {
    const poller = await Poller.open(server, version)
    await poller.enter()
    const poll = await poller.get()
    assert.match(poll.headers['content-type'], /^text\/plain;\s*charset=utf-8$/i)
    assert.equal(poll.headers['cache-control'], 'no-store')
    assert.equal(Number(poll.headers['content-length'] ?? Buffer.byteLength(poll.body)), Buffer.byteLength(poll.body))
    const posted = await poller.post(['42["no such event"]'])
    assert.equal(posted.type, 'text/html')
    assert.equal(posted.headers['cache-control'], 'no-store')
  })

  test(`EIO=${version}: refusals`, async () => {
    await assertRefused(polling(version, { sid: 'x' }), {}, 400, 1, 'Session ID unknown')
    await assertRefused(polling(version, { sid: 'A'.repeat(2000) }), {}, 400, 1, 'Session ID unknown')
    await assertRefused(polling(version, { sid: '__proto__' }), {}, 400, 1, 'Session ID unknown')
    await assertRefused(polling(version, { sid: 'x' }), { method: 'POST', body: '1' }, 400, 1, 'Session ID unknown')
    await assertRefused({ EIO: version, transport: 'abc' }, {}, 400, 0, 'Transport unknown')
    await assertRefused({ EIO: version, transport: 'constructor' }, {}, 400, 0, 'Transport unknown')
    await assertRefused({ EIO: version }, {}, 400, 0, 'Transport unknown')
    for (const method of ['POST', 'PUT', 'DELETE']) {
      await assertRefused(polling(version), { method, body: '' }, 400, 2, 'Bad handshake method')
    }
    await assertRefused({ EIO: version, transport: 'websocket' }, {}, 400, 3, 'Bad request')
  })

  test(`EIO=${version}: the other version inside a session`, async () => {
    const poller = await Poller.open(server, version)
    await assertRefused({ ...poller.query, EIO: version === 3 ? 4 : 3 }, {}, 400, 3, 'Bad request')
  })

  test(`EIO=${version}: a PUT or DELETE with a session id harms nothing`, async () => {
    const poller = await Poller.open(server, version)
    for (const method of ['PUT', 'DELETE']) {
      const answer = await request(server, poller.query, { method, body: '' })
      assert.ok(answer.status >= 400 && answer.status <= 500, `${method} was answered ${answer.status}`)
    }
    await poller.enter()
    await poller.next('initUser')
  })

  test(`EIO=${version}: a payload as long as is allowed, and one byte longer`, async () => {
    const poller = await Poller.open(server, version)
    await poller.enter()
    const head = '42["x","'
    const tail = '"]'
    const room = 3000 - Buffer.byteLength(encode(version, [head + 'x'.repeat(2900) + tail])) + 2900
    const body = (length) => encode(version, [head + 'x'.repeat(length) + tail])
    assert.equal(Buffer.byteLength(body(room)), 3000)
    assert.equal((await poller.post(body(room))).status, 200)
    for (const length of [room + 1, 100_000]) {
      // A server that stops reading may cut the connection while we are still writing; its answer has then gone first.
      const answer = await poller.post(body(length)).catch((error) => error)
      if (!(answer instanceof Error) || length === room + 1) assert.equal(answer.status, 413, String(answer))
    }
    const posted = await poller.post(['42["chat message",{"description":"still here"}]'])
    assert.equal(posted.status, 200, 'the session lives')
    await poller.next('message from server', ({ description }) => description === 'still here')
  })
}

test('without EIO it is 3', async () => {
  const { status, body } = await request(server, { transport: 'polling' })
  assert.equal(status, 200)
  const { sid } = JSON.parse(decode(3, body)[0].slice(1))
  const saying = '42["chat message",{"description":"from an old client"}]'
  const posted = await request(server, { transport: 'polling', sid }, { method: 'POST', body: encode(3, [saying]) })
  assert.equal(posted.body, 'ok')
})

test('any EIO but 3 and 4 is refused', async () => {
  for (const EIO of ['', '2', '5', 'abc', '03', '4 ', '4.0']) {
    await assertRefused({ EIO, transport: 'polling' }, {}, 400, 5, 'Unsupported protocol version')
  }
})

test('both spellings of the path, as clients use them', async () => {
  const answer = await request(server, polling(4), { path: '/socket.io/' })
  assert.equal(answer.status, 200)
  const other = await request(server, polling(4), { path: '/socket.ioh/' })
  assert.equal(other.status, 404)
})
