// What the configurations of docs/proxies say against the defaults of the program: nobody is cut off by the proxy who is alive for
// Sanket, and nothing is refused by the proxy that Sanket would take. Reads the files; starts nothing.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import test from 'node:test'
import { fileURLToPath } from 'node:url'
import { documented } from '../support/reverse-proxy.mjs'

const FILE = process.env.SANKET_BIN ?? fileURLToPath(new URL('../../../target/release/sanket', import.meta.url))
// Lines are broken anywhere.
const help = execFileSync(FILE, ['--help'], { encoding: 'utf8' }).replace(/\s+/g, ' ')
const byDefault = (flag) => Number(new RegExp(`--${flag} .*?\\[default: (\\d+)\\]`).exec(help)[1])

const SILENCE_S = (byDefault('ping-interval') + byDefault('ping-timeout')) / 1000
const PAYLOAD = byDefault('max-payload')

/** Of each file the deadlines for polls and WebSockets, in seconds, and the most bytes of a body. */
const SAID = {
  'nginx.conf': {
    deadlines: [/proxy_read_timeout (\d+)s;/, /proxy_send_timeout (\d+)s;/], body: /client_max_body_size (\d+)m;/, unit: 1_000_000
  },
  'haproxy.cfg': { deadlines: [/timeout client (\d+)s/, /timeout server (\d+)s/, /timeout tunnel (\d+)s/] },
  'apache.conf': { deadlines: [/ timeout=(\d+)/, /^ *Timeout (\d+)/m], body: /LimitRequestBody (\d+)/, unit: 1 },
  Caddyfile: { deadlines: [/response_header_timeout (\d+)s/], body: /max_size (\d+)MB/, unit: 1_000_000 }
}

for (const [file, { deadlines, body, unit }] of Object.entries(SAID)) {
  const said = (expression) => {
    const found = expression.exec(documented(file))
    assert.ok(found, `${file} does not say ${expression}`)
    return Number(found[1])
  }

  test(`${file}: timeouts are longer than a ping interval and a ping timeout`, () => {
    for (const deadline of deadlines) assert.ok(said(deadline) > SILENCE_S, `${deadline}: not more than ${SILENCE_S}`)
  })

  test(`${file}: bodies may be longer than max_payload`, () => {
    if (body) assert.ok(said(body) * unit > PAYLOAD)
    else assert.doesNotMatch(documented(file), /req\.body|content-length/i)
  })
}
