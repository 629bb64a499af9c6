// Headers that clients and proxies really send: values beyond ASCII, tabs, many of them, subprotocols, and hosts and origins that
// are written otherwise than usual.
import assert from 'node:assert/strict'
import test, { after, before } from 'node:test'
import { each, poll, Socket, target } from '../support/engine.mjs'
import { frame, head, OPCODES, Raw, upgradeHeaders } from '../support/bytes.mjs'
import { isReference, Server } from '../support/server.mjs'
import { until } from '../support/wait.mjs'
import { decode, encode } from '../support/wire.mjs'

let server, client
before(async () => {
  [server, client] = await Promise.all([Server.startSuite('eio'), Server.startSuite('eio-client', ['--ping-interval', '25000'])])
})
after(() => Promise.all([server, client].map((one) => one?.stop())))

const polling = (version) => target({ EIO: version, transport: 'polling' })
const websocket = (version) => target({ EIO: version, transport: 'websocket' })

/** How a head is answered, byte by byte as it is written. `host` is what its `Host` says instead of the server's address. */
async function answered (t, path, headers, host) {
  const raw = await Raw.connect(t, server)
  const text = head(server, path, headers)
  await raw.write(Buffer.from(host === undefined ? text : text.replace(/^Host: .*$/m, `Host: ${host}`), 'latin1'))
  return { raw, ...await raw.answer() }
}

/** A poll opens a session with these headers, and an upgrade one that echoes. */
async function assertTaken (t, version, headers, host) {
  const what = JSON.stringify([host, headers]).slice(0, 200)
  const { status, body } = await answered(t, polling(version), headers, host)
  assert.equal(status, 200, what)
  assert.match(decode(version, body)[0], /^0\{/, what)
  const upgraded = await answered(t, websocket(version), [...headers, ...upgradeHeaders()], host)
  assert.equal(upgraded.status, 101, what)
  upgraded.raw.write(frame(OPCODES.text, '4a'))
  await until(() => upgraded.raw.frames.some(({ data }) => data.equals(Buffer.from('4a'))), 5_000, 'the echo')
}

/** How the bytes of a text look to who takes each for a character, as Node does with header values. */
const seen = (text, encoding) => Buffer.from(text, encoding).toString('latin1')
const beyond = ['utf8', 'latin1'].flatMap((encoding) => [
  ['CF-IPCity', seen('Montréal', encoding)], ['X-Name', seen('Céline', encoding)], ['Cookie', seen('a=b; city=Montréal; c=Zoë', encoding)]
])

each('Headers', 'values beyond ASCII are taken', async (version, t) => {
  for (const header of beyond) await assertTaken(t, version, [header])
  await assertTaken(t, version, [['X-All', Buffer.from(Array.from({ length: 128 }, (_, n) => n + 128)).toString('latin1')]])
})

each('Headers', 'tabs and empty values are taken', async (version, t) => {
  for (const value of ['a\tb', '\ta\t', '', '   ', '\t']) await assertTaken(t, version, [['X-Odd', value], ['Cookie', value]])
})

each('Headers', '200 of them are taken', async (version, t) => {
  const added = 200 - 1 - upgradeHeaders().length // With `Host` and those of an upgrade.
  await assertTaken(t, version, Array.from({ length: added }, (_, n) => [`X-Header-${n}`, `${n}`]))
  await assertTaken(t, version, Array.from({ length: added }, () => ['Cookie', 'a=b']))
})

each('Headers', 'two equal Host lines are taken', async (version, t) => {
  await assertTaken(t, version, [['Host', new URL(server.url).host]])
})

each('Headers', 'values beyond ASCII, tabs and empty values are handed on as they are', async (version, t) => {
  const poller = await poll(client, version)
  const raw = await Raw.connect(t, client)
  const body = encode(version, ['4sendHeaders'])
  const headers = [['X-Utf8', seen('Montréal', 'utf8')], ['X-Latin', 'Zoë'], ['X-Tab', 'a\tb'], ['X-Empty', '']]
  const fields = [...headers, ['Content-Type', 'text/plain'], ['Content-Length', body.length]]
  await raw.write(Buffer.from(head(client, target(poller.query), fields, 'POST') + body, 'latin1'))
  const packet = await poller.until((packet) => packet.startsWith('4{'))
  const told = JSON.parse(packet.slice(1))
  assert.deepEqual(headers.map(([name]) => told[name.toLowerCase()]), headers.map(([, value]) => value))
})

each('Sec-WebSocket-Protocol', 'the first one offered is answered', async (version, t) => {
  const rest = upgradeHeaders()
  for (const [offered, first] of [
    ['mine', 'mine'], ['first.v1, second', 'first.v1'], ['b,a', 'b'], ['  spaced  ,other', 'spaced'], ['__proto__', '__proto__'],
    ["!#$%&'*+-.^_`|~0", "!#$%&'*+-.^_`|~0"]
  ]) {
    const { status, headers } = await answered(t, websocket(version), [...rest, ['Sec-WebSocket-Protocol', offered]])
    assert.deepEqual([status, headers['sec-websocket-protocol']], [101, first], offered)
  }
  const { status, headers } = await answered(t, websocket(version), rest)
  assert.deepEqual([status, headers['sec-websocket-protocol']], [101, undefined])
  // Of what is no list of different tokens, none is the first (RFC 6455, 4.1, item 10).
  for (const offered of ['', ',,,', 'a b', 'a, a', 'a,', ',a', 'a;b', 'Zoë', 'x, '.repeat(2000)]) {
    assert.equal((await answered(t, websocket(version), [...rest, ['Sec-WebSocket-Protocol', offered]])).status, 400, offered)
  }
  // A client refuses an answer that it has not offered.
  const socket = await Socket.open(t, server, { EIO: version }, { protocols: ['first.v1', 'second'] })
  assert.equal(socket.ws.protocol, 'first.v1')
  await socket.echoes()
})

each('Own origin', 'a default port and capitals are no difference', async (version, t) => {
  for (const [host, origin] of [
    ['chat.example:443', 'https://chat.example'], ['chat.example:80', 'http://chat.example'], ['chat.example', 'https://chat.example'],
    ['chat.example', 'http://chat.example:80'], ['chat.example', 'https://chat.example:443'], ['Chat.Example', 'https://chat.example'],
    ['CHAT.EXAMPLE:443', 'https://chat.example'], ['chat.example:8443', 'https://chat.example:8443'], ['[::1]:80', 'http://[::1]']
  ]) await assertTaken(t, version, [['Origin', origin]], host)
})

each('Own origin', 'another host or port is a difference', async (version, t) => {
  for (const [host, origin] of [
    ['chat.example:443', 'https://evil.example'], ['chat.example:8443', 'https://chat.example'], ['chat.example', 'https://chat.example:8443'],
    ['chat.example:443', 'http://chat.example'], ['chat.example:80', 'https://chat.example'], ['chat.example', 'https://a.chat.example'],
    ['chat.example', 'https://chat.example.evil.example'], ['chat.example', 'ftp://chat.example'], ['chat.example', 'null']
  ]) {
    for (const [path, more] of [[polling(version), []], [websocket(version), upgradeHeaders()]]) {
      const { status } = await answered(t, path, [['Origin', origin], ...more], host)
      assert.equal(status, 403, `${host} ${origin}`)
    }
  }
}, { skip: isReference && 'answers any page, and leaves it to the browser' })
