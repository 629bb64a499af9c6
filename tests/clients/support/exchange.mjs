// Requests by hand to the chat, and what came back as text: for tests that look at statuses and header lines. Judges nothing.
import { randomBytes } from 'node:crypto'
import { connect } from 'node:net'
import test from 'node:test'
import { Server, isReference } from './server.mjs'
import { deadline } from './wait.mjs'

const PATIENCE_MS = 10_000

export const HANDSHAKE = '/socket.io/?EIO=4&transport=polling'
export const UPGRADE = '/socket.io/?EIO=4&transport=websocket'
/** What a script of a page would ask for. */
export const SCRIPT = '/socket.io/?EIO=3&transport=polling&j=0'

/** A test of what the reference does not do, or would not withstand. */
export const attack = (name, run) => test(name, { skip: isReference && 'the reference does not withstand it' }, run)

/** A chat until the end of the test. */
export async function chat (t, flags = []) {
  const server = await Server.start(flags)
  t.after(() => server.stop())
  return server
}

/** Sends requests on one connection, and resolves with what came when `enough` says so or the server has ended it. */
export async function exchange (server, bytes, enough = isWhole, from = '127.0.0.1') {
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

const lines = (fields) => fields.map((field) => `${field}\r\n`).join('')

/** A request as text. `fields` are lines of its head. */
export const get = (target, fields = [], host = 'localhost') => `GET ${target} HTTP/1.1\r\nHost: ${host}\r\n${lines(fields)}\r\n`
export const post = (target, body, fields = []) =>
  `POST ${target} HTTP/1.1\r\nHost: localhost\r\n${lines([...fields, `Content-Length: ${body.length}`])}\r\n${body}`

export const upgradeFields = () => [
  'Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13', `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`
]

/** A head, and as much body as it promises. */
export function isWhole (text) {
  const [head, body] = text.split('\r\n\r\n')
  return body !== undefined && body.length >= Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0)
}

export const ask = (server, target, fields, from) => exchange(server, get(target, fields), isWhole, from)
export const statusOf = (response) => Number(response.slice(9, 12))
export const header = (response, name) => new RegExp(`^${name}: (.*?)\r$`, 'im').exec(response)?.[1]
