// Rooms: who hears what is said to some of them and not to others, questions put to many, and sockets handled by the room.
// Each test has its namespace, so that they share one server without meeting.
import assert from 'node:assert/strict'
import test, { after, before } from 'node:test'
import { everyWay } from '../support/guest.mjs'
import { Peer } from '../support/peer.mjs'
import { Raw } from '../support/raw.mjs'
import { Server } from '../support/server.mjs'
import { until } from '../support/wait.mjs'

let server
before(async () => { server = await Server.startSuite('rooms') })
after(() => server?.stop())

let number = 0
const freshNsp = () => `/dynamic-${number++}`

/** Raw sockets by name, in a namespace of their own: `{a: ['x', 'y'], b: []}` says who is in which rooms. */
async function crowd (t, places, version = 4) {
  const nsp = freshNsp()
  const sockets = {}
  for (const [name, rooms] of Object.entries(places)) {
    const raw = await Raw.join(t, server, nsp, version)
    const id = (await raw.call(nsp, 'id'))[0]
    for (const room of rooms) assert.deepEqual(await raw.call(nsp, 'join', room), [true])
    sockets[name] = Object.assign(raw, { id, ask: async (name, ...args) => (await raw.call(nsp, name, ...args))[0] })
    raw.rest()
  }
  /** Which of them were told `text`, once each; nobody may have been told anything else. */
  const toldOf = async (text) => {
    const told = []
    for (const [name, raw] of Object.entries(sockets)) {
      await raw.ask('id')
      const heard = raw.rest()
      if (heard.length > 0) told.push(name)
      assert.ok(heard.length <= 1 && heard.every((message) => message === `2${nsp},${text}`), `${name} heard ${heard}`)
    }
    return told.join('')
  }
  return { nsp, ...sockets, toldOf }
}

