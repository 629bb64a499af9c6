// What somebody could do to the server with Upgrade requests and WebSocket frames. After each, two harmless clients must be
// served promptly; what becomes of the culprit is told where the protocol says so.
import assert from 'node:assert/strict'
import { after, before } from 'node:test'
import { assertUnknown, each, echoes, parked, poll, Socket, target, upgrade } from '../support/engine.mjs'
import { frame, head, OPCODES, Raw, upgradeHeaders } from '../support/bytes.mjs'
import { isReference, Server } from '../support/server.mjs'
import { until } from '../support/wait.mjs'
import { decode } from '../support/wire.mjs'
import { Witness } from '../support/witness.mjs'

const { continuation, text, binary, close, ping } = OPCODES
const POLICY = 1008
const TOO_BIG = 1009
const PROTOCOL = 1002
const CUT = 1006

let server
before(async () => { server = await Server.startSuite('eio') })
after(() => server?.stop())

/** A test of a hazard, once for each revision, with a witness who must not notice. */
function hazard (what, run, options) {
  each('Hazard', what, async (version, t) => {
    const witness = await Witness.open(t, server)
    await run(version, t, witness)
    await witness.goesOn()
  }, options)
}

const upgradeHead = (query, headers = upgradeHeaders()) => head(server, target({ transport: 'websocket', ...query }), headers)

/** A WebSocket by hand, past the 101; `glued` follows its request in one piece. */
async function rawSocket (t, query, glued = Buffer.alloc(0)) {
  const raw = await Raw.connect(t, server)
  await raw.write(Buffer.concat([Buffer.from(upgradeHead(query)), glued]))
  const { status } = await raw.answer()
  assert.equal(status, 101)
  return raw
}

hazard('a bad frame glued to the Upgrade request (CVE-2022-21676)', async (version, t) => {
  const bad = [
    frame(text, '4a', { rsv: 7 }), frame(text, '4a', { mask: false }), frame(15, 'x'), frame(3),
    frame(ping, 'x'.repeat(126)), frame(ping, 'x', { fin: false }), frame(continuation, '4a'),
    frame(text, Buffer.from([0x34, 0xff])), frame(close, Buffer.from([3])), frame(close, Buffer.from([0, 1])), Buffer.alloc(64, 255)
  ]
  for (const glued of bad) {
    const poller = await poll(server, version)
    for (const query of [{ EIO: version }, { EIO: version, sid: poller.opened.sid }]) {
      const raw = await rawSocket(t, query, glued)
      const code = await raw.goes()
      assert.ok([PROTOCOL, 1005, 1007, CUT, TOO_BIG].includes(code), `closed with ${code}`)
      raw.reset()
    }
    await echoes(poller)
  }
})

hazard('a good frame glued to the Upgrade request', async (version, t) => {
  const good = [frame(text, '4a'), frame(text, '4', { fin: false }), frame(continuation, 'b')]
  const raw = await rawSocket(t, { EIO: version }, Buffer.concat(good))
  await until(() => raw.frames.length >= 3, 3_000, 'both to come back')
  assert.deepEqual(raw.frames.slice(1, 3).map(({ data }) => data.toString()), ['4a', '4b'])
}, { skip: isReference && 'drops what comes before it has made the session' })

hazard('a reset while an Upgrade is refused (CVE-2022-41940)', async (version, t) => {
  const { sid } = (await poll(server, version)).opened
  for (let n = 0; n < 40; n += 1) {
    const raw = await Raw.connect(t, server)
    const query = [{ EIO: version, sid: 'x' }, { EIO: 9 }, { EIO: 7 - version, sid }, { EIO: version, transport: 'none' }][n % 4]
    await raw.write(upgradeHead(query))
    raw.reset()
  }
})

hazard('odd `transport` values on Upgrade (CVE-2023-31125)', async (version, t) => {
  const poller = await poll(server, version)
  const keys = ['toString', '__proto__', 'constructor', 'hasOwnProperty']
  const odd = [...keys, 'webtransport', 'WebSocket', 'websocket,polling', 'websocket ', '', '\0', '😀', '1']
  for (const transport of odd) {
    for (const sid of ['', poller.opened.sid]) {
      const raw = await Raw.connect(t, server)
      raw.write(upgradeHead({ EIO: version, transport, sid }))
      const { status, body } = await raw.answer()
      assert.deepEqual([status, /Transport unknown/.test(body)], [400, true], transport)
      await raw.end()
    }
  }
  const twice = await Raw.connect(t, server)
  twice.write(head(server, `/engine.io/?EIO=${version}&transport=polling&transport=none&transport=websocket`, upgradeHeaders()))
  assert.ok([101, 400].includes((await twice.answer()).status))
  await echoes(poller)
})

