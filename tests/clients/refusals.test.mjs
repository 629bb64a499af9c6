// What the chat does not take: the speaker is told why, nobody else hears anything, and the next message goes through.
import assert from 'node:assert/strict'
import test from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { everyWay } from './support/guest.mjs'
import { Room } from './support/room.mjs'

const bytes = Buffer.from([0, 1, 2, 255])
const refused = {
  not_an_object: [[], [null], ['text'], [42], [true], [bytes]],
  no_text: [[{}], [{ text: 'x' }], [{ description: 5 }], [{ description: null }], [{ description: ['x'] }], [{ description: bytes }]],
  empty: [[{ description: '' }], [{ description: ' ' }], [{ description: ' \t\r\n\u00a0\u3000 ' }]],
  too_long: [[{ description: 'x'.repeat(2001) }], [{ description: '😀'.repeat(1001) }], [{ description: '字'.repeat(5000) }]]
}

for (const { generation, mode, title } of everyWay) {
  for (const [code, cases] of Object.entries(refused)) {
    test(`${title}: ${code}`, async (t) => {
      const room = await Room.open(t)
      const witness = await room.join(4, 'websocket')
      const speaker = await room.join(generation, mode)
      for (const args of cases) {
        const answer = await speaker.ask(...args)
        assert.deepEqual([answer.ok, answer.code], [false, code], JSON.stringify([args, answer]).slice(0, 300))
        assert.equal(typeof answer.message, 'string')
        assert.notEqual(answer.message, '')
        if (code === 'too_long') assert.equal(answer.limit, 2000)
      }
      // The same without wanting an answer, as the tutorial's page does: it is told alone, and not of each.
      for (const args of cases) speaker.socket.emit('chat message', ...args)
      const notice = await speaker.next('sys message', ({ refused }) => refused !== undefined)
      assert.deepEqual([notice.refused, notice.code, notice.limit], [code, code, code === 'too_long' ? 2000 : undefined])
      assert.match(notice.data, /^系统消息: ./)
      const { counts, joined, left, joinedCount, leftCount, time } = notice
      assert.deepEqual([counts, joined, left, joinedCount, leftCount, typeof time], [2, [], [], 0, 0, 'number'])
      // Whatever had been told to anybody would have come before this. The pause is for servers that count refusals too.
      await sayInTime(speaker, 'a good one')
      for (const guest of [witness, speaker]) {
        await guest.hears('a good one')
        assert.equal(guest.all('message from server').length, 1)
        assert.equal(guest.all('disconnect').length, 0)
      }
      const told = (guest) => guest.all('sys message').filter(({ refused }) => refused !== undefined).length
      assert.deepEqual([told(witness), told(speaker)], [0, 1])
    })
  }

  test(`${title}: too_fast, and taken again when promised`, async (t) => {
    const room = await Room.open(t)
    const witness = await room.join(4, 'websocket')
    const speaker = await room.join(generation, mode)
    const began = performance.now()
    const answers = await Promise.all(Array.from({ length: 60 }, (_, number) => speaker.ask({ description: `${number}` })))
    const took = performance.now() - began

    const taken = answers.filter(({ ok }) => ok)
    const most = 30 + Math.ceil(took * 5 / 1000) // What the answers were worth while they came.
    assert.ok(taken.length >= 30 && taken.length <= most, `${taken.length} taken, not 30 to ${most}`)
    for (const answer of answers.filter(({ ok }) => !ok)) {
      assert.equal(answer.code, 'too_fast')
      assert.equal(typeof answer.message, 'string')
      assert.ok(answer.retryAfter > 0 && answer.retryAfter <= 1000, `retryAfter ${answer.retryAfter}`)
    }
    assert.ok(answers.slice(0, 30).every(({ ok }) => ok), 'the first thirty are taken')

    await sayInTime(speaker, 'a good one')
    for (const guest of [witness, speaker]) {
      await guest.hears('a good one')
      assert.deepEqual(guest.all('message from server').slice(0, -1).map(({ id }) => id), taken.map(({ id }) => id))
    }
  })
}

test('the limit does not begin anew with each connection, and a long text costs more', async (t) => {
  const room = await Room.open(t)
  const witness = await room.join(4, 'websocket')
  const began = performance.now()
  let taken = 0
  for (let round = 0; round < 5; round += 1) {
    const speaker = await room.join(4, 'websocket')
    const answers = await Promise.all(Array.from({ length: 20 }, () => speaker.ask({ description: 'x'.repeat(1_500) })))
    taken += answers.filter(({ ok }) => ok).length
    speaker.close()
    await witness.next('sys message', ({ left }) => left.includes(speaker.name))
  }
  const most = Math.ceil((30 + (performance.now() - began) * 5 / 1000) / 2)
  assert.ok(taken >= 15 && taken <= most, `${taken} taken, not 15 to ${most}`)
})

/** Says it; told that it was too fast, says it once more after exactly the time named. */
async function sayInTime (speaker, description) {
  const answer = await speaker.ask({ description })
  if (answer.ok) return
  assert.equal(answer.code, 'too_fast')
  await sleep(answer.retryAfter + 1)
  await speaker.say(description)
}
