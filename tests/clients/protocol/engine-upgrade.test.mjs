// From polling to WebSocket, line by line: the probe, the noop, the switch; who may try, how often and how long; and what is
// sent meanwhile.
import assert from 'node:assert/strict'
import { after, before } from 'node:test'
import { ask, each, echoes, parked, poll, Socket, target, upgrade } from '../support/engine.mjs'
import { head, Raw, upgradeHeaders } from '../support/bytes.mjs'
import { Server } from '../support/server.mjs'
import { until } from '../support/wait.mjs'
import { decode } from '../support/wire.mjs'

const UPGRADE_MS = 400
const TICK = 20

let server, hasty
before(async () => {
  server = await Server.startSuite('eio')
  hasty = await Server.startSuite('eio', ['--upgrade-timeout', String(UPGRADE_MS)])
})
after(() => Promise.all([server?.stop(), hasty?.stop()]))

/** A session and a WebSocket that has been answered `3probe`. */
async function probed (t, where, version) {
  const poller = await poll(where, version)
  const socket = await Socket.probing(t, poller)
  socket.send('2probe')
  assert.equal(await socket.next(), '3probe')
  return { poller, socket }
}

/** A WebSocket for the session succeeds, as soon as an earlier one is forgotten. */
async function upgradesAtLast (t, poller) {
  await until(async () => {
    const socket = await Socket.probing(t, poller)
    socket.send('2probe')
    if (await socket.next().catch(() => null) !== '3probe') return false
    socket.send('5')
    await socket.echoes()
    return true
  }, 3_000, 'an upgrade')
}

each('Upgrade', 'probe, noop, switch', async (version, t) => {
  const poller = await poll(server, version)
  const socket = await Socket.probing(t, poller)
  const { waiting } = await parked(poller)
  socket.send('2probe')
  assert.equal(await socket.next(), '3probe')
  assert.deepEqual(decode(version, (await waiting).body), ['6'])
  socket.send('5')
  socket.send('4over')
  assert.equal(await socket.next(), '4over')
})

each('Upgrade', 'a poll that comes after the probe is let go, too', async (version, t) => {
  const { poller, socket } = await probed(t, server, version)
  for (let n = 0; n < 2; n += 1) assert.deepEqual(decode(version, (await poller.get()).body), ['6'])
  socket.send('5')
  await socket.echoes()
})

each('Upgrade', 'a poll that waits when the switch comes is let go', async (version, t) => {
  const { poller, socket } = await probed(t, server, version)
  const waiting = poller.get()
  await waiting.sent
  socket.send('5')
  await socket.echoes()
  // On its way, the poll may have been late; then it is one with polling after the upgrade.
  const { status, body } = await waiting
  if (status === 400) assert.match(body, /"code":3,/)
  else assert.ok(['6', '1'].includes(decode(version, body)[0]), body)
})

each('Upgrade', 'no noop before the probe', async (version, t) => {
  const poller = await poll(server, version)
  const { waiting } = await parked(poller)
  const socket = await Socket.probing(t, poller)
  await poller.post(['4a'])
  assert.deepEqual(decode(version, (await waiting).body), ['4a'])
  assert.deepEqual(socket.frames, [])
})

each('Upgrade', 'what was waiting goes out by WebSocket, before the rest', async (version, t) => {
  const { poller, socket } = await probed(t, server, version)
  await poller.post(['4a', version === 4 ? 'bAAEC' : 'b4AAEC', '4b'])
  socket.send('5')
  socket.send('4c')
  const bytes = Buffer.from(version === 4 ? [0, 1, 2] : [4, 0, 1, 2])
  for (const frame of ['4a', bytes, '4b', '4c']) assert.deepEqual(await socket.next(), frame)
})

each('Upgrade', 'without a probe, which the reference takes', async (version, t) => {
  const poller = await poll(server, version)
  const socket = await Socket.probing(t, poller)
  socket.send('5')
  // Else it is a wrong frame like others.
  if (await socket.echoes('4a').then(() => true, () => false)) assert.equal((await poller.get()).status, 400)
  else await echoes(poller)
})

