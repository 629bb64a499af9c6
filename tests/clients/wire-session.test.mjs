// How a session ends, or does not, when the requests of a client collide, break off or make no sense.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import test from 'node:test'
import WebSocket from 'ws'
import { left } from './support/guest.mjs'
import { Room } from './support/room.mjs'
import { isReference } from './support/server.mjs'
import { deadline, until } from './support/wait.mjs'
import { decode, encode, Poller, request } from './support/wire.mjs'

const SOON_MS = 2_000 // The ping timeout is 45 s by default.

/** A room with a witness in it and a session that has entered and has nothing left to poll. */
async function scene (t, version, flags) {
  const room = await Room.open(t, flags)
  const witness = await room.join(4, 'websocket')
  const poller = await Poller.open(room.server, version)
  await poller.enter()
  const { name } = await poller.next('initUser')
  await poller.next('sys message', ({ joined }) => joined.includes(name))
  const gone = () => witness.next('sys message', ({ data, counts }) => data === left(name) && counts === 1, SOON_MS)
  return { room, witness, poller, name, gone }
}

async function assertUnknown (poller) {
  const answer = await poller.get()
  assert.deepEqual([answer.status, answer.json], [400, { code: 1, message: 'Session ID unknown' }])
}

/** The reference answers a body it does not like with `ok`, others with 400 or by cutting it. */
async function assertTakenOrNot (post) {
  const answer = await post.catch((error) => error)
  assert.ok(answer instanceof Error || [200, 400].includes(answer.status), `answered ${answer.status}`)
}

/** Resolves when `waiting` is surely being waited for by the server: a POST after it was answered. */
async function parked (poller, waiting) {
  await waiting.sent
  assert.equal((await poller.post(['42["no such event"]'])).status, 200)
}

