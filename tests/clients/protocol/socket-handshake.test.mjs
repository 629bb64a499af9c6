// What a server knows of the request that a socket came with: the handshake object, field by field.
import assert from 'node:assert/strict'
import test, { after, before } from 'node:test'
import { frame, head, OPCODES, Raw as Bytes, upgradeHeaders } from '../support/bytes.mjs'
import { everyWay } from '../support/guest.mjs'
import { Peer } from '../support/peer.mjs'
import { Raw } from '../support/raw.mjs'
import { Server } from '../support/server.mjs'
import { until } from '../support/wait.mjs'
import { decode, Poller } from '../support/wire.mjs'

const FIELDS = ['address', 'auth', 'headers', 'issued', 'query', 'secure', 'time', 'url', 'xdomain']
const twice = {
  'x-list': ['1', '2', '3'],
  'x-empty': ['', 'x', ''],
  accept: ['a/b', 'c/d'],
  'accept-language': ['de', 'en'],
  'x-forwarded-for': ['1.2.3.4', '5.6.7.8'],
  cookie: ['a=b', 'c=d', 'e=f'],
  'set-cookie': ['a=b', 'c=d']
}
const joined = {
  'x-list': '1, 2, 3',
  'x-empty': ', x, ',
  accept: 'a/b, c/d',
  'accept-language': 'de, en',
  'x-forwarded-for': '1.2.3.4, 5.6.7.8',
  cookie: 'a=b; c=d; e=f',
  'set-cookie': ['a=b', 'c=d']
}
const firstCounts = [
  'age', 'authorization', 'content-type', 'etag', 'expires', 'from', 'if-modified-since', 'if-unmodified-since',
  'last-modified', 'location', 'max-forwards', 'proxy-authorization', 'referer', 'retry-after', 'server', 'user-agent'
]

let server
before(async () => { server = await Server.startSuite('sio-client') })
after(() => server?.stop())

/** The headers in the handshake of a session whose first request has these, each on a line of its own: Node would join some. */
async function headersByHand (t, version, transport, fields) {
  const bytes = await Bytes.connect(t, server)
  const isUpgrade = transport === 'websocket'
  await bytes.write(head(server, `/socket.io/?EIO=${version}&transport=${transport}`, [...fields, ...isUpgrade ? upgradeHeaders() : []]))
  const { status, body } = await bytes.answer()
  assert.equal(status, isUpgrade ? 101 : 200)
  const [say, hear] = isUpgrade ? byFrames(bytes) : byPolls(version, body)
  if (version === 4) await say('40')
  await hear('40')
  await say('420["getHandshake"]')
  return JSON.parse((await hear('430[')).slice(3))[0].headers
}

function byFrames (bytes) {
  const packet = (start) => bytes.frames.map(({ data }) => data.toString()).find((text) => text.startsWith(start))
  return [
    (text) => bytes.write(frame(OPCODES.text, text)),
    async (start) => {
      await until(() => packet(start), 5_000, `a packet ${start}`)
      return packet(start)
    }
  ]
}

function byPolls (version, body) {
  const [open, ...packets] = decode(version, body)
  const poller = Object.assign(new Poller(), { server, version, opened: JSON.parse(open.slice(1)), packets })
  return [(text) => poller.post([text]), (start) => poller.until((packet) => packet.startsWith(start))]
}

