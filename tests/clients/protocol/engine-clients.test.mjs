// Engine.IO alone, through the clients that carry socket.io-client: engine.io-client of generation 3 (EIO=3) and 6 (EIO=4), on
// each way of transport: what is said comes back as it was and in its order, upgrades, hearts that beat, and ends from both
// sides.
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import test, { after, before } from 'node:test'
import { Server } from '../support/server.mjs'
import { deadline, until } from '../support/wait.mjs'
import { request } from '../support/wire.mjs'

const require = createRequire(import.meta.url)
const clients = { 3: require('engine.io-client-3'), 6: require('engine.io-client-6') }
const { Fetch, NodeWebSocket, Socket } = clients[6]
const connect = { 3: (url, options) => clients[3](url, options), 6: (url, options) => new Socket(url, options) }
const EIO = { 3: 3, 6: 4 }

const ways = {
  polling: { transports: ['polling'] },
  websocket: { transports: ['websocket'] },
  upgrade: { transports: ['polling', 'websocket'] },
  'fetch and upgrade': { transports: [Fetch, NodeWebSocket] } // Another HTTP stack, in generation 6 only.
}
const every = [3, 6].flatMap((generation) => Object.keys(ways)
  .filter((mode) => generation === 6 || !mode.startsWith('fetch'))
  .map((mode) => ({ generation, mode, title: `engine.io-client ${generation}, ${mode}` })))
const everyOn = (...modes) => every.filter(({ mode }) => modes.includes(mode))

const PATIENCE_MS = 10_000
const MAX_PAYLOAD = 1_000_000
const LITTLE = 100 // The largest payload that the kind `eio-client` takes.
const MESSAGES = 1_000

let eio, client
before(async () => {
  [eio, client] = await Promise.all([
    Server.startSuite('eio', ['--ping-interval', '300', '--ping-timeout', '5000']),
    Server.startSuite('eio-client', ['--ping-timeout', '5000'])
  ])
})
after(() => Promise.all([eio, client].map((server) => server?.stop())))

const HEARD = ['open', 'handshake', 'upgrade', 'upgradeError', 'message', 'ping', 'pong', 'error', 'close']

/** One client, with all that it hears in order. It leaves with the test. */
class Engine {
  heard = [] // [event, argument], in order of arrival.
  #read = new Set()

  constructor (t, server, { generation, mode }, options = {}) {
    Object.assign(this, { generation, mode })
    this.socket = connect[generation](server.url, { path: '/engine.io', ...ways[mode], ...options })
    for (const event of HEARD) this.socket.on(event, (argument) => this.heard.push([event, argument]))
    t.after(() => this.socket.close())
  }

  /** A client that is in, and on the transport asked for. */
  static async join (t, server, way, options) {
    const engine = new Engine(t, server, way, options)
    await engine.next('open')
    if (engine.upgrades) assert.equal((await engine.next('upgrade')).name, 'websocket')
    assert.equal(engine.transport, engine.mode === 'polling' ? 'polling' : 'websocket')
    return engine
  }

  get upgrades () { return this.mode.endsWith('upgrade') }

  get transport () { return this.socket.transport.name }

  all (event) { return this.heard.filter(([name]) => name === event).map(([, argument]) => argument) }

