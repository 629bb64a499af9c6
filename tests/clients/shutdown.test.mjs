// SIGTERM: the clients are let go and the process ends, soon and well.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import test from 'node:test'
import WebSocket from 'ws'
import { everyWay } from './support/guest.mjs'
import { Room } from './support/room.mjs'
import { deadline } from './support/wait.mjs'

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

test('every websocket is closed with a close frame', async (t) => {
  const room = await Room.open(t)
  const url = `${room.server.url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`
  const sockets = Array.from({ length: 300 }, () => new WebSocket(url))
  t.after(() => sockets.forEach((socket) => socket.terminate()))
  await Promise.all(sockets.map((socket) => deadline(once(socket, 'message'), 10_000, 'the handshake')))
  // 1005 is a close frame without a code; 1006 would be none at all.
  const codes = Promise.all(sockets.map(async (socket) => (await once(socket, 'close'))[0]))
  await room.server.stop()
  assert.deepEqual(new Set(await deadline(codes, 10_000, 'all to be closed')), new Set([1005]))
})
