// The end of a socket: by which reason the server knows it and by which the client, namespaces that end with their last
// socket, and the end of the whole server.
import assert from 'node:assert/strict'
import test, { after, before } from 'node:test'
import { everyWay } from '../support/guest.mjs'
import { Peer } from '../support/peer.mjs'
import { Raw } from '../support/raw.mjs'
import { Server } from '../support/server.mjs'
import { deadline, until } from '../support/wait.mjs'
import { decode, Poller } from '../support/wire.mjs'

let server
before(async () => { server = await Server.startSuite('rooms') })
after(() => server?.stop())

let number = 0
const freshNsp = () => `/dynamic-${number++}`

/** A socket in a fresh namespace that says by which reasons others have left it. */
async function observe (t, on = server) {
  const nsp = freshNsp()
  const observer = await Raw.join(t, on, nsp)
  const reasonOf = async (id) => {
    let found
    const look = async () => { found = (await observer.call(nsp, 'reasons'))[0].find(([gone]) => gone === id) }
    await until(async () => { await look(); return found }, 5_000, 'the reason')
    return found[1]
  }
  return { nsp, observer, reasonOf }
}

for (const version of [3, 4]) {
  const endings = {
    'the client leaves the namespace': ['client namespace disconnect', (raw, nsp) => raw.say(`1${nsp},`)],
    'the server puts it out': ['server namespace disconnect', (raw, nsp) => raw.say(`2${nsp},["out",false]`)],
    'the server puts it out, with its connection': ['server namespace disconnect', (raw, nsp) => raw.say(`2${nsp},["out",true]`)],
    'the client closes its websocket': ['transport close', (raw) => raw.socket.close()],
    'the TCP connection ends': ['transport close', (raw) => raw.socket.terminate()],
    'a Socket.IO packet that makes no sense': ['forced close', (raw) => raw.say('9')],
    'an attachment that was not announced': ['forced close', (raw) => raw.say('2["x"]', Buffer.from('x'))],
    'a packet for a namespace that was not joined': ['forced close', (raw) => raw.say('2/dynamic-999999,["x"]')],
    'an Engine.IO packet that makes no sense': ['parse error', (raw) => raw.socket.send('x')]
  }
  for (const [what, [reason, end]] of Object.entries(endings)) {
    test(`EIO=${version}: ${what}: "${reason}"`, async (t) => {
      const { nsp, observer, reasonOf } = await observe(t)
      const raw = await Raw.join(t, server, nsp, version)
      const [id] = await raw.call(nsp, 'id')
      end(raw, nsp)
      assert.equal(await reasonOf(id), reason)
      assert.deepEqual(await observer.call(nsp, 'count'), [1])
    })
  }

  test(`EIO=${version}: two polls at once: "transport error"`, async (t) => {
    const { nsp, reasonOf } = await observe(t)
    const poller = await Poller.open(server, version)
    await poller.post([`40${nsp},`])
    await poller.until((packet) => packet.startsWith(`40${nsp},`))
    await poller.post([`42${nsp},0["id"]`])
    const id = JSON.parse((await poller.until((packet) => packet.startsWith('43'))).slice(`43${nsp},0`.length))[0]
    const first = poller.get()
    await first.sent
    await poller.post([`42${nsp},["nothing"]`])
    await poller.get()
    assert.equal(await reasonOf(id), 'transport error')
  })

  test(`EIO=${version}: silence: "ping timeout"`, async (t) => {
    const quick = await Server.startSuite('rooms', ['--ping-interval', '300', '--ping-timeout', '200'])
    t.after(() => quick.stop())
    const { nsp, reasonOf } = await observe(t, quick)
    const raw = await Raw.join(t, quick, nsp, version)
    raw.mute = true
    const [id] = await raw.call(nsp, 'id')
    assert.equal(await reasonOf(id), 'ping timeout')
    await raw.ends()
  })

  test(`EIO=${version}: every namespace of a connection gets the reason`, async (t) => {
    const [one, other] = [await observe(t), await observe(t)]
    const raw = await Raw.join(t, server, one.nsp, version)
    await raw.join(other.nsp)
    const ids = [await raw.call(one.nsp, 'id'), await raw.call(other.nsp, 'id')]
    await raw.leave()
    assert.equal(await one.reasonOf(ids[0][0]), 'transport close')
    assert.equal(await other.reasonOf(ids[1][0]), 'transport close')
  })

  test(`EIO=${version}: put out with its connection, a client hears of every namespace first`, async (t) => {
    const [one, other] = [await observe(t), await observe(t)]
    const raw = await Raw.join(t, server, one.nsp, version)
    await raw.join(other.nsp)
    raw.rest()
    raw.say(`2${one.nsp},["out",true]`)
    await raw.ends()
    const heard = raw.rest().filter((text) => text.startsWith('1/'))
    assert.deepEqual(heard.toSorted(), [`1${one.nsp},`, `1${other.nsp},`].toSorted())
  })
}

