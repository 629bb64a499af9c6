// Who pings whom, and what silence leads to, line by line. Times are measured, never slept; the lower bounds are exact, the
// upper ones generous.
import assert from 'node:assert/strict'
import test, { after, before, describe } from 'node:test'
import { assertUnknown, each, parked, poll, Socket, upgrade } from '../support/engine.mjs'
import { isReference, Server } from '../support/server.mjs'
import { deadline } from '../support/wait.mjs'
import { decode } from '../support/wire.mjs'

const INTERVAL = 400
const TIMEOUT = 300
const TICK = 20 // What clocks and timers of two processes may differ by.
const LATE = 3_000

let server
before(async () => {
  server = await Server.startSuite('eio', ['--ping-interval', String(INTERVAL), '--ping-timeout', String(TIMEOUT)])
})
after(() => server?.stop())

/** Waits for what is promised, and gives the milliseconds since `since`. */
async function passed (since, promise) {
  await deadline(promise, LATE, 'what was due')
  return performance.now() - since
}

const atLeast = (ms, least, what) => assert.ok(ms >= least - TICK, `${what} after ${ms} ms, not ${least}`)

// All at once, as most of it is waiting.
describe('heartbeat', { concurrency: true }, () => {
  test('EIO4 ping: from the server, by WebSocket', async (t) => {
    const socket = await Socket.session(t, server, 4)
    for (let n = 0; n < 3; n += 1) {
      const since = performance.now()
      assert.equal(await socket.next(), '2')
      // The first may come early, so that those who came together do not beat together.
      atLeast(performance.now() - since, n === 0 ? INTERVAL / 2 : INTERVAL, 'a ping')
      socket.send('3')
    }
  })

  test('EIO4 ping: from the server, into a poll that waits', async () => {
    const poller = await poll(server, 4)
    for (let n = 0; n < 3; n += 1) {
      assert.equal((await poller.get()).body, '2')
      assert.equal((await poller.post(['3'])).status, 200)
    }
  })

  test('EIO4 ping: without its pong the session ends', async (t) => {
    const socket = await Socket.session(t, server, 4)
    await socket.next((frame) => frame === '2')
    const ms = await passed(performance.now(), socket.closed)
    atLeast(ms, TIMEOUT, 'the end')
    const poller = await poll(server, 4)
    assert.equal((await poller.get()).body, '2')
    const { status, body } = await poller.get()
    assert.deepEqual([status, body], [200, '1'])
    await assertUnknown(poller)
  })

  test('EIO4 ping: nobody polls, nobody answers', async () => {
    // From before the session began: a test that is held up after that must not take its own delay for the server's haste.
    const since = performance.now()
    const poller = await poll(server, 4)
    // The session is asked after by requests that are no polls and bring no packets.
    for (;;) {
      const { status, body } = await poller.get({ method: 'PUT' })
      if (body.includes('"code":1,')) break
      assert.ok(status >= 400 && performance.now() - since < LATE, `still there: ${status} ${body}`)
    }
    atLeast(performance.now() - since, INTERVAL / 2 + TIMEOUT, 'the end')
  })

  test('EIO4 ping: an unsolicited pong restarts the interval', async (t) => {
    const socket = await Socket.session(t, server, 4)
    socket.send('3')
    await socket.echoes() // The pong has been taken.
    for (let n = 0; n < 2; n += 1) {
      const since = performance.now()
      socket.send('3')
      assert.equal(await socket.next(), '2')
      atLeast(performance.now() - since, INTERVAL, 'a ping')
    }
    socket.send('3')
  })

  test('Hazard: each PONG starts a heartbeat (CVE-2026-48802)', async (t) => {
    const socket = await Socket.session(t, server, 4)
    for (let n = 0; n < 200; n += 1) socket.send('3')
    assert.equal(await socket.next(), '2')
    for (let n = 0; n < 200; n += 1) socket.send('3')
    const since = performance.now()
    assert.equal(await socket.next(), '2', 'one ping')
    atLeast(performance.now() - since, INTERVAL, 'and no other')
    await socket.goes()
    assert.deepEqual(socket.frames, [], 'while none was answered')
  })

  test('EIO4 ping: a ping from the client ends the session', async (t) => {
    for (const ping of ['2', '2probe']) {
      const socket = await Socket.session(t, server, 4)
      socket.send(ping)
      await socket.goes()
      const poller = await poll(server, 4)
      const { waiting } = await parked(poller)
      const { status } = await poller.post([ping])
      assert.ok([200, 400].includes(status)) // As after any parse error.
      assert.ok(['1', '2'].includes((await waiting).body), 'a close, if it was not a ping of our own')
      await assertUnknown(poller)
    }
  })

  test('EIO3 ping: from the client, answered without what it says', async (t) => {
    const socket = await Socket.session(t, server, 3)
    for (const ping of ['2', '2probe', '2abc']) {
      socket.send(ping)
      assert.equal(await socket.next(), '3')
    }
    const poller = await poll(server, 3)
    for (const ping of ['2', '2probe']) {
      await poller.post([ping])
      assert.deepEqual(decode(3, (await poller.get()).body), ['3'])
    }
  })

  test('EIO3 ping: never from the server; silence of both spans ends the session', async (t) => {
    const since = performance.now()
    const socket = await Socket.session(t, server, 3)
    atLeast(await passed(since, socket.closed), INTERVAL + TIMEOUT, 'the end')
    assert.deepEqual(socket.frames, [])
    const begun = performance.now()
    const poller = await poll(server, 3)
    const { status, body } = await poller.get()
    atLeast(performance.now() - begun, INTERVAL + TIMEOUT, 'the end')
    assert.deepEqual([status, decode(3, body)], [200, ['1']])
    await assertUnknown(poller)
  })

  test('EIO3 ping: each starts the span anew', async (t) => {
    const socket = await Socket.session(t, server, 3)
    const begun = performance.now()
    let last
    while (performance.now() - begun < 1.5 * (INTERVAL + TIMEOUT)) {
      last = performance.now()
      socket.send('2')
      assert.equal(await socket.next(), '3')
    }
    atLeast(await passed(last, socket.closed), INTERVAL + TIMEOUT, 'the end')
  })

  test('EIO3 ping: a pong from the client ends the session', async (t) => {
    const since = performance.now()
    const socket = await Socket.session(t, server, 3)
    socket.send('3')
    const ms = await passed(since, socket.closed)
    assert.ok(ms < INTERVAL + TIMEOUT, `after ${ms} ms`)
  })

  each('EIO4 ping and EIO3 ping', 'go on after an upgrade', async (version, t) => {
    const socket = await upgrade(t, await poll(server, version))
    for (let n = 0; n < 2; n += 1) {
      if (version === 3) socket.send('2')
      await socket.next((frame) => frame === (version === 3 ? '3' : '2'))
      if (version === 4) socket.send('3')
    }
    // In the reference an EIO=3 session that was upgraded lives for ever.
    if (version === 4 || !isReference) await socket.goes()
  })
})
