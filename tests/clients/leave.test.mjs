// Leaving, in every way there is, polite or not: those who stay are told, soon, and the count is right.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import test from 'node:test'
import WebSocket from 'ws'
import { everyWay, generations, left } from './support/guest.mjs'
import { Room } from './support/room.mjs'
import { startScript } from './support/server.mjs'
import { deadline, until } from './support/wait.mjs'
import { Poller } from './support/wire.mjs'

const told = (guest, name, ms) => guest.next('sys message', ({ data, counts }) => data === left(name) && counts === 1, ms)

for (const { generation, mode, title } of everyWay) {
  test(`${title}: socket.close()`, async (t) => {
    const room = await Room.open(t)
    const witness = await room.join(4, 'websocket')
    const guest = await room.join(generation, mode)
    guest.socket.close()
    await told(witness, guest.name)
    assert.equal(guest.all('disconnect').length, 1)
  })

  test(`${title}: the client's process is killed`, async (t) => {
    // A process killed just between two polls leaves nothing to notice but its silence; hence the short heartbeat.
    const room = await Room.open(t, ['--ping-interval', '2000', '--ping-timeout', '1500'])
    const witness = await room.join(4, 'websocket')
    const child = startScript('holder.mjs', [room.server.url, generation, mode])
    t.after(() => child.kill('SIGKILL'))
    const [line] = await deadline(once(child.stdout.setEncoding('utf8'), 'data'), 10_000, 'the client to be in')
    child.kill('SIGKILL')
    await told(witness, line.trim())
  })

  test(`${title}: a heartbeat keeps it in the room`, async (t) => {
    const room = await Room.open(t, ['--ping-interval', '150', '--ping-timeout', '1500'])
    const guest = await room.join(generation, mode)
    const beat = generation === 2 ? 'pong' : 'ping'
    let beats = 0
    guest.socket.io.engine.on('packet', (packet) => { if (packet.type === beat && !packet.data) beats += 1 })
    await until(() => beats >= 5, 5_000, 'five heartbeats')
    await guest.say('still here')
    await guest.hears('still here')
    assert.equal(guest.all('disconnect').length, 0)
  })
}

for (const generation of generations) {
  test(`client ${generation}: the websocket is torn`, async (t) => {
    const room = await Room.open(t)
    const witness = await room.join(4, 'websocket')
    const guest = await room.join(generation, 'upgrade')
    guest.socket.io.engine.transport.ws._socket.destroy()
    await told(witness, guest.name)
  })

  test(`client ${generation}: socket.close() before the room was entered`, async (t) => {
    const room = await Room.open(t)
    const witness = await room.join(4, 'websocket')
    for (const mode of ['polling', 'websocket']) {
      const hasty = room.ring(generation, mode)
      hasty.socket.io.engine.on('open', () => hasty.close())
    }
    const last = await room.join(generation, 'websocket')
    last.close()
    await told(witness, last.name)
  })
}

const INTERVAL_MS = 200
const TIMEOUT_MS = 800 // Enough for the witness to answer on a busy machine.
const hearing = ['--ping-interval', String(INTERVAL_MS), '--ping-timeout', String(TIMEOUT_MS)]

for (const version of [3, 4]) {
  test(`EIO=${version}, websocket: silence until the ping timeout`, async (t) => {
    const room = await Room.open(t, hearing)
    const witness = await room.join(4, 'polling')
    const silent = new WebSocket(`${room.server.url.replace('http', 'ws')}/socket.io/?EIO=${version}&transport=websocket`)
    t.after(() => silent.terminate())
    const named = new Promise((resolve) => silent.on('message', (data) => {
      const [, name] = /^42\["initUser",.*"name":"([^"]+)"/.exec(data) ?? []
      if (name) resolve(name)
    }))
    await once(silent, 'open')
    const began = performance.now()
    if (version === 4) silent.send('40')
    await told(witness, await deadline(named, 5_000, 'initUser'))
    assertTimely(performance.now() - began)
    if (silent.readyState !== WebSocket.CLOSED) await deadline(once(silent, 'close'), 5_000, 'the server to close')
  })

  test(`EIO=${version}, polling: silence until the ping timeout`, async (t) => {
    const room = await Room.open(t, hearing)
    const witness = await room.join(4, 'polling')
    const began = performance.now()
    const silent = await Poller.open(room.server, version)
    await silent.enter()
    const { name } = await silent.next('initUser')
    await told(witness, name)
    assertTimely(performance.now() - began)
    const late = await silent.get()
    assert.deepEqual([late.status, late.json.code], [400, 1])
  })
}

function assertTimely (took) {
  assert.ok(took > INTERVAL_MS, `gone after ${took} ms already`)
  assert.ok(took < INTERVAL_MS + TIMEOUT_MS + 2_000, `gone only after ${took} ms`)
}
