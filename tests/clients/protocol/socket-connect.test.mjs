// Joining and leaving namespaces, on the wire: CONNECT, its refusal, DISCONNECT, and what may not come before or twice.
import assert from 'node:assert/strict'
import test, { after, before } from 'node:test'
import { Peer } from '../support/peer.mjs'
import { Raw } from '../support/raw.mjs'
import { Server } from '../support/server.mjs'
import { until } from '../support/wait.mjs'
import { Poller } from '../support/wire.mjs'

const INVALID = '{"message":"Invalid namespace"}'
let sio, rooms, suite
before(async () => {
  [sio, rooms, suite] = await Promise.all(['sio', 'rooms', 'sio-client'].map((kind) => Server.startSuite(kind)))
})
after(() => Promise.all([sio, rooms, suite].map((server) => server?.stop())))

/** The next message, of which the JSON after `head` is given. */
async function hearJson (raw, head) {
  const text = await raw.hear()
  assert.ok(text.startsWith(head), text)
  return JSON.parse(text.slice(head.length))
}

/** Everything said so far has been taken, and `raw` was told nothing that is not in the inbox. */
async function assertNothingElse (raw) {
  await raw.callText('/', '["message-with-ack"]')
  assert.deepEqual(raw.rest(), [])
}

test('v5 CONNECT: with and without auth, in the main namespace', async (t) => {
  for (const [text, auth] of [['0', {}], ['0{}', {}], ['0{"token":1}', { token: 1 }]]) {
    const raw = await Raw.open(t, sio)
    raw.say(text)
    const connected = await hearJson(raw, '0')
    assert.deepEqual(Object.keys(connected), ['sid'], 'no pid where recovery is off')
    assert.match(connected.sid, /^[\w-]{16,}$/)
    assert.deepEqual(await hearJson(raw, '2'), ['auth', auth])
    await assertNothingElse(raw)
  }
})

test('v5 CONNECT: with and without auth and comma, in another namespace', async (t) => {
  for (const [text, auth] of [['0/custom', {}], ['0/custom,', {}], ['0/custom,{"token":"x"}', { token: 'x' }]]) {
    const raw = await Raw.open(t, sio)
    raw.say(text)
    assert.deepEqual(Object.keys(await hearJson(raw, '0/custom,')), ['sid'])
    assert.deepEqual(await hearJson(raw, '2/custom,'), ['auth', auth])
    assert.deepEqual(raw.rest(), [], 'and the main namespace is not joined on the way')
  }
})

test('v5 CONNECT: each namespace has an id of its own, unrelated to the session\'s', async (t) => {
  const raw = await Raw.open(t, sio)
  const sids = [raw.opened.sid]
  for (const nsp of ['/', '/custom', '/echo']) sids.push((await raw.join(nsp)).sid)
  assert.equal(new Set(sids).size, 4)
  const other = await Raw.open(t, sio)
  assert.ok(!sids.includes((await other.join('/')).sid))
})

test('v5 CONNECT: the payload must be an object', async (t) => {
  for (const payload of ['[]', '"x"', 'null', 'true', '{', '{}x', '[{}]']) {
    for (const prefix of ['', '/custom,']) {
      const raw = await Raw.open(t, sio)
      raw.say(`0${prefix}${payload}`)
      await raw.ends(payload)
      assert.deepEqual(raw.rest(), [], payload)
    }
  }
})

test('v4 CONNECT: the server joins the client to the main namespace unasked', async (t) => {
  const raw = await Raw.open(t, sio, 3)
  assert.deepEqual(await raw.hears(2), ['0', '2["auth",{}]'])

  const poller = await Poller.open(sio, 3)
  if (poller.packets.length === 0) await poller.until((packet) => packet === '40' && poller.packets.unshift(packet))
  await poller.until((packet) => {
    assert.equal(packet, '40', 'first of all')
    return true
  })
  assert.deepEqual(await poller.next('auth'), {})
})

test('v4 CONNECT: the query behind the namespace becomes its auth', async (t) => {
  const raw = await Raw.open(t, sio, 3)
  await raw.hears(2)
  raw.say('0/custom?token=abc&x=1%202,')
  assert.deepEqual(await raw.hears(2), ['0/custom,', '2/custom,["auth",{"token":"abc","x":"1 2"}]'])
  raw.say('0/echo')
  assert.deepEqual(await raw.hears(1), ['0/echo,'])
})

