// A join storm: many WebSocket clients join at once. Counts what is delivered because of it, and what it costs the server.
//
//   node measure/storm.mjs [CLIENTS]
import { Server } from '../support/server.mjs'
import { until } from '../support/wait.mjs'
import { cpuMillis, Raw, residentKib } from './support.mjs'

const n = Number(process.argv[2] ?? 1000)
const server = await Server.start()
const { pid } = server.child
const [cpu, memory] = [cpuMillis(pid), residentKib(pid)]
const started = performance.now()
const clients = Array.from({ length: n }, () => new Raw(server))
await Promise.all(clients.map((client) => client.entered))
await until(() => clients.every((client) => client.last.get('sys message')?.counts === n), 60_000, 'everybody to know')
const millis = performance.now() - started
const used = cpuMillis(pid) - cpu
const notices = clients.reduce((sum, client) => sum + client.count('sys message'), 0)
console.log(`${n} clients joined in ${Math.round(millis)} ms`)
console.log(`${notices} notices delivered (${n * (n + 1) / 2} if each join were told to everybody), ${(notices / n).toFixed(1)} a client`)
console.log(`server: ${used} ms of CPU, ${(1000 * used / n).toFixed(0)} µs a client; ${((residentKib(pid) - memory) / n).toFixed(1)} KiB a client`)
for (const client of clients) client.close()
await server.stop()