for (const version of [3, 4]) {
  test(`EIO=${version}: overlapping GETs`, async (t) => {
    const { poller, gone } = await scene(t, version)
    const first = poller.get()
    await parked(poller, first)
    const second = await poller.get()
    assert.equal(second.status, 400)
    const { status, body } = await first
    assert.deepEqual([status, decode(version, body)], [200, ['1']])
    await assertUnknown(poller)
    await gone()
  })

  test(`EIO=${version}: an aborted GET`, async (t) => {
    const { poller, gone } = await scene(t, version)
    const poll = poller.get()
    await parked(poller, poll)
    poll.abort()
    await gone()
    await assertUnknown(poller)
  })

  test(`EIO=${version}: an aborted POST`, async (t) => {
    const { poller, room, witness } = await scene(t, version)
    const half = request(room.server, poller.query, {
      method: 'POST', body: '42["chat', headers: { 'content-length': '400', 'content-type': 'text/plain;charset=UTF-8' }
    })
    await half.sent
    half.abort()
    // What becomes of the session is the server's choice; that nobody else suffers is not.
    await witness.say('all well')
    await witness.hears('all well')
  })

  test(`EIO=${version}: the client says goodbye`, async (t) => {
    const { poller, gone } = await scene(t, version)
    const poll = poller.get()
    await parked(poller, poll)
    assert.equal((await poller.post(['1'])).status, 200)
    assert.deepEqual(decode(version, (await poll).body), ['6'])
    await gone()
    await assertUnknown(poller)
  })

  const malformed = {
    'an unknown packet type': encode(version, ['9abc']),
    'nothing at all': '',
    'no packet': 'abc',
    ...(version === 4
      ? { 'an empty packet': '\x1e', 'a ping from the client': '2' }
      : { 'a length too long': '100:42["a"]', 'a negative length': '-3:42["a"]' }),
    // The reference takes all that JavaScript takes for a number.
    ...(version === 3 && !isReference ? { 'a length in hexadecimal': '0x7:42["a"]' } : {})
  }
  for (const [what, body] of Object.entries(malformed)) {
    test(`EIO=${version}: malformed POST: ${what}`, async (t) => {
      const { poller, gone } = await scene(t, version)
      await assertTakenOrNot(poller.post(body))
      await gone()
      await assertUnknown(poller)
    })
  }

  const senseless = {
    'no packet type': '49',
    'an event that is no JSON': '42["a',
    'an event that is no array': '42{}',
    'an event without a name': '42[]',
    'an event whose name is an object': '42[{}]',
    'a reserved event': '42["disconnect"]',
    'an attachment count of none': '450-["a"]',
    'an attachment count past all reason': '451000000-["a"]',
    'an answer that is no array': '430"x"'
  }
  for (const [what, packet] of Object.entries(senseless)) {
    test(`EIO=${version}: senseless Socket.IO packet: ${what}`, async (t) => {
      const { poller, gone } = await scene(t, version)
      await assertTakenOrNot(poller.post([packet]))
      // Told with the next poll, or gone by then.
      const { status, body } = await poller.get()
      if (status === 200) assert.equal(decode(version, body).at(-1), '1')
      else assert.equal(status, 400)
      await gone()
      await assertUnknown(poller)
    })
  }

  test(`EIO=${version}: polling after the upgrade`, async (t) => {
    const { poller, room, witness, name } = await scene(t, version)
    const { sid } = poller.opened
    const socket = new WebSocket(`${room.server.url.replace('http', 'ws')}/socket.io/?EIO=${version}&transport=websocket&sid=${sid}`)
    t.after(() => socket.terminate())
    const frames = []
    socket.on('message', (data) => frames.push(data.toString()))
    await deadline(once(socket, 'open'), SOON_MS, 'the websocket')
    const poll = poller.get()
    await poll.sent
    socket.send('2probe')
    assert.deepEqual(decode(version, (await poll).body), ['6'], 'the poll is let go')
    // Over another connection, so it may come a moment later.
    await until(() => frames.length > 0, SOON_MS, 'the answer to the probe')
    assert.deepEqual(frames, ['3probe'])
    socket.send('5')
    socket.send('42["chat message",{"description":"over"}]')
    assert.equal((await witness.hears('over')).nickName, name)
    for (const options of [{}, { method: 'POST', body: '1' }]) {
      const answer = await request(room.server, poller.query, options)
      assert.deepEqual([answer.status, answer.json], [400, { code: 3, message: 'Bad request' }])
    }
    await witness.say('hello')
    await witness.hears('hello')
    assert.ok(frames.some((frame) => frame.includes('"over"')))
  })

  test(`EIO=${version}: a wrong probe closes only the new websocket`, async (t) => {
    const { poller, room, name } = await scene(t, version)
    const { sid } = poller.opened
    const socket = new WebSocket(`${room.server.url.replace('http', 'ws')}/socket.io/?EIO=${version}&transport=websocket&sid=${sid}`)
    t.after(() => socket.terminate())
    await deadline(once(socket, 'open'), SOON_MS, 'the websocket')
    socket.send('2wrong')
    await deadline(once(socket, 'close'), SOON_MS, 'the websocket to be closed')
    await poller.post(['42["chat message",{"description":"polling on"}]'])
    assert.equal((await poller.next('message from server')).nickName, name)
  })

  test(`EIO=${version}, websocket: handshake, and a message too big for it`, async (t) => {
    const { room, witness } = await scene(t, version, ['--max-payload', '3000'])
    const socket = new WebSocket(`${room.server.url.replace('http', 'ws')}/socket.io/?EIO=${version}&transport=websocket`)
    t.after(() => socket.terminate())
    const [first] = await deadline(once(socket, 'message'), SOON_MS, 'the handshake')
    const { sid, ...rest } = JSON.parse(first.toString().slice(1))
    assert.match(sid, /^[\w-]{20,}$/)
    assert.deepEqual(rest, { upgrades: [], pingInterval: 25000, pingTimeout: 20000, maxPayload: 3000 })
    const closed = once(socket, 'close')
    if (version === 4) socket.send('40')
    await witness.next('sys message', ({ counts }) => counts === 3)
    socket.send('4'.repeat(3001))
    const [code] = await deadline(closed, SOON_MS, 'the server to close')
    assert.equal(code, 1009)
    await witness.next('sys message', ({ counts, leftCount }) => counts === 2 && leftCount === 1, SOON_MS)
  })
}

test('EIO=4: an octet-stream POST is answered', async (t) => {
  const { poller, gone } = await scene(t, 4)
  const answer = await poller.post('b4AAE', { 'content-type': 'application/octet-stream' })
  assert.equal(answer.status, 400)
  await gone()
  await assertUnknown(poller)
})