for (const version of [3, 4]) {
  test(`EIO=${version}: a broadcast reaches the union of rooms, each socket once, and not whoever is excepted`, async (t) => {
    const { a, b, toldOf } = await crowd(t, { a: ['x'], b: ['x', 'y'], c: ['y', 'z'], d: ['z'], e: [] }, version)
    const says = async (how, told) => {
      await a.ask('send', how, 'news', 1, 'two')
      assert.equal(await toldOf('["news",1,"two"]'), told, JSON.stringify(how))
    }
    await says({}, 'abcde')
    await says({ rooms: [] }, 'abcde')
    await says({ rooms: ['x'] }, 'ab')
    await says({ rooms: ['x', 'y'] }, 'abc')
    await says({ rooms: ['x', 'y', 'z', 'x', 'nobody'] }, 'abcd')
    await says({ rooms: ['nobody'] }, '')
    await says({ except: ['x'] }, 'cde')
    await says({ except: ['x', 'z'] }, 'e')
    await says({ except: ['nobody'] }, 'abcde')
    await says({ rooms: ['x', 'y'], except: ['z'] }, 'ab')
    await says({ rooms: ['x'], except: ['x'] }, '')
    await says({ rooms: ['x', 'y'], except: [b.id] }, 'ac')
    await says({ rooms: [b.id] }, 'b')
    await says({ rooms: [b.id, 'z'], except: [a.id] }, 'bcd')
    await says({ broadcast: true }, 'bcde')
    await says({ broadcast: true, rooms: ['x', 'z'] }, 'bcd')
    await says({ broadcast: true, rooms: [a.id] }, '')
    await says({ broadcast: true, rooms: ['x', 'y'], except: ['z'] }, 'b')
  })

  test(`EIO=${version}: joining twice is joining once, leaving what one is not in is nothing`, async (t) => {
    const { a, toldOf } = await crowd(t, { a: [], b: [] }, version)
    assert.deepEqual(await a.ask('rooms'), [])
    for (const room of ['x', 'x', 'y', '', '__proto__', '/']) assert.equal(await a.ask('join', room), true)
    assert.deepEqual(await a.ask('rooms'), ['', '/', '__proto__', 'x', 'y'])
    await a.ask('leave', 'x')
    await a.ask('leave', 'x')
    await a.ask('leave', 'never')
    assert.deepEqual(await a.ask('rooms'), ['', '/', '__proto__', 'y'])
    await a.ask('send', { rooms: ['x'] }, 'news')
    assert.equal(await toldOf('["news"]'), '')
    await a.ask('send', { rooms: ['__proto__', ''] }, 'news')
    assert.equal(await toldOf('["news"]'), 'a')
  })

  test(`EIO=${version}: data of a socket`, async (t) => {
    const { a, b } = await crowd(t, { a: [], b: [] }, version)
    assert.equal(await a.ask('get'), null)
    await a.ask('set', { a: [1, '😀', null] })
    assert.deepEqual(await a.ask('get'), { a: [1, '😀', null] })
    assert.equal(await b.ask('get'), null)
  })

  test(`EIO=${version}: sockets are fetched, put into rooms and taken out of them by the room`, async (t) => {
    const { a, b, c } = await crowd(t, { a: ['x'], b: ['x', 'y'], c: [] }, version)
    await b.ask('set', 7)
    const byId = (...list) => list.sort((one, other) => one.id < other.id ? -1 : 1)
    const isA = { id: a.id, rooms: ['x'], data: {} }
    const isB = { id: b.id, rooms: ['x', 'y'], data: { value: 7 } }
    const isC = { id: c.id, rooms: [], data: {} }
    assert.deepEqual(await a.ask('fetch', []), byId(isA, isB, isC))
    assert.deepEqual(await a.ask('fetch', ['x', 'y']), byId(isA, isB))
    assert.deepEqual(await a.ask('fetch', ['y', c.id]), byId(isB, isC))
    assert.deepEqual(await a.ask('fetch', ['nobody']), [])
    await c.ask('joinall', ['x'], 'new')
    assert.deepEqual(await a.ask('rooms'), ['new', 'x'])
    assert.deepEqual(await b.ask('rooms'), ['new', 'x', 'y'])
    assert.deepEqual(await c.ask('rooms'), [])
    await c.ask('joinall', [], 'all')
    await a.ask('leaveall', ['y', c.id], 'all')
    assert.deepEqual((await a.ask('fetch', ['all'])).map(({ id }) => id), [a.id])
    await a.ask('leaveall', [], 'x')
    assert.deepEqual(await a.ask('fetch', ['x']), [])
  })

  test(`EIO=${version}: whoever is in a room is disconnected, with the connection or without`, async (t) => {
    const { nsp, a, b, c, d } = await crowd(t, { a: [], b: ['x'], c: ['x', 'y'], d: ['y'] }, version)
    assert.equal(await a.ask('disconnectall', ['x'], false), true)
    assert.deepEqual([await b.hear(), await c.hear()], [`1${nsp},`, `1${nsp},`])
    await b.join(nsp)
    assert.deepEqual((await b.call(nsp, 'rooms'))[0], [], 'a new socket, in no room')
    assert.equal(await a.ask('disconnectall', ['y'], true), true)
    await d.ends()
    assert.equal(await a.ask('count'), 2)
    await c.join(nsp)
    const reasons = await a.ask('reasons')
    assert.deepEqual(reasons.map(([, reason]) => reason), Array(3).fill('server namespace disconnect'))
    a.say(`2${nsp},["disconnectall",[],true]`)
    await Promise.all([a, b, c].map((raw) => raw.ends()))
  })

  test(`EIO=${version}: the ack comes before the disconnection of the one who asks`, async (t) => {
    const { nsp, a } = await crowd(t, { a: ['x'] }, version)
    a.say(`2${nsp},1["disconnectall",["x"],false]`)
    assert.deepEqual(await a.hears(2), [`3${nsp},1[true]`, `1${nsp},`])
  })

  test(`EIO=${version}: rooms are of one namespace, and a name is no room of another's`, async (t) => {
    const one = await crowd(t, { a: ['x'] }, version)
    const other = await crowd(t, { b: ['x'] }, version)
    await one.a.ask('send', { rooms: ['x'] }, 'news')
    assert.equal(await one.toldOf('["news"]'), 'a')
    assert.equal(await other.toldOf(''), '')
    assert.equal((await one.a.ask('fetch', [])).length, 1)
  })

  test(`EIO=${version}: a question to many, answered by all, by some, by nobody`, async (t) => {
    const { nsp, a, b, c } = await crowd(t, { a: ['x'], b: ['x', 'y'], c: ['y'] }, version)
    const ask = async (how, answers) => {
      const asked = a.ask('ask', how, 'why?', 2)
      for (const [raw, answer] of answers) {
        const text = await raw.take((text) => text.startsWith(`2${nsp},`), 'the question')
        const [, id, args] = /^2[^,]+,(\d+)(.*)$/.exec(text)
        assert.equal(args, '["question","why?",2]')
        if (answer) raw.say(`3${nsp},${id}${answer}`)
      }
      return asked
    }
    const all = { timeout: 20_000 }
    assert.deepEqual(await ask({ ...all, rooms: ['x', 'y'] }, [[a, '["A"]'], [b, '[{"b":1},"dropped"]'], [c, '[3]']]),
      { answers: ['A', 3, { b: 1 }], timedOut: false })
    assert.deepEqual(await ask({ ...all, rooms: ['y'], except: [c.id] }, [[b, '[true]']]), { answers: [true], timedOut: false })
    assert.deepEqual(await ask({ ...all, rooms: ['nobody'] }, []), { answers: [], timedOut: false })
    const some = { timeout: 400 }
    assert.deepEqual(await ask({ ...some, rooms: ['x', 'y'] }, [[a, '["A"]'], [b, null], [c, '["C"]']]),
      { answers: ['A', 'C'], timedOut: true })
    assert.deepEqual(await ask({ ...some, rooms: ['y'] }, [[b, null], [c, null]]), { answers: [], timedOut: true })
    for (const raw of [a, b, c]) {
      await raw.ask('id')
      assert.deepEqual(raw.rest(), [], 'asked once each')
    }
  })

  test(`EIO=${version}: an answer given twice, too late or by a stranger counts for nobody else`, async (t) => {
    const { nsp, a, b, c } = await crowd(t, { a: [], b: ['x'], c: ['x'] }, version)
    const idOf = async (raw) => /^2[^,]+,(\d+)/.exec(await raw.take((text) => text.includes('question'), 'the question'))[1]
    const asked = a.ask('ask', { rooms: ['x'], timeout: 20_000 })
    const [ofB, ofC] = [await idOf(b), await idOf(c)]
    b.say(`3${nsp},${ofB}["b"]`)
    b.say(`3${nsp},${ofB}["b again"]`)
    a.say(`3${nsp},${ofC}["not asked"]`)
    await b.ask('id')
    c.say(`3${nsp},${ofC}["c"]`)
    assert.deepEqual(await asked, { answers: ['b', 'c'], timedOut: false })

    const late = a.ask('ask', { rooms: ['x'], timeout: 100 })
    const ids = [await idOf(b), await idOf(c)]
    assert.deepEqual(await late, { answers: [], timedOut: true })
    for (const [at, raw] of [b, c].entries()) raw.say(`3${nsp},${ids[at]}["late"]`)
    const next = a.ask('ask', { rooms: ['x'], timeout: 20_000 })
    for (const raw of [b, c]) raw.say(`3${nsp},${await idOf(raw)}["now"]`)
    assert.deepEqual(await next, { answers: ['now', 'now'], timedOut: false })
  })
}

