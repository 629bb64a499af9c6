// SIGTERM: the clients are let go and the process ends, soon and well.
import assert from 'node:assert/strict'
import test from 'node:test'
import { everyWay } from './support/guest.mjs'
import { Room } from './support/room.mjs'

for (const { generation, mode, title } of everyWay) {
  test(`${title}: sees the server go`, async (t) => {
    const room = await Room.open(t)
    const guest = await room.join(generation, mode)
    await guest.say('last words')
    await guest.hears('last words')
    await room.server.stop()
    await guest.next('disconnect')
    assert.equal(guest.all('disconnect').length, 1)
  })
}

test('the server goes though clients of all kinds are in the room', async (t) => {
  const room = await Room.open(t)
  const guests = []
  for (const { generation, mode } of everyWay) guests.push(await room.join(generation, mode))
  await room.server.stop()
  for (const guest of guests) await guest.next('disconnect')
})