hazard('a frame header that claims 2^40 bytes (CVE-2016-10542)', async (version, t) => {
  for (const claims of [2n ** 40n, 2n ** 32n, 2n ** 53n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n, 1_000_001n]) {
    for (const opcode of [text, binary]) {
      const raw = await rawSocket(t, { EIO: version })
      raw.write(frame(opcode, '4', { claims }))
      const code = await raw.goes()
      assert.ok([TOO_BIG, PROTOCOL, CUT].includes(code), `${claims}: closed with ${code}`)
    }
  }
})

hazard('lengths that add up past every number', async (version, t) => {
  const raw = await rawSocket(t, { EIO: version })
  raw.write(Buffer.concat([frame(text, '4aaa', { fin: false }), frame(continuation, 'x', { claims: 2n ** 64n - 4n })]))
  assert.ok([TOO_BIG, PROTOCOL, CUT].includes(await raw.goes()))
})

hazard('odd extension and protocol names in the handshake', async (version, t) => {
  const odd = {
    Extensions: [
      '__proto__', 'constructor; toString=1', ';;;,,=', 'permessage-deflate; client_max_window_bits=99999',
      'permessage-deflate; __proto__; server_max_window_bits', 'a, '.repeat(2000)
    ],
    Protocol: ['__proto__', 'constructor, hasOwnProperty', ',,,', 'a b', 'a, a', 'x, '.repeat(2000)]
  }
  for (const header of Object.entries(odd).flatMap(([name, values]) => values.map((value) => [`Sec-WebSocket-${name}`, value]))) {
    const raw = await Raw.connect(t, server)
    await raw.write(upgradeHead({ EIO: version }, [...upgradeHeaders(), header]))
    const { status, headers } = await raw.answer()
    assert.ok([101, 400].includes(status), `${header}: ${status}`)
    if (status === 400) continue
    assert.equal(headers['sec-websocket-extensions'], undefined)
    const first = header[0].endsWith('Protocol') ? header[1].split(',')[0] : undefined
    assert.equal(headers['sec-websocket-protocol'], first, header.join())
    raw.write(frame(text, '4a'))
    await until(() => raw.frames.some(({ data }) => data.equals(Buffer.from('4a'))), 3_000, 'the echo')
  }
})

hazard('handshakes of WebSocket that are none', async (version, t) => {
  const without = (name) => upgradeHeaders().filter(([other]) => other !== name)
  const wrong = [
    without('Sec-WebSocket-Key'), without('Sec-WebSocket-Version'),
    [...without('Sec-WebSocket-Key'), ['Sec-WebSocket-Key', 'short']],
    [...without('Sec-WebSocket-Version'), ['Sec-WebSocket-Version', '12']], [...without('Upgrade'), ['Upgrade', 'h2c']],
    [...without('Sec-WebSocket-Version'), ['Sec-WebSocket-Version', '99999999999999999999']]
  ]
  for (const headers of wrong) {
    const raw = await Raw.connect(t, server)
    raw.write(upgradeHead({ EIO: version }, headers))
    const answer = await raw.outcome()
    assert.ok(answer === null || (answer.status >= 400 && answer.status < 500), answer?.line)
  }
})

hazard('fifty thousand one-byte fragments (CVE-2026-48779)', async (version, t, witness) => {
  const many = Buffer.concat([frame(text, '4', { fin: false }), ...Array(50_000).fill(frame(continuation, 'a', { fin: false }))])
  for (const last of [frame(continuation, 'a'), Buffer.alloc(0)]) {
    const raw = await rawSocket(t, { EIO: version })
    raw.write(Buffer.concat([many, last]))
    await witness.goesOn()
    if (last.length === 0) continue
    // The reference has a limit for them. One that has none but for their bytes gives the message back.
    const echoed = () => raw.frames.some(({ data }) => data.length === 50_002)
    await until(() => raw.over || raw.closeCode || echoed(), 5_000, 'the echo')
    assert.ok(echoed() || [POLICY, TOO_BIG].includes(raw.closeCode), `closed with ${raw.closeCode}`)
  }
})

