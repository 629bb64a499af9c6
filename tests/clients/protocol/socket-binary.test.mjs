// Attachments on the wire: how packets with binary in them are written, in which order, and what is no such packet.
import assert from 'node:assert/strict'
import test, { after, before } from 'node:test'
import { Peer } from '../support/peer.mjs'
import { Raw } from '../support/raw.mjs'
import { Server } from '../support/server.mjs'
import { Poller } from '../support/wire.mjs'

let sio, rooms
before(async () => { [sio, rooms] = await Promise.all(['sio', 'rooms'].map((kind) => Server.startSuite(kind))) })
after(() => Promise.all([sio, rooms].map((server) => server?.stop())))

const place = (num) => `{"_placeholder":true,"num":${num}}`
const bytes = (...values) => Buffer.from(values)

async function settled (t, version) {
  const raw = await Raw.join(t, sio, '/', version)
  await raw.hear() // auth
  return raw
}

/** What is said comes back, event by event. */
async function assertEchoed (raw, rest, attachments, back = rest) {
  const count = attachments.length
  raw.say(`5${count}-["message",${rest}]`, ...attachments)
  assert.deepEqual(await raw.hears(1 + count), [`5${count}-["message-back",${back}]`, ...attachments])
  raw.say(`5${count}-12["message-with-ack",${rest}]`, ...attachments)
  assert.deepEqual(await raw.hears(1 + count), [`6${count}-12[${back}]`, ...attachments])
}

for (const version of [3, 4]) {
  test(`EIO=${version}: BINARY_EVENT and BINARY_ACK`, async (t) => {
    const raw = await settled(t, version)
    await assertEchoed(raw, place(0), [bytes(1, 2, 3)])
    await assertEchoed(raw, place(0), [bytes()])
    await assertEchoed(raw, `"a",${place(0)},null,${place(1)}`, [bytes(0), bytes(255, 4, 52)])
    await assertEchoed(raw, `{"a":[${place(0)},{"b":${place(1)}}],"c":${place(2)}},${place(3)}`, [1, 2, 3, 4].map((n) => bytes(n)))
    const ten = Array.from({ length: 10 }, (_, number) => number)
    await assertEchoed(raw, ten.map(place).join(), ten.map((n) => bytes(n)))
    await assertEchoed(raw, place(0), [Buffer.alloc(300_000, 7)])
  })

  test(`EIO=${version}: in another namespace, as event, ack and answer`, async (t) => {
    const raw = await settled(t, version)
    await raw.join('/custom')
    await raw.hear() // auth
    raw.say(`51-/custom,["message",${place(0)}]`, bytes(9))
    assert.deepEqual(await raw.hears(2), [`51-/custom,["message-back",${place(0)}]`, bytes(9)])
    raw.say(`51-/custom,0["message-with-ack",${place(0)}]`, bytes(9))
    assert.deepEqual(await raw.hears(2), [`61-/custom,0[${place(0)}]`, bytes(9)])
    raw.say(`52-/custom,["emit-with-ack",${place(0)},${place(1)}]`, bytes(1), bytes(2))
    const [head, ...attached] = await raw.hears(3)
    const [, id, rest] = /^52-\/custom,(\d+)(.*)$/.exec(head)
    assert.equal(rest, `["emit-with-ack",${place(0)},${place(1)}]`)
    assert.deepEqual(attached, [bytes(1), bytes(2)])
    raw.say(`61-/custom,${id}["x",${place(0)}]`, bytes(3))
    assert.deepEqual(await raw.hears(2), [`51-/custom,["emit-with-ack","x",${place(0)}]`, bytes(3)])
  })

  test(`EIO=${version}: placeholders are numbered depth first, whatever the sender's order`, async (t) => {
    const raw = await settled(t, version)
    raw.say(`53-["message",{"deep":[${place(2)}],"late":${place(0)}},${place(1)}]`, bytes(0), bytes(1), bytes(2))
    const [head, ...attached] = await raw.hears(4)
    const filled = (_key, value) => value?._placeholder ? [...attached[value.num]] : value
    const [name, ...args] = JSON.parse(head.slice('53-'.length), filled)
    assert.deepEqual([name, args], ['message-back', [{ deep: [[2]], late: [0] }, [1]]])
    const nums = [...head.matchAll(/"num":(\d+)/g)].map(([, num]) => Number(num))
    assert.deepEqual(nums.toSorted(), [0, 1, 2])
  })

  test(`EIO=${version}: a placeholder where nothing is attached is data`, async (t) => {
    const raw = await settled(t, version)
    for (const data of [place(0), place(-1), '{"_placeholder":true}', '{"_placeholder":false,"num":0}']) {
      raw.say(`2["message",${data}]`)
      assert.equal(await raw.hear(), `2["message-back",${data}]`)
    }
    await assertEchoed(raw, `${place(0)},{"_placeholder":false,"num":0},{"_placeholder":1}`, [bytes(1)])
  })

  test(`EIO=${version}: binary and text take turns without a mistake`, async (t) => {
    const raw = await settled(t, version)
    for (let n = 0; n < 50; n += 1) {
      raw.say(`2["message",${n}]`)
      raw.say(`52-["message",${place(0)},${n},${place(1)}]`, bytes(n), bytes(n, n))
    }
    for (let n = 0; n < 50; n += 1) {
      const [text, head, ...attached] = await raw.hears(4)
      assert.deepEqual([text, head], [`2["message-back",${n}]`, `52-["message-back",${place(0)},${n},${place(1)}]`])
      assert.deepEqual(attached, [bytes(n), bytes(n, n)])
    }
  })

  const illegal = {
    'no attachment': '50-["message"]',
    'eleven attachments': `511-["message",${place(0)}]`,
    'attachments past all reason': `5${'9'.repeat(300)}-["message",${place(0)}]`,
    'no count': `5["message",${place(0)}]`,
    'an empty count': `5-["message",${place(0)}]`,
    'a negative count': `5-1-["message",${place(0)}]`,
    'a fraction': `51.5-["message",${place(0)}]`,
    'a count that is a word': `5NaN-["message",${place(0)}]`,
    'an endless count': '5111111',
    'a reserved name': `51-["disconnect",${place(0)}]`,
    'no name': '51-[{}]',
    'no array': '51-{}',
    'an answer of no attachment': '60-1[]',
    'an answer of eleven': '611-1[]'
  }
  for (const [what, text] of Object.entries(illegal)) {
    test(`EIO=${version}: ${what}: the connection is closed at the header`, async (t) => {
      const raw = await settled(t, version)
      raw.say(text)
      await raw.ends()
      assert.deepEqual(raw.rest(), [])
    })
  }

  test(`EIO=${version}: text while attachments are owed closes the connection`, async (t) => {
    for (const text of ['2["message"]', '1', '0/custom,', `51-["message",${place(0)}]`, '3']) {
      for (const sent of [[], [bytes(1)]]) {
        const raw = await settled(t, version)
        raw.say(`52-["message",${place(0)},${place(1)}]`, ...sent)
        raw.say(text)
        await raw.ends(text)
        assert.deepEqual(raw.rest(), [])
      }
    }
  })

  test(`EIO=${version}: an attachment without a header closes the connection`, async (t) => {
    const raw = await settled(t, version)
    raw.say('2["message"]', bytes(1))
    await raw.ends()
    const late = await settled(t, version)
    late.say(`51-["message",${place(0)}]`, bytes(1), bytes(2))
    await late.ends()
  })
}

