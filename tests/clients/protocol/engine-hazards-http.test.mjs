// What somebody could do to the server with requests. After each, and during the slow ones, two harmless clients must be
// served promptly; what becomes of the culprit is told where the protocol says so.
import assert from 'node:assert/strict'
import test, { after, before } from 'node:test'
import { ask, assertUnknown, each, echoes, parked, poll, Socket, target } from '../support/engine.mjs'
import { head, Raw, upgradeHeaders } from '../support/bytes.mjs'
import { isReference, Server } from '../support/server.mjs'
import { until } from '../support/wait.mjs'
import { decode, encode } from '../support/wire.mjs'
import { Witness } from '../support/witness.mjs'

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

const polling = (version, more) => ({ EIO: version, transport: 'polling', ...more })
const postHead = (poller, headers) => head(server, target(poller.query), Object.entries(headers), 'POST')

/** What came of a POST: its status, or `null` where the connection was cut. */
const statusOf = (post) => post.then(({ status }) => status, () => null)

/** As many as there are come back, in order, or the session has ended. */
async function allOrNone (poller, packets, posted) {
  assert.ok([200, 400, null].includes(posted), `answered ${posted}`)
  const back = []
  while (back.length < packets.length) {
    const { status, body } = await poller.get()
    // Too many for a server that has a limit.
    if (status === 400) return assertUnknown(poller)
    for (const packet of decode(poller.version, body)) back.push(packet)
  }
  assert.deepEqual([posted, back.length, back.every((packet, n) => packet === packets[n])], [200, packets.length, true])
}

hazard('a big POST of many tiny packets (CVE-2020-36048)', async (version, t, witness) => {
  const poller = await poll(server, version)
  const packets = Array.from({ length: 60_000 }, (_, n) => n % 2 ? '4é' : '4')
  const posted = statusOf(poller.post(packets))
  await witness.goesOn()
  await allOrNone(poller, packets, await posted)
})

hazard('330,000 packets in one payload', async (version, t, witness) => {
  const poller = await poll(server, version)
  const packets = Array(330_000).fill('4')
  const posted = statusOf(poller.post(packets))
  await witness.goesOn()
  await allOrNone(poller, packets, await posted)
})

hazard('330,000 record separators, or colons, and nothing between', async (version) => {
  for (const body of ['\x1e'.repeat(330_000), ':'.repeat(330_000), '0:'.repeat(330_000)]) {
    const poller = await poll(server, version)
    assert.ok([200, 400, null].includes(await statusOf(poller.post(body))))
  }
})

hazard('a very long field (CVE-2020-36049)', async (version, t) => {
  const long = 'A'.repeat(100_000)
  for (const query of [polling(version, { sid: long }), polling(version, { t: long }), { EIO: long, transport: long }]) {
    const raw = await Raw.connect(t, server)
    raw.write(head(server, target(query)))
    const answer = await raw.outcome()
    assert.ok(answer === null || (answer.status >= 400 && answer.status < 500), answer?.line)
  }
  const poller = await poll(server, version)
  assert.ok([200, 400, null].includes(await statusOf(poller.post('9'.repeat(900_000)))))
  await assertUnknown(poller)
})

hazard('the keys of an object as names and values in the query', async (version) => {
  const names = ['__proto__', '__proto__[b64]', 'constructor', 'constructor.prototype.sid', 'hasOwnProperty', 'toString']
  for (const name of names) {
    await echoes(await poll(server, version, { [name]: '1' }))
    for (const query of [polling(version, { sid: name }), { EIO: version, transport: name }, { EIO: name, transport: 'polling' }]) {
      assert.equal((await ask(server, query)).status, 400)
    }
  }
  await echoes(await poll(server, version))
})

hazard('a session used with the other EIO', async (version) => {
  const poller = await poll(server, version)
  const other = { ...poller.query, EIO: 7 - version }
  for (const [method, body] of [['GET'], ['POST', encode(7 - version, ['4a'])], ['POST', '1']]) {
    const { status, json } = await ask(server, other, { method, body })
    assert.deepEqual([status, json.code], [400, 3])
  }
  await echoes(poller)
})

hazard('octet-stream POST (CVE-2026-59725)', async (version) => {
  const bodies = [[0, 1, 255], [1, 255, 255], [], Array(100_000).fill(255), Array(100_000).fill(1)]
  for (const body of bodies.map((bytes) => Buffer.from(bytes))) {
    const poller = await poll(server, version)
    const { status } = await poller.post(body, { 'content-type': 'application/octet-stream' })
    assert.ok([200, 400].includes(status))
    if (version === 4) await assertUnknown(poller)
  }
})

/** Bodies of EIO=3 that are malformed, `lax` ones in a way that JavaScript's `Number` or `slice` overlooks. */
const malformed = {
  lax: ['1e1:4aaaaaaaaa', '0x2:4a', ' 2:4a', '2 :4a', '2.0:4a', '+2:4a', '0b10:4a', '0:', '0:0:0:'],
  plain: [
    '-2:4a', '-1:4', '٢:4a', '2,:4a', 'NaN:4a', 'Infinity:4a', '1e999:4a', '4294967298:4a', '9007199254740993:4a',
    '18446744073709551618:4a', '99999999999999999999:4a', '2:4😀', '3:4😀😀', '2:4\u0301a'
  ]
}
for (const [kind, bodies] of Object.entries(malformed)) {
  const skip = isReference && kind === 'lax' && 'JavaScript takes it for a number'
  for (const body of bodies) {
    test(`Hazard, EIO=3: malformed EIO3 payload ${JSON.stringify(body)}`, { skip }, async () => {
      const witness = await poll(server, 4)
      const poller = await poll(server, 3)
      assert.ok([200, 400, null].includes(await statusOf(poller.post(body))))
      await assertUnknown(poller)
      await echoes(witness)
    })
  }
}

