// A client whose connection fell silent comes back before the server has noticed: the old session still seems to be alive,
// and is taken over. The reference hands out a fresh session here, and keeps the old one until its ping timeout.
import assert from 'node:assert/strict'
import test, { after, before } from 'node:test'
import { modes } from '../support/guest.mjs'
import { Peer } from '../support/peer.mjs'
import { Proxy } from '../support/proxy.mjs'
import { Raw } from '../support/raw.mjs'
import { isReference, Server } from '../support/server.mjs'
import { deadline, until } from '../support/wait.mjs'

const skip = isReference && 'the reference gives up here'
const SOON_MS = 2_000
const countTo = (count) => Array.from({ length: count }, (_, number) => number)

let server
before(async () => { server = await Server.startSuite('rooms', ['--recovery']) })
after(() => server?.stop())

test('on the wire: taken over from behind a silent connection', { skip }, async (t) => {
  const nsp = '/dynamic-1'
  const proxy = await Proxy.start(t, server)
  const speaker = await Raw.join(t, server, nsp)
  const call = async (name, ...args) => (await speaker.call(nsp, name, ...args))[0]
  const lost = await Raw.open(t, proxy)
  const { sid, pid } = await lost.join(nsp)
  await lost.call(nsp, 'join', 'x')
  await lost.call(nsp, 'set', 'kept')
  await call('send', { rooms: ['x'] }, 'news', 'before')
  const offset = JSON.parse((await lost.hear()).slice(`2${nsp},`.length))[2]

  proxy.cut()
  for (const text of countTo(50)) await call('send', { rooms: ['x'] }, 'news', text)
  assert.equal(await call('count'), 2, 'the server has not noticed')
  const raw = await Raw.open(t, server)
  const started = performance.now()
  const answer = await raw.join(nsp, { pid, offset })
  assert.ok(performance.now() - started < SOON_MS)
  assert.deepEqual([answer.sid, answer.pid], [sid, pid])
  await call('send', { rooms: ['x'] }, 'news', 'after')
  await raw.take((text) => text.includes('"after"'), 'what is said after')
  const heard = raw.rest().map((text) => JSON.parse(text.slice(`2${nsp},`.length))[1])
  assert.deepEqual(heard, countTo(50), 'what the old connection had swallowed')
  assert.deepEqual([await call('count'), (await call('fetch', ['x'])).length], [2, 1], 'no ghost')
  const questions = ['recovered', 'rooms', 'get', 'id'].map((name) => raw.call(nsp, name))
  assert.deepEqual(await Promise.all(questions), [[true], [['x']], ['kept'], [sid]])
  // Whatever becomes of the old connection now, the socket stays.
  lost.socket.terminate()
  proxy.close()
  await call('send', { rooms: ['x'] }, 'news', 'still here')
  assert.match(await raw.hear(), /"still here"/)
  assert.equal(await call('count'), 2)
})

test('a second replay of the same session within a second waits', { skip }, async (t) => {
  const nsp = '/dynamic-3'
  const speaker = await Raw.join(t, server, nsp)
  const lost = await Raw.open(t, server)
  const { sid, pid } = await lost.join(nsp)
  await speaker.call(nsp, 'send', {}, 'news', 'before')
  const offset = JSON.parse((await lost.hear()).slice(`2${nsp},`.length))[2]
  for (const text of countTo(3)) await speaker.call(nsp, 'send', {}, 'news', text)
  const replayed = (raw) => raw.rest().map((text) => JSON.parse(text.slice(`2${nsp},`.length))[1])
  const first = await Raw.open(t, server)
  const began = performance.now()
  assert.equal((await first.join(nsp, { pid, offset })).sid, sid)
  await first.call(nsp, 'id')
  assert.deepEqual(replayed(first), countTo(3))

  // Two ask at once: the first of them makes way for the second, which has it when the second is over.
  const [second, third] = [await Raw.join(t, server), await Raw.open(t, server)]
  second.say(`0${nsp},${JSON.stringify({ pid, offset })}`)
  await second.call('/', 'id') // Its request has been handled.
  const answer = await third.join(nsp, { pid, offset })
  assert.ok(performance.now() - began >= 1_000, 'it has waited')
  assert.equal(answer.sid, sid)
  await third.call(nsp, 'id')
  assert.deepEqual(replayed(third), countTo(3))
  await second.call('/', 'id')
  assert.deepEqual(second.rest(), [`4${nsp},{"message":"Recovered by another connection"}`], 'the second is told')
})

test('a live session is not taken over with a wrong pid or offset', async (t) => {
  const nsp = '/dynamic-2'
  const victim = await Raw.open(t, server)
  const { sid, pid } = await victim.join(nsp)
  await victim.call(nsp, 'send', {}, 'news')
  const offset = JSON.parse((await victim.hear()).slice(`2${nsp},`.length))[1]
  for (const auth of [{ pid: sid, offset }, { pid: `${pid}x`, offset }, { pid: '', offset: '' }, { pid: null, offset }]) {
    const thief = await Raw.open(t, server)
    const answer = await thief.join(nsp, auth)
    assert.notEqual(answer.sid, sid, JSON.stringify(auth))
    assert.deepEqual(await victim.call(nsp, 'id'), [sid])
    await thief.leave()
  }
})

for (const mode of modes) {
  test(`client 4, ${mode}: back within two seconds, with everything`, { skip }, async (t) => {
    const nsp = `/dynamic-${10 + modes.indexOf(mode)}`
    const proxy = await Proxy.start(t, server)
    const speaker = await Peer.join(t, server.url + nsp, 4, 'websocket')
    const peer = await Peer.join(t, proxy.url + nsp, 4, mode)
    const { id } = peer.socket
    await peer.listen('news').call('join', 'x')
    await peer.call('set', 'kept')
    for (const round of countTo(2)) {
      await speaker.call('send', { rooms: ['x'] }, 'news', `${round} before`)
      await peer.next('news')
      proxy.cut()
      for (const text of countTo(20)) await speaker.call('send', { rooms: ['x'] }, 'news', `${round} ${text}`)
      assert.equal(await speaker.call('count'), 2, 'the server has not noticed')
      peer.drop()
      await peer.next('disconnect')
      // The goodbye of a client that polls is a request of its own.
      const goodbyes = () => proxy.swallowed.filter((text) => text.startsWith('POST')).length
      if (mode === 'polling') await until(() => goodbyes() > round, SOON_MS, 'the goodbye to be swallowed')
      proxy.mend()
      peer.socket.connect()
      await deadline(peer.next('connect'), SOON_MS, 'the client to be back')
      assert.deepEqual([peer.socket.recovered, peer.socket.id], [true, id])
      await peer.upgraded()
      await speaker.call('send', { rooms: ['x'] }, 'news', `${round} after`)
      await peer.next('news', (text) => text === `${round} after`)
      assert.equal(await speaker.call('count'), 2, 'no ghost')
    }
    const said = countTo(2).flatMap((round) => ['before', ...countTo(20), 'after'].map((text) => `${round} ${text}`))
    assert.deepEqual(peer.all('news').map(([text]) => text), said)
    assert.deepEqual([await peer.call('rooms'), await peer.call('get'), await peer.call('recovered')], [['x'], 'kept', true])
  })
}
