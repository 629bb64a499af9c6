// Saying something: who hears it, in which order, and under whose name.
import assert from 'node:assert/strict'
import test from 'node:test'
import { everyWay, generations, modes } from './support/guest.mjs'
import { Room } from './support/room.mjs'
import { until } from './support/wait.mjs'

for (const { generation, mode, title } of everyWay) {
  test(`${title}: everybody hears a message, the speaker too`, async (t) => {
    const room = await Room.open(t)
    const speaker = await room.join(generation, mode)
    const others = [await room.join(generation, mode), await room.join(4, 'websocket')]

    const id = await speaker.say('大家好')
    const heard = await speaker.hears('大家好')
    const { time, ...rest } = heard
    assert.deepEqual(rest, { description: '大家好', nickName: speaker.name, color: speaker.color, id })
    assert.ok(Math.abs(new Date(time) - Date.now()) < 60_000, `time is ${time}`)
    for (const other of others) assert.deepEqual(await other.hears('大家好'), heard)

    for (const other of others) await other.say(`from ${other.name}`)
    for (const guest of [speaker, ...others]) {
      for (const other of others) assert.equal((await guest.hears(`from ${other.name}`)).nickName, other.name)
      assert.equal(new Set(guest.all('message from server').map((message) => message.id)).size, 3, 'an id each')
      assert.equal(guest.all('message from server').length, 3, 'once each')
    }
  })

  test(`${title}: nobody speaks in another's name`, async (t) => {
    const room = await Room.open(t)
    const victim = await room.join(4, 'websocket')
    const liar = await room.join(generation, mode)
    const claims = [
      { nickName: victim.name, color: victim.color },
      { nickName: '系统消息', color: '#000000', id: 'mine', time: 0, sys: true },
      { nickName: { toString: 1 }, color: ['red'] },
      {}
    ]
    for (const [at, claim] of claims.entries()) {
      const id = await liar.say(`honest ${at}`)
      const lied = await liar.ask({ description: `claim ${at}`, ...claim })
      assert.equal(lied.ok, true)
      for (const guest of [victim, liar]) {
        const { time, ...honest } = await guest.hears(`honest ${at}`)
        assert.deepEqual(honest, { description: `honest ${at}`, nickName: liar.name, color: liar.color, id })
        const { time: then, ...message } = await guest.hears(`claim ${at}`)
        assert.deepEqual(message, { description: `claim ${at}`, nickName: liar.name, color: liar.color, id: lied.id })
        assert.ok(Math.abs(new Date(then) - Date.now()) < 60_000, 'the time is the server\'s')
      }
    }
  })

  // 20 speakers say 10 each at once: as much as the rate limit lets through without a wait.
  test(`${title}: 200 messages arrive once, and in one order for all`, async (t) => {
    const room = await Room.open(t)
    const speakers = await Promise.all(Array.from({ length: 20 }, () => room.join(generation, mode)))
    const numbers = Array.from({ length: 10 }, (_, number) => number)
    await Promise.all(speakers.flatMap((speaker) => numbers.map((number) => speaker.say(`${speaker.name} ${number}`))))
    for (const guest of speakers) {
      await until(() => guest.all('message from server').length >= 200, 5_000, '200 messages')
      const heard = guest.all('message from server')
      assert.deepEqual(heard, speakers[0].all('message from server'))
      for (const { name } of speakers) {
        const own = heard.filter((message) => message.nickName === name).map((message) => message.description)
        assert.deepEqual(own, numbers.map((number) => `${name} ${number}`))
      }
    }
  })
}

test('three generations on three transports talk in one room', async (t) => {
  const room = await Room.open(t)
  const guests = []
  for (const generation of generations) for (const mode of modes) guests.push(await room.join(generation, mode))
  for (const guest of guests) await guest.say(`I am ${guest.name}`)
  for (const guest of guests) {
    await guest.hears(`I am ${guests.at(-1).name}`)
    assert.deepEqual(
      guest.all('message from server').map(({ description, nickName, color }) => [description, nickName, color]),
      guests.map(({ name, color }) => [`I am ${name}`, name, color]))
  }
})
