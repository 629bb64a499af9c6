// System calls of broadcasts to a room: one write a recipient and turn is the aim. Wants strace.
//
//   node measure/writes.mjs [CLIENTS] [MESSAGES]
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { Server } from '../support/server.mjs'
import { until } from '../support/wait.mjs'
import { Raw } from './support.mjs'

const n = Number(process.argv[2] ?? 100)
const messages = Number(process.argv[3] ?? 20)
const server = await Server.start()
const clients = []
for (let i = 0; i < n; i++) {
  clients.push(new Raw(server))
  await clients.at(-1).entered
}
await until(() => clients.every((client) => client.last.get('sys message')?.counts === n), 60_000, 'everybody to know')
const strace = spawn('strace', ['-f', '-c', '-p', String(server.child.pid)], { stdio: ['ignore', 'ignore', 'pipe'] })
let report = ''
strace.stderr.setEncoding('utf8').on('data', (text) => { report += text })
await until(() => report.includes('attached'), 10_000, 'strace')
for (let i = 1; i <= messages; i++) {
  // By turns, so that nobody speaks too fast.
  clients[i % n].say(`message ${i}`)
  await until(() => clients.every((client) => client.count('message from server') === i), 10_000, 'a broadcast')
}
strace.kill('SIGINT')
await once(strace, 'close')
console.log(`${messages} broadcasts to ${n} clients, ${messages * n} deliveries:`)
console.log(report.replace(/^strace:.*\n/gm, ''))
for (const client of clients) client.close()
await server.stop()