for (const version of [3, 4]) {
  test(`EIO=${version}: every field of the handshake object`, async (t) => {
    const before = Date.now()
    const raw = await Raw.open(t, server, version, { a: '1 2', b: 'ü', empty: '' }, { 'X-Custom': 'Value', cookie: 'a=b; c=d' })
    const auth = { token: 'x' }
    if (version === 4) raw.say(`0${JSON.stringify(auth)}`)
    await raw.take((text) => text.startsWith('0'), 'CONNECT')
    const [handshake] = await raw.call('/', 'getHandshake')
    assert.deepEqual(Object.keys(handshake).sort(), FIELDS)
    const { headers, time, address, xdomain, secure, issued, url, query } = handshake
    assert.equal(headers['x-custom'], 'Value')
    assert.equal(headers.cookie, 'a=b; c=d')
    assert.equal(headers.host, `127.0.0.1:${server.port}`)
    assert.match(address, /^(::ffff:)?127\.0\.0\.1$/)
    assert.deepEqual([xdomain, secure], [false, false])
    assert.ok(issued >= before - 1 && issued <= Date.now() + 1, `issued ${issued}`)
    assert.ok(Math.abs(Date.parse(time) - issued) < 2_000, `time ${time}`)
    assert.equal(url, `/socket.io/?EIO=${version}&transport=websocket&a=1+2&b=%C3%BC&empty=`)
    assert.deepEqual(query, { EIO: String(version), transport: 'websocket', a: '1 2', b: 'ü', empty: '' })
    assert.deepEqual(handshake.auth, version === 4 ? auth : {})
  })

  test(`EIO=${version}: a foreign page is seen by its origin`, async (t) => {
    const raw = await Raw.open(t, server, version, {}, { origin: `http://127.0.0.1:${server.port}` })
    await raw.join('/')
    const [{ xdomain, headers }] = await raw.call('/', 'getHandshake')
    assert.deepEqual([xdomain, headers.origin], [true, `http://127.0.0.1:${server.port}`])
  })

  for (const transport of ['polling', 'websocket']) {
    test(`EIO=${version}, ${transport}: a header on two lines is one header`, async (t) => {
      const lines = Object.entries({ ...twice, ...Object.fromEntries(firstCounts.map((name) => [name, ['first', 'second']])) })
      const fields = lines.flatMap(([name, values]) => values.map((value) => [name, value]))
      const headers = await headersByHand(t, version, transport, fields)
      for (const [name, value] of Object.entries(joined)) assert.deepEqual(headers[name], value, name)
      for (const name of firstCounts) assert.equal(headers[name], 'first', name)
    })
  }

  test(`EIO=${version}: odd keys of the query are keys like others`, async (t) => {
    const odd = { __proto__x: '1', constructor: '2', toString: '3' }
    const raw = await Raw.open(t, server, version, odd)
    await raw.join('/')
    const [{ query }] = await raw.call('/', 'getHandshake')
    assert.deepEqual(query, { EIO: String(version), transport: 'websocket', ...odd })
  })

  test(`EIO=${version}: each namespace has its own auth and time, and the same request`, async (t) => {
    const raw = await Raw.join(t, server, '/', version)
    const [main] = await raw.call('/', 'getHandshake')
    raw.say(version === 4 ? '0/abc,{"token":2}' : '0/abc?token=2,')
    await raw.take((text) => text.startsWith('0/abc,'), 'CONNECT')
    const text = await raw.take((text) => text.startsWith('2/abc,'), 'the event')
    const [name, other] = JSON.parse(text.slice('2/abc,'.length))
    assert.equal(name, 'handshake')
    assert.deepEqual(other.auth, { token: version === 4 ? 2 : '2' })
    for (const field of ['headers', 'address', 'url', 'query']) assert.deepEqual(other[field], main[field])
    assert.ok(other.issued >= main.issued)
  })
}

for (const { generation, mode, title } of everyWay) {
  test(`${title}: query, headers and auth arrive`, async (t) => {
    const peer = await Peer.join(t, server.url, generation, mode, {
      query: { key: 'välue' },
      auth: { token: 'x' }, // Of generation 3 on.
      extraHeaders: { 'x-custom': 'y' },
      transportOptions: { polling: { extraHeaders: { 'x-custom': 'y' } }, websocket: { extraHeaders: { 'x-custom': 'y' } } }
    })
    const { query, headers, auth } = await peer.call('getHandshake')
    assert.equal(query.key, 'välue')
    assert.equal(query.EIO, generation === 2 ? '3' : '4')
    assert.equal(query.transport, mode === 'websocket' ? 'websocket' : 'polling', 'that of the first request')
    assert.equal(headers['x-custom'], 'y')
    assert.deepEqual(auth, generation === 2 ? {} : { token: 'x' })
  })
}
