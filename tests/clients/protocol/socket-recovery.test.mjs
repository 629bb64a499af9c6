// Connection state recovery: a client that lost its connection comes back as the same socket, and is told what it missed,
// in order and once. On the wire first, then with clients that know of it, then with clients that do not.
import assert from 'node:assert/strict'
import test, { after, before } from 'node:test'
import { generations, modes } from '../support/guest.mjs'
import { Peer } from '../support/peer.mjs'
import { Raw } from '../support/raw.mjs'
import { Server } from '../support/server.mjs'
import { until } from '../support/wait.mjs'

let server
before(async () => { server = await Server.startSuite('rooms', ['--recovery']) })
after(() => server?.stop())

let number = 0
const freshNsp = () => `/dynamic-${number++}`
const countTo = (count) => Array.from({ length: count }, (_, number) => number)

/** A namespace with a speaker in it, who keeps it alive, and a session to lose: in room x, with data, told one event. */
async function scene (t) {
  const nsp = freshNsp()
  const speaker = await Raw.join(t, server, nsp)
  const call = async (name, ...args) => (await speaker.call(nsp, name, ...args))[0]
  const lost = await Raw.open(t, server)
  const { sid, pid } = await lost.join(nsp)
  await lost.call(nsp, 'join', 'x')
  await lost.call(nsp, 'set', { kept: true })
  await call('send', { rooms: ['x'] }, 'news', 'before')
  const [name, text, offset] = JSON.parse((await lost.hear()).slice(`2${nsp},`.length))
  assert.deepEqual([name, text], ['news', 'before'])
  const gone = () => until(async () => await call('count') === 1, 5_000, 'the session to be gone')
  return { nsp, speaker, call, lost, sid, pid, offset, gone }
}

/** Comes back, and gives the data of CONNECT, and what events are told up to the first answer. */
async function comeBack (t, nsp, auth) {
  const raw = await Raw.open(t, server)
  raw.say(`0${nsp},${JSON.stringify(auth)}`)
  const connect = await raw.take((text) => text.startsWith(`0${nsp},`), 'CONNECT')
  const [recovered] = await raw.call(nsp, 'recovered')
  const events = raw.rest().map((text) => JSON.parse(text.slice(`2${nsp},`.length)))
  return { raw, ...JSON.parse(connect.slice(`0${nsp},`.length)), recovered, events }
}

test('CONNECT carries a pid, events end in an offset, and acks do not', async (t) => {
  const { nsp, call, lost, sid, pid, offset } = await scene(t)
  assert.match(pid, /^[\w-]{16,}$/)
  assert.notEqual(pid, sid, 'the pid is a secret, the sid is not')
  assert.notEqual(pid, lost.opened.sid)
  assert.equal(typeof offset, 'string')
  const offsets = [offset]
  for (const how of [{ rooms: ['x'] }, {}, { broadcast: true }, { rooms: [sid] }]) {
    await call('send', how, 'news', 1)
    const [name, value, offset, ...rest] = JSON.parse((await lost.hear()).slice(`2${nsp},`.length))
    assert.deepEqual([name, value, typeof offset, rest], ['news', 1, 'string', []])
    offsets.push(offset)
  }
  assert.equal(new Set(offsets).size, offsets.length)
  assert.deepEqual(await lost.call(nsp, 'get'), [{ kept: true }], 'an ack is as ever')
  await call('send', { rooms: ['x'], volatile: true }, 'news', 'volatile')
  assert.equal(await lost.hear(), `2${nsp},["news","volatile"]`)
  lost.say(`2${nsp},["askme",{"timeout":20000},"why"]`)
  assert.match(await lost.hear(), /^2\/dynamic-\d+,\d+\["question","why"\]$/)
})

