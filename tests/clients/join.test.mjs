// Coming and going in good order: what the newcomer and the others are told, and that the count is right all the time.
import assert from 'node:assert/strict'
import test from 'node:test'
import { everyWay, joined, left } from './support/guest.mjs'
import { Room } from './support/room.mjs'

for (const { generation, mode, title } of everyWay) {
  test(`${title}: a newcomer gets a name and a colour, then everybody is told`, async (t) => {
    const room = await Room.open(t)
    const early = await room.join(4, 'websocket')
    const newcomer = await room.join(generation, mode)

    const told = newcomer.heard.filter(([event]) => event !== 'connect')
    assert.deepEqual(told.map(([event]) => event), ['initUser', 'sys message'])
    const [[, init], [, notice]] = told
    assert.deepEqual(Object.keys(init).sort(), ['color', 'name'])
    assert.equal(typeof init.name, 'string')
    assert.notEqual(init.name.trim(), '')
    assert.match(init.color, /^#[0-9a-f]{6}$/i)

    const { time, ...rest } = notice
    assert.deepEqual(rest, {
      data: joined(init.name), counts: 2, joined: [init.name], left: [], joinedCount: 1, leftCount: 0
    })
    assert.ok(Math.abs(new Date(time) - Date.now()) < 60_000, `time is ${time}`)
    assert.deepEqual(await early.next('sys message'), notice)
    assert.equal(early.all('initUser').length, 1, 'only the newcomer is told its name')
  })

  test(`${title}: counts 1, 2, 3 and back`, async (t) => {
    const room = await Room.open(t)
    const guests = []
    for (const counts of [1, 2, 3]) {
      guests.push(await room.join(generation, mode))
      assert.equal(guests.at(-1).all('sys message').at(-1).counts, counts)
    }
    const [first, second, third] = guests
    second.close()
    for (const guest of [first, third]) {
      const notice = await guest.next('sys message', ({ data }) => data === left(second.name))
      assert.deepEqual([notice.counts, notice.left, notice.leftCount], [2, [second.name], 1])
      assert.deepEqual([notice.joined, notice.joinedCount], [[], 0])
    }
    third.close()
    await first.next('sys message', ({ data, counts }) => data === left(third.name) && counts === 1)
    assert.deepEqual(first.all('sys message').map(({ counts }) => counts), [1, 2, 3, 2, 1])
    assert.equal(new Set(guests.map(({ name }) => name)).size, 3, 'three names')
  })
}
