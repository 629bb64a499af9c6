// The browser side of the tutorial this chat descends from, with its own client (2.x) and in its own terms, told to do
// one round: node tutorial.mjs URL. Prints the first two lines that the page would show.
import { createRequire } from 'node:module'
const io = createRequire(import.meta.url)('socket.io-client-2')

const page = { nickName: '', color: '', counts: 1 }
let shown = 0
function show (line) {
  console.log(JSON.stringify(line))
  if (++shown === 2) socket.close()
}

const socket = io(process.argv[2])
socket.on('connect', () => { page.socket = socket })
socket.once('initUser', ({ name, color }) => {
  Object.assign(page, { nickName: name, color })
  page.socket.emit('chat message', { description: '大家好', nickName: page.nickName, color: page.color })
})
socket.on('sys message', ({ data, counts }) => show({ sys: true, description: data, counts }))
socket.on('message from server', ({ description, nickName, color }) => {
  show({ sys: false, description, nickName, color, page: { nickName: page.nickName, color: page.color } })
})
