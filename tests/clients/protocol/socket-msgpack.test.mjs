// The parser that writes packets as MessagePack: a packet is one binary message, whatever is in it. The package that clients
// use for it knows EIO=4 only.
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import test, { after, before } from 'node:test'
import { generations, modes } from '../support/guest.mjs'
import { Peer } from '../support/peer.mjs'
import { Raw } from '../support/raw.mjs'
import { Server } from '../support/server.mjs'
import { until } from '../support/wait.mjs'
import { Poller } from '../support/wire.mjs'

const require = createRequire(import.meta.url)
const parser = require('socket.io-msgpack-parser')
const msgpack = require('notepack.io') // What the parser is made of.

let sio, rooms
before(async () => { [sio, rooms] = await Promise.all(['sio', 'rooms'].map((kind) => Server.startSuite(kind, ['--msgpack']))) })
after(() => Promise.all([sio, rooms].map((server) => server?.stop())))

const say = (raw, packet) => raw.socket.send(Buffer.isBuffer(packet) ? packet : msgpack.encode(packet))

async function hear (raw) {
  const message = await raw.hear()
  assert.ok(Buffer.isBuffer(message), `one binary message, not ${message}`)
  return msgpack.decode(message)
}

async function joined (t, nsp = '/') {
  const raw = await Raw.open(t, sio)
  say(raw, { type: 0, nsp })
  const connect = await hear(raw)
  return Object.assign(raw, { connect })
}

test('CONNECT, and the fields of a packet', async (t) => {
  const raw = await joined(t)
  const { sid, pid, ...rest } = raw.connect.data
  assert.deepEqual([typeof sid, pid, rest], ['string', undefined, {}]) // The reference writes a pid, and that it is undefined.
  assert.deepEqual({ ...raw.connect, data: null }, { type: 0, nsp: '/', data: null })
  const event = await hear(raw)
  assert.deepEqual(event, { type: 2, nsp: '/', data: ['auth', {}] })
  say(raw, { type: 0, nsp: '/custom', data: { token: 'x', bytes: Buffer.from('b') } })
  assert.equal((await hear(raw)).nsp, '/custom')
  assert.deepEqual(await hear(raw), { type: 2, nsp: '/custom', data: ['auth', { token: 'x', bytes: Buffer.from('b') }] })
  say(raw, { type: 0, nsp: '/nowhere' })
  assert.deepEqual(await hear(raw), { type: 4, nsp: '/nowhere', data: { message: 'Invalid namespace' } })
})

test('events, acks and questions, with binary inside them', async (t) => {
  const raw = await joined(t)
  await hear(raw) // auth
  const args = [1, -1.5, 'ü😀', null, true, [[], {}], { deep: [Buffer.from([1, 2])] }, Buffer.from([3]), 2 ** 40, -(2 ** 31)]
  say(raw, { type: 2, nsp: '/', data: ['message', ...args] })
  assert.deepEqual(await hear(raw), { type: 2, nsp: '/', data: ['message-back', ...args] })
  say(raw, { type: 2, nsp: '/', id: 0, data: ['message-with-ack', ...args] })
  assert.deepEqual(await hear(raw), { type: 3, nsp: '/', id: 0, data: args })
  say(raw, { type: 2, nsp: '/', id: 2 ** 33, data: ['message-with-ack'] })
  assert.deepEqual(await hear(raw), { type: 3, nsp: '/', id: 2 ** 33, data: [] })
  say(raw, { type: 2, nsp: '/', data: ['emit-with-ack', ...args] })
  const { id, ...question } = await hear(raw)
  assert.deepEqual(question, { type: 2, nsp: '/', data: ['emit-with-ack', ...args] })
  say(raw, { type: 3, nsp: '/', id, data: [Buffer.from([9])] })
  assert.deepEqual(await hear(raw), { type: 2, nsp: '/', data: ['emit-with-ack', Buffer.from([9])] })
})