hazard('fifty thousand pings, and frames of nothing', async (version, t, witness) => {
  const raw = await rawSocket(t, { EIO: version })
  raw.write(Buffer.concat(Array(50_000).fill(frame(ping, 'x'))))
  await witness.goesOn()
  const empty = await rawSocket(t, { EIO: version })
  empty.write(Buffer.concat(Array(50_000).fill(frame(binary, version === 4 ? '' : '\x04'))))
  await witness.goesOn()
})

hazard('a reader who stops reading', async (version, t, witness) => {
  const raw = await rawSocket(t, { EIO: version })
  raw.socket.pause()
  const message = frame(text, `4${'x'.repeat(500_000)}`)
  // What the server does not take stays with us.
  for (let n = 0; n < 30; n += 1) raw.write(message)
  for (let n = 0; n < 5; n += 1) await witness.goesOn()
  raw.reset()
})

hazard('half-made upgrades', async (version, t) => {
  const poller = await poll(server, version)
  for (let n = 0; n < 30; n += 1) {
    const raw = await Raw.connect(t, server)
    await raw.write(upgradeHead({ EIO: version, sid: poller.opened.sid }))
    if (n % 3) await raw.answer()
    if (n % 3 === 2) await raw.write(frame(text, '2probe'))
    raw.reset()
  }
  await until(async () => {
    const socket = await Socket.probing(t, poller)
    socket.send('2probe')
    if (await socket.next().catch(() => null) !== '3probe') return false
    socket.send('5')
    await socket.echoes()
    return true
  }, 5_000, 'an upgrade to be made')
})

hazard('a session ends while it is upgraded', async (version, t) => {
  for (const said of [[], ['2probe']]) {
    const poller = await poll(server, version)
    const socket = await Socket.probing(t, poller)
    for (const frame of said) socket.send(frame)
    if (said.length) await socket.next()
    await poller.post(['1'])
    await socket.goes()
    await assertUnknown(poller)
  }
})

hazard('probe, then silence', async (version, t) => {
  const poller = await poll(server, version)
  const socket = await Socket.probing(t, poller)
  socket.send('2probe')
  await socket.next()
  // Polls are let go, but not as fast as the client can.
  const since = performance.now()
  for (let n = 0; n < 5; n += 1) assert.deepEqual(decode(version, (await poller.get()).body), ['6'])
  assert.ok(performance.now() - since > 200, 'polls are answered without a pause')
  await echoes(poller)
  // Nobody but the client itself waits for its upgrade.
  const { waiting } = await parked(poller)
  waiting.abort()
  await socket.goes()
})

hazard("POST racing with the upgrade's 5", async (version, t) => {
  for (let round = 0; round < 25; round += 1) {
    const poller = await poll(server, version)
    const socket = await Socket.probing(t, poller)
    socket.send('2probe')
    await socket.next()
    const early = ['4p0', '4p1', '4p2']
    const posting = poller.post(early).then(({ status }) => status, () => null)
    if (round % 2) await new Promise((resolve) => setImmediate(resolve))
    socket.send('5')
    const late = Array.from({ length: 5 }, (_, n) => `4w${n}`)
    for (const frame of late) socket.send(frame)
    const posted = await posting
    const heard = []
    await socket.next((frame) => heard.push(frame) && frame === late.at(-1))
    assert.deepEqual(heard.filter((frame) => frame.startsWith('4w')), late)
    // A POST that came too late is refused or cut, whole; one that was taken is there once, in its order.
    const taken = heard.filter((frame) => frame.startsWith('4p'))
    assert.deepEqual(taken, posted === 200 || taken.length > 0 ? early : [], `the POST was answered ${posted}`)
    assert.ok([200, 400, null].includes(posted))
  }
})

hazard('WebSockets that are cut in the middle of everything', async (version, t) => {
  const whole = frame(text, '4abc')
  for (const bytes of [whole.subarray(0, 1), whole.subarray(0, 7), frame(text, '4a', { fin: false }), frame(close).subarray(0, 3)]) {
    const raw = await rawSocket(t, { EIO: version }, bytes)
    raw.reset()
    const ended = await rawSocket(t, { EIO: version }, bytes)
    ended.socket.end()
    await ended.end()
  }
  const socket = await upgrade(t, await poll(server, version))
  socket.ws.terminate()
})
