// Bytes on a TCP connection, for what neither an HTTP client nor a WebSocket client would send: half requests, requests
// with frames glued to them, frames that lie. Judges nothing.
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:net'
import { deadline, until } from './wait.mjs'

const PATIENCE_MS = 5_000

export const OPCODES = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 }

/** The head of a request, with its empty line. `headers` are pairs, so that there may be many of one name. */
export function head (server, target, headers = [], method = 'GET') {
  const lines = [['Host', new URL(server.url).host], ...headers].map(([name, value]) => `${name}: ${value}\r\n`)
  return `${method} ${target} HTTP/1.1\r\n${lines.join('')}\r\n`
}

export const upgradeHeaders = () => [
  ['Connection', 'Upgrade'],
  ['Upgrade', 'websocket'],
  ['Sec-WebSocket-Version', '13'],
  ['Sec-WebSocket-Key', randomBytes(16).toString('base64')]
]

/** A frame as a client sends it. `claims` is the length that its header tells, `rsv` the reserved bits, `mask` false for none. */
export function frame (opcode, payload = '', { fin = true, rsv = 0, mask = true, claims } = {}) {
  const data = Buffer.from(payload)
  const length = BigInt(claims ?? data.length)
  const wide = length > 0xffffn ? 8 : length > 125n ? 2 : 0
  const header = Buffer.alloc(2 + wide)
  header[0] = (fin ? 0x80 : 0) | (rsv << 4) | opcode
  header[1] = (mask ? 0x80 : 0) | (wide === 8 ? 127 : wide === 2 ? 126 : Number(length))
  if (wide === 8) header.writeBigUInt64BE(length, 2)
  if (wide === 2) header.writeUInt16BE(Number(length), 2)
  // A key of zeros leaves the data as it is.
  return Buffer.concat([header, Buffer.alloc(mask ? 4 : 0), data])
}

export class Raw {
  /** A connection that is cut when the test `t` ends. */
  static async connect (t, server) {
    const socket = connect({ port: server.port, host: new URL(server.url).hostname, noDelay: true, allowHalfOpen: true })
    const raw = new Raw(socket)
    t.after(() => socket.destroy())
    await deadline(once(socket, 'connect'), PATIENCE_MS, 'a connection')
    return raw
  }

  constructor (socket) {
    this.socket = socket
    this.bytes = Buffer.alloc(0)
    socket.on('data', (chunk) => { this.bytes = Buffer.concat([this.bytes, chunk]) })
    socket.on('error', () => {}) // 'close' follows.
    /** The server will send no more, for whatever reason. */
    this.over = false
    this.ended = new Promise((resolve) => ['end', 'close'].forEach((event) => socket.once(event, resolve)))
    this.ended.then(() => { this.over = true })
  }

  get text () { return this.bytes.toString('latin1') }

  /** Resolves when everything written is in the hands of the operating system, or the connection is gone. */
  write (data) { return new Promise((resolve) => this.socket.write(data, resolve)) }

  /** Resets the connection, as far as the operating system lets us. */
  reset () { this.socket.resetAndDestroy() }

  /** Waits for the server to end the connection. */
  end (ms = PATIENCE_MS) { return deadline(this.ended, ms, 'the server to close the connection') }

  /** Waits for an answer, and its body if it told the length. */
  async answer (ms = PATIENCE_MS) {
    await until(() => this.#parsed()?.whole, ms, () => `an answer; there is ${JSON.stringify(this.text)}`)
    return this.#parsed()
  }

  /** Waits for an answer, or for the end of the connection without one: then `null`. */
  async outcome (ms = PATIENCE_MS) {
    await until(() => this.over || this.#parsed()?.whole, ms, 'an answer, or the end of the connection')
    return this.#parsed() ?? null
  }

  /** What came after the head, as frames of a WebSocket: opcode and data. */
  get frames () {
    const frames = []
    let rest = this.bytes.subarray(this.bytes.indexOf('\r\n\r\n') + 4)
    while (rest.length >= 2) {
      const [opcode, short] = [rest[0] & 15, rest[1]]
      const wide = short === 127 ? 8 : short === 126 ? 2 : 0
      const length = wide ? Number(`0x${rest.subarray(2, 2 + wide).toString('hex')}`) : short
      if (!(rest.length >= 2 + wide + length)) break
      frames.push({ opcode, data: rest.subarray(2 + wide, 2 + wide + length) })
      rest = rest.subarray(2 + wide + length)
    }
    return frames
  }

  /** The code that the WebSocket was closed with: 1005 for a close frame without one, `undefined` if there was no such frame. */
  get closeCode () {
    const { data } = this.frames.find(({ opcode }) => opcode === OPCODES.close) ?? {}
    return data && (data.length ? data.readUInt16BE() : 1005)
  }

  /** Waits for the WebSocket to be closed, and gives the code: 1006 if the connection ended without a close frame. */
  async goes (ms = PATIENCE_MS) {
    await until(() => this.over || this.closeCode, ms, 'the websocket to be closed')
    return this.closeCode ?? 1006
  }

  #parsed () {
    const [top, ...rest] = this.text.split('\r\n\r\n')
    if (rest.length === 0) return null
    const [line, ...lines] = top.split('\r\n')
    const fields = lines.map((line) => [line.split(':')[0].toLowerCase(), line.slice(line.indexOf(':') + 1).trim()])
    const headers = Object.fromEntries(fields)
    const body = rest.join('\r\n\r\n')
    const whole = body.length >= Number(headers['content-length'] ?? 0)
    return { line, status: Number(line.split(' ')[1]), headers, body, whole }
  }
}
