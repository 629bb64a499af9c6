// Volatile events are dropped where they can not go out at once: nobody polls, or the connection is full. Others are not.
import assert from 'node:assert/strict'
import test, { after, before } from 'node:test'
import { everyWay } from '../support/guest.mjs'
import { Peer } from '../support/peer.mjs'
import { Raw } from '../support/raw.mjs'
import { Server } from '../support/server.mjs'
import { until } from '../support/wait.mjs'
import { Poller } from '../support/wire.mjs'

const MANY = 10_000

let server
before(async () => { server = await Server.startSuite('rooms') })
after(() => server?.stop())

for (const version of [3, 4]) {
  test(`EIO=${version}, polling: volatile events need a poll that waits`, async (t) => {
    const speaker = await Raw.join(t, server)
    const poller = await Poller.open(server, version)
    await poller.enter()
    await poller.until((packet) => packet.startsWith('40'))
    await poller.post(['42["join","v"]', '427["id"]'])
    await poller.until((packet) => packet.startsWith('437'))
    const say = (how, text) => speaker.call('/', 'send', { rooms: ['v'], ...how }, 'news', text)

    await say({ volatile: true }, 'nobody polls')
    await say({}, 'kept')
    await say({ volatile: true }, 'still nobody polls')
    assert.equal(await poller.until(() => true), '42["news","kept"]')
    assert.deepEqual(poller.packets, [])

    const poll = poller.get()
    // Nobody knows when the server has read it. What is said before is dropped, and of what is said then one is the answer.
    let answered = false
    const ends = () => { answered = true }
    poll.then(ends, ends)
    for (let n = 0; !answered && n < MANY; n++) await say({ volatile: true }, 'in time')
    await say({ volatile: true }, 'the poll is answered')
    await say({}, 'last')
    assert.match((await poll).body, /42\["news","in time"\]$/)
    assert.equal(await poller.until(() => true), '42["news","last"]')
    assert.deepEqual(poller.packets, [])
  })

  test(`EIO=${version}, websocket: volatile events arrive where nothing is in the way`, async (t) => {
    const hearer = await Raw.join(t, server, '/', version)
    const speaker = await Raw.join(t, server)
    await hearer.call('/', 'join', 'w')
    for (const how of [{ volatile: true }, {}, { volatile: true }]) {
      await speaker.call('/', 'send', { rooms: ['w'], ...how }, 'news')
      assert.equal(await hearer.hear(), '2["news"]')
    }
  })
}

test('websocket: a reader who has stopped reading misses volatile events, and nobody else does', async (t) => {
  const [reader, other, speaker] = await Promise.all([1, 2, 3].map(() => Raw.join(t, server)))
  for (const raw of [reader, other]) await raw.call('/', 'join', 'full')
  reader.socket.pause()
  // More than the kernel's buffers hold, less than a server need put up with.
  const padding = 'x'.repeat(900_000)
  const COUNT = 12
  for (let number = 0; number < COUNT; number += 1) {
    await speaker.call('/', 'send', { rooms: ['full'] }, 'news', number, padding)
    await speaker.call('/', 'send', { rooms: ['full'], volatile: true }, 'volatile', number)
  }
  // What the other one hears shows that all was said; how much of it is volatile depends on how fast it reads.
  const numbersOf = (heard, name) =>
    heard.filter((text) => text.startsWith(`2["${name}"`)).map((text) => Number(/,(\d+)/.exec(text)[1]))
  const all = Array.from({ length: COUNT }, (_, number) => number)
  await other.call('/', 'id')
  assert.deepEqual(numbersOf(other.inbox, 'news'), all)
  reader.socket.resume()
  await reader.call('/', 'id')
  const heard = reader.rest()
  assert.deepEqual(numbersOf(heard, 'news'), all)
  assert.ok(numbersOf(heard, 'volatile').length < COUNT, 'at least the last is dropped')
  assert.ok(!numbersOf(heard, 'volatile').includes(COUNT - 1), 'the connection was full by then')
})

for (const { generation, mode, title } of everyWay) {
  test(`${title}: of a stream of volatile events some arrive, in order, and all of the others`, async (t) => {
    const hearer = await Peer.join(t, server.url, generation, mode)
    const speaker = await Peer.join(t, server.url, 4, 'websocket')
    const room = `r ${title}`
    await hearer.listen('news', 'volatile').call('join', room)
    const COUNT = 60
    for (let number = 0; number < COUNT; number += 1) {
      await speaker.call('send', { rooms: [room], volatile: true }, 'volatile', number)
      if (number % 3 === 0) await speaker.call('send', { rooms: [room] }, 'news', number)
    }
    await hearer.next('news', (number) => number === COUNT - 3)
    const [steady, fleeting] = ['news', 'volatile'].map((name) => hearer.all(name).map(([number]) => number))
    assert.deepEqual(steady, Array.from({ length: COUNT / 3 }, (_, number) => number * 3))
    assert.deepEqual(fleeting, [...new Set(fleeting)].sort((one, other) => one - other))
    // Whether one of them met a poll that waited is chance; one that is said again and again does.
    await until(async () => {
      await speaker.call('send', { rooms: [room], volatile: true }, 'volatile', COUNT)
      return hearer.all('volatile').length > 0
    }, 5_000, 'something volatile to arrive')
  })
}
