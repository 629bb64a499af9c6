// How clients are let go when the server ends: over a time, so that they do not come back all at once, and in such a way that
// they do come back.
import assert from 'node:assert/strict'
import { connect } from 'node:net'
import test from 'node:test'
import WebSocket from 'ws'
import { ask, attack, get, HANDSHAKE, statusOf } from './support/exchange.mjs'
import { everyWay, Guest } from './support/guest.mjs'
import { Raw } from './support/raw.mjs'
import { isReference, Server } from './support/server.mjs'
import { deadline, until } from './support/wait.mjs'

const PATIENCE_MS = 10_000
const SOON_MS = 5_000

/** A server that is ended by the test, and for certain after it. */
async function ending (t, flags = [], port = 0) {
  const server = await Server.start(flags, port)
  t.after(() => server.child.kill('SIGKILL'))
  return server
}

async function joined (t, server, count) {
  const clients = []
  for (let n = 0; n < count; n++) clients.push(await Raw.join(t, server))
  return clients
}

const refusesHandshakes = (server) =>
  until(async () => statusOf(await ask(server, HANDSHAKE)) === 503, SOON_MS, 'handshakes to be refused')

/** Milliseconds from now until each client is closed, in order. */
async function closings (clients, ms) {
  const began = performance.now()
  const gone = clients.map((raw) => raw.closed.then(() => performance.now() - began))
  return (await deadline(Promise.all(gone), ms, 'all to be closed')).sort((a, b) => a - b)
}

attack('22: clients are let go one by one when the server drains', async (t) => {
  const server = await ending(t, ['--drain', '3'])
  const clients = await joined(t, server, 60)
  const times = closings(clients, PATIENCE_MS)
  server.child.kill('SIGTERM')
  await refusesHandshakes(server)
  for (const [from, to] of [[0, 1_000], [1_000, 2_000], [2_000, Infinity]]) {
    const share = (await times).filter((time) => time >= from && time < to).length
    assert.ok(share >= 6 && share <= 40, `${share} of 60 between ${from} and ${to} ms`)
  }
  await deadline(server.exited, PATIENCE_MS, 'the end')
})

/** Opens sessions that nobody polls, on one connection. */
async function open (t, server, count) {
  const socket = connect(server.port, '127.0.0.1').on('error', () => {}).setEncoding('latin1')
  t.after(() => socket.destroy())
  let text = ''
  socket.on('data', (more) => { text += more })
  socket.write(get(HANDSHAKE).repeat(count))
  await until(() => text.split('0{"sid"').length - 1 === count, 60_000, `${count} sessions`)
}

// That the last of 60 is closed within the first seven tenths of the time has a chance of one in two billion.
for (const [sessions, from, to] of [[1_000, 500, 4_000], [15_000, 3_500, 12_000]]) {
  const time = sessions > 5_000 ? 'in five seconds, if there are many' : 'for each a millisecond'
  attack(`22: without --drain clients are let go ${time}`, async (t) => {
    const server = await ending(t)
    const clients = await joined(t, server, 60)
    await open(t, server, sessions - clients.length)
    const times = closings(clients, 20_000)
    server.child.kill('SIGTERM')
    const last = (await times).at(-1)
    assert.ok(last >= from && last < to, `the last of ${sessions} after ${Math.round(last)} ms`)
    await deadline(server.exited, PATIENCE_MS, 'the end')
  })
}

attack('22: a second signal ends it at once', async (t) => {
  const server = await ending(t, ['--drain', '600'])
  const clients = await joined(t, server, 30)
  server.child.kill('SIGTERM')
  await refusesHandshakes(server)
  const left = clients.filter(({ socket }) => socket.readyState === WebSocket.OPEN).length
  assert.ok(left > 15, `of 30 clients ${left} are left: it is not that it was ending anyway`)
  server.child.kill('SIGTERM')
  const [code] = await deadline(server.exited, PATIENCE_MS, 'the end')
  assert.equal(code, 0)
})

for (const { generation, mode, title } of everyWay) {
  const skip = isReference && mode === 'polling' && 'it ends before it has told those who poll'
  test(`22: ${title}: sees the reference's reason, and comes back by itself`, { skip }, async (t) => {
    const server = await ending(t, isReference ? [] : ['--drain', '1'])
    const guest = new Guest(server.url, generation, mode, { reconnection: true })
    t.after(() => guest.close())
    await guest.settle()
    server.child.kill('SIGTERM')
    assert.equal(await guest.next('disconnect'), 'transport close')
    await deadline(server.exited, PATIENCE_MS, 'the end')
    const next = await ending(t, [], server.port)
    await guest.settle()
    assert.ok(guest.socket.connected)
    await guest.say('back')
    await guest.hears('back')
    await next.stop()
  })
}
