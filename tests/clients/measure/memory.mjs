// Resident memory of a server before, in and after floods; a minute after each it should have come back.
//
//   node measure/memory.mjs [SECONDS] [FLOOD…]
//
// SANKET_DRIVER is the runtime. Everything after SECONDS of quiet (60) is part of the name of a flood.
import { setTimeout as later } from 'node:timers/promises'
import { allowed, FLOODS, flood, resident, settled } from '../support/memory.mjs'
import { Server } from '../support/server.mjs'

const [seconds = 60, ...names] = process.argv.slice(2)
const FLAGS = ['--ping-interval', '3000', '--ping-timeout', '6000', '--connect-timeout', '6000', '--close-timeout', '1000']
const server = await Server.startSuite('rooms', FLAGS)
const { pid } = server.child
const before = await settled(server)
const mib = (kib) => (kib / 1024).toFixed(1).padStart(8)
console.log(`before ${mib(before)} MiB, allowed ${mib(allowed(before))} MiB`)
console.log('    peak    after   quiet MiB')
for (const name of Object.keys(FLOODS).filter((name) => names.length === 0 || names.some((part) => name.includes(part)))) {
  const most = await flood(server, name)
  const after = resident(pid)
  await later(seconds * 1000)
  const quiet = resident(pid)
  console.log(`${mib(most)} ${mib(after)} ${mib(quiet)}  ${name}${quiet > allowed(before) ? ' ***' : ''}`)
}
server.child.kill('SIGKILL')