test('v4: the ids are those that the client works out by itself', async (t) => {
  const raw = await Raw.open(t, rooms, 3)
  const { sid } = raw.opened
  await raw.join('/')
  await raw.join('/dynamic-4')
  assert.deepEqual(await raw.call('/', 'id'), [sid])
  assert.deepEqual(await raw.call('/dynamic-4', 'id'), [`/dynamic-4#${sid}`])
  const main = await Peer.join(t, rooms.url, 2, 'websocket')
  assert.equal(await main.call('id'), main.socket.id)
  const other = await Peer.join(t, `${rooms.url}/dynamic-5`, 2, 'polling')
  assert.equal(await other.call('id'), other.socket.id)
})

for (const version of [3, 4]) {
  test(`EIO=${version}: an unknown namespace is refused, and the connection stays`, async (t) => {
    const raw = await Raw.join(t, sio, '/', version)
    await raw.hear() // auth
    for (const name of ['/nowhere', '/customs', '/custom/', '/Custom', '/_0', '/__proto__', '/ünïcode😀']) {
      raw.say(`0${name},`)
      if (/^[\x20-\x7e]+$/.test(name) || version === 4) assert.equal(await raw.hear(), `4${name},${INVALID}`)
      else await raw.hear() // Of v4, a URL's path: how much of it is escaped in the answer is nobody's business.
      await assertNothingElse(raw)
    }
  })

  test(`EIO=${version}: the second CONNECT to a namespace closes the connection`, async (t) => {
    for (const nsp of ['/', '/echo']) {
      const raw = await Raw.join(t, sio, '/', version)
      if (nsp !== '/') await raw.join(nsp)
      raw.say(nsp === '/' ? '0' : `0${nsp},`)
      await raw.ends()
    }
  })

  test(`EIO=${version}: a CONNECT_ERROR from the client closes the connection`, async (t) => {
    for (const text of ['4{"message":"x"}', '4"x"', '4/echo,{"message":"x"}']) {
      const raw = await Raw.join(t, sio, '/', version)
      raw.say(text)
      await raw.ends(text)
    }
  })

  test(`EIO=${version}: a packet for a namespace that was not joined closes the connection`, async (t) => {
    for (const text of ['2/custom,["message"]', '2/nowhere,["message"]', '3/custom,1[]', '1/custom,']) {
      const raw = await Raw.join(t, sio, '/', version)
      raw.say(text)
      await raw.ends(text)
    }
  })

  test(`EIO=${version}: refused by a middleware, as told on the wire`, async (t) => {
    const raw = await Raw.open(t, suite, version)
    raw.say('0/no,')
    const message = 'Auth failed (custom namespace)'
    const refusal = await raw.take((text) => text.startsWith('4'), 'the refusal')
    assert.equal(refusal, `4/no,${JSON.stringify(version === 4 ? { message } : message)}`)

    const main = await Raw.open(t, suite, version, { fail: '1' })
    if (version === 4) main.say('0')
    const text = JSON.stringify('Auth failed (main namespace)')
    assert.equal(await main.hear(), version === 4 ? `4{"message":${text}}` : `4${text}`)
    main.say('0/foo,')
    assert.match(await main.hear(), /^0\/foo,/, 'the connection stays, and may join another namespace')
  })
}

test('v5: the data of a middleware\'s error', async (t) => {
  const raw = await Raw.open(t, rooms)
  for (const [data, told] of [['"x"', '"x"'], ['{"a":[1]}', '{"a":[1]}'], ['null', 'null'], ['0', '0']]) {
    raw.say(`0{"refuse":true,"data":${data}}`)
    assert.equal(await raw.hear(), `4{"message":"refused","data":${told}}`)
  }
  raw.say('0{"refuse":true}')
  assert.equal(await raw.hear(), '4{"message":"refused"}')
  raw.say('0/dynamic-1,{"refuse":true}')
  assert.equal(await raw.hear(), '4/dynamic-1,{"message":"refused"}')
  await raw.join('/')
})

