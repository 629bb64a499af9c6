// What the load tool wants of a server, for socket.io whatever it runs on.
const ROOM = 'everybody'

let count = 0
const serve = (nsp) => nsp.on('connection', (socket) => {
  const joined = () => nsp.to(ROOM).emit('joined', { count: ++count })
  socket.join(ROOM)
  socket.on('say', (...said) => nsp.to(ROOM).emit('said', ...said))
  socket.on('enter', (room) => socket.join(room))
  socket.on('tell', (room, ...said) => nsp.to(room).emit('said', ...said))
  socket.on('echo', (text, ack) => ack(text))
  socket.on('join', joined)
  socket.on('arrive', joined)
})

// All namespaces that the load tool asks for, there from the beginning.
export const serveAll = (io) => ['/', ...Array.from({ length: 16 }, (_, n) => `/n${n}`)].forEach((name) => serve(io.of(name)))
