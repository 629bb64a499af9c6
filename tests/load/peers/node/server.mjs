// socket.io on Node, tuned as its documentation says (Performance tuning, Memory usage): `bufferutil` and `utf-8-validate` are
// installed, the request that opened a session is let go. Nothing is compressed, as nothing is by the others.
import { createServer } from 'node:http'
import { Server } from 'socket.io'
import { serveAll } from '../serve.mjs'

const http = createServer()
const io = new Server(http, { allowEIO3: true, serveClient: false, perMessageDeflate: false, httpCompression: false })
io.engine.on('connection', (raw) => { raw.request = null })
serveAll(io)

http.listen(0, '127.0.0.1', () => console.log(`listening on http://127.0.0.1:${http.address().port}`))