test('EIO=4, polling: header and attachments are packets, in one payload or in several', async () => {
  const poller = await Poller.open(sio, 4)
  await poller.enter()
  await poller.next('auth')
  const hears = async (count) => {
    const packets = []
    while (packets.length < count) packets.push(await poller.until(() => true))
    return packets
  }
  const back = [`452-["message-back",${place(0)},${place(1)}]`, 'bAAEC', 'b/w==']
  await poller.post([`452-["message",${place(0)},${place(1)}]`, 'bAAEC', 'b/w=='])
  assert.deepEqual(await hears(3), back)
  await poller.post([`452-["message",${place(0)},${place(1)}]`])
  await poller.post(['bAAEC'])
  await poller.post(['b/w==', '42["message","after"]'])
  assert.deepEqual(await hears(4), [...back, '42["message-back","after"]'])
})

for (const mode of ['polling', 'websocket', 'upgrade']) {
  test(`${mode}: what others say never comes between a header and its attachments`, async (t) => {
    const hearer = await Raw.join(t, rooms)
    const poller = await Poller.open(rooms, 4)
    await poller.enter()
    await poller.until((packet) => packet.startsWith('40'))
    const speakers = await Promise.all([2, 3, 4].map((generation) => Peer.join(t, rooms.url, generation, mode)))
    const COUNT = 20
    for (let number = 0; number < COUNT; number += 1) {
      for (const [who, { socket }] of speakers.entries()) {
        socket.emit('send', {}, 'news', who, number, bytes(who, number), [{ again: bytes(number) }])
        socket.emit('send', {}, 'text', who, number)
      }
    }
    const frames = await hearer.hears(COUNT * 3 * 4)
    const packets = []
    while (packets.length < frames.length) {
      const packet = await poller.until(() => true)
      packets.push(packet.startsWith('b') ? Buffer.from(packet.slice(1), 'base64') : packet.slice(1))
    }
    for (const heard of [frames, packets]) {
      const next = [0, 0, 0] // The number that each speaker says next.
      while (heard.length > 0) {
        const head = heard.shift()
        const [, who, number] = /(\d+),(\d+)/.exec(head.slice('52-'.length)).map(Number)
        if (head.startsWith('52-')) assert.deepEqual(heard.splice(0, 2), [bytes(who, number), bytes(number)])
        else assert.equal(number, next[who]++)
      }
      assert.deepEqual(next, [COUNT, COUNT, COUNT])
    }
  })
}
