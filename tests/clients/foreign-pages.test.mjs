// What a page of another site can make a browser ask for without CORS, scripts above all, and what it gets of that.
import assert from 'node:assert/strict'
import { ask, attack, chat, exchange, get, HANDSHAKE, header, post, SCRIPT, statusOf } from './support/exchange.mjs'
import { Server } from './support/server.mjs'
import { until } from './support/wait.mjs'

/** What browsers say of scripts on pages that are not this server's, and not of https://friend.example. */
const FOREIGN = [
  ['Sec-Fetch-Site: cross-site'], ['Sec-Fetch-Site: same-site'], ['Sec-Fetch-Site: cross-site', 'Referer: https://evil.example/'],
  ['Referer: https://evil.example/'], ['Referer: https://friend.example.evil.example/'], ['Referer: nonsense']
]
const KNOWN = [
  ['Sec-Fetch-Site: cross-site', 'Referer: https://friend.example/'], ['Sec-Fetch-Site: same-origin', 'Referer: http://localhost/'], []
]

/** A session by scripts of a page that may: its id. */
async function session (server) {
  const response = await ask(server, SCRIPT)
  return /\\"sid\\":\\"([^\\]+)\\"/.exec(response)[1]
}

attack('11: JSONP is off unless asked for', async (t) => {
  const server = await chat(t)
  const opened = await ask(server, '/socket.io/?EIO=3&transport=polling')
  const { sid } = JSON.parse(/\{.*?\}/.exec(opened)[0])
  for (const target of [SCRIPT, `${SCRIPT}&sid=${sid}`, `${HANDSHAKE}&j=0`]) {
    const response = await ask(server, target)
    assert.equal(statusOf(response), 400, target)
    assert.doesNotMatch(response, /___eio/, target)
  }
  const posted = await exchange(server, post(`${SCRIPT}&sid=${sid}`, 'd=1%3A1', ['Content-Type: application/x-www-form-urlencoded']))
  assert.equal(statusOf(posted), 400)
})

attack('11: a script of another site opens no session', async (t) => {
  const server = await chat(t, ['--jsonp', '--allow-origin', 'https://friend.example'])
  for (const [all, status] of [[FOREIGN, 403], [KNOWN, 200]]) {
    for (const fields of all) {
      const response = await ask(server, SCRIPT, fields)
      assert.equal(statusOf(response), status, fields.join())
      assert.equal(/___eio/.test(response), status === 200, fields.join())
    }
  }
})

attack('11: a script of another site reads no messages, and a form of it says nothing', async (t) => {
  const server = await chat(t, ['--jsonp', '--allow-origin', 'https://friend.example'])
  const sid = await session(server)
  const form = (fields) => post(`${SCRIPT}&sid=${sid}`, `d=${encodeURIComponent('2:42')}`, [
    'Content-Type: application/x-www-form-urlencoded', ...fields
  ])
  for (const fields of [...FOREIGN, ['Origin: https://evil.example'], ['Origin: null']]) {
    for (const response of [await ask(server, `${SCRIPT}&sid=${sid}`, fields), await exchange(server, form(fields))]) {
      assert.equal(statusOf(response), 403, fields.join())
      assert.doesNotMatch(response, /___eio|initUser/, fields.join())
    }
  }
  // The session has not noticed: the page that may read what there is does so, and what there was is still there.
  const response = await ask(server, `${SCRIPT}&sid=${sid}`, KNOWN[0])
  assert.equal(statusOf(response), 200)
  assert.match(response, /___eio\[0\]\(.*initUser/)
})

const assertMarked = (response, status, whose = 'same-origin') => {
  assert.equal(statusOf(response), status, response)
  assert.equal(header(response, 'x-content-type-options'), 'nosniff', response)
  assert.equal(header(response, 'cross-origin-resource-policy'), whose, response)
}

attack('11: every answer says what it is and whose', async (t) => {
  const server = await chat(t, ['--max-payload', '1000'])
  for (const [target, fields, status, whose] of [
    [HANDSHAKE, [], 200],
    ['/socket.io/?EIO=4&transport=nonsense', [], 400],
    [HANDSHAKE, ['Origin: https://evil.example'], 403],
    [`${HANDSHAKE}&sid=AAAAAAAAAAAAAAAAAAAAAA`, [], 400],
    ['/', [], 200],
    ['/nothing', [], 404],
    ['/', [`x: ${'x'.repeat(20_000)}`], 431],
    ['/health', [], 200],
    ['/ready', [], 200],
    ['/metrics', [], 200],
    ['/socket.io/socket.io.js', [], 200, 'cross-origin']
  ]) assertMarked(await ask(server, target, fields), status, whose)
  const opened = await ask(server, HANDSHAKE)
  const { sid } = JSON.parse(opened.slice(opened.indexOf('{')))
  assertMarked(await exchange(server, post(`${HANDSHAKE}&sid=${sid}`, 'x'.repeat(2_000))), 413)
  assertMarked(await exchange(server, get(HANDSHAKE, [], 'evil.example')), 421)
  assertMarked(await exchange(server, 'nonsense\r\n\r\n'), 400)
})

attack('11: answers say it where there are too many of them, or no room', async (t) => {
  for (const [flags, status] of [
    [['--handshake-rate', '1/1'], 429], [['--connect-rate', '1/1'], 429], [['--max-sessions-per-ip', '1'], 429],
    [['--max-sessions', '1', '--max-sessions-per-ip', '9'], 503]
  ]) {
    const server = await chat(t, flags)
    let response
    const refused = async () => statusOf(response = await ask(server, HANDSHAKE)) !== 200
    await until(refused, 5_000, `a refusal with ${flags}`)
    assertMarked(response, status)
  }
})

attack('11: answers say it while the server drains', async (t) => {
  const server = await Server.start(['--drain', '60'])
  t.after(() => server.child.kill('SIGKILL'))
  await ask(server, HANDSHAKE) // Somebody for whom it lasts.
  server.child.kill('SIGTERM')
  await until(async () => statusOf(await ask(server, HANDSHAKE)) === 503, 5_000, 'handshakes to be refused')
  assertMarked(await ask(server, HANDSHAKE), 503)
  assertMarked(await ask(server, '/ready'), 503)
})
