// Somebody's connection breaks, and they come back to the chat where they were: --recovery.
import assert from 'node:assert/strict'
import test from 'node:test'
import { Guest, modes } from './support/guest.mjs'
import { Proxy } from './support/proxy.mjs'
import { Room } from './support/room.mjs'
import { isReference } from './support/server.mjs'
import { until } from './support/wait.mjs'

const skip = isReference && 'the small chat on the reference does not keep who was in it'
const said = (guest) => guest.all('message from server').map(({ description }) => description)

async function scene (t, mode) {
  const room = await Room.open(t, ['--recovery'])
  const proxy = await Proxy.start(t, room.server)
  const lost = new Guest(proxy.url, 4, mode)
  room.guests.push(lost)
  await lost.settle()
  const witness = await room.join(4, 'websocket')
  await lost.next('sys message', ({ joined }) => joined.includes(witness.name))
  await witness.say('before')
  await lost.hears('before')
  return { room, proxy, lost, witness }
}

for (const mode of modes) {
  test(`client 4, ${mode}: comes back from behind a connection that fell silent, and nobody notices`, { skip }, async (t) => {
    const { proxy, lost, witness } = await scene(t, mode)
    const [{ name, color }, notices] = [lost, witness.all('sys message').length]
    proxy.cut()
    for (const text of ['one', 'two', 'three']) await witness.say(text)
    lost.socket.io.engine.close()
    await lost.next('disconnect')
    if (mode === 'polling') await until(() => proxy.swallowed.some((text) => text.startsWith('POST')), 5_000, 'the goodbye to be swallowed')
    proxy.mend()
    lost.socket.connect()
    await lost.next('connect', () => lost.socket.recovered)
    await lost.say('I was away')
    await witness.hears('I was away')
    await lost.hears('I was away')
    assert.deepEqual(said(lost), ['before', 'one', 'two', 'three', 'I was away'])
    const last = witness.all('message from server').at(-1)
    assert.deepEqual([last.nickName, last.color], [name, color])
    assert.equal(witness.all('sys message').length, notices, 'nobody was told that anybody had come or gone')
  })

  test(`client 4, ${mode}: comes back after its connection was cut, as who it was`, { skip }, async (t) => {
    const { lost, witness } = await scene(t, mode)
    const { name, color } = lost
    lost.socket.io.engine.close()
    await witness.next('sys message', ({ left }) => left.includes(name))
    for (const text of ['one', 'two']) await witness.say(text)
    lost.socket.connect()
    await lost.next('connect', () => lost.socket.recovered)
    await witness.next('sys message', ({ joined }) => joined.includes(name))
    await lost.say('I was away')
    await witness.hears('I was away')
    await lost.hears('I was away')
    assert.deepEqual(said(lost), ['before', 'one', 'two', 'I was away'])
    const last = witness.all('message from server').at(-1)
    assert.deepEqual([last.nickName, last.color], [name, color])
    assert.equal(witness.all('sys message').at(-1).counts, 2, 'no ghost')
  })
}
