// Starts the server under test as a child process and ends it again: the chat, or one of the kinds of the `suite` example.
// Which build it is, is told by the environment: SANKET_BIN and SANKET_SUITE_BIN are the paths of the binaries (default:
// the release builds of this workspace); SANKET_TARGET=reference takes the small Node servers beside this file instead.
// SANKET_DRIVER is the runtime that the suites' servers run on: what the `suite` example takes as `--driver`.
// Knows nothing of Socket.IO.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { deadline } from './wait.mjs'

const here = (path) => fileURLToPath(new URL(path, import.meta.url))
export const isReference = process.env.SANKET_TARGET === 'reference'
const chat = isReference
  ? [process.execPath, here('reference.mjs')]
  : [process.env.SANKET_BIN ?? here('../../../target/release/sanket')]
const referenceSuite = [process.execPath, here('reference-suite.mjs')]
const suite = isReference
  ? referenceSuite
  : [process.env.SANKET_SUITE_BIN ?? here('../../../target/release/examples/suite')]
const driver = isReference || !process.env.SANKET_DRIVER ? [] : ['--driver', process.env.SANKET_DRIVER]

const START_MS = 10_000
const STOP_MS = 5_000

const running = new Set()
process.on('exit', () => running.forEach((child) => child.kill('SIGKILL')))
for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => process.exit(1)) // Else there is no 'exit'.

export class Server {
  /** Resolves when the server has said on which address it listens. `flags` go to the command line after `--port`. */
  static start (flags = [], port = 0) { return Server.#spawn(chat, flags, port) }

  /** One of the kinds of server that suites talk to: `sio`, `eio`, `sio-client` or `eio-client`. */
  static startSuite (kind, flags = [], port = 0) { return Server.#spawn([...suite, kind, ...driver], flags, port) }

  /** The same on the reference, whatever is under test. */
  static startReference (kind, flags = [], port = 0) { return Server.#spawn([...referenceSuite, kind], flags, port) }

  /** One of the examples that people know: SANKET_EXAMPLES is their directory. It ends with its first signal. */
  static startExample (name) {
    const file = `${process.env.SANKET_EXAMPLES ?? here('../../../target/release/examples')}/${name}`
    return Server.#run(file, [], { ...process.env, LISTEN: '127.0.0.1:0' })
  }

  static #spawn ([file, ...first], flags, port) {
    return Server.#run(file, [...first, '--port', String(port), ...flags], process.env)
  }

  static async #run (file, flags, env) {
    const child = spawn(file, flags, { stdio: ['ignore', 'ignore', 'pipe'], env })
    running.add(child)
    const server = new Server(child)
    try {
      await deadline(server.listening, START_MS, 'the server to say where it listens')
    } catch (error) {
      child.kill('SIGKILL')
      throw new Error(`${file} did not start: ${error.message}\n${server.stderr}`)
    }
    return server
  }

  constructor (child) {
    this.child = child
    this.stderr = ''
    this.exited = once(child, 'exit').finally(() => running.delete(child))
    this.exited.catch(() => {})
    this.listening = new Promise((resolve, reject) => {
      child.stderr.setEncoding('utf8').on('data', (text) => {
        this.stderr += text
        const [, url] = /listening on (http:\/\/\S+)\s/.exec(this.stderr) ?? [] // The whole of it.
        if (url) resolve(this.url = url.replace(/\/$/, ''))
      })
      child.once('error', reject)
      child.once('exit', (code) => reject(new Error(`it ended with ${code}`)))
    })
    this.listening.catch(() => {})
  }

  get port () { return Number(new URL(this.url).port) }

  kill () { this.child.kill('SIGKILL') }

  /** Asks the server to end, and is content only with a clean and timely end. */
  async stop () {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill('SIGTERM')
    const [code, signal] = await deadline(this.exited, STOP_MS, 'the server to end after SIGTERM').catch((error) => {
      this.child.kill('SIGKILL')
      throw error
    })
    assert.deepEqual({ code, signal }, { code: 0, signal: null }, `the server ended badly\n${this.stderr}`)
    assert.doesNotMatch(this.stderr, /panicked/, 'the server panicked on the way')
  }
}

/** A process of ours that is not the server, killed with the test run at the latest. */
export function startScript (name, args) {
  const child = spawn(process.execPath, [here(name), ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  running.add(child)
  child.once('exit', () => running.delete(child))
  return child
}