test('what one socket is told alone has an offset too', async (t) => {
  const sio = await Server.startSuite('sio', ['--recovery'])
  t.after(() => sio.stop())
  const raw = await Raw.open(t, sio)
  const { pid } = await raw.join('/')
  assert.equal(typeof pid, 'string')
  const [name, auth, offset, ...rest] = JSON.parse((await raw.hear()).slice(1))
  assert.deepEqual([name, auth, typeof offset, rest], ['auth', {}, 'string', []])
  raw.say('51-["message",{"_placeholder":true,"num":0}]', Buffer.from('x'))
  const [head, attachment] = await raw.hears(2)
  assert.match(head, /^51-\["message-back",\{"_placeholder":true,"num":0\},"[^"]+"\]$/)
  assert.deepEqual(attachment, Buffer.from('x'))
})

test('a lost session comes back: id, pid, rooms, data, and all that it missed, in order and once', async (t) => {
  const { nsp, call, lost, sid, pid, offset, gone } = await scene(t)
  await lost.call(nsp, 'join', 'y')
  lost.socket.terminate()
  await gone()
  for (const text of countTo(10)) await call('send', { rooms: [['x'], ['x', 'y'], [], [sid], ['y', 'z']][text % 5] }, 'news', text)
  const notMeant = [
    { rooms: ['z'] }, { except: ['x'] }, { except: [sid] }, { rooms: ['x'], except: ['y'] }, { rooms: ['x'], volatile: true }
  ]
  for (const how of notMeant) await call('send', how, 'news', `not for you: ${JSON.stringify(how)}`)
  await call('ask', { rooms: ['x'], timeout: 10 })
  const back = await comeBack(t, nsp, { pid, offset })
  assert.deepEqual([back.sid, back.pid, back.recovered], [sid, pid, true])
  assert.deepEqual(back.events.map(([, text]) => text), countTo(10))
  assert.ok(back.events.every((event) => event.length === 3 && typeof event[2] === 'string'), 'with their offsets')
  assert.deepEqual(await back.raw.call(nsp, 'rooms'), [['x', 'y']])
  assert.deepEqual(await back.raw.call(nsp, 'get'), [{ kept: true }])
  assert.deepEqual(await back.raw.call(nsp, 'id'), [sid])
  assert.equal(await call('count'), 2)
  await call('send', { rooms: ['y'] }, 'news', 'live')
  assert.match(await back.raw.hear(), /\["news","live","[^"]+"\]$/)
})

test('from whichever event it has heard last', async (t) => {
  const { nsp, call, lost, pid, gone } = await scene(t)
  const offsets = []
  for (const text of countTo(5)) {
    await call('send', { rooms: ['x'] }, 'news', text)
    offsets.push(JSON.parse((await lost.hear()).slice(`2${nsp},`.length))[2])
  }
  lost.socket.terminate()
  await gone()
  const back = await comeBack(t, nsp, { pid, offset: offsets[2] })
  assert.deepEqual([back.recovered, back.events.map(([, text]) => text)], [true, [3, 4]])
})

test('twice over, and with nothing missed', async (t) => {
  const { nsp, call, lost, sid, pid, offset, gone } = await scene(t)
  lost.socket.terminate()
  await gone()
  const first = await comeBack(t, nsp, { pid, offset })
  assert.deepEqual([first.sid, first.recovered, first.events], [sid, true, []])
  await call('send', { rooms: ['x'] }, 'news', 'between')
  const last = JSON.parse((await first.raw.hear()).slice(`2${nsp},`.length))[2]
  first.raw.socket.terminate()
  await gone()
  await call('send', { rooms: ['x'] }, 'news', 'after')
  const second = await comeBack(t, nsp, { pid: first.pid, offset: last })
  assert.deepEqual([second.sid, second.recovered, second.events.map(([, text]) => text)], [sid, true, ['after']])
})

test('missed binary events come back whole', async (t) => {
  const { nsp, call, lost, speaker, pid, offset, gone } = await scene(t)
  lost.socket.terminate()
  await gone()
  speaker.say(`51-${nsp},["send",{"rooms":["x"]},"news",{"_placeholder":true,"num":0}]`, Buffer.from('bytes'))
  await call('id')
  const raw = await Raw.open(t, server)
  await raw.join(nsp, { pid, offset })
  const head = await raw.take((text) => String(text).startsWith('51-'), 'the binary event')
  assert.match(head, /\["news",\{"_placeholder":true,"num":0\},"[^"]+"\]$/)
  assert.deepEqual(await raw.take(Buffer.isBuffer, 'its attachment'), Buffer.from('bytes'))
})

test('what comes while it comes back is told after what was missed', async (t) => {
  for (const round of countTo(5)) {
    const { nsp, call, lost, speaker, pid, offset, gone } = await scene(t)
    lost.socket.terminate()
    await gone()
    for (const text of countTo(20)) speaker.say(`2${nsp},["send",{"rooms":["x"]},"news",${text}]`)
    const coming = comeBack(t, nsp, { pid, offset })
    for (let text = 20; text < 200; text += 1) {
      speaker.say(`2${nsp},["send",{"rooms":["x"]},"news",${text}]`)
      if (text % 20 === 0) await call('id')
    }
    const { raw, events, recovered } = await coming
    assert.equal(recovered, true)
    await raw.call(nsp, 'id')
    await call('send', { rooms: ['x'] }, 'news', 'last')
    await raw.take((text) => text.includes('"last"'), 'the last event')
    const heard = [...events, ...raw.rest().map((text) => JSON.parse(text.slice(`2${nsp},`.length)))]
    assert.deepEqual(heard.map(([, text]) => text), countTo(200), `round ${round}`)
  }
})

test('a wrong pid or offset, or none, is a fresh session', async (t) => {
  const { nsp, call, lost, sid, pid, offset, gone } = await scene(t)
  lost.socket.terminate()
  await gone()
  await call('send', { rooms: ['x'] }, 'news', 'secret')
  const auths = [
    { pid: 'x', offset }, { pid, offset: 'x' }, { pid, offset: '' }, { pid: '', offset }, { pid }, { offset }, { pid: 1, offset: 2 },
    { pid: [pid], offset: [offset] }, { pid: sid, offset }, { pid: '__proto__', offset: '__proto__' }, { pid: `${pid} `, offset }
  ]
  for (const auth of auths) {
    const back = await comeBack(t, nsp, auth)
    const text = JSON.stringify(auth)
    assert.equal(back.recovered, false, text)
    assert.notEqual(back.sid, sid, text)
    assert.notEqual(back.pid, pid, text)
    assert.deepEqual(back.events, [], text)
    assert.deepEqual(await back.raw.call(nsp, 'rooms'), [[]], text)
    assert.deepEqual(await back.raw.call(nsp, 'get'), [null], text)
    await back.raw.leave()
  }
})

test('a session of one namespace is none of another', async (t) => {
  const { lost, pid, offset, gone } = await scene(t)
  lost.socket.terminate()
  await gone()
  const { nsp } = await scene(t)
  const back = await comeBack(t, nsp, { pid, offset })
  assert.deepEqual([back.recovered, back.events], [false, []])
})

const final = {
  'the client left the namespace': (raw, nsp) => raw.say(`1${nsp},`),
  'the server put it out': (raw, nsp) => raw.say(`2${nsp},["out",false]`),
  'the server put it out, with its connection': (raw, nsp) => raw.say(`2${nsp},["out",true]`)
}
for (const [what, leave] of Object.entries(final)) {
  test(`${what}: there is nothing to recover`, async (t) => {
    const { nsp, lost, sid, pid, offset, gone } = await scene(t)
    leave(lost, nsp)
    await gone()
    const back = await comeBack(t, nsp, { pid, offset })
    assert.equal(back.recovered, false)
    assert.notEqual(back.sid, sid)
    assert.deepEqual(await back.raw.call(nsp, 'rooms'), [[]])
  })
}

test('a recovered session passes by the middleware, a fresh one does not', async (t) => {
  const { nsp, lost, pid, offset, gone } = await scene(t)
  lost.socket.terminate()
  await gone()
  const back = await comeBack(t, nsp, { pid, offset, refuse: true })
  assert.equal(back.recovered, true)
  const raw = await Raw.open(t, server)
  raw.say(`0${nsp},${JSON.stringify({ pid: 'x', offset, refuse: true })}`)
  assert.equal(await raw.hear(), `4${nsp},{"message":"refused"}`)
})

for (const mode of modes) {
  test(`client 4, ${mode}: recovers by itself, and misses nothing`, async (t) => {
    const nsp = freshNsp()
    const speaker = await Peer.join(t, server.url + nsp, 4, 'websocket')
    const peer = await Peer.join(t, server.url + nsp, 4, mode)
    const { id } = peer.socket
    await peer.listen('news').call('join', 'x')
    await peer.call('set', 'data')
    for (const round of countTo(3)) {
      await speaker.call('send', { rooms: ['x'] }, 'news', `${round} before`)
      await peer.next('news')
      peer.drop()
      await until(async () => await speaker.call('count') === 1, 5_000, 'the session to be gone')
      for (const text of countTo(20)) await speaker.call('send', { rooms: ['x'] }, 'news', `${round} ${text}`)
      peer.socket.connect()
      await peer.next('connect')
      assert.deepEqual([peer.socket.recovered, peer.socket.id], [true, id])
      await speaker.call('send', { rooms: ['x'] }, 'news', `${round} after`)
      await peer.next('news', (text) => text === `${round} after`)
    }
    const said = countTo(3).flatMap((round) => ['before', ...countTo(20), 'after'].map((text) => `${round} ${text}`))
    assert.deepEqual(peer.all('news').map(([text]) => text), said)
    assert.deepEqual([await peer.call('rooms'), await peer.call('get'), await peer.call('recovered')], [['x'], 'data', true])
  })
}

for (const generation of generations.filter((generation) => generation < 4)) {
  test(`client ${generation}, that knows nothing of it: a fresh session each time`, async (t) => {
    const peer = await Peer.join(t, server.url + freshNsp(), generation, 'websocket')
    await peer.call('join', 'x')
    const { id } = peer.socket
    peer.drop()
    await peer.next('disconnect')
    peer.socket.connect()
    await peer.next('connect')
    assert.notEqual(peer.socket.id, id)
    assert.deepEqual([await peer.call('rooms'), await peer.call('recovered')], [[], false])
  })
}
