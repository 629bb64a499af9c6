// What is left of those who do harm: nothing. Crowds of them do everything that has ever been forgotten by a server, then go;
// soon there is no session, no descriptor and no thread more than before, and memory comes back, however often it is done. A
// witness who came first is still there at the end.
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import test from 'node:test'
import { OPCODES, frame, head, Raw, upgradeHeaders } from '../support/bytes.mjs'
import { allowed, resident } from '../support/memory.mjs'
import { Raw as Socket } from '../support/raw.mjs'
import { isReference, Server } from '../support/server.mjs'
import { until } from '../support/wait.mjs'
import { Poller, request } from '../support/wire.mjs'

const CROWD = 30
const QUIET_MS = 60_000
const FLAGS = [
  '--ping-interval', '1500', '--ping-timeout', '1500', '--upgrade-timeout', '700', '--connect-timeout', '700',
  '--close-timeout', '1000', '--max-payload', '100000'
]
const skip = process.platform !== 'linux' ? 'counts what Linux tells in /proc' : isReference && 'it is ours that is measured'

const descriptors = (pid) => readdirSync(`/proc/${pid}/fd`).length
const threads = (pid) => readdirSync(`/proc/${pid}/task`).length
const sessions = async (server) => Number((await request(server, {}, { path: '/sessions' })).body)

const target = (query) => `/socket.io/?${new URLSearchParams(query)}`
const websocket = (server, query) => head(server, target({ transport: 'websocket', ...query }), upgradeHeaders())

/** Each is done by everybody in a crowd, for both revisions; whoever does it walks away in the middle of it. */
const HARMS = {
  'a handshake, and no more': (_t, server, version) => Poller.open(server, version),
  'a poll that is dropped': async (_t, server, version) => {
    const poll = (await Poller.open(server, version)).get()
    await poll.sent
    poll.abort()
  },
  'half a head': async (t, server) => {
    const raw = await Raw.connect(t, server)
    raw.socket.write('GET /socket.io/?EIO=4 HTTP/1.1\r\nHost: a')
    raw.socket.end()
  },
  'half a body, and a reset': async (t, server, version) => {
    const { query } = await Poller.open(server, version)
    const raw = await Raw.connect(t, server)
    raw.socket.write(`${head(server, target(query), [['Content-Length', '1000']], 'POST')}4`)
    raw.socket.resetAndDestroy()
  },
  'an upgrade that is not probed': async (t, server, version) => {
    const { opened } = await Poller.open(server, version)
    const raw = await Raw.connect(t, server)
    raw.socket.write(websocket(server, { EIO: version, sid: opened.sid }))
  },
  'an upgrade that is probed, and a reset': async (t, server, version) => {
    const { opened } = await Poller.open(server, version)
    const raw = await Raw.connect(t, server)
    raw.socket.write(websocket(server, { EIO: version, sid: opened.sid }))
    raw.socket.write(frame(OPCODES.text, '2probe'))
    await until(() => raw.text.includes('3probe') || raw.over, 10_000, 'the probe')
    raw.socket.resetAndDestroy()
  },
  'a refused upgrade, and a reset': async (t, server, version) => {
    const raw = await Raw.connect(t, server)
    raw.socket.write(websocket(server, { EIO: version, sid: 'nobody' }))
    raw.socket.resetAndDestroy()
  },
  'a WebSocket that joins nothing': async (t, server) => {
    const raw = await Raw.connect(t, server)
    raw.socket.write(websocket(server, { EIO: 4 }))
  },
  'a frame of 2^40 bytes': async (t, server, version) => {
    const raw = await Raw.connect(t, server)
    raw.socket.write(websocket(server, { EIO: version }))
    raw.socket.write(frame(OPCODES.text, 'x', { claims: 2 ** 40 }))
  },
  'half a message in fragments': async (t, server, version) => {
    const raw = await Raw.connect(t, server)
    raw.socket.write(websocket(server, { EIO: version }))
    for (let n = 0; n < 100; n += 1) raw.socket.write(frame(n ? OPCODES.continuation : OPCODES.text, 'x'.repeat(500), { fin: false }))
  },
  'attachments that never come': async (t, server, version) => {
    const socket = await Socket.join(t, server, '/', version)
    socket.mute = true
    socket.say('510-["set",{"_placeholder":true,"num":0}]', ...Array(8).fill(Buffer.alloc(5_000)))
  },
  'rooms, namespaces, data and questions': async (t, server, version) => {
    const socket = await Socket.join(t, server, '/', version)
    socket.mute = true
    for (let n = 0; n < 40; n += 1) socket.say(`2["join","${n}${'x'.repeat(500)}"]`)
    for (let n = 0; n < 40; n += 1) socket.say(`0/dynamic-${n},`)
    socket.say(`2["set","${'x'.repeat(5_000)}"]`)
    socket.say('2["askme",{"timeout":600000},"for ever?"]')
    await socket.call('/', 'count')
    socket.socket.terminate()
  },
  'a reader who stops reading': async (t, server, version) => {
    const socket = await Socket.join(t, server, '/', version)
    socket.mute = true
    const [id] = await socket.call('/', 'id')
    socket.socket.pause()
    for (let n = 0; n < 20; n += 1) socket.say(`2["send",{"rooms":["${id}"]},"news","${'x'.repeat(20_000)}"]`)
  },
  'packets that make no sense': async (_t, server, version) => {
    const poller = await Poller.open(server, version)
    await poller.post(version === 4 ? '4{"\x1e\x1e9' : '2:9é10:4')
  }
}

