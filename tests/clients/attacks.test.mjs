// Attacks on the running chat, over the network: each was seen to work once. The reference would not withstand most of them.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import test from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Raw } from './support/raw.mjs'
import { Server, isReference } from './support/server.mjs'
import { deadline, until } from './support/wait.mjs'

const PATIENCE_MS = 10_000
const attack = (name, run) => test(name, { skip: isReference && 'the reference does not withstand it' }, run)

async function chat (t, flags = []) {
  const server = await Server.start(flags)
  t.after(() => server.stop())
  return server
}

/** Sends requests on one connection, and resolves with what came when `enough` says so or the server has ended it. */
async function exchange (server, bytes, enough, from = '127.0.0.1') {
  const socket = connect({ port: server.port, host: '127.0.0.1', localAddress: from })
  let heard = ''
  const done = new Promise((resolve) => {
    socket.setEncoding('latin1').on('data', (text) => { if (enough(heard += text)) resolve() })
    socket.on('error', resolve).on('close', resolve)
  })
  socket.write(bytes)
  await deadline(done, PATIENCE_MS, 'the responses').finally(() => socket.destroy())
  return heard
}

const get = (target, fields = []) => `GET ${target} HTTP/1.1\r\nHost: localhost\r\n${fields.map((f) => `${f}\r\n`).join('')}\r\n`
const isWhole = (text) => {
  const [head, body] = text.split('\r\n\r\n')
  return body !== undefined && body.length >= Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0)
}
const ask = (server, target, fields, from) => exchange(server, get(target, fields), isWhole, from)
const statusOf = (response) => Number(response.slice(9, 12))
const header = (response, name) => new RegExp(`^${name}: (.*?)\r$`, 'im').exec(response)?.[1]

const HANDSHAKE = '/socket.io/?EIO=4&transport=polling'
const SCRIPT = '/socket.io/?EIO=3&transport=polling&j=0'

attack('11: JSONP is off unless asked for', async (t) => {
  const server = await chat(t)
  const response = await ask(server, SCRIPT)
  assert.equal(statusOf(response), 400)
  assert.doesNotMatch(response, /___eio/)
})

attack('11: a script of another site opens no session', async (t) => {
  const server = await chat(t, ['--jsonp', '--allow-origin', 'https://friend.example'])
  for (const [fields, status] of [
    [['Sec-Fetch-Site: cross-site'], 403],
    [['Sec-Fetch-Site: same-site'], 403],
    [['Sec-Fetch-Site: cross-site', 'Referer: https://evil.example/'], 403],
    [['Referer: https://evil.example/'], 403],
    [['Sec-Fetch-Site: cross-site', 'Referer: https://friend.example/'], 200],
    [['Sec-Fetch-Site: same-origin', 'Referer: http://localhost/'], 200],
    [[], 200]
  ]) {
    const response = await ask(server, SCRIPT, fields)
    assert.equal(statusOf(response), status, fields.join())
    assert.equal(/___eio/.test(response), status === 200, fields.join())
  }
})

attack('11: every answer says what it is and whose', async (t) => {
  const server = await chat(t)
  for (const [target, fields, status, whose] of [
    [HANDSHAKE, [], 200, 'same-origin'],
    ['/socket.io/?EIO=4&transport=nonsense', [], 400, 'same-origin'],
    [HANDSHAKE, ['Origin: https://evil.example'], 403, 'same-origin'],
    [`${HANDSHAKE}&sid=AAAAAAAAAAAAAAAAAAAAAA`, [], 400, 'same-origin'],
    ['/', [], 200, 'same-origin'],
    ['/nothing', [], 404, 'same-origin'],
    ['/', [`x: ${'x'.repeat(20_000)}`], 431, 'same-origin'],
    ['/socket.io/socket.io.js', [], 200, 'cross-origin']
  ]) {
    const response = await ask(server, target, fields)
    assert.equal(statusOf(response), status, target)
    assert.equal(header(response, 'x-content-type-options'), 'nosniff', target)
    assert.equal(header(response, 'cross-origin-resource-policy'), whose, target)
  }
})

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

attack('13: 20,000 sessions from one connection keep nobody out', async (t) => {
  const server = await chat(t, ['--max-sessions', '8000'])
  const socket = connect({ port: server.port, host: '127.0.0.1', localAddress: '127.0.0.3' })
  t.after(() => socket.destroy())
  let answered = 0
  socket.on('error', () => {}).setEncoding('latin1').on('data', (text) => { answered += text.split('HTTP/1.1 ').length - 1 })
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
  const took = []
  for (let times = 0; times < 3; times++) {
    const raw = await Raw.open(t, server)
    const began = performance.now()
    const joined = await raw.join('/', { pid, offset })
    took.push(performance.now() - began)
    assert.equal(joined.pid, pid, 'the same session')
    await raw.take((text) => text.includes('"missed"'), 'what it has missed')
    raw.socket.terminate()
  }
  assert.ok(took[0] < 500 && took[1] > 700 && took[2] > 700, `${took.map(Math.round)} ms`)
})

