// The Socket.IO servers that suites talk to, on the reference implementation. Two of the kinds are the outside world's,
// `sio` and `sio-client`; the third shows what those two can not. Knows nothing of command lines.
//
// The kind `rooms`, on the namespace `/` and on every `/dynamic-<digits>` (made by its first socket, gone with its last):
// nothing is emitted on connection. A CONNECT whose auth has a `refuse` that is true (not empty, not 0) is refused with the
// message `refused`, and with the auth's `data` if it has any; one whose auth has `later` is admitted after so many
// milliseconds. EIO=3 clients say the same in the query behind the namespace, so that all values are strings. Sockets' own ids
// count as rooms. The events, of which every one is acked (but not `out`):
//
//   id                              the socket's id
//   count                           how many sockets the namespace has
//   namespaces                      sorted names of the dynamic namespaces that exist
//   join room, leave room           true
//   rooms                           sorted rooms of the socket, without its own id
//   set value, get                  true; the value that was set or null (socket.data.value)
//   send how name args…             true, after `name` was emitted with `args` to the union of how.rooms (everybody if none
//                                   are given) but not to how.except (rooms or ids), nor to the sender if how.broadcast,
//                                   and volatile if how.volatile
//   ask how args…                   {answers, timedOut}: `question` is emitted with `args` as above, asking for acks within
//                                   how.timeout ms; the first argument of each ack, sorted by its JSON
//   askme how args…                 {answer} or {timedOut: true}: `question` is emitted to the sender alone
//   fetch rooms                     [{id, rooms, data}], sorted by id, of the sockets in the union of rooms
//   joinall rooms room              true; all in the union of rooms join that room
//   leaveall rooms room             true; and they leave it
//   disconnectall rooms close       true, and then they are disconnected, with their connection if `close`
//   out close                       the sender is disconnected
//   reasons                         the last 20 [id, reason] of sockets that left the namespace; gone with it
//   recovered                       whether the socket is a recovered one
import { createRequire } from 'node:module'
import { createServer } from 'node:http'
import { Server } from 'socket.io'

const REASONS_KEPT = 20

const kinds = { sio, 'sio-client': sioClient, rooms }

/** A server of that kind that does not listen yet. */
export function serve (kind, { options, recovery, msgpack }) {
  const http = createServer((_request, response) => response.writeHead(404).end())
  const { setup, defaults } = kinds[kind]()
  const io = new Server(http, {
    allowEIO3: true,
    ...(recovery && { connectionStateRecovery: {} }),
    ...(msgpack && { parser: createRequire(import.meta.url)('socket.io-msgpack-parser') }),
    ...defaults,
    ...options
  })
  refuseOtherRevisions(io, kind === 'sio')
  setup(io)
  return { http, close: (done) => io.close(done), sessions: () => io.engine.clientsCount }
}

// The reference takes an odd EIO for 3, as it does a missing one; the contract names exactly two, and suites for servers want
// it `required`.
function refuseOtherRevisions (io, required) {
  const taken = ['3', '4', ...(required ? [] : [undefined])]
  io.engine.use((request, response, next) => {
    if (taken.includes(request._query.EIO)) return next()
    if (!response.writeHead) return next(new Error('Unsupported protocol version'))
    response.writeHead(400, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ code: 5, message: 'Unsupported protocol version' }))
  })
}

/** `socket.on` with the ack, asked for or not, as the handler's first argument. */
const listener = (socket) => (event, act) => socket.on(event, (...args) => {
  const ack = typeof args.at(-1) === 'function' ? args.pop() : () => {}
  act(ack, ...args)
})

function sio () {
  const greet = (socket) => {
    const on = listener(socket)
    socket.emit('auth', socket.handshake.auth)
    on('message', (_ack, ...args) => socket.emit('message-back', ...args))
    on('message-with-ack', (ack, ...args) => ack(...args))
    on('emit-with-ack', (_ack, ...args) => {
      socket.emit('emit-with-ack', ...args, (...answer) => socket.emit('emit-with-ack', ...answer))
    })
  }
  const setup = (io) => {
    io.on('connection', greet)
    io.of('/custom').on('connection', greet)
    io.of('/echo').on('connection', (socket) => listener(socket)('echo', (ack, ...args) => ack(...args)))
  }
  return { setup, defaults: { cors: { origin: '*' } } }
}

const ADMISSION_MS = 10
const UTF8 = ['てすと', 'Я Б Г Д Ж Й', 'Ä ä Ü ü ß', 'utf8 — string', 'utf8 — string']
const bytes = () => Buffer.from('asdfasdf')
const isJsonWithBytes = (value) =>
  value?.hello === 'lol' && Buffer.isBuffer(value.message) && value.goodbye === 'gotcha'

function sioClient () {
  const setup = (io) => {
    io.use((socket, next) => next(socket.request._query.fail ? new Error('Auth failed (main namespace)') : undefined))
    io.on('connection', talkToClientSuite)
    io.of('/foo').on('connection', (socket) => listener(socket)('getId', (ack) => ack(socket.id)))
    for (const name of ['/timeout_socket', '/valid', '/asd']) io.of(name)
    io.of('/abc').on('connection', (socket) => socket.emit('handshake', socket.handshake))
    io.of('/no').use((_socket, next) => next(new Error('Auth failed (custom namespace)')))
  }
  const defaults = {
    pingInterval: 2000,
    connectionStateRecovery: {},
    allowRequest: (_request, admit) => setTimeout(() => admit(null, true), ADMISSION_MS)
  }
  return { setup, defaults }
}

