// Things that a client may do though the chat has no use for them: nobody is hurt.
import assert from 'node:assert/strict'
import test from 'node:test'
import { everyWay } from './support/guest.mjs'
import { Room } from './support/room.mjs'

for (const { generation, mode, title } of everyWay) {
  test(`${title}: a namespace that does not exist`, async (t) => {
    const room = await Room.open(t)
    const witness = await room.join(4, 'websocket')
    const lost = room.ring(generation, mode, {}, '/nope')
    const error = await lost.next(generation === 2 ? 'error' : 'connect_error')
    assert.equal(error.message, 'Invalid namespace')
    assert.equal(lost.all('initUser').length, 0)
    assert.equal(lost.all('connect').length, 0)
    await witness.say('all well')
    await witness.hears('all well')
  })

  test(`${title}: unknown events, odd arguments, flags`, async (t) => {
    const room = await Room.open(t)
    const witness = await room.join(4, 'websocket')
    const guest = await room.join(generation, mode)
    const { socket } = guest
    socket.emit('no such event', 1, { a: [null] }, Buffer.from('x'), () => assert.fail('nobody answers this'))
    socket.emit('', {})
    socket.emit('__proto__', { __proto__: null })
    socket.emit('sys message', { data: 'a lie', counts: 99 })
    socket.emit('message from server', { description: 'a lie' })
    socket.emit('initUser', { name: 'a lie', color: '#000000' })
    socket.emit('chat message')
    socket.emit('chat message', { description: 'one' }, { description: 'two' })
    socket.compress(false).emit('chat message', { description: 'compressed or not' })
    if (generation > 2) socket.volatile.emit('chat message', { description: 'volatile' })
    await guest.say('the last')
    for (const hearer of [witness, guest]) {
      await hearer.hears('the last')
      const heard = hearer.all('message from server').map(({ description }) => description)
      // A volatile message may be dropped, by the client already when its poll is not ready to write.
      assert.deepEqual(heard.filter((text) => text !== 'volatile'), ['one', 'compressed or not', 'the last'])
      assert.equal(hearer.all('disconnect').length, 0)
      assert.ok(hearer.all('sys message').every(({ counts }) => counts < 3))
      assert.equal(hearer.all('initUser').length, 1)
    }
  })
}