each('Not upgraded yet', 'POSTs and polls go on until the switch', async (version, t) => {
  const { poller, socket } = await probed(t, server, version)
  for (let n = 0; n < 5; n += 1) await echoes(poller, `4${n}`)
  assert.deepEqual(socket.frames, [])
  socket.send('5')
  await socket.echoes()
})

each('Wrong probe frame', 'closes the WebSocket, not the session', async (version, t) => {
  const bytes = Buffer.from([4, 50, 112, 114, 111, 98, 101])
  for (const frame of ['2', '2wrong', '3probe', '4hello', '6', '1', '0', '9', '', bytes]) {
    const poller = await poll(server, version)
    const socket = await Socket.probing(t, poller)
    socket.send(frame)
    await socket.goes()
    assert.deepEqual(socket.frames, [])
    await echoes(poller)
    await upgradesAtLast(t, poller)
  }
})

each('Wrong probe frame', 'after the probe, too', async (version, t) => {
  const { poller, socket } = await probed(t, server, version)
  socket.send('4hello')
  await socket.goes()
  await echoes(poller)
})

each('Second upgrade', 'while the first probes', async (version, t) => {
  const { poller, socket } = await probed(t, server, version)
  const second = await Socket.probing(t, poller)
  await second.goes()
  assert.deepEqual(second.frames, [])
  await echoes(poller)
  socket.send('5')
  await socket.echoes()
})

each('Second upgrade', 'after the first', async (version, t) => {
  const poller = await poll(server, version)
  const socket = await upgrade(t, poller)
  await socket.echoes()
  const second = await Socket.probing(t, poller)
  await second.goes()
  assert.deepEqual(second.frames, [])
  await socket.echoes()
})

each('Second upgrade', 'of a session that began with WebSocket', async (version, t) => {
  const socket = await Socket.session(t, server, version)
  const second = await Socket.open(t, server, { EIO: version, sid: socket.handshake.sid })
  second.send('2probe')
  const closed = () => second.ws.readyState === second.ws.CLOSED
  await until(() => closed() || second.frames.length > 0, 3_000, 'an answer')
  // The reference takes the session for one that polls, and this for an upgrade.
  if (!closed()) assert.equal(await second.next(), '3probe')
  await socket.echoes()
})

each('upgradeTimeout', 'ends the WebSocket, not the session', async (version, t) => {
  for (const said of [[], ['2probe'], ['2probe', '2probe']]) {
    const since = performance.now()
    const poller = await poll(hasty, version)
    const socket = await Socket.probing(t, poller)
    for (const frame of said) socket.send(frame)
    await socket.goes()
    const ms = performance.now() - since
    assert.ok(ms >= UPGRADE_MS - TICK, `closed after ${ms} ms`)
    assert.deepEqual([...new Set(socket.frames)], said.length ? ['3probe'] : [])
    await echoes(poller)
    await upgradesAtLast(t, poller)
  }
})

each('upgradeTimeout', 'is over once the switch was made', async (version, t) => {
  const socket = await upgrade(t, await poll(hasty, version))
  const since = performance.now()
  while (performance.now() - since < 1.5 * UPGRADE_MS) await socket.echoes()
})

each('After upgrade', 'polling is refused, and does no harm', async (version, t) => {
  const poller = await poll(server, version)
  const socket = await upgrade(t, poller)
  await socket.echoes()
  for (const options of [{}, { method: 'POST', body: '1' }]) {
    const { status, json } = await ask(server, poller.query, options)
    assert.deepEqual([status, json], [400, { code: 3, message: 'Bad request' }])
  }
  await socket.echoes()
})

each('Upgrade request with transport=polling', 'is no WebSocket', async (version, t) => {
  const poller = await poll(server, version)
  for (const sid of [undefined, poller.opened.sid]) {
    const raw = await Raw.connect(t, server)
    raw.write(head(server, target({ EIO: version, transport: 'polling', ...(sid && { sid }) }), upgradeHeaders()))
    const { status } = await raw.answer()
    // The reference says 101, and closes the WebSocket without a word; others say 400.
    if (status === 101) {
      assert.equal(await raw.goes(), 1005)
      assert.equal(raw.frames.length, 1)
    } else {
      assert.equal(status, 400)
    }
  }
  await echoes(poller)
})