test('whoever is gone is in no room any more, and is not asked', async (t) => {
  const { nsp, a, b, c } = await crowd(t, { a: ['x'], b: ['x'], c: ['x'] })
  b.say(`1${nsp},`)
  await c.leave()
  await until(async () => await a.ask('count') === 1, 5_000, 'both to be gone')
  assert.deepEqual((await a.ask('fetch', ['x'])).map(({ id }) => id), [a.id])
  const asked = a.ask('ask', { rooms: ['x'], timeout: 20_000 })
  const [, id] = /,(\d+)/.exec(await a.hear())
  a.say(`3${nsp},${id}["still here"]`)
  assert.deepEqual(await asked, { answers: ['still here'], timedOut: false })
})

for (const { generation, mode, title } of everyWay) {
  test(`${title}: rooms, questions and data, with binary in them`, async (t) => {
    const nsp = freshNsp()
    const peers = [await Peer.join(t, server.url + nsp, generation, mode), await Peer.join(t, server.url + nsp, 4, 'websocket')]
    const [one, other] = peers
    for (const peer of peers) peer.listen('news').answer('question', (value) => [value, 'and more'])
    await one.call('join', 'x')
    await other.call('send', { rooms: ['x'] }, 'news', Buffer.from('bytes'), { text: '二😀' })
    const [bytes, rest] = await one.next('news')
    assert.deepEqual([Buffer.from(bytes).toString(), rest], ['bytes', { text: '二😀' }])
    assert.deepEqual(await other.call('ask', { timeout: 20_000 }, 'what'), { answers: ['what', 'what'], timedOut: false })
    const { answer } = await one.call('askme', { timeout: 20_000 }, Buffer.from('mine'))
    assert.equal(Buffer.from(answer).toString(), 'mine')
    await one.call('send', { broadcast: true }, 'news', 'all but me')
    assert.deepEqual(await other.next('news'), ['all but me'])
    assert.equal(one.all('news').length, 1)
    assert.deepEqual((await other.call('fetch', ['x'])).map(({ rooms }) => rooms), [['x']])
    await other.call('disconnectall', ['x'], false)
    assert.equal((await one.next('disconnect'))[0], 'io server disconnect')
  })
}

test('three generations on three transports hear each other in one room', async (t) => {
  const nsp = freshNsp()
  const peers = await Promise.all(everyWay.map(({ generation, mode }) => Peer.join(t, server.url + nsp, generation, mode)))
  for (const peer of peers) await peer.listen('news').call('join', 'x')
  for (const [at, peer] of peers.entries()) await peer.call('send', { rooms: ['x'] }, 'news', at)
  for (const peer of peers) {
    await until(() => peer.all('news').length >= peers.length, 5_000, 'all of the news')
    assert.deepEqual(peer.all('news'), peers.map((_peer, at) => [at]))
  }
})
