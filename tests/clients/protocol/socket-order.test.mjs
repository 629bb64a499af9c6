// Order under load: a thousand messages a second to a room, and upgrades at random moments while both sides talk. Nothing may
// be lost, doubled or overtaken.
import assert from 'node:assert/strict'
import test, { after, before } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { everyWay, generations } from '../support/guest.mjs'
import { Peer } from '../support/peer.mjs'
import { Raw } from '../support/raw.mjs'
import { Server } from '../support/server.mjs'
import { deadline, until } from '../support/wait.mjs'

const LONG_MS = 20_000
const countTo = (count) => Array.from({ length: count }, (_, number) => number)

let rooms, sio
before(async () => { [rooms, sio] = await Promise.all(['rooms', 'sio'].map((kind) => Server.startSuite(kind))) })
after(() => Promise.all([rooms, sio].map((server) => server?.stop())))

/** Numbers in [0, 1) that are the same for the same seed. */
function randomFrom (seed) {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

test('a thousand messages in a second: every recipient gets them in order', async (t) => {
  const COUNT = 1_000
  const hearers = await Promise.all(everyWay.map(({ generation, mode }) => Peer.join(t, rooms.url, generation, mode)))
  for (const hearer of hearers) await hearer.listen('news').call('join', 'room')
  const raw = await Raw.join(t, rooms)
  await raw.call('/', 'join', 'room')
  const speaker = await Peer.join(t, rooms.url, 4, 'websocket')
  await speaker.listen('news').call('join', 'room')
  let acks = 0
  for (let number = 0; number < COUNT; number += 1) {
    speaker.socket.emit('send', { rooms: ['room'] }, 'news', number, () => { acks += 1 })
    if (number % 10 === 9) await sleep(10)
  }
  const everyone = [...hearers, speaker]
  const said = countTo(COUNT)
  await until(() => acks === COUNT && everyone.every((hearer) => hearer.all('news').length >= COUNT), LONG_MS,
    () => `all of it: ${acks} acks; ${everyone.map((hearer) => hearer.all('news').length)}`)
  for (const hearer of everyone) {
    assert.deepEqual(hearer.all('news').map(([number]) => number), said, `client ${hearer.generation}, ${hearer.mode}`)
  }
  assert.deepEqual((await raw.hears(COUNT)).map((text) => JSON.parse(text.slice(1))[1]), said)
})

for (const generation of generations) {
  test(`client ${generation}: 200 upgrades at random moments of a talk`, async (t) => {
    const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 32))
    t.diagnostic(`SEED=${seed}`)
    const random = randomFrom(seed)
    const UPGRADES = 200
    const AT_ONCE = 10
    const plans = Array.from({ length: UPGRADES }, () => ({
      delay: random() * 60, // Before the first probe.
      gaps: Array.from({ length: 40 }, () => random() < 0.5 ? 0 : random() * 8) // Between what is said.
    }))
    let next = 0
    const worker = async () => {
      while (next < UPGRADES) {
        const number = next++
        await deadline(talkAndUpgrade(t, generation, plans[number]), LONG_MS, `upgrade ${number} of seed ${seed}`)
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, worker))
  })
}

/** Says numbers, some of them in binary, some asking for acks, and changes to WebSocket on the way; the server answers each. */
async function talkAndUpgrade (t, generation, { delay, gaps }) {
  const peer = new Peer(t, sio.url, generation, 'upgrade', { upgrade: false })
  const backs = []
  const acks = []
  peer.socket.on('message-back', (number, bytes) => backs.push([number, bytes === undefined || Buffer.from(bytes)[0] === number]))
  await peer.next('connect')
  const { engine } = peer
  const upgrading = sleep(delay).then(() => (engine._probe ?? engine.probe).call(engine, 'websocket'))
  for (const [number, gap] of gaps.entries()) {
    peer.socket.emit('message', number, ...number % 7 === 3 ? [Buffer.from([number])] : [])
    if (number % 5 === 4) peer.socket.emit('message-with-ack', number, (answer) => acks.push(answer))
    if (gap > 0) await sleep(gap)
  }
  await upgrading
  await until(() => peer.transport === 'websocket', LONG_MS, 'the upgrade')
  await peer.call('message-with-ack', 'last')
  const said = countTo(gaps.length)
  assert.deepEqual(backs, said.map((number) => [number, true]))
  assert.deepEqual(acks, said.filter((number) => number % 5 === 4))
  assert.deepEqual(peer.all('disconnect'), [])
  peer.close()
}