function talkToClientSuite (socket) {
  const on = listener(socket)
  /** Answers with `event` when the arguments suit. */
  const answer = (event, suits, name) => on(name, (_ack, ...args) => { if (suits(...args)) socket.emit(event) })

  on('hi', () => socket.emit('hi'))
  on('echo', (ack, value) => ack(value))
  on('ack', () => socket.emit('ack', (five, object) => { if (five === 5 && object?.test) socket.emit('got it') }))
  on('getAckDate', (ack) => ack(new Date()))
  on('getDate', () => socket.emit('takeDate', new Date()))
  on('getDateObj', () => socket.emit('takeDateObj', { date: new Date() }))
  on('getUtf8', () => UTF8.forEach((text) => socket.emit('takeUtf8', text)))
  on('false', () => socket.emit('false', false))
  on('doge', () => socket.emit('doge', bytes()))
  on('getbin', () => socket.emit('takebin', bytes()))
  on('getHandshake', (ack) => ack(socket.handshake))
  on('getId', (ack) => ack(socket.id))
  answer('buffack', Buffer.isBuffer, 'buffa')
  answer('jsonbuff-ack', isJsonWithBytes, 'jsonbuff')
  answer('jsonblob-ack', isJsonWithBytes, 'jsonblob')
  answer('back', Buffer.isBuffer, 'blob')
  answerRow('abuff2-ack', { abuff1: Buffer.isBuffer, abuff2: () => true })
  answerRow('blob3-ack', { blob1: Buffer.isBuffer, blob2: (value) => value === 'second', blob3: Buffer.isBuffer })

  /** Answers with `event` when the events of the row came in its order, each with the arguments that suit. */
  function answerRow (event, row) {
    const names = Object.keys(row)
    let came = 0
    names.forEach((name, at) => on(name, (_ack, ...args) => {
      if (came === at && row[name](...args)) came += 1
      if (came === names.length) socket.emit(event)
    }))
  }
}

function rooms () {
  const reasons = new WeakMap() // Of each namespace.

  const setup = (io) => {
    for (const nsp of [io.of('/'), io.of(/^\/dynamic-\d+$/)]) nsp.use(admit).on('connection', (socket) => welcome(io, socket))
  }

  function admit (socket, next) {
    const { refuse, data, later } = socket.handshake.auth
    if (refuse) return next(Object.assign(new Error('refused'), { data }))
    if (later) return setTimeout(next, Number(later))
    next()
  }

  function welcome (io, socket) {
    const { nsp } = socket
    const on = listener(socket)
    if (!reasons.has(nsp)) reasons.set(nsp, [])
    socket.on('disconnect', (reason) => reasons.set(nsp, [...reasons.get(nsp), [socket.id, reason]].slice(-REASONS_KEPT)))

    on('id', (ack) => ack(socket.id))
    on('count', (ack) => ack(nsp.sockets.size))
    // Nothing public tells of a namespace's end.
    on('namespaces', (ack) => ack([...io._nsps.keys()].filter((name) => name.startsWith('/dynamic-')).sort()))
    on('join', (ack, room) => { socket.join(room); ack(true) })
    on('leave', (ack, room) => { socket.leave(room); ack(true) })
    on('rooms', (ack) => ack(roomsOf(socket)))
    on('set', (ack, value) => { socket.data.value = value; ack(true) })
    on('get', (ack) => ack(socket.data.value ?? null))
    on('reasons', (ack) => ack(reasons.get(nsp)))
    on('recovered', (ack) => ack(socket.recovered))
    on('out', (_ack, close) => socket.disconnect(Boolean(close)))

    on('send', (ack, how, name, ...args) => {
      const to = target(how.broadcast ? socket.broadcast : nsp, how)
      const emitter = how.volatile ? to.volatile : to
      emitter.emit(name, ...args)
      ack(true)
    })
    on('ask', (ack, how, ...args) => {
      target(nsp, how).timeout(how.timeout).emit('question', ...args, (error, answers) => {
        ack({ answers: answers.sort(byJson), timedOut: Boolean(error) })
      })
    })
    on('askme', (ack, how, ...args) => {
      socket.timeout(how.timeout).emit('question', ...args, (error, answer) => ack(error ? { timedOut: true } : { answer }))
    })
    on('fetch', async (ack, rooms) => {
      const sockets = await nsp.in(rooms).fetchSockets()
      ack(sockets.map((socket) => ({ id: socket.id, rooms: roomsOf(socket), data: socket.data })).sort(byJson))
    })
    on('joinall', (ack, rooms, room) => { nsp.in(rooms).socketsJoin(room); ack(true) })
    on('leaveall', (ack, rooms, room) => { nsp.in(rooms).socketsLeave(room); ack(true) })
    on('disconnectall', (ack, rooms, close) => { ack(true); nsp.in(rooms).disconnectSockets(Boolean(close)) })
  }

  return { setup, defaults: { cleanupEmptyChildNamespaces: true } }
}

const target = (emitter, { rooms = [], except = [] }) => emitter.to(rooms).except(except)
const roomsOf = ({ id, rooms }) => [...rooms].filter((room) => room !== id).sort()
const byJson = (one, other) => JSON.stringify(one) < JSON.stringify(other) ? -1 : 1
