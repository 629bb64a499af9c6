// Our codecs, as the example `codec` of the Rust tests lends them to others: a line of JSON for each question. SANKET_CODEC_BIN
// is the path of the binary (default: the release build of this workspace). Judges nothing.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { deadline } from './wait.mjs'

const FILE = process.env.SANKET_CODEC_BIN ??
  fileURLToPath(new URL('../../../target/release/examples/codec', import.meta.url))
const PATIENCE_MS = 60_000

export class Codec {
  #waiting = []

  constructor () {
    this.child = spawn(FILE, { stdio: ['pipe', 'pipe', 'inherit'] })
    this.exited = once(this.child, 'exit').then(([code, signal]) => { throw new Error(`${FILE} ended: ${code ?? signal}`) })
    this.exited.catch(() => {})
    this.child.stdin.on('error', () => {}) // 'exit' follows.
    createInterface({ input: this.child.stdout }).on('line', (line) => this.#waiting.shift()(JSON.parse(line)))
  }

  /** The answers to questions, in their order. */
  ask (questions) {
    const answers = questions.map(() => new Promise((resolve) => this.#waiting.push(resolve)))
    this.child.stdin.write(questions.map((question) => `${JSON.stringify(question)}\n`).join(''))
    return deadline(Promise.race([Promise.all(answers), this.exited]), PATIENCE_MS, `answers of ${FILE}`)
  }

  stop () { this.child.kill() }
}
