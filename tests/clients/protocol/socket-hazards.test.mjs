// What clients send who mean harm, at the level of Socket.IO: whatever becomes of them, a witness on the same server goes on.
// Where a server may choose between refusing and putting up with it, both are right, and nothing between.
import assert from 'node:assert/strict'
import test, { after, before } from 'node:test'
import { Peer } from '../support/peer.mjs'
import { Raw } from '../support/raw.mjs'
import { isReference, Server } from '../support/server.mjs'
import { deadline, until } from '../support/wait.mjs'
import { Poller } from '../support/wire.mjs'

const LONG_MS = 20_000
const place = (num) => `{"_placeholder":true,"num":${num}}`
const bytes = Buffer.from('bytes')
let sio, rooms, witnesses
const cleanups = []
before(async () => {
  [sio, rooms] = await Promise.all(['sio', 'rooms'].map((kind) => Server.startSuite(kind)))
  const t = { after: (cleanup) => cleanups.push(cleanup) }
  const ways = { 2: 'websocket', 3: 'polling', 4: 'websocket' }
  witnesses = await Promise.all([2, 3, 4].map((generation) => Peer.join(t, `${sio.url}/echo`, generation, ways[generation])))
  witnesses.push(await Peer.join(t, rooms.url, 4, 'upgrade'))
})
after(async () => {
  for (const cleanup of cleanups) cleanup()
  await Promise.all([sio, rooms].map((server) => server?.stop()))
})

let testimonies = 0
/** The same sockets as before the attack are answered, and soon. */
async function assertWitnessed (what) {
  const [main] = witnesses.slice(-1)
  const answers = [...witnesses.slice(0, -1).map((witness) => witness.call('echo', ++testimonies)), main.call('get')]
  await deadline(Promise.all(answers), 5_000, `the witnesses after ${what}`)
  for (const witness of witnesses) assert.deepEqual(witness.all('disconnect'), [], what)
}

async function settled (t, version = 4) {
  const raw = await Raw.join(t, sio, '/', version)
  await raw.hear() // auth
  return raw
}

/** 'closed', or the answer: one of them within patience. */
const outcome = (raw, answer) =>
  deadline(answer.catch(() => raw.closed.then(() => 'closed')), LONG_MS, 'an end or an answer')

