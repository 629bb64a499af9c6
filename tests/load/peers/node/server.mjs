// socket.io doing what the load tool wants of a server, tuned as its documentation says (Performance tuning, Memory usage):
// `bufferutil` and `utf-8-validate` are installed, the request that opened a session is let go. Nothing is compressed, as
// nothing is by the others.
import { createServer } from 'node:http'
import { Server } from 'socket.io'

const ROOM = 'everybody'

const http = createServer()
const io = new Server(http, { allowEIO3: true, serveClient: false, perMessageDeflate: false, httpCompression: false })
io.engine.on('connection', (raw) => { raw.request = null })

let count = 0
io.on('connection', (socket) => {
  socket.join(ROOM)
  socket.on('say', (...said) => io.to(ROOM).emit('said', ...said))
  socket.on('echo', (text, ack) => ack(text))
  socket.on('join', () => io.to(ROOM).emit('joined', { count: ++count }))
})

http.listen(0, '127.0.0.1', () => console.log(`listening on http://127.0.0.1:${http.address().port}`))