hazard('two polls, again and again', async (version) => {
  for (let n = 0; n < 20; n += 1) {
    const poller = await poll(server, version)
    const polls = await Promise.all([poller.get(), poller.get(), poller.get()])
    // One gets the close packet; the others are late, or later than the end.
    const bodies = polls.map(({ status, body }) => status === 200 ? decode(version, body).join() : status).sort()
    assert.deepEqual(bodies, ['1', 400, 400])
    await assertUnknown(poller)
  }
})

hazard('two POSTs, again and again', async (version) => {
  for (let n = 0; n < 20; n += 1) {
    const poller = await poll(server, version)
    const posts = await Promise.all(['4a', '4b', '4c'].map((packet) => statusOf(poller.post([packet]))))
    const taken = posts.filter((status) => status === 200).length
    assert.ok(posts.every((status) => [200, 400, null].includes(status)))
    const { status, body } = taken ? await poller.get() : { status: 400 }
    assert.ok(status === 400 || decode(version, body).length === taken)
  }
})

hazard('a body at a byte a second', async (version, t, witness) => {
  const slow = await Promise.all(Array.from({ length: 50 }, async () => {
    const poller = await poll(server, version)
    const raw = await Raw.connect(t, server)
    await raw.write(postHead(poller, { 'Content-Length': 1000, 'Content-Type': 'text/plain' }) + '4')
    return poller
  }))
  for (const poller of slow.slice(0, 3)) {
    await witness.goesOn()
    // Nor does it stand in its own way.
    const { waiting } = await parked(poller)
    waiting.abort()
  }
})

hazard('half-open polls: a head without its end, and nobody who reads the answer', async (version, t) => {
  for (let n = 0; n < 50; n += 1) {
    const poller = await poll(server, version)
    const half = await Raw.connect(t, server)
    await half.write(head(server, target(poller.query)).slice(0, -2))
    const deaf = await Raw.connect(t, server)
    deaf.socket.pause()
    await deaf.write(head(server, target(poller.query)))
    if (n % 2) deaf.socket.end()
  }
})

hazard('handshakes, and nothing after them', async (version, t, witness) => {
  const floods = Array.from({ length: 10 }, async () => { for (let n = 0; n < 50; n += 1) await poll(server, version) })
  await witness.goesOn()
  await Promise.all(floods)
})

hazard('thousands of headers (CVE-2024-37890)', async (version, t) => {
  const query = { EIO: version, transport: 'websocket' }
  for (const many of [500, 1999, 2500, 5000]) {
    const crowd = Array(many).fill(['a', ''])
    for (const headers of [[...upgradeHeaders(), ...crowd], [...crowd, ...upgradeHeaders()]]) {
      const raw = await Raw.connect(t, server)
      raw.write(head(server, target(query), headers))
      const answer = await raw.outcome()
      assert.ok(answer === null || answer.status === 101 || (answer.status >= 400 && answer.status < 500), answer?.line)
    }
  }
})

hazard('endless headers (CVE-2023-43669)', async (version, t) => {
  for (const header of [`X: ${'a'.repeat(1000)}\r\n`, 'a'.repeat(1000)]) {
    const raw = await Raw.connect(t, server)
    raw.write(head(server, target(polling(version)), upgradeHeaders()).slice(0, -2))
    let sent = 0
    await until(async () => {
      if (!raw.over) await Promise.race([raw.write(header.repeat(50)), raw.ended])
      sent += 50_000
      return raw.over
    }, 5_000, 'the server to have enough')
    assert.ok(sent < 20_000_000, `${sent} bytes were taken`)
    assert.match(raw.text, /^(HTTP\/1\.1 4\d\d |$)/)
  }
})

hazard('error texts echoing input', async (version, t) => {
  const evil = '<script>\r\nSet-Cookie: stolen=1\r\n\r\n"}'
  const queries = [
    polling(version, { sid: evil }),
    polling(version, { [evil]: evil, j: evil, b64: evil }),
    { EIO: version, transport: evil },
    { EIO: evil, transport: 'polling' }
  ]
  for (const query of queries) {
    const { status, headers: { 'content-type': type, ...headers }, body } = await ask(server, query)
    assert.ok(status === 400 || decode(4, body)[0].length > 0)
    // The type of a JSONP response is that of a script.
    assert.doesNotMatch(JSON.stringify(headers) + body, /script|stolen/)
    assert.match(type, /^(text\/javascript|text\/plain|application\/json)(; ?charset=utf-8)?$/i)
    const raw = await Raw.connect(t, server)
    raw.write(head(server, target({ ...query, transport: query.transport === 'polling' ? 'websocket' : evil }), upgradeHeaders()))
    await raw.outcome()
    assert.doesNotMatch(raw.text, /script|stolen/)
  }
  for (const name of ['Origin', 'User-Agent', 'Cookie', 'Content-Type', 'Accept-Encoding', 'X-Forwarded-For']) {
    const { headers, body } = await ask(server, polling(version, { sid: 'x' }), { headers: { [name]: 'https://stolen.example' } })
    assert.doesNotMatch(JSON.stringify(headers) + body, /stolen/)
  }
})

hazard('somebody who knows no session id asks for many', async (version, t, witness) => {
  const asked = Array.from({ length: 200 }, (_, n) => ask(server, polling(version, { sid: `${n}`.padStart(20, 'A') })))
  await witness.goesOn()
  for (const answer of await Promise.all(asked)) assert.equal(answer.status, 400)
  await (await Socket.session(t, server, version)).echoes()
})