for (const version of [3, 4]) {
  test(`EIO=${version}: placeholders that point nowhere close the connection`, async (t) => {
    const nums = ['1', '10', '-1', '1000000000', '1e99', '"0"', '"length"', '"__proto__"', 'null', 'true', '[0]', '{}', '"0x0"']
    // The reference finds nothing at half an index, and goes on with that.
    if (!isReference) nums.push('0.5')
    for (const placeholder of [...nums.map(place), '{"_placeholder":true}', `[{"deep":${place(7)}}]`]) {
      for (const head of ['51-["message",', '51-7["message-with-ack",', '61-0[']) {
        const raw = await settled(t, version)
        raw.say(`${head}${placeholder}]`, bytes)
        await raw.ends(placeholder)
        assert.deepEqual(raw.rest(), [], placeholder)
      }
    }
    await assertWitnessed('placeholders')
  })

  test(`EIO=${version}: attachments that nothing refers to, and one that is referred to a thousand times`, async (t) => {
    const raw = await settled(t, version)
    raw.say('52-7["message-with-ack","none"]', bytes, bytes)
    // The reference sends what is referred to; ours what came, which the client drops.
    const none = await outcome(raw, raw.hear())
    assert.ok(['37["none"]', '62-7["none"]'].includes(none), none)
    if (none.startsWith('6')) assert.deepEqual(await raw.hears(2), [bytes, bytes])
    raw.say(`52-["message",${place(1)},${place(1)}]`, bytes, Buffer.from('x'))
    const head = await outcome(raw, raw.hear())
    if (head !== 'closed') {
      // As many attachments as the head says, and all that are referred to are the one.
      const [, count] = /^5(\d+)-/.exec(head)
      const attachments = await raw.hears(Number(count))
      for (const { num } of JSON.parse(head.slice(3)).slice(1)) assert.deepEqual(attachments[num], Buffer.from('x'))
    }
    const thousand = `[${Array(1_000).fill(place(0)).join()}]`
    for (const size of [1, 500_000]) {
      // To nobody: the server need not send what it has taken. To itself: small.
      const many = await settled(t, version)
      many.say(`51-["${size === 1 ? 'message' : 'nothing'}",${thousand}]`, Buffer.alloc(size, 1))
      many.say('27["message-with-ack"]')
      await outcome(many, many.take((text) => text === '37[]', 'the ack'))
      await assertWitnessed('a thousand references')
    }
  })

  test(`EIO=${version}: attachments that never come`, async (t) => {
    const owing = await Promise.all(Array.from({ length: 50 }, () => settled(t, version)))
    for (const raw of owing) raw.say(`59-["message",${place(0)}]`, ...Array(8).fill(Buffer.alloc(10_000)))
    await assertWitnessed('attachments that never come')
    for (const raw of owing) raw.socket.terminate()
    await assertWitnessed('connections that end half-way')
  })

  test(`EIO=${version}: ack ids past all numbers`, async (t) => {
    const ids = [
      ['9007199254740993', '9007199254740992'],
      ['12345678901234567890123', '1.2345678901234568e+22'],
      [`1${'0'.repeat(400)}`, 'Infinity'],
      ['9'.repeat(900_000), 'Infinity']
    ]
    for (const [id, rounded] of ids) {
      const raw = await settled(t, version)
      raw.say(`2${id}["message-with-ack","x"]`)
      const answer = await outcome(raw, raw.hear())
      // The reference takes them for numbers, and rounds them.
      if (isReference) assert.equal(answer, `3${rounded}["x"]`)
      else assert.ok(['closed', `3${id}["x"]`].includes(answer), answer.slice(0, 100))
      const liar = await settled(t, version)
      liar.say(`3${id}["x"]`)
      liar.say('27["message-with-ack"]')
      assert.ok(['closed', '37[]'].includes(await outcome(liar, liar.hear())), 'an answer to a question that nobody put')
    }
    await assertWitnessed('ack ids')
  })

  test(`EIO=${version}: questions that are never answered, and answers that were never asked for`, async (t) => {
    const raw = await settled(t, version)
    for (let number = 0; number < 1_000; number += 1) raw.say(`2["emit-with-ack",${number}]`)
    for (let number = 0; number < 5_000; number += 1) raw.say(`3${1_000_000 + number}["x"]`)
    raw.say('27["message-with-ack"]')
    await outcome(raw, raw.take((text) => text === '37[]', 'the ack'))
    await assertWitnessed('open questions')
    raw.socket.terminate()
    await assertWitnessed('questions whose client is gone')
  })

  test(`EIO=${version}: names of methods and events called "error" are names like others`, async (t) => {
    const raw = await settled(t, version)
    for (const name of ['error', 'connection', 'emit', 'on', 'constructor', '__proto__', 'hasOwnProperty', 'then', 'domain']) {
      raw.say(`2["${name}",{"message":"x"},"${name}"]`)
      raw.say(`21["${name}"]`)
    }
    assert.equal(await raw.callText('/', '["message-with-ack","on"]'), '["on"]')
    assert.deepEqual(raw.rest(), [])
    await assertWitnessed('names')
  })

  test(`EIO=${version}: a flood of namespaces that do not exist`, async (t) => {
    const raw = await settled(t, version)
    const COUNT = 2_000
    for (let number = 0; number < COUNT; number += 1) raw.say(`0/nowhere-${number},`)
    raw.say('27["message-with-ack"]')
    await outcome(raw, raw.take((text) => text === '37[]', 'the ack'))
    for (const text of raw.rest()) assert.match(text, /^4\/nowhere-\d+,\{"message":/)
    await assertWitnessed('unknown namespaces')
  })

  test(`EIO=${version}: a flood of namespaces that come into being`, async (t) => {
    const raw = await Raw.join(t, rooms, '/', version)
    const COUNT = 500
    for (let number = 0; number < COUNT; number += 1) raw.say(`0/dynamic-${number},`)
    raw.say('27["count"]')
    const answer = await outcome(raw, raw.take((text) => text.startsWith('37['), 'the ack'))
    await assertWitnessed('new namespaces')
    if (answer !== 'closed') for (const text of raw.rest()) assert.match(text, /^[04]\/dynamic-\d+,/)
    raw.socket.terminate()
    await until(async () => (await witnesses.at(-1).call('namespaces')).length === 0, 5_000, 'the end of all namespaces')
  })

  test(`EIO=${version}: names of namespaces, events and rooms that are long`, async (t) => {
    const long = 'n'.repeat(300_000)
    for (const text of [`0/${long}`, `0/${long},`, `0/${long}?${long},`, `2/${long},["message"]`, `2["${long}"]`]) {
      const raw = await settled(t, version)
      raw.say(text)
      raw.say('27["message-with-ack"]')
      const answer = await outcome(raw, raw.hear())
      // The query behind the name is no part of it for EIO=3 clients.
      const refused = [long, `${long}?${long}`].map((name) => `4/${name},{"message":"Invalid namespace"}`)
      const fits = text[0] === '0' ? refused.includes(answer) : ['closed', '37[]'].includes(answer)
      assert.ok(fits, `${answer.slice(0, 100)} to ${text.slice(0, 10)}`)
      if (text[0] === '0') assert.equal(await raw.hear(), '37[]', 'the connection goes on')
    }
    const raw = await Raw.join(t, rooms, '/', version)
    raw.say(`27["join","${long}"]`)
    raw.say('28["rooms"]')
    await outcome(raw, raw.take((text) => text.startsWith('38'), 'the rooms'))
    await assertWitnessed('long names')
  })

  test(`EIO=${version}: a flood of rooms`, async (t) => {
    const raw = await Raw.join(t, rooms, '/', version)
    for (let number = 0; number < 3_000; number += 1) raw.say(`2["join","room ${number}"]`)
    raw.say('27["get"]')
    await outcome(raw, raw.take((text) => text === '37[null]', 'the ack'))
    await assertWitnessed('rooms')
  })

  test(`EIO=${version}: JSON half a million deep is refused`, async (t) => {
    const deep = (depth, open, close) => `2/echo,1["echo",${open.repeat(depth)}1${close.repeat(depth)}]`
    for (const [open, close] of [['[', ']'], ['{"a":', '}']]) {
      const raw = await Raw.join(t, sio, '/echo', version)
      raw.say(deep(500_000, open, close))
      await raw.ends()
      await assertWitnessed('JSON too deep, and too long')
      // Short enough for a message. To nobody, as the reference dies of the answer.
      const text = deep(Math.floor(990_000 / (open.length + close.length)), open, close)
      const within = await Raw.join(t, sio, '/echo', version)
      within.say(isReference ? text.replace('echo"', 'nothing"') : text)
      within.say('2/echo,7["echo"]')
      await outcome(within, within.take((text) => text === '3/echo,7[]', 'the ack'))
      await assertWitnessed('JSON too deep')
      // Never closed, and as CONNECT's payload.
      for (const text of [`2["message",${open.repeat(150_000)}`, `0/custom,{"a":${open.repeat(150_000)}`]) {
        const raw = await settled(t, version)
        raw.say(text)
        if (version === 4 || text[0] === '2') await raw.ends()
      }
      await assertWitnessed('JSON without an end')
    }
  })
}

test('a payload of tens of thousands of packets', async () => {
  const poller = await Poller.open(sio, 4)
  await poller.enter()
  await poller.next('auth')
  const packets = Array.from({ length: 60_000 }, (_, number) => `42[${number}]`)
  const posted = poller.post(packets)
  await assertWitnessed('a flood of packets, while it is being taken')
  assert.ok([200, 400].includes((await posted).status))
  await assertWitnessed('a flood of packets')
})
