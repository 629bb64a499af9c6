// Which clients of which version work: every claim of docs/clients.md about socket.io-client. `SANKET_TARGET=reference` says what
// the reference does with the same clients.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import test, { after, before } from 'node:test'
import { generationOf, installed, modes, versions } from './support/clients.mjs'
import { Peer } from './support/peer.mjs'
import { Server } from './support/server.mjs'
import { works } from './support/works.mjs'

const SOON = { reconnection: true, reconnectionDelay: 10, reconnectionDelayMax: 50 }
const TEXT = '大家好 é 😀'

let sio, rooms
before(async () => {
  [sio, rooms] = await Promise.all([Server.startSuite('sio'), Server.startSuite('rooms', ['--recovery'])])
})
after(() => Promise.all([sio, rooms].map((server) => server?.stop())))

for (const version of versions) {
  const name = `socket.io-client ${installed(version)}`
  const isFirst = generationOf(version) === 1

  for (const mode of modes) {
    test(`${name}, ${mode}: events and acks both ways, binary, and a reconnection`, async (t) => {
      const peer = await Peer.join(t, sio.url, version, mode, SOON)
      await works(peer, 'hello', ...isFirst && mode === 'polling' ? [] : [TEXT])
      peer.drop()
      await peer.next('disconnect')
      await peer.next('connect')
      await peer.upgraded()
      assert.equal(await peer.call('message-with-ack', 'hello again'), 'hello again')
    })
  }

  const [, minor] = installed(version).split('.').map(Number)
  const recovers = generationOf(version) === 4 && minor >= 6
  test(`${name}: ${recovers ? 'takes up where it was' : 'is somebody new'} after its connection was lost`, async (t) => {
    const peer = await Peer.join(t, rooms.url, version, 'websocket', SOON)
    // There has to be something to go on from: an event has an offset, an ack has none.
    peer.listen('said')
    await peer.call('send', { rooms: [peer.socket.id] }, 'said', 1)
    await peer.next('said')
    const { id } = peer.socket
    peer.drop()
    await peer.next('disconnect')
    await peer.next('connect')
    assert.equal(peer.socket.id === id, recovers)
    assert.equal(await peer.call('recovered'), recovers)
  })

  if (isFirst) {
    test(`${name}, polling: what it says beyond ASCII arrives garbled, as with the reference`, async (t) => {
      const speaker = await Peer.join(t, rooms.url, version, 'polling')
      const witness = await Peer.join(t, rooms.url, '4', 'websocket')
      witness.listen('said')
      await speaker.call('send', { rooms: [witness.socket.id] }, 'said', 'é')
      // Each byte of its UTF-8 is taken for a character. Behind it is the offset.
      assert.equal((await witness.next('said'))[0], 'Ã©')
    })

    test(`${name}, polling: what others say beyond ASCII closes its connection, as with the reference`, async (t) => {
      const reader = await Peer.join(t, rooms.url, version, 'polling')
      const witness = await Peer.join(t, rooms.url, '4', 'websocket')
      reader.listen('said')
      await witness.call('send', { rooms: [await reader.call('id')] }, 'said', 'é')
      await reader.next('disconnect')
      assert.deepEqual(reader.all('said'), [])
    })
  }
}

test('who names webtransport besides others uses those', async (t) => {
  const peer = await Peer.join(t, sio.url, '4', 'upgrade', { transports: ['polling', 'websocket', 'webtransport'] })
  await works(peer, TEXT)
})

test('docs/clients.md names every version that is tried', () => {
  const text = readFileSync(new URL('../../docs/clients.md', import.meta.url), 'utf8')
  for (const version of versions) assert.ok(text.includes(installed(version)), installed(version))
})