  /** The argument of the next `event`; the ones before it are not passed over. */
  async next (event) {
    let at
    await until(() => {
      at = this.heard.findIndex(([name], index) => name === event && !this.#read.has(index))
      return at >= 0
    }, PATIENCE_MS, () => `"${event}"; heard ${this.heard.map(describe).slice(-50)}`)
    this.#read.add(at)
    return this.heard[at][1]
  }

  /** Sends a message, and gives what comes back: text as text, and bytes as a buffer. */
  async echo (message) {
    this.socket.send(message)
    const answer = await this.next('message')
    return typeof answer === 'string' || answer === undefined ? answer : Buffer.from(answer)
  }
}

const describe = ([event, argument]) => event === 'error'
  ? `error (${argument.message}: ${argument.description?.message ?? argument.description})`
  : event

/** Waits until the server knows of no such session. Asks in a way that a living one does not heed. */
async function gone (server, generation, sid) {
  await until(async () => {
    const query = { EIO: EIO[generation], transport: 'polling', sid }
    const { body } = await request(server, query, { method: 'PUT', path: '/engine.io/' })
    return body !== '' && JSON.parse(body).code === 1
  }, PATIENCE_MS, 'the end of the session')
}

for (const { title, ...way } of every) {
  test(`${title}: text comes back, of any kind`, async (t) => {
    const engine = await Engine.join(t, eio, way)
    const texts = ['x', '0', '4', 'b64', '4:text', '"\\\n\r\t\0', '\u2028\ufeff', 'Ä 二 😀', 'пойду спать всем спокойной ночи',
      'x'.repeat(100_000), '二'.repeat(50_000)]
    for (const text of texts) assert.equal(await engine.echo(text), text)
    assert.equal(await engine.echo('') ?? '', '', 'an empty message is one, too; the clients call it undefined')
  })

  test(`${title}: binary comes back, out of whatever holds it`, async (t) => {
    const engine = await Engine.join(t, eio, way)
    const all = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))
    for (const bytes of [all, Buffer.from([0]), Buffer.from('4text'), Buffer.from([0x1e]), Buffer.alloc(100_000, 'b'), Buffer.alloc(0)]) {
      assert.deepEqual(await engine.echo(bytes), bytes)
    }
    const words = new Uint16Array([1, 2, 0xffff])
    assert.deepEqual(await engine.echo(words.buffer), Buffer.from(words.buffer))
    assert.deepEqual(await engine.echo(new Uint8Array(words.buffer, 2, 3)), Buffer.from(words.buffer, 2, 3), 'a part of a buffer')
    assert.equal(await engine.echo('and text again'), 'and text again')
  })

  test(`${title}: ${MESSAGES} messages come back in their order, upgrade or not`, async (t) => {
    const engine = new Engine(t, eio, way)
    const nth = (number) => number % 7 ? `text ${number}` : Buffer.from(`binary ${number}`)
    let sent = 0
    const send = () => { if (sent < MESSAGES) engine.socket.send(nth(sent++)) }
    // A first lot at once; of the others each when one has come back, so that some are on their way at any time.
    engine.socket.once('open', () => { while (sent < MESSAGES / 4) send() })
    engine.socket.on('message', send)
    await until(() => engine.all('message').length === MESSAGES, PATIENCE_MS, () => `all, came ${engine.all('message').length}`)
    const came = engine.all('message').map((message) => typeof message === 'string' ? message : Buffer.from(message))
    assert.deepEqual(came, Array.from({ length: MESSAGES }, (_, number) => nth(number)))
    if (engine.upgrades) await engine.next('upgrade')
    assert.deepEqual([engine.all('error'), engine.all('upgradeError'), engine.all('close')], [[], [], []])
  })

  test(`${title}: what is said before the connection is there comes back too`, async (t) => {
    const engine = new Engine(t, eio, way)
    assert.equal(await engine.echo('early'), 'early')
    assert.deepEqual(await engine.echo(Buffer.from('still early')), Buffer.from('still early'))
  })

  test(`${title}: the handshake says what the server wants`, async (t) => {
    const engine = await Engine.join(t, client, way)
    const { sid, ...rest } = await engine.next('handshake')
    const upgrades = way.mode === 'websocket' ? [] : ['websocket']
    assert.deepEqual(rest, { upgrades, pingInterval: 500, pingTimeout: 5_000, maxPayload: LITTLE })
    assert.match(sid, /^[\w-]{20,}$/)
    assert.equal(engine.socket.id, sid)
  })

  test(`${title}: the heart beats`, async (t) => {
    const engine = await Engine.join(t, eio, way)
    // Who pings whom, is turned around between the generations.
    const beat = way.generation === 3 ? 'pong' : 'ping'
    await until(() => engine.all(beat).length >= 3, PATIENCE_MS, 'three beats')
    assert.equal(await engine.echo('alive'), 'alive')
    assert.deepEqual(engine.all('close'), [])
  })

  test(`${title}: the client closes`, async (t) => {
    const engine = await Engine.join(t, eio, way)
    const { id } = engine.socket
    assert.equal(await engine.echo('x'), 'x')
    engine.socket.close()
    assert.equal(await engine.next('close'), 'forced close')
    await gone(eio, way.generation, id)
  })

  test(`${title}: the client closes in the middle of it all`, async (t) => {
    const engine = new Engine(t, eio, way)
    await engine.next('open')
    const { id } = engine.socket
    for (let number = 0; number < 50; number += 1) engine.socket.send(`${number}`)
    engine.socket.close()
    assert.equal(await engine.next('close'), 'forced close')
    await gone(eio, way.generation, id)
  })

  test(`${title}: the server closes`, async (t) => {
    const own = await Server.startSuite('eio')
    t.after(() => own.stop())
    const engine = await Engine.join(t, own, way)
    assert.equal(await engine.echo('x'), 'x')
    await own.stop()
    const reason = await engine.next('close')
    // Who is between two polls finds nobody there.
    if (engine.mode === 'polling') assert.match(reason, /^transport (close|error)$/)
    else assert.equal(reason, 'transport close')
  })

  test(`${title}: what the server has to say of its own accord`, async (t) => {
    const engine = await Engine.join(t, client, way)
    assert.equal(await engine.next('message'), 'hi')
    assert.equal(await engine.echo('give utf8'), 'пойду спать всем спокойной ночи')
    assert.deepEqual(await engine.echo('give binary'), Buffer.from([0, 1, 2, 3, 4]))
    assert.equal(await engine.echo('anything else'), 'anything else')
  })

  test(`${title}: a client that is not let in`, async (t) => {
    const engine = new Engine(t, client, way, { query: { deny: 1 } })
    const error = await engine.next('error')
    assert.equal(await engine.next('close'), 'transport error')
    assert.deepEqual(engine.all('open'), [])
    if (way.mode === 'polling' || way.mode === 'upgrade') assert.equal(error.description, 403)
  })

  test(`${title}: a message as large as may be, and one that is larger`, async (t) => {
    const engine = await Engine.join(t, client, way)
    assert.equal(await engine.next('message'), 'hi')
    // All that is in the payload counts, and a payload of EIO=3 has a length before each packet.
    const wrapping = way.generation === 3 && way.mode === 'polling' ? '97:4' : '4'
    const text = 'x'.repeat(LITTLE - wrapping.length)
    assert.equal(await engine.echo(text), text)
    engine.socket.send(`${text}x`)
    assert.equal(await engine.next('close'), way.mode === 'polling' ? 'transport error' : 'transport close')
    assert.deepEqual(engine.all('message'), ['hi', text])
  })

  test(`${title}: a megabyte`, async (t) => {
    const engine = await Engine.join(t, eio, way)
    const text = 'x'.repeat(MAX_PAYLOAD - '999992:4'.length)
    assert.equal(await engine.echo(text), text)
  })
}