test('DISCONNECT, both ways', async (t) => {
  const raw = await Raw.open(t, rooms)
  for (const nsp of ['/', '/dynamic-1']) {
    say(raw, { type: 0, nsp })
    await hear(raw)
  }
  say(raw, { type: 2, nsp: '/', data: ['out', false] })
  assert.deepEqual(await hear(raw), { type: 1, nsp: '/' })
  say(raw, { type: 1, nsp: '/dynamic-1' })
  say(raw, { type: 0, nsp: '/' })
  assert.equal((await hear(raw)).type, 0)
  say(raw, { type: 2, nsp: '/', id: 1, data: ['namespaces'] })
  assert.deepEqual((await hear(raw)).data, [[]])
})

test('over polling a packet is base64', async () => {
  const poller = await Poller.open(sio, 4)
  const post = (packet) => poller.post([`b${msgpack.encode(packet).toString('base64')}`])
  const next = async () => {
    const packet = await poller.until(() => true)
    assert.equal(packet[0], 'b')
    return msgpack.decode(Buffer.from(packet.slice(1), 'base64'))
  }
  await post({ type: 0, nsp: '/' })
  assert.equal((await next()).type, 0)
  await next() // auth
  await post({ type: 2, nsp: '/', id: 7, data: ['message-with-ack', Buffer.from('x')] })
  assert.deepEqual(await next(), { type: 3, nsp: '/', id: 7, data: [Buffer.from('x')] })
})

test('keys in any order, and integers in any width', async (t) => {
  const raw = await joined(t)
  await hear(raw)
  // {nsp: "/", data: ["message-with-ack", 1], id: 5, type: 2}, integers in eight bytes and in one.
  const wide = (number) => Buffer.concat([Buffer.from([0xcf]), Buffer.from(number.toString(16).padStart(16, '0'), 'hex')])
  const packet = Buffer.concat([
    Buffer.from([0x84]), msgpack.encode('nsp'), msgpack.encode('/'),
    msgpack.encode('data'), Buffer.from([0x92]), msgpack.encode('message-with-ack'), wide(1),
    msgpack.encode('id'), wide(5), msgpack.encode('type'), Buffer.from([0xcc, 2])
  ])
  say(raw, packet)
  assert.deepEqual(await hear(raw), { type: 3, nsp: '/', id: 5, data: [1] })
})

test('a CONNECT to a namespace with a long name is refused, and the connection goes on', async (t) => {
  const raw = await joined(t)
  await hear(raw)
  const nsp = `/${'n'.repeat(300_000)}`
  say(raw, { type: 0, nsp })
  assert.deepEqual(await hear(raw), { type: 4, nsp, data: { message: 'Invalid namespace' } })
  say(raw, { type: 2, nsp: '/', id: 7, data: ['message-with-ack', 1] })
  assert.deepEqual(await hear(raw), { type: 3, nsp: '/', id: 7, data: [1] })
  say(raw, { type: 2, nsp, data: ['message'] })
  await raw.ends()
})

const senseless = {
  'no type': { nsp: '/', data: ['message'] },
  'type 5': { type: 5, nsp: '/', data: ['message'] },
  'type 6': { type: 6, nsp: '/', id: 1, data: [] },
  'a type that is no integer': { type: 2.5, nsp: '/', data: ['message'] },
  'a type that is text': { type: '2', nsp: '/', data: ['message'] },
  'no namespace': { type: 2, data: ['message'] },
  'a namespace that is no text': { type: 2, nsp: 1, data: ['message'] },
  'an event that is no array': { type: 2, nsp: '/', data: { 0: 'message' } },
  'an event without data': { type: 2, nsp: '/' },
  'an ack without data': { type: 3, nsp: '/', id: 1 },
  'an ack that is no array': { type: 3, nsp: '/', id: 1, data: 'x' },
  'an id that is no integer': { type: 2, nsp: '/', id: 1.5, data: ['message'] },
  'an id that is text': { type: 2, nsp: '/', id: '1', data: ['message'] },
  'a DISCONNECT with data': { type: 1, nsp: '/', data: [] },
  'a second CONNECT': { type: 0, nsp: '/' },
  'CONNECT with data that is no object': { type: 0, nsp: '/custom', data: 'x' },
  'a CONNECT_ERROR': { type: 4, nsp: '/', data: { message: 'x' } },
  'a namespace that was not joined': { type: 2, nsp: '/custom', data: ['message'] },
  'no object': [2, '/'],
  nothing: null
}
for (const [what, packet] of Object.entries(senseless)) {
  test(`${what}: the connection is closed`, async (t) => {
    const raw = await joined(t)
    await hear(raw)
    say(raw, packet)
    await raw.ends()
  })
}