async function crowds (t, server) {
  for (const version of [3, 4]) {
    for (const [what, harm] of Object.entries(HARMS)) {
      await Promise.all(Array.from({ length: CROWD }, () => harm(t, server, version))).catch((error) => {
        throw new Error(`EIO=${version}, ${what}: ${error.message}`)
      })
    }
  }
}

for (const [flags, rounds] of [[[], 5], [['--recovery'], 1]]) {
  test(`nothing is left of those who do harm ${flags}`, { skip }, async (t) => {
    const server = await Server.startSuite('rooms', [...FLAGS, ...flags])
    t.after(() => server.stop())
    const { pid } = server.child
    const nsp = '/dynamic-1000'
    const witness = await Socket.join(t, server, nsp)
    const witnessed = () => witness.call(nsp, 'id')
    await witnessed()
    const [before, memory] = [descriptors(pid), resident(pid)]
    const after = []
    // Tests that end here would close their connections for the server: it has to see to that itself.
    for (let round = 1; round <= rounds; round += 1) {
      const cleanups = []
      await crowds({ after: (cleanup) => cleanups.push(cleanup) }, server)
      await witnessed()
      await until(async () => await sessions(server) === 1, 20_000, `everybody's session to end, round ${round}`)
      for (const cleanup of cleanups) cleanup()
      await until(() => descriptors(pid) <= before + 1, 20_000, `everybody's connection to end, round ${round}`)
      const [count] = await witness.call(nsp, 'count')
      assert.equal(count, 1, 'a ghost in the namespace')
      assert.deepEqual(await witness.call(nsp, 'namespaces'), [[nsp]], 'a namespace without anybody')
      // What is left of one round is not much, and five rounds leave no more. Recovery remembers those who were cut off for two
      // minutes; that is bounded elsewhere.
      const bound = flags.length ? Infinity : allowed(memory)
      await until(() => resident(pid) <= bound, QUIET_MS, () => `${resident(pid)} KiB to be ${bound}, round ${round}`)
      after.push(resident(pid))
    }
    t.diagnostic(`${memory} KiB before, ${after.join(', ')} after each round`)
    // Where each connection has threads of its own, they end after it.
    await until(() => threads(pid) < 64, 20_000, 'threads to end')
    await witnessed()
    assert.equal(witness.socket.readyState, witness.socket.OPEN)
  })
}
