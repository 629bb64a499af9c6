// socket.io on Bun, with the engine that its maintainers wrote for Bun's own HTTP server and WebSockets.
import { Server as Engine } from '@socket.io/bun-engine'
import { Server } from 'socket.io'
import { serveAll } from '../serve.mjs'

const io = new Server({ serveClient: false })
const engine = new Engine({ path: '/socket.io/' })
io.bind(engine)
serveAll(io)

const server = Bun.serve({ ...engine.handler(), hostname: '127.0.0.1', port: 0 })
console.log(`listening on http://127.0.0.1:${server.port}`)
