// Attacks on the running chat, over the network: each was seen to work once. The reference would not withstand most of them.
import assert from 'node:assert/strict'
import { ask, attack, chat, exchange, get, HANDSHAKE, header, isWhole, statusOf, UPGRADE, upgradeFields } from './support/exchange.mjs'
import { until } from './support/wait.mjs'

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

attack('17: nor does a WebSocket of such a page', async (t) => {
  const server = await chat(t)
  for (const [host, status] of [
    ['rebound.example', 421], ['rebound.example:8081', 421], ['127.0.0.1.rebound.example', 421], ['127.0.0.1:8081', 101], ['localhost', 101]
  ]) {
    for (const origin of [[], [`Origin: http://${host}`]]) {
      const response = await exchange(server, get(UPGRADE, [...origin, ...upgradeFields()], host))
      assert.equal(statusOf(response), status, `${host} ${origin}`)
      assert.doesNotMatch(response.slice(1), /HTTP/, 'one answer')
    }
  }
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
  const fields = [...upgradeFields(), 'CF-IPCity: Montr\u00e9al', 'Sec-WebSocket-Protocol: mine, other']
  const upgraded = await exchange(server, Buffer.from(get(UPGRADE, fields), 'latin1'))
  assert.equal(statusOf(upgraded), 101)
  assert.equal(header(upgraded, 'sec-websocket-protocol'), 'mine')
})

attack('4: a trusted proxy says which host the page is of', async (t) => {
  const fields = ['X-Forwarded-Host: Chat.Example:443', 'X-Forwarded-Proto: https', 'Origin: https://chat.example']
  const trusting = await chat(t, ['--trusted-proxy', '127.0.0.0/8', '--host', 'chat.example'])
  assert.equal(statusOf(await ask(trusting, HANDSHAKE, fields)), 200)
  const other = await chat(t)
  assert.equal(statusOf(await ask(other, HANDSHAKE, fields)), 403)
  await until(() => other.stderr.includes('https://chat.example') && other.stderr.includes('localhost'), 5_000, 'the log to say which met which')
})
