// Memory comes back: after each flood, when everybody has gone, a server takes little more than before all of them.
import assert from 'node:assert/strict'
import test from 'node:test'
import { allowed, FLOODS, flood, resident, settled } from '../support/memory.mjs'
import { isReference, Server } from '../support/server.mjs'
import { until } from '../support/wait.mjs'

const QUIET_MS = 60_000
const FLAGS = ['--ping-interval', '3000', '--ping-timeout', '6000', '--connect-timeout', '6000', '--close-timeout', '1000']
const skip = process.platform !== 'linux' ? 'looks at what Linux tells in /proc' : isReference && 'it is ours that is measured'

test('memory comes back after floods', { skip, timeout: 170_000 }, async (t) => {
  const server = await Server.startSuite('rooms', FLAGS)
  t.after(() => server.child.kill('SIGKILL'))
  const { pid } = server.child
  const bound = allowed(await settled(server))
  for (const name of Object.keys(FLOODS)) {
    const most = await flood(server, name)
    await until(() => resident(pid) <= bound, QUIET_MS, () => `${resident(pid)} KiB to be ${Math.floor(bound)} after ${name}`)
    t.diagnostic(`${most} KiB at the most, ${resident(pid)} after ${name}`)
    assert.equal(server.child.exitCode, null)
  }
})
