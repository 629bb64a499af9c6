// The client's own files, as pages load them from the server they talk to: which there are, how they are kept and sent, and
// that what is served is a client that works. Knows nothing of what is in them.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request } from 'node:http'
import { createRequire } from 'node:module'
import test, { after, before } from 'node:test'
import vm from 'node:vm'
import { brotliDecompressSync, gunzipSync, inflateSync } from 'node:zlib'
import WebSocket, { WebSocketServer } from 'ws'
import { isReference, Server } from '../support/server.mjs'
import { deadline } from '../support/wait.mjs'

const msgpack = createRequire(import.meta.url)('notepack.io') // What the client's parser is made of.

const PATIENCE_MS = 10_000
const SCRIPTS = ['socket.io.js', 'socket.io.min.js', 'socket.io.msgpack.min.js']
const ESM = 'socket.io.esm.min.js'
const SOURCES = [...SCRIPTS, ESM]
const FILES = [...SOURCES, ...SOURCES.map((name) => `${name}.map`)]

let server
before(async () => { server = await Server.start() })
after(() => server?.stop())

/** One request, with the body as it is on the wire. */
function ask (name, { of = server, method = 'GET', headers = {} } = {}) {
  const answer = new Promise((resolve, reject) => {
    const asking = request(`${of.url}/socket.io/${name}`, { method, headers }, (response) => {
      const pieces = []
      response.on('data', (piece) => pieces.push(piece)).once('error', reject).once('end', () => {
        resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(pieces) })
      })
    })
    asking.once('error', reject).end()
  })
  return deadline(answer, PATIENCE_MS, `${method} ${name}`)
}

async function assertWhole (name, options) {
  const { status, headers, body } = await ask(name, options)
  const type = name.endsWith('.map') ? 'application/json; charset=utf-8' : 'application/javascript; charset=utf-8'
  assert.deepEqual([status, headers['content-type'], headers['cache-control']], [200, type, 'public, max-age=0'], name)
  return { headers, body }
}

for (const name of FILES) {
  test(`${name} is there, whole, with the version for its tag`, async () => {
    const { headers, body } = await assertWhole(name)
    assert.equal(headers['content-encoding'], undefined)
    assert.match(headers.etag, /^"4\.\d+\.\d+"$/)
    if (name.endsWith('.map')) {
      assert.equal(JSON.parse(body).version, 3)
    } else {
      assert.ok(body.includes(`Socket.IO v${headers.etag.slice(1, -1)}`), 'it is the version that the tag says')
      assert.ok(body.toString().trimEnd().endsWith(`//# sourceMappingURL=${name}.map`))
      assert.equal(headers.sourcemap, undefined, 'the file says it itself')
    }
  })

  test(`${name} is the same in every encoding`, async () => {
    const { headers: { etag }, body } = await assertWhole(name)
    for (const [encoding, decoded] of [['br', brotliDecompressSync], ['gzip', gunzipSync], ['deflate', inflateSync]]) {
      const answer = await assertWhole(name, { headers: { 'accept-encoding': encoding } })
      assert.deepEqual([answer.headers['content-encoding'], answer.headers.etag], [encoding, etag])
      assert.ok(answer.body.length < body.length / 2, `${answer.body.length} bytes of ${body.length}`)
      assert.ok(decoded(answer.body).equals(body), encoding)
    }
  })
}

test('which encoding is up to the client', async () => {
  for (const [accepted, encoding] of [
    ['gzip;q=0.5, deflate;q=0.7', 'deflate'], ['br;q=0, gzip', 'gzip'], ['br;q=0.2, gzip;q=0.3', 'gzip'], ['*', 'br'],
    ['gzip;q=0', undefined], ['identity', undefined], ['zstd', undefined]
  ]) {
    const { headers } = await assertWhole('socket.io.min.js', { headers: { 'accept-encoding': accepted } })
    assert.equal(headers['content-encoding'], encoding, accepted)
    // The reference forgets to tell caches.
    if (!isReference) assert.equal(headers.vary, 'accept-encoding')
  }
})

test('what the client has is not sent again', async () => {
  const { etag } = (await ask('socket.io.js')).headers
  for (const name of FILES) {
    for (const known of [etag, `W/${etag}`]) {
      for (const method of ['GET', 'HEAD']) {
        const { status, headers, body } = await ask(name, { method, headers: { 'if-none-match': known } })
        assert.deepEqual([status, body.length], [304, 0], `${method} ${name}`)
        // RFC 9110, 15.4.5, wants them; the reference does without.
        if (!isReference) assert.deepEqual([headers.etag, headers['cache-control']], [etag, 'public, max-age=0'])
      }
    }
  }
  for (const other of ['"0.0.0"', etag.slice(1, -1), `W/"${etag}"`]) {
    await assertWhole('socket.io.js', { headers: { 'if-none-match': other } })
  }
})

