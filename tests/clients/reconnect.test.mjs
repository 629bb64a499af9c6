// A client whose transport is lost comes back by itself, as somebody new, and the count stays right.
import assert from 'node:assert/strict'
import test from 'node:test'
import { everyWay, joined, left } from './support/guest.mjs'
import { Room } from './support/room.mjs'
import { Server } from './support/server.mjs'
import { until } from './support/wait.mjs'

for (const { generation, mode, title } of everyWay) {
  test(`${title}: back after its transport was closed under it`, async (t) => {
    const room = await Room.open(t)
    const witness = await room.join(4, 'websocket')
    const guest = await room.join(generation, mode, { reconnection: true })
    const names = [guest.name]
    for (const _ of [1, 2]) {
      guest.socket.io.engine.close()
      await guest.next('disconnect')
      await guest.settle()
      names.push(guest.name)
      await witness.next('sys message', ({ data }) => data === left(names.at(-2)))
      const notice = await witness.next('sys message', ({ data }) => data === joined(guest.name))
      assert.equal(notice.counts, 2)
      await guest.say('back again')
      assert.equal((await witness.hears('back again')).nickName, guest.name)
    }
    assert.equal(new Set(names).size, 3, `a new name each time: ${names}`)
  })
}

test('all clients come back to a server that was started anew on its port', async (t) => {
  const room = await Room.open(t)
  const guests = []
  for (const { generation, mode } of everyWay) guests.push(await room.join(generation, mode, { reconnection: true }))
  const { port } = room.server
  await room.server.stop()
  for (const guest of guests) await guest.next('disconnect')

  room.server = await Server.start([], port)
  for (const guest of guests) await guest.settle()
  await until(() => guests.every((guest) => guest.all('sys message').at(-1).counts === guests.length), 5_000,
    () => `everybody counted: ${guests.map((guest) => guest.all('sys message').at(-1).counts)}`)
  await guests[0].say('all there?')
  for (const guest of guests) await guest.hears('all there?')
})
