// What a session that polls does with its requests, line by line: polls and POSTs, two at once, broken off, too large, of
// other methods; and how it ends.
import assert from 'node:assert/strict'
import { after, before } from 'node:test'
import { ask, assertUnknown, each, echoes, parked, poll, Socket, target } from '../support/engine.mjs'
import { head, Raw } from '../support/bytes.mjs'
import { isReference, Server } from '../support/server.mjs'
import { until } from '../support/wait.mjs'
import { decode, encode } from '../support/wire.mjs'

const MAX = 20_000
const OCTETS = { 'content-type': 'application/octet-stream' }

let server
before(async () => { server = await Server.startSuite('eio', ['--max-payload', String(MAX)]) })
after(() => server?.stop())

const text = { 'content-type': 'text/plain;charset=UTF-8' }
const postHead = (poller, headers) => head(server, target(poller.query), Object.entries(headers), 'POST')
const gone = (poller) => until(async () => !(await assertUnknown(poller).catch((error) => error)), 3_000, 'the session to end')

each('Poll', 'waits until there are packets, and takes all of them in one answer', async (version) => {
  const poller = await poll(server, version)
  const { waiting } = await parked(poller)
  await poller.post(['4a'])
  assert.deepEqual(decode(version, (await waiting).body), ['4a'])
  await poller.post(['4b', '4c'])
  await poller.post(['4d'])
  assert.deepEqual(decode(version, (await poller.get()).body), ['4b', '4c', '4d'])
})

each('Poll', 'one after the other on one connection', async (version, t) => {
  const poller = await poll(server, version)
  const raw = await Raw.connect(t, server)
  for (const packet of ['4a', '4b', '4c']) {
    await poller.post([packet])
    raw.bytes = Buffer.alloc(0)
    raw.write(head(server, target(poller.query)))
    assert.deepEqual(decode(version, (await raw.answer()).body), [packet])
  }
})

each('Overlapping GET', 'the first gets a close packet, the second 400, and that is it', async (version) => {
  const poller = await poll(server, version)
  const { waiting } = await parked(poller)
  const second = await poller.get()
  assert.deepEqual([second.status, second.body], [400, ''])
  const { status, body } = await waiting
  assert.deepEqual([status, decode(version, body)], [200, ['1']])
  await assertUnknown(poller)
})

each('Aborted GET', 'ends the session at once', async (version) => {
  const poller = await poll(server, version)
  const { waiting } = await parked(poller)
  waiting.abort()
  // Seen by POSTs, because a GET might be the overlapping one. Of packets that nothing is said to: what comes before the server
  // knows that the GET is gone would be its answer.
  await until(async () => (await poller.post(['6'])).status === 400, 3_000, 'the session to end')
  await assertUnknown(poller)
})

each('POST', 'is answered after its packets were taken, in their order', async (version) => {
  const poller = await poll(server, version)
  const packets = Array.from({ length: 50 }, (_, n) => `4${n}`)
  for (let n = 0; n < packets.length; n += 10) {
    const { status, body } = await poller.post(packets.slice(n, n + 10))
    assert.deepEqual([status, body], [200, 'ok'])
  }
  assert.deepEqual(decode(version, (await poller.get()).body), packets)
})

each('POST', 'in chunks, of any type, and while a poll waits', async (version, t) => {
  const poller = await poll(server, version)
  const { waiting } = await parked(poller)
  const raw = await Raw.connect(t, server)
  const body = encode(version, ['4a😀'])
  await raw.write(postHead(poller, { 'Transfer-Encoding': 'chunked', 'Content-Type': 'text/plain' }))
  const chunk = (byte) => Buffer.concat([Buffer.from('1\r\n'), Buffer.from([byte]), Buffer.from('\r\n')])
  for (const byte of Buffer.from(body)) await raw.write(chunk(byte))
  await raw.write('0\r\n\r\n')
  assert.equal((await raw.answer()).body, 'ok')
  assert.deepEqual(decode(version, (await waiting).body), ['4a😀'])
  for (const type of ['application/x-www-form-urlencoded', 'application/json', 'TEXT/PLAIN', 'x']) {
    assert.equal((await poller.post(['4b'], { 'content-type': type })).body, 'ok')
  }
  assert.deepEqual(decode(version, (await poller.get()).body), ['4b', '4b', '4b', '4b'])
})

