// What applications see of it, through the clients of three generations on three ways of transport: connecting, being
// refused, several namespaces over one connection, and coming back after having been put out.
import assert from 'node:assert/strict'
import test, { after, before } from 'node:test'
import { everyWay } from '../support/guest.mjs'
import { Peer } from '../support/peer.mjs'
import { Server } from '../support/server.mjs'
import { deadline, until } from '../support/wait.mjs'

let sio, rooms, suite
before(async () => {
  [sio, rooms, suite] = await Promise.all(['sio', 'rooms', 'sio-client'].map((kind) => Server.startSuite(kind)))
})
after(() => Promise.all([sio, rooms, suite].map((server) => server?.stop())))

const once = (socket, event) => deadline(new Promise((resolve) => socket.once(event, resolve)), 5_000, `"${event}"`)
const countTo = (count) => Array.from({ length: count }, (_, number) => number)

for (const { generation, mode, title } of everyWay) {
  test(`${title}: events both ways, with acks both ways`, async (t) => {
    const peer = new Peer(t, sio.url, generation, mode)
    peer.listen('auth', 'message-back').answer('emit-with-ack', (...args) => args.slice(0, 2))
    await peer.next('connect')
    assert.deepEqual(await peer.next('auth'), [{}])
    await peer.upgraded()
    const args = [1, '二', { a: [null] }]
    peer.socket.emit('message', ...args)
    assert.deepEqual(await peer.next('message-back'), args)
    assert.deepEqual(await peer.call('message-with-ack', ...args), 1)
    peer.socket.emit('emit-with-ack', ...args)
    assert.deepEqual([await peer.next('emit-with-ack'), await peer.next('emit-with-ack')], [args, args.slice(0, 2)])
  })

  test(`${title}: what is said before the connection is there arrives all the same, in order`, async (t) => {
    const peer = new Peer(t, sio.url, generation, mode)
    peer.listen('message-back')
    for (const number of countTo(100)) peer.socket.emit('message', number)
    await until(() => peer.all('message-back').length === 100, 5_000, 'a hundred answers')
    assert.deepEqual(peer.all('message-back').map(([number]) => number), countTo(100))
  })

  test(`${title}: events of binary only, of nothing, and of a megabyte in parts`, async (t) => {
    const peer = await Peer.join(t, sio.url, generation, mode)
    peer.listen('message-back')
    const parts = countTo(10).map((number) => Buffer.alloc(60_000, number))
    peer.socket.emit('message', ...parts)
    peer.socket.emit('message')
    peer.socket.emit('message', new Uint8Array([1, 2, 255]).buffer)
    assert.deepEqual((await peer.next('message-back')).map((part) => Buffer.from(part)), parts)
    assert.deepEqual(await peer.next('message-back'), [])
    assert.deepEqual(Buffer.from((await peer.next('message-back'))[0]), Buffer.from([1, 2, 255]))
  })

  test(`${title}: several namespaces over one connection`, async (t) => {
    const main = await Peer.join(t, sio.url, generation, mode)
    const [custom, echo] = ['/custom', '/echo'].map((nsp) => main.socket.io.socket(nsp))
    const greeted = once(custom, 'auth')
    await Promise.all([custom, echo].map((socket) => socket.connected || once(socket, 'connect')))
    assert.deepEqual(await greeted, {})
    assert.equal(new Set([main.socket.id, custom.id, echo.id]).size, 3)
    const ask = (socket, event, value) => deadline(new Promise((resolve) => socket.emit(event, value, resolve)), 5_000, 'an ack')
    const asked = [ask(main.socket, 'message-with-ack', 1), ask(custom, 'message-with-ack', 2), ask(echo, 'echo', Buffer.from('3'))]
    const [one, two, three] = await Promise.all(asked)
    assert.deepEqual([one, two, Buffer.from(three)], [1, 2, Buffer.from('3')])
    custom.disconnect()
    assert.equal(await ask(echo, 'echo', 4), 4)
    assert.equal(await main.call('message-with-ack', 5), 5)
    custom.connect()
    await once(custom, 'connect')
    assert.equal(await ask(custom, 'message-with-ack', 6), 6)
  })

  // Generation 2 calls it `error`, and has what the server sent; the others make an Error of it.
  const refusal = async (peer) => {
    const [error] = await peer.next(generation === 2 ? 'error' : 'connect_error')
    return generation === 2 ? error : { message: error.message, ...error.data !== undefined && { data: error.data } }
  }
  const refused = (message) => generation === 2 ? message : { message }

  test(`${title}: refused, in the main namespace and others`, async (t) => {
    const unknown = new Peer(t, `${sio.url}/nowhere`, generation, mode)
    assert.deepEqual(await refusal(unknown), { message: 'Invalid namespace' }, 'an object to all generations')
    const no = new Peer(t, `${suite.url}/no`, generation, mode)
    assert.deepEqual(await refusal(no), refused('Auth failed (custom namespace)'))
    const main = new Peer(t, suite.url, generation, mode, { query: { fail: '1' } })
    assert.deepEqual(await refusal(main), refused('Auth failed (main namespace)'))
    for (const peer of [unknown, no, main]) assert.deepEqual([peer.all('connect'), peer.socket.connected], [[], false])
  })

  test(`${title}: the data of a refusal`, async (t) => {
    const nsp = '/dynamic-1'
    const data = generation === 2 ? 'why' : { why: [1] }
    const peer = generation === 2
      ? new Peer(t, `${rooms.url}${nsp}`, generation, mode, { query: { refuse: '1', data } })
      : new Peer(t, `${rooms.url}${nsp}`, generation, mode, { auth: { refuse: true, data } })
    assert.deepEqual(await refusal(peer), generation === 2 ? data : { message: 'refused', data })
  })

  test(`${title}: put out of a namespace, and back in it over the same connection`, async (t) => {
    const peer = await Peer.join(t, `${rooms.url}/dynamic-2`, generation, mode)
    const { engine } = peer
    const other = peer.socket.io.socket('/dynamic-3') // Clients close a connection that nobody uses.
    if (!other.connected) await once(other, 'connect')
    for (let round = 0; round < 3; round += 1) {
      await peer.call('set', round)
      peer.socket.emit('out', false)
      assert.equal((await peer.next('disconnect'))[0], 'io server disconnect')
      peer.socket.connect()
      await peer.next('connect')
      assert.equal(await peer.call('get'), null, 'a new socket')
      assert.equal(await peer.call('id'), peer.socket.id)
    }
    assert.ok(peer.engine === engine, 'over the same connection')
    assert.equal(other.connected, true)
  })

  test(`${title}: reconnects by itself when the connection is lost`, async (t) => {
    const soon = { reconnection: true, reconnectionDelay: 10, reconnectionDelayMax: 50 }
    const peer = await Peer.join(t, rooms.url, generation, mode, soon)
    await peer.call('join', 'x')
    for (let round = 0; round < 3; round += 1) {
      const { id } = peer.socket
      peer.drop()
      await peer.next('disconnect')
      await peer.next('connect')
      assert.notEqual(peer.socket.id, id)
      assert.deepEqual(await peer.call('rooms'), [], 'a new socket, in no room')
    }
  })
}
