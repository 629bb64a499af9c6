// Floods of messages, sessions and replays: what one client takes is bounded, however often it comes.
import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { ask, attack, chat, exchange, get, HANDSHAKE, isWhole, statusOf } from './support/exchange.mjs'
import { Raw } from './support/raw.mjs'
import { until } from './support/wait.mjs'

attack('12: one client that comes again and again says no more than one that stays', async (t) => {
  const server = await chat(t)
  const witness = await Raw.join(t, server)
  const began = performance.now()
  const text = JSON.stringify(['chat message', { description: 'spam' }])
  for (let times = 0; times < 60; times++) {
    const raw = await Raw.join(t, server)
    for (let n = 0; n < 9; n++) raw.say(`2${text}`)
    await raw.call('/', 'chat message', { description: 'spam' })
    await raw.leave()
  }
  const most = 30 + Math.ceil((performance.now() - began) * 5 / 1_000)
  const heard = witness.rest().filter((message) => message.includes('"spam"')).length
  assert.ok(heard >= 30 && heard <= most, `${heard} messages, not 30 to ${most}`)
})

/** A client that comes 20 times a second and more, each time with as many of the largest messages as it likes. */
async function comeAgain (t, server, until) {
  const text = '\u0001'.repeat(2_000) // On the wire and in JSON each is six bytes.
  const event = JSON.stringify(['chat message', { description: text }])
  for (let times = 0; !until(); times++) {
    const raw = await Raw.join(t, server)
    for (let n = 0; n < 9; n++) raw.say(`2${event}`)
    await raw.call('/', 'chat message', { description: text })
    await raw.leave()
  }
}

/** How many sessions were closed since they did not read. */
async function slowConsumers (server) {
  const metrics = await ask(server, '/metrics', ['Connection: close'])
  return Number(/^sanket_sessions_closed_total\{reason="slow consumer"\} (\d+)/m.exec(metrics)?.[1] ?? 0)
}

async function slowReaders (t, server, count) {
  const readers = []
  for (let n = 0; n < count; n++) {
    const raw = await Raw.join(t, server)
    raw.socket.pause()
    readers.push(raw)
  }
  return readers
}

// What the system holds for a socket of loopback is some MB; this is what the server may hold beside that.
const SMALL_QUEUE = ['--max-queue', '300000']

attack('12: the largest messages of a client that comes again and again close no slow reader', async (t) => {
  const server = await chat(t, [...SMALL_QUEUE, '--drain', '0'])
  const readers = await slowReaders(t, server, 20)
  const end = performance.now() + 6_000
  await comeAgain(t, server, () => performance.now() > end)
  assert.equal(await slowConsumers(server), 0)
  for (const raw of readers) raw.socket.resume()
  // The answer comes after all that was queued.
  await Promise.all(readers.map((raw) => raw.call('/', 'chat message', { description: 'still here' })))
})

attack('12: without limits they would', async (t) => {
  const limitless = ['--message-burst', '1000000', '--message-interval', '1', '--byte-rate', 'off']
  const server = await chat(t, [...SMALL_QUEUE, ...limitless, '--drain', '0'])
  await slowReaders(t, server, 20)
  let closed = 0
  const watching = until(async () => (closed = await slowConsumers(server)) === 20, 30_000, () => `all to be closed, not ${closed}`)
  let over = false
  watching.finally(() => { over = true }).catch(() => {})
  await Promise.all([watching, comeAgain(t, server, () => over)])
})

attack('13: 20,000 sessions from one connection keep nobody out', async (t) => {
  const server = await chat(t, ['--max-sessions', '8000', '--drain', '0'])
  const socket = connect({ port: server.port, host: '127.0.0.1', localAddress: '127.0.0.3' })
  t.after(() => socket.destroy())
  let answered = 0
  let tail = ''
  const mark = 'HTTP/1.1 '
  socket.on('error', () => {}).setEncoding('latin1').on('data', (text) => {
    const parts = (tail + text).split(mark)
    answered += parts.length - 1
    tail = parts.at(-1).slice(1 - mark.length) // It may hold the first half of one more.
  })
  for (let n = 0; n < 200; n++) socket.write(get(HANDSHAKE).repeat(100))
  await until(() => answered >= 20_000, 60_000, () => `20,000 answers, there are ${answered}`)
  // Neither others, nor other clients behind the same address.
  for (const from of ['127.0.0.1', '127.0.0.3']) {
    const response = await ask(server, HANDSHAKE, [], from)
    assert.equal(statusOf(response), 200, response)
    const { sid } = JSON.parse(response.slice(response.indexOf('{')))
    const post = `POST ${HANDSHAKE}&sid=${sid} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n40`
    assert.equal(statusOf(await exchange(server, post, isWhole, from)), 200)
    const joined = await ask(server, `${HANDSHAKE}&sid=${sid}`, [], from)
    assert.match(joined, /40\{"sid"/)
  }
})

attack('14: a session is not replayed again within a second', async (t) => {
  const server = await chat(t, ['--recovery'])
  const lost = await Raw.join(t, server, '/', 4)
  const talker = await Raw.join(t, server)
  await talker.call('/', 'chat message', { description: 'first' })
  const first = JSON.parse((await lost.take((text) => text.includes('"first"'), 'the message')).slice(1))
  const offset = first.at(-1)
  const again = await Raw.open(t, server)
  const { pid } = await again.join('/')
  again.socket.terminate()
  await talker.call('/', 'chat message', { description: 'missed' })
  const began = performance.now()
  for (let times = 0; times < 3; times++) {
    const raw = await Raw.open(t, server)
    const joined = await raw.join('/', { pid, offset })
    assert.equal(joined.pid, pid, 'the same session')
    await raw.take((text) => text.includes('"missed"'), 'what it has missed')
    raw.socket.terminate()
  }
  const took = performance.now() - began
  assert.ok(took >= 2_000, `the second and the third have to wait, and all took ${Math.round(took)} ms`)
})