for (const { title, ...way } of everyOn('polling').filter(({ generation }) => generation === 6)) {
  test(`${title}: many messages where little goes into a payload`, async (t) => {
    const engine = await Engine.join(t, client, way)
    assert.equal(await engine.next('message'), 'hi')
    const messages = Array.from({ length: 100 }, (_, number) => `${number} `.repeat(7))
    for (const message of messages) engine.socket.send(message)
    await until(() => engine.all('message').length === 101, PATIENCE_MS, 'all of them')
    assert.deepEqual(engine.all('message').slice(1), messages)
  })

  test(`${title}: cookies are kept`, async (t) => {
    const engine = await Engine.join(t, client, way, { withCredentials: true, extraHeaders: { 'X-Name': 'value' } })
    assert.equal(await engine.next('message'), 'hi')
    const headers = JSON.parse(await engine.echo('sendHeaders'))
    assert.equal(headers.cookie, '1=1; 2=2')
    assert.equal(headers['x-name'], 'value')
    assert.equal(headers['content-type'].toLowerCase(), 'text/plain;charset=utf-8')
  })
}

for (const { title, ...way } of everyOn('upgrade', 'fetch and upgrade')) {
  test(`${title}: stays on polling if told to`, async (t) => {
    const engine = new Engine(t, eio, way, { upgrade: false })
    await engine.next('open')
    assert.equal(await engine.echo('x'), 'x')
    assert.equal(engine.transport, 'polling')
  })

  test(`${title}: closes while it upgrades`, async (t) => {
    const engine = new Engine(t, eio, way)
    await deadline(new Promise((resolve) => engine.socket.once('upgrading', resolve)), PATIENCE_MS, 'the upgrade')
    const { id } = engine.socket
    engine.socket.close()
    assert.equal(await engine.next('close'), 'forced close')
    await gone(eio, way.generation, id)
  })
}