attack('17: a page whose name points here (DNS rebinding) gets nothing', async (t) => {
  const server = await chat(t)
  for (const target of ['/', HANDSHAKE, '/socket.io/socket.io.js']) {
    const rebound = get(target).replace('localhost', 'rebound.example:8081')
    assert.equal(statusOf(await exchange(server, rebound, isWhole)), 421, target)
    for (const host of ['localhost:8081', '127.0.0.1', '[::1]:80', 'LOCALHOST']) {
      assert.equal(statusOf(await exchange(server, get(target).replace('localhost', host), isWhole)), 200, `${target} ${host}`)
    }
  }
  const named = await chat(t, ['--host', 'chat.example', '--host', '*.chat.example'])
  for (const [host, status] of [['chat.example:443', 200], ['a.chat.example', 200], ['localhost:8081', 200], ['127.0.0.1', 200], ['evil.example', 421]]) {
    assert.equal(statusOf(await exchange(named, get('/').replace('localhost', host), isWhole)), status, host)
  }
})

attack('22: clients are let go one by one when the server drains', async (t) => {
  const server = await Server.start(['--drain', '3'])
  const clients = []
  for (let n = 0; n < 60; n++) clients.push(await Raw.join(t, server))
  const began = performance.now()
  const gone = clients.map((raw) => raw.closed.then(() => performance.now() - began))
  const stopped = server.stop()
  await until(async () => statusOf(await ask(server, HANDSHAKE)) === 503, 1_000, 'handshakes to be refused')
  const times = (await deadline(Promise.all(gone), PATIENCE_MS, 'all to be closed')).sort((a, b) => a - b)
  for (const [from, to] of [[0, 1_000], [1_000, 2_000], [2_000, 3_500]]) {
    const share = times.filter((time) => time >= from && time < to).length
    assert.ok(share >= 6 && share <= 40, `${share} of 60 between ${from} and ${to} ms`)
  }
  await stopped
})

attack('22: a second signal ends it at once', async (t) => {
  const server = await Server.start(['--drain', '60'])
  await Raw.join(t, server)
  server.child.kill('SIGTERM')
  await until(async () => statusOf(await ask(server, HANDSHAKE)) === 503, 1_000, 'handshakes to be refused')
  await sleep(50) // Still there: it is not that it was ending anyway.
  assert.equal(server.child.exitCode, null)
  server.child.kill('SIGTERM')
  await deadline(server.exited, 4_000, 'the end')
  assert.equal(server.child.exitCode, 0)
})

attack('1: without EIO a client is one of the third revision', async (t) => {
  const server = await chat(t)
  const response = await ask(server, '/socket.io/?transport=polling')
  assert.equal(statusOf(response), 200)
  assert.match(response, /\d+:0\{"sid"/)
  for (const eio of ['5', '', 'x']) assert.equal(statusOf(await ask(server, `/socket.io/?EIO=${eio}&transport=polling`)), 400)
})

attack('2: a cookie beyond ASCII locks nobody out', async (t) => {
  const server = await chat(t)
  for (const target of ['/', HANDSHAKE, '/socket.io/socket.io.js']) {
    const response = await exchange(server, Buffer.from(get(target, ['Cookie: a=Montr\u00e9al', 'X-Tab: a\tb', 'X-Empty:']), 'utf8'), isWhole)
    assert.equal(statusOf(response), 200, target)
  }
  const socket = connect(server.port, '127.0.0.1')
  t.after(() => socket.destroy())
  socket.write(Buffer.from(get('/socket.io/?EIO=4&transport=websocket', [
    'Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    'CF-IPCity: Montr\u00e9al', 'Sec-WebSocket-Protocol: mine, other'
  ]), 'latin1'))
  const [data] = await deadline(once(socket, 'data'), PATIENCE_MS, 'the 101')
  assert.match(data.toString('latin1'), /^HTTP\/1\.1 101 [^]*sec-websocket-protocol: mine\r\n/)
})

attack('4: a trusted proxy says which host the page is of', async (t) => {
  const fields = ['X-Forwarded-Host: Chat.Example:443', 'X-Forwarded-Proto: https', 'Origin: https://chat.example']
  const trusting = await chat(t, ['--trusted-proxy', '127.0.0.0/8', '--host', 'chat.example'])
  assert.equal(statusOf(await ask(trusting, HANDSHAKE, fields)), 200)
  const other = await chat(t)
  assert.equal(statusOf(await ask(other, HANDSHAKE, fields)), 403)
  await until(() => other.stderr.includes('https://chat.example') && other.stderr.includes('localhost'), 1_000, 'the log to say which met which')
})
