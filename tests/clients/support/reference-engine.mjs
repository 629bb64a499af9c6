// The two kinds that speak Engine.IO alone, on the reference implementation. Knows no Socket.IO; engine.io comes with it.
import { createServer } from 'node:http'
import { Server } from 'engine.io'

const CLOSE_MS = 500
const BYTES = Buffer.from([0, 1, 2, 3, 4])

const kinds = { eio: echo, 'eio-client': client }

export function serve (kind, { options }) {
  const http = createServer((_request, response) => response.writeHead(404).end())
  const engine = new Server({ allowEIO3: true, ...kinds[kind].options, ...options })
  namesExactly(engine, kind === 'eio')
  kinds[kind](engine)
  engine.attach(http, { path: '/engine.io' })
  const close = (done) => {
    engine.close()
    http.close()
    // Connections that were upgraded count as open until the other side has gone, too.
    setTimeout(done, CLOSE_MS)
  }
  return { http, close }
}

/**
 * The reference takes an odd EIO for 3, as it does a missing one; the contract names exactly two, and suites for servers want
 * it `required`. Like there, it is looked at last.
 */
function namesExactly (engine, required) {
  const verify = engine.verify.bind(engine)
  engine.verify = (request, upgrade, answer) => verify(request, upgrade, (code, context) => {
    const { EIO } = request._query
    if (code !== undefined || ['3', '4', ...(required ? [] : [undefined])].includes(EIO)) return answer(code, context)
    const { BAD_REQUEST, UNSUPPORTED_PROTOCOL_VERSION } = Server.errors
    answer(request._query.sid ? BAD_REQUEST : UNSUPPORTED_PROTOCOL_VERSION)
  })
}

function echo (engine) {
  engine.on('connection', (socket) => socket.on('data', (data) => socket.send(data)))
}

function client (engine) {
  engine.on('connection', (socket) => {
    socket.send('hi')
    socket.on('data', (data) => {
      if (data === 'give binary') socket.send(BYTES)
      else if (data === 'give utf8') socket.send('пойду спать всем спокойной ночи')
      else if (data === 'sendHeaders') socket.send(JSON.stringify(socket.transport.dataReq?.headers))
      else socket.send(data)
    })
  })
  engine.on('initial_headers', (headers) => {
    headers['set-cookie'] = [
      '1=1; Max-Age=86400',
      '2=2; Path=/; HttpOnly; Secure; SameSite=Strict',
      '3=3; Max-Age=0',
      `4=4; Expires=${new Date().toUTCString()}`
    ]
  })
}
client.options = {
  pingInterval: 500,
  maxHttpBufferSize: 100,
  allowRequest: (request, answer) => answer(null, !new URL(request.url, 'http://localhost').searchParams.has('deny'))
}