each('POST', 'two at once: the second gets 400, and that is it', async (version, t) => {
  const poller = await poll(server, version)
  const { waiting } = await parked(poller)
  const raw = await Raw.connect(t, server)
  const body = encode(version, ['4a'])
  await raw.write(postHead(poller, { ...text, 'Content-Length': body.length }) + body.slice(0, 1))
  // The head may still be on its way, in which case the second is the first.
  await until(async () => {
    const answer = await poller.post(['4b']).catch(() => null)
    return answer === null || answer.status === 400
  }, 3_000, 'the second POST to be refused')
  const last = await waiting
  assert.ok(['1', '4b'].includes(decode(version, last.body).at(-1)), last.body)
  await assertUnknown(poller)
  const first = await raw.outcome()
  assert.ok(first === null || first.status === 400, 'the first is cut or refused')
})

each('POST', 'as long as is allowed; longer is 413, and the session lives', async (version, t) => {
  const poller = await poll(server, version)
  const room = MAX - Buffer.byteLength(encode(version, [`4${'x'.repeat(MAX - 100)}`])) + MAX - 100
  const fits = `4${'x'.repeat(room)}`
  await echoes(poller, fits)
  const body = encode(version, [`${fits}x`])
  const answer = await poller.post(body)
  assert.deepEqual([answer.status, answer.body], [413, ''])
  const raw = await Raw.connect(t, server)
  raw.write(postHead(poller, { ...text, 'Transfer-Encoding': 'chunked' }))
  raw.write(`${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`)
  assert.equal((await raw.answer()).status, 413)
  await echoes(poller)
})

each('POST', 'broken off ends the session or does not, but nothing of it is taken', async (version, t) => {
  const poller = await poll(server, version)
  const raw = await Raw.connect(t, server)
  await raw.write(postHead(poller, { ...text, 'Content-Length': 100 }) + encode(version, ['4a']))
  raw.reset()
  await until(async () => {
    const answer = await poller.post(['4b']).catch(() => null)
    if (answer?.status !== 200) return true // The reference ends it.
    const { status, body } = await poller.get()
    if (status !== 200) return true // It was seen in between.
    assert.deepEqual(decode(version, body), ['4b'])
    return false
  }, 1_500, 'the session to end').catch(() => echoes(poller))
})

each('POST octet-stream', 'is a binary payload in EIO=3, and answered 400 in EIO=4, which ends the session', async (version) => {
  const poller = await poll(server, version)
  const { waiting } = await parked(poller)
  const answer = await poller.post(Buffer.from([0, 2, 255, 52, 97]), OCTETS)
  const { body } = await waiting
  if (version === 3) {
    assert.deepEqual([answer.status, body], [200, '2:4a'])
    return
  }
  assert.equal(answer.status, 400)
  assert.equal(body, '1')
  await assertUnknown(poller)
})

each('Other methods with sid', 'are refused and do no harm', async (version) => {
  const poller = await poll(server, version)
  for (const method of ['PUT', 'DELETE', 'PATCH', 'OPTIONS', 'HEAD']) {
    const { status } = await ask(server, poller.query, { method, body: '' })
    assert.ok([400, 500].includes(status), `${method}: ${status}`) // The reference says 500, others 400.
  }
  await echoes(poller)
})

each('Close by client', 'lets the poll go with a noop', async (version) => {
  const poller = await poll(server, version)
  const { waiting } = await parked(poller)
  const { status, body } = await poller.post(['4a', '1', '4b'])
  assert.deepEqual([status, body], [200, 'ok'])
  const packets = decode(version, (await waiting).body)
  assert.ok(['4a', '6'].includes(packets[0]) && packets.length === 1, packets.join())
  await assertUnknown(poller)
  const quiet = await poll(server, version)
  const { waiting: last } = await parked(quiet)
  await quiet.post(['1'])
  assert.deepEqual(decode(version, (await last).body), ['6'])
  await assertUnknown(quiet)
})

each('Close by client', 'without a poll, and by closing the WebSocket', async (version, t) => {
  const poller = await poll(server, version)
  await poller.post(['1'])
  // A poll that the client sent before may come in after the close packet: ours answers one. The reference has one thread.
  if (!isReference) assert.deepEqual(decode(version, (await poller.get()).body), ['6'])
  await assertUnknown(poller)
  const socket = await Socket.session(t, server, version)
  socket.ws.close(1000, 'bye')
  assert.ok([1000, 1005].includes(await socket.goes()))
  const query = { EIO: version, transport: 'polling', sid: socket.handshake.sid }
  await gone({ get: () => ask(server, query) })
})

each('Close by server', 'polling gets a close packet, WebSocket a close frame without a word before it', async (version, t) => {
  const ending = await Server.startSuite('eio')
  t.after(() => ending.stop())
  const poller = await poll(ending, version)
  const socket = await Socket.session(t, ending, version)
  const { waiting } = await parked(poller)
  await ending.stop()
  const { status, body } = await waiting
  assert.deepEqual([status, decode(version, body)], [200, ['1']])
  assert.ok([1000, 1005].includes(await socket.goes()))
  assert.deepEqual(socket.frames, [])
})