for (const { generation, mode, title } of everyWay) {
  test(`${title}: what the client hears of its end, and the server of it`, async (t) => {
    const { nsp, observer, reasonOf } = await observe(t)
    const join = async () => {
      const peer = await Peer.join(t, server.url + nsp, generation, mode)
      return { peer, id: await peer.call('id') }
    }
    const out = await join()
    out.peer.socket.emit('out', false)
    assert.equal((await out.peer.next('disconnect'))[0], 'io server disconnect')
    assert.equal(await reasonOf(out.id), 'server namespace disconnect')

    const closed = await join()
    closed.peer.socket.emit('out', true)
    // Told of its namespace first, and the rest it does not heed.
    assert.equal((await closed.peer.next('disconnect'))[0], 'io server disconnect')

    const left = await join()
    left.peer.socket.disconnect()
    assert.equal((await left.peer.next('disconnect'))[0], 'io client disconnect')
    assert.equal(await reasonOf(left.id), 'client namespace disconnect')

    const dropped = await join()
    dropped.peer.drop()
    assert.equal(await reasonOf(dropped.id), 'transport close')
    assert.deepEqual(await observer.call(nsp, 'count'), [1])
  })
}

const existing = async (raw) => (await raw.call('/', 'namespaces'))[0]

test('a dynamic namespace exists from its first socket to its last', async (t) => {
  const own = await Server.startSuite('rooms')
  t.after(() => own.stop())
  const observer = await Raw.join(t, own)
  assert.deepEqual(await existing(observer), [])
  const one = await Raw.join(t, own, '/dynamic-101')
  const other = await Raw.join(t, own, '/dynamic-101', 3)
  await other.join('/dynamic-7')
  assert.deepEqual(await existing(observer), ['/dynamic-101', '/dynamic-7'])
  one.say('1/dynamic-101,')
  await one.join('/dynamic-8')
  assert.deepEqual(await existing(observer), ['/dynamic-101', '/dynamic-7', '/dynamic-8'], 'one left, one stays')
  await other.leave()
  await until(async () => (await existing(observer)).join() === '/dynamic-8', 5_000, 'the end of two namespaces')
  // Nothing is left of the one before.
  await one.join('/dynamic-101')
  assert.deepEqual(await one.call('/dynamic-101', 'reasons'), [[]])
  assert.deepEqual(await one.call('/dynamic-101', 'count'), [1])
  for (const text of ['2/dynamic-101,["out"]', '2/dynamic-8,["out"]']) {
    one.say(text)
    await one.hear()
  }
  await until(async () => (await existing(observer)).length === 0, 5_000, 'the end of all')
})

test('a dynamic namespace that nobody got into does not exist', async (t) => {
  const own = await Server.startSuite('rooms')
  t.after(() => own.stop())
  const observer = await Raw.join(t, own)
  const raw = await Raw.open(t, own)
  raw.say('0/dynamic-1,{"refuse":true}')
  assert.match(await raw.hear(), /^4\/dynamic-1,/)
  assert.deepEqual(await existing(observer), [], 'refused')
  for (const name of ['/dynamic-', '/dynamic-x', '/dynamic-1x', '/xdynamic-1', '/dynamic-1/', '/dynamic--1']) {
    raw.say(`0${name},`)
    assert.equal(await raw.hear(), `4${name},{"message":"Invalid namespace"}`)
  }
  assert.deepEqual(await existing(observer), [], 'invalid')
  raw.say('0/dynamic-2,{"later":300}')
  raw.socket.terminate()
  await until(async () => (await existing(observer)).length === 0, 5_000, 'the end of what was not waited for')
})

test('the end of the server: all are told, nobody is waited for', async (t) => {
  const own = await Server.startSuite('rooms')
  t.after(() => own.stop())
  const peers = await Promise.all(everyWay.map(({ generation, mode }) => Peer.join(t, own.url, generation, mode)))
  const raws = await Promise.all([3, 4].map((version) => Raw.join(t, own, '/', version)))
  const joining = await Raw.open(t, own)
  joining.say('0{"later":60000}')
  const pollers = await Promise.all([3, 4].map(async (version) => {
    const poller = await Poller.open(own, version)
    await poller.enter()
    await poller.until((packet) => packet.startsWith('40'))
    return poller
  }))
  const [parked, absent] = pollers
  const poll = parked.get()
  await poll.sent
  await parked.post(['42["nothing"]'])
  assert.ok(absent)
  const stopped = deadline(own.stop(), 5_000, 'the server to end')
  assert.equal(decode(3, (await poll).body).at(-1), '1', 'a waiting poll is told')
  for (const peer of peers) {
    const [reason] = await peer.next('disconnect')
    assert.ok(['transport close', 'transport error'].includes(reason), `${peer.generation}, ${peer.mode}: ${reason}`)
  }
  await Promise.all([...raws, joining].map((raw) => raw.ends()))
  await stopped
})
