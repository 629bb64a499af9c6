// Engine.IO clients and small words for the tests that go through the protocol's table line by line. Knows the path and
// both revisions; judges nothing but that what is waited for comes.
import { once } from 'node:events'
import test from 'node:test'
import WebSocket from 'ws'
import { deadline, until } from './wait.mjs'
import { Poller, request } from './wire.mjs'

export const PATH = '/engine.io/'
const PATIENCE_MS = 5_000

/** A test of a line of the table, once for each revision. */
export function each (line, what, run, options = {}) {
  for (const version of [3, 4]) test(`${line}, EIO=${version}: ${what}`, options, (t) => run(version, t))
}

export const ask = (server, query, options) => request(server, query, { path: PATH, ...options })

export const poll = (server, version, more) => Poller.open(server, version, { path: PATH, more })

/** Path and query of a request, as they stand in its first line. */
export const target = (query) => `${PATH}?${new URLSearchParams(query)}`

/** A poll that is surely waiting: a request after it was answered. What that request asks for is refused, and harmless. */
export async function parked (poller, options) {
  const waiting = poller.get(options)
  await waiting.sent
  // Whoever is asked later answers later; on several threads it may take a few.
  for (let n = 0; n < 5; n++) await ask(poller.server, { ...poller.query, transport: 'none' })
  return { waiting } // Bare, it would be waited for.
}

/** The packet comes back in one of the next polls. */
export async function echoes (poller, packet = `4${Math.random()}`) {
  const { status, body } = await poller.post([packet])
  if (status !== 200) throw new Error(`the POST was answered ${status} ${body}`)
  await poller.until((other) => other === packet)
}

/** The session has ended. */
export async function assertUnknown (poller) {
  const answer = await poller.get()
  const told = `${answer.status} ${answer.body}`
  if (told !== '400 {"code":1,"message":"Session ID unknown"}') throw new Error(`the session has not ended: ${told}`)
}

/** A WebSocket and what came on it: text as strings, binary as Buffers. */
export class Socket {
  /** Resolves when it is open. `query` may be `{ sid }` of a session that polls. */
  static async open (t, server, query, { headers, protocols } = {}) {
    const url = `${server.url.replace('http', 'ws')}${target({ transport: 'websocket', ...query })}`
    const socket = new Socket(new WebSocket(url, protocols, { headers, perMessageDeflate: false }))
    t.after(() => socket.ws.terminate())
    await deadline(socket.opened, PATIENCE_MS, `a websocket with ${JSON.stringify(query)}`)
    return socket
  }

  /** A session of its own, past the handshake. */
  static async session (t, server, version, more) {
    const socket = await Socket.open(t, server, { EIO: version, ...more })
    socket.handshake = JSON.parse((await socket.next()).slice(1))
    return socket
  }

  /** To upgrade the session of a poller. */
  static probing (t, { server, version, opened }) {
    return Socket.open(t, server, { EIO: version, sid: opened.sid })
  }

  constructor (ws) {
    this.ws = ws
    this.frames = []
    ws.on('message', (data, binary) => this.frames.push(binary ? data : data.toString()))
    this.opened = once(ws, 'open')
    ws.on('error', () => {}) // 'close' follows.
    /** Resolves with the code of the close frame. */
    this.closed = new Promise((resolve) => ws.once('close', resolve))
  }

  send (data) { this.ws.send(data) }

  /** The next frame that `suits`; the ones before it are passed over. */
  async next (suits = () => true, ms = PATIENCE_MS) {
    let found
    const look = () => {
      while (found === undefined && this.frames.length > 0) {
        const frame = this.frames.shift()
        if (suits(frame)) found = frame
      }
      return found !== undefined
    }
    await until(() => look() || this.ws.readyState === WebSocket.CLOSED, ms, 'a frame')
    if (!look()) throw new Error('the websocket was closed')
    return found
  }

  /** Sends a message and waits for it to come back. */
  async echoes (message = `4${Math.random()}`) {
    this.send(message)
    await this.next((frame) => Buffer.isBuffer(frame) ? frame.equals(message) : frame === message)
  }

  /** Waits to be closed by the server, and gives the code. */
  goes (ms = PATIENCE_MS) { return deadline(this.closed, ms, 'the server to close the websocket') }
}

/** Takes the session of a poller to a WebSocket, as clients do. Nothing else may poll meanwhile. */
export async function upgrade (t, poller) {
  const socket = await Socket.probing(t, poller)
  const waiting = poller.get()
  socket.send('2probe')
  await socket.next((frame) => frame === '3probe')
  await waiting
  socket.send('5')
  return socket
}