test('v4: the data of a middleware\'s error, or else its message', async (t) => {
  const raw = await Raw.join(t, rooms, '/', 3)
  raw.say('0/dynamic-1?refuse=1&data=why,')
  assert.equal(await raw.hear(), '4/dynamic-1,"why"')
  raw.say('0/dynamic-1?refuse=1,')
  assert.equal(await raw.hear(), '4/dynamic-1,"refused"')
  await raw.join('/dynamic-1')
})

test('v5: a packet before CONNECT closes the connection', async (t) => {
  for (const text of ['2["message"]', '20["message"]', '3["x"]', '30["x"]', '1', '4{}', '2/custom,["message"]']) {
    const raw = await Raw.open(t, sio)
    raw.say(text)
    await raw.ends(text)
    assert.deepEqual(raw.rest(), [])
  }
})

test('v5: an event while the middleware is still thinking closes the connection', async (t) => {
  const raw = await Raw.open(t, rooms)
  raw.say('0{"later":60000}')
  raw.say('2["id"]')
  await raw.ends()
})

test('v5: a CONNECT that takes its time is answered all the same, and others meanwhile', async (t) => {
  const raw = await Raw.open(t, rooms)
  raw.say('0{"later":300}')
  raw.say('0/dynamic-2,')
  assert.deepEqual((await raw.hears(2)).map((text) => text.slice(0, 4)), ['0/dy', '0{"s'])
  assert.deepEqual(await raw.call('/', 'rooms'), [[]])
})

for (const version of [3, 4]) {
  test(`EIO=${version}: DISCONNECT of one namespace leaves the others, and it can be joined again`, async (t) => {
    const raw = await Raw.join(t, sio, '/', version)
    const first = await raw.join('/echo')
    raw.say('1/echo,')
    await raw.callText('/', '["message-with-ack"]')
    const second = await raw.join('/echo')
    if (version === 4) assert.notEqual(second.sid, first.sid)
    assert.deepEqual(await raw.call('/echo', 'echo', 1), [1])
    raw.say('1/echo,')
    await raw.callText('/', '["message-with-ack"]')
    raw.say('2/echo,["echo"]')
    await raw.ends('an event to a namespace that was left')
  })

  test(`EIO=${version}: DISCONNECT with a payload closes the connection`, async (t) => {
    const raw = await Raw.join(t, sio, '/', version)
    raw.say('1{}')
    await raw.ends()
  })

  test(`EIO=${version}: the server's DISCONNECT, and the connection it leaves`, async (t) => {
    const raw = await Raw.join(t, rooms, '/', version)
    await raw.join('/dynamic-3')
    raw.say('2/dynamic-3,["out",false]')
    assert.equal(await raw.hear(), '1/dynamic-3,')
    raw.say('2["out",false]')
    assert.equal(await raw.hear(), '1')
    raw.say('0')
    assert.match(await raw.hear(), version === 4 ? /^0\{"sid":/ : /^0$/)
    raw.say('2["out",true]')
    await raw.ends('the server to close the connection too')
  })
}

test('v5: with no namespace left the connection lives on, and is pinged', async (t) => {
  const server = await Server.startSuite('sio', ['--ping-interval', '200', '--ping-timeout', '5000'])
  t.after(() => server.stop())
  const raw = await Raw.open(t, server)
  const { sid } = await raw.join('/')
  raw.say('1')
  const { pings } = raw
  await until(() => raw.pings >= pings + 2, 5_000, 'two pings')
  assert.notEqual((await raw.join('/')).sid, sid)
})

test('connectTimeout: EIO=4 has to join a namespace in time', async (t) => {
  const server = await Server.startSuite('sio', ['--connect-timeout', '400'])
  t.after(() => server.stop())
  const old = await Raw.open(t, server, 3)
  const joined = await Raw.join(t, server, '/echo')
  const left = await Raw.join(t, server, '/echo')
  left.say('1/echo,')
  const idle = await Raw.open(t, server)
  const lost = await Raw.open(t, server)
  lost.say('0/nowhere,')
  const started = performance.now()
  await Promise.all([idle.ends(), lost.ends()])
  assert.ok(performance.now() - started > 200, 'not before its time')
  await old.callText('/', '["message-with-ack"]')
  await joined.call('/echo', 'echo')
  await left.join('/')
})