test('bytes that are no MessagePack close the connection, and nobody else\'s', async (t) => {
  const witness = await Peer.join(t, `${sio.url}/echo`, 4, 'websocket', { parser })
  const text = Buffer.from('2["message"]')
  const whole = msgpack.encode({ type: 2, nsp: '/', data: ['message', 'x'.repeat(40)] })
  // Nothing, no type, maps and arrays and bytes that claim more than there is, and arrays in one another.
  const hostile = ['', 'c1', 'dfffffffff', '84a474797065', 'ddffffffff', 'c6ffffffff00', '91'.repeat(900_000)]
  const cases = [text, whole.subarray(0, -1), ...hostile.map((hex) => Buffer.from(hex, 'hex'))]
  for (const bytes of cases) {
    const raw = await joined(t)
    await hear(raw)
    say(raw, bytes)
    await raw.ends(bytes.toString('hex').slice(0, 40))
    assert.equal(await witness.call('echo', 'still here'), 'still here')
  }
})

for (const generation of generations.filter((generation) => generation > 2)) {
  for (const mode of modes) {
    test(`client ${generation}, ${mode}: talks through the parser`, async (t) => {
      const peer = await Peer.join(t, `${sio.url}/custom`, generation, mode, { parser, auth: { token: 'x' } })
      peer.listen('message-back').answer('emit-with-ack', (...args) => args)
      const value = { text: 'ü😀', bytes: Buffer.from([1, 2, 3]), list: [1, null, [true]] }
      const same = (back) => assert.deepEqual({ ...back, bytes: Buffer.from(back.bytes) }, value)
      same(await peer.call('message-with-ack', value))
      peer.socket.emit('message', value)
      same((await peer.next('message-back'))[0])
      peer.socket.emit('emit-with-ack', value)
      same((await peer.next('emit-with-ack'))[0])
      same((await peer.next('emit-with-ack'))[0])
      const hundred = Array.from({ length: 100 }, (_, number) => number)
      for (const number of hundred) peer.socket.emit('message', number)
      await until(() => peer.all('message-back').length === 101, 5_000, 'a hundred messages')
      assert.deepEqual(peer.all('message-back').slice(1).map(([number]) => number), hundred)
    })

    test(`client ${generation}, ${mode}: rooms and questions through the parser`, async (t) => {
      const nsp = `/dynamic-${generation}${modes.indexOf(mode)}`
      const join = (generation, mode) => Peer.join(t, rooms.url + nsp, generation, mode, { parser })
      const peers = [await join(generation, mode), await join(4, 'websocket')]
      for (const peer of peers) await peer.listen('news').answer('question', (value) => [value]).call('join', 'x')
      assert.deepEqual(await peers[0].call('ask', { timeout: 20_000 }, 'what'), { answers: ['what', 'what'], timedOut: false })
      await peers[0].call('send', { rooms: ['x'], broadcast: true }, 'news', Buffer.from('b'))
      assert.deepEqual(Buffer.from((await peers[1].next('news'))[0]), Buffer.from('b'))
      await peers[1].call('disconnectall', ['x'], true)
      assert.equal((await peers[0].next('disconnect'))[0], 'io server disconnect')
      assert.equal(peers[0].all('news').length, 0)
    })

    test(`client ${generation}, ${mode}: refused through the parser`, async (t) => {
      const peer = new Peer(t, rooms.url, generation, mode, { parser, auth: { refuse: true, data: { why: [1] } } })
      const [error] = await peer.next('connect_error')
      assert.deepEqual([error.message, error.data], ['refused', { why: [1] }])
    })
  }
}