test('HEAD says what GET would, and nothing comes behind it', async () => {
  for (const name of FILES) {
    const { headers: { etag } } = await assertWhole(name)
    const { headers, body } = await assertWhole(name, { method: 'HEAD', headers: { 'accept-encoding': 'gzip' } })
    assert.deepEqual([headers.etag, headers['content-encoding'], body.length], [etag, 'gzip', 0])
  }
})

test('whatever the method, it is the file', async () => {
  const { body } = await assertWhole('socket.io.min.js')
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) {
    assert.ok((await assertWhole('socket.io.min.js', { method })).body.equals(body), method)
  }
})

test('a query does not matter', async () => {
  await assertWhole('socket.io.js?v=1')
})

test('other names are no files', async () => {
  const others = [
    'socket.io.css', 'socket.io.esm.js', 'socket.io.msgpack.js', 'socket.io', 'package.json', 'socket.io.js/',
    'Socket.io.js', 'dist/socket.io.js', '/socket.io.js', '%73ocket.io.js', 'socket.io.js.br', 'socket.io.js.gz', '..%2fsocket.io.js'
  ]
  for (const name of others) {
    const { status } = await ask(name)
    // The reference asks its engine what that is.
    assert.equal(status, isReference ? 400 : 404, name)
  }
})

async function assertEndpoint (of) {
  const { status, body } = await ask('?EIO=4&transport=none', { of })
  assert.deepEqual([status, body.toString()], [400, '{"code":0,"message":"Transport unknown"}'])
}

test('the endpoint beside them is what it was', () => assertEndpoint(server))

test('they can be switched off', { skip: isReference && 'the reference chat has no such flag' }, async (t) => {
  const without = await Server.start(['--no-client-files'])
  t.after(() => without.stop())
  for (const name of FILES) assert.equal((await ask(name, { of: without })).status, 404, name)
  await assertEndpoint(without)
})

/** What a script leaves in a world that has nothing of Node's, and of a browser's only what a client needs. */
function evaluated (script) {
  const world = vm.createContext({ WebSocket, setTimeout, clearTimeout })
  vm.runInContext(script, world)
  return world.io
}

/** A conversation with the chat: in, and heard. */
async function talks (t, io) {
  const socket = io(server.url, { transports: ['websocket'], reconnection: false })
  t.after(() => socket.disconnect())
  const failed = new Promise((_resolve, reject) => socket.once('connect_error', reject))
  const greeted = new Promise((resolve) => socket.once('initUser', resolve))
  const { name } = await deadline(Promise.race([greeted, failed]), PATIENCE_MS, 'the greeting')
  const heard = new Promise((resolve) => socket.once('message from server', resolve))
  const answer = await deadline(socket.emitWithAck('chat message', { description: '你好' }), PATIENCE_MS, 'the ack')
  assert.equal(answer.ok, true)
  const { nickName, description } = await deadline(heard, PATIENCE_MS, 'the message')
  assert.deepEqual({ nickName, description }, { nickName: name, description: '你好' })
}

for (const name of ['socket.io.js', 'socket.io.min.js']) {
  test(`${name} is a client that talks`, async (t) => {
    const { body } = await assertWhole(name, { headers: { 'accept-encoding': 'identity' } })
    await talks(t, evaluated(body.toString()))
  })
}

test(`${ESM} is a module, and a client that talks`, async (t) => {
  const { body } = await assertWhole(ESM)
  globalThis.WebSocket ??= WebSocket // Node 20 has none of its own.
  const { io } = await import(`data:text/javascript;base64,${body.toString('base64')}`)
  await talks(t, io)
})

test('socket.io.msgpack.min.js is the client that speaks MessagePack', async (t) => {
  const { body } = await assertWhole('socket.io.msgpack.min.js')
  // The chat does not speak it. Here is somebody who says hello and listens.
  const listener = new WebSocketServer({ host: '127.0.0.1', port: 0 })
  t.after(() => listener.close())
  await deadline(once(listener, 'listening'), PATIENCE_MS, 'a port')
  const heard = once(listener, 'connection').then(([socket]) => {
    socket.send(`0${JSON.stringify({ sid: 'x', upgrades: [], pingInterval: 25_000, pingTimeout: 20_000 })}`)
    return once(socket, 'message')
  })
  const url = `http://127.0.0.1:${listener.address().port}`
  const socket = evaluated(body.toString())(url, { transports: ['websocket'], reconnection: false })
  t.after(() => socket.disconnect())
  const [message, isBinary] = await deadline(heard, PATIENCE_MS, 'its CONNECT')
  assert.equal(isBinary, true)
  assert.deepEqual(msgpack.decode(message), { type: 0, data: undefined, nsp: '/' })
})
