// Real proxies before a server, each with the very configuration that docs/proxies recommends: nginx, HAProxy, Apache and Caddy,
// from their packages, without root, on ports and in a directory of their own. Knows how each is started and where its files
// want a line more; judges nothing.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { get } from 'node:http'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import './server.mjs' // It makes an 'exit' of a signal.
import { deadline, until } from './wait.mjs'

const START_MS = 10_000
const STOP_MS = 5_000
const NOBODY = 65_534 // Apache does not serve as root.
const MODULES = ['/usr/lib/apache2/modules', '/usr/lib64/httpd/modules', '/etc/httpd/modules', '/usr/local/lib/httpd/modules',
  '/opt/homebrew/lib/httpd/modules'].find(existsSync)
// Those of Debian's `a2enmod` for the file, and what Apache does not start without where it is not compiled in.
const MODULE_NAMES = ['mpm_event', 'unixd', 'authz_core', 'proxy', 'proxy_http', 'headers', 'reqtimeout']

export const documented = (name) => readFileSync(new URL(`../../../docs/proxies/${name}`, import.meta.url), 'utf8')

/**
 * Of each proxy its programs' names, its file, and what differs. `instead` are the edits that a test makes to the file for its
 * ports; `anchor` is the line that those of a test go behind, `set` is one that adds a header; `host` is an edit for another
 * `Host`, `lost` one for that of the proxy's choice, and `forwarded` are those for `Forwarded`, which the other two cannot say in a
 * line.
 */
const KINDS = {
  nginx: {
    programs: ['nginx'],
    file: 'nginx.conf',
    instead: (port, upstream) => [
      ['listen 80;', `listen 127.0.0.1:${port};`], ['    listen [::]:80;\n', ''], ['127.0.0.1:8081', `127.0.0.1:${upstream}`]
    ],
    anchor: 'proxy_pass http://sanket;',
    set: (name, value) => `proxy_set_header ${name} '${value}';`,
    host: ['proxy_set_header Host $http_host;', (host) => `proxy_set_header Host '${host}';`],
    lost: ['Host $http_host', 'Host $proxy_host'],
    forwarded: [
      ['X-Forwarded-For $remote_addr', "X-Forwarded-For ''"], ['X-Forwarded-Proto $scheme', "X-Forwarded-Proto ''"],
      ['X-Forwarded-Host $http_host', "X-Forwarded-Host ''"],
      ["Forwarded '';", `Forwarded 'for=$remote_addr;host="$http_host";proto=$scheme';`]
    ],
    run (directory, site) {
      const kinds = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
      const temporary = kinds.map((kind) => `${kind}_temp_path ${directory}/${kind};`)
      const main = write(directory, 'main.conf', 'daemon off; master_process off;\nevents {}\n' +
        `http { access_log off; ${temporary.join(' ')} include ${site}; }\n`)
      return ['-p', directory, '-e', 'stderr', '-c', main, '-g', `pid ${directory}/pid;`]
    }
  },
  haproxy: {
    programs: ['haproxy'],
    file: 'haproxy.cfg',
    instead: (port, upstream) => [['bind :80', `bind 127.0.0.1:${port}`], ['127.0.0.1:8081', `127.0.0.1:${upstream}`]],
    anchor: 'frontend web',
    set: (name, value) => `http-request set-header ${name} '${value}'`,
    host: ['default_backend sanket', (host) => `http-request set-header Host '${host}'\n    default_backend sanket`],
    lost: ['default_backend sanket', "http-request set-header Host 'sanket'\n    default_backend sanket"],
    forwarded: [
      ['set-header X-Forwarded-For %[src]', 'del-header X-Forwarded-For'],
      ['set-header X-Forwarded-Proto https if { ssl_fc }', 'del-header X-Forwarded-Proto'],
      ['    http-request set-header X-Forwarded-Proto http unless { ssl_fc }\n', ''],
      ['set-header X-Forwarded-Host %[req.hdr(host)]', 'del-header X-Forwarded-Host'],
      ['del-header Forwarded', `set-header Forwarded 'for=%[src];host="%[req.hdr(host)]";proto=http'`]
    ],
    run: (_directory, site) => ['-db', '-f', site]
  },
  apache: {
    programs: ['apache2', 'httpd'],
    file: 'apache.conf',
    instead: (port, upstream) => [['*:80>', `127.0.0.1:${port}>`], ['127.0.0.1:8081/ ', `127.0.0.1:${upstream}/ `]],
    anchor: 'RequestHeader unset Forwarded',
    set: (name, value) => `RequestHeader set ${name} "${value}"`,
    host: ['ProxyPreserveHost On', (host) => `ProxyPreserveHost On\n    RequestHeader set Host "${host}"`],
    lost: ['ProxyPreserveHost On', 'ProxyPreserveHost Off'],
    run (directory, site, port) {
      const main = write(directory, 'main.conf', [
        `ServerRoot ${directory}`, 'ServerName localhost', `DefaultRuntimeDir ${directory}`, `PidFile ${directory}/pid`,
        ...MODULE_NAMES.filter((name) => existsSync(`${MODULES}/mod_${name}.so`)).map((name) =>
          `<IfModule !${name}_module>\nLoadModule ${name}_module ${MODULES}/mod_${name}.so\n</IfModule>`),
        ...process.getuid() === 0 ? [`User #${NOBODY}`, `Group #${NOBODY}`] : [],
        'StartServers 1', 'ServerLimit 4', 'ThreadsPerChild 64', 'MaxRequestWorkers 256', `Listen 127.0.0.1:${port}`, `ErrorLog ${directory}/log`, `Include ${site}`
      ].join('\n') + '\n')
      return ['-DFOREGROUND', '-f', main]
    }
  },
  caddy: {
    programs: ['caddy'],
    file: 'Caddyfile',
    instead: (port, upstream) => [
      [':80 {', `http://:${port} {\n\tbind 127.0.0.1`], ['127.0.0.1:8081', `127.0.0.1:${upstream}`]
    ],
    anchor: 'header_up -Forwarded',
    set: (name, value) => `header_up ${name} "${value}"`,
    host: ['header_up -Forwarded', (host) => `header_up -Forwarded\n\t\theader_up Host "${host}"`],
    lost: ['header_up -Forwarded', 'header_up -Forwarded\n\t\theader_up Host {upstream_hostport}'],
    // It must not ask for the port of its administration, which others may have.
    head: '{\n\tadmin off\n}\n',
    run: (_directory, site) => ['run', '--config', site, '--adapter', 'caddyfile']
  }
}

export const names = Object.keys(KINDS)

/** Those that can say `Forwarded` by a line of their configuration. */
export const sayForwarded = names.filter((name) => KINDS[name].forwarded)

/** The proxy's program, or nothing. */
function program (name) {
  const paths = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin']
  return KINDS[name].programs.flatMap((file) => paths.map((path) => join(path, file))).find(existsSync)
}

/** Why tests of a proxy cannot be: where it must be there, tests are to fail. */
export function missing (name) {
  if (program(name) || process.env.CI) return false
  const text = `${name.toUpperCase()} IS NOT INSTALLED: what goes through it is NOT tested`
  console.error(`\n*** ${text} ***\n`)
  return text
}

function write (directory, name, text) {
  const file = join(directory, name)
  writeFileSync(file, text)
  return file
}

function replaced (text, [from, to]) {
  assert.ok(text.includes(from), `the file has no ${from}`)
  return text.replace(from, () => to)
}

/** A port of the system's choice. Somebody else may take it before the proxy does; then the proxy says so, and another is tried. */
async function freePort () {
  const listener = createServer().listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const { port } = listener.address()
  await new Promise((resolve) => listener.close(resolve))
  return port
}

const running = new Set()
process.on('exit', () => running.forEach((proxy) => proxy.kill()))

export class ReverseProxy {
  #output

  /**
   * Resolves when the proxy listens. `headers` are pairs that it adds to every request, `host` is a `Host` instead of the
   * browser's, `losesHost` one of the proxy's own choice, as many have it by default; `forwarded` says `Forwarded` (RFC 7239) instead of `X-Forwarded-*`, `encoding` is that of its file.
   */
  static async start (name, server, options = {}) {
    for (let attempt = 1; ; attempt += 1) {
      const proxy = new ReverseProxy(name, await freePort(), server.port, options)
      try {
        await proxy.#listens()
        return proxy
      } catch (error) {
        await proxy.stop()
        if (attempt === 3) throw error
      }
    }
  }

  /** Also ends it with the test. */
  static async of (t, name, server, options) {
    const proxy = await ReverseProxy.start(name, server, options)
    t.after(() => proxy.stop())
    return proxy
  }

  constructor (name, port, upstream, { headers = [], host, losesHost = false, forwarded = false, encoding = 'utf8' }) {
    const kind = KINDS[name]
    const file = program(name)
    assert.ok(file, `${name} is not installed`)
    this.name = name
    this.port = port
    let text = kind.instead(port, upstream).reduce(replaced, documented(kind.file))
    const lines = headers.map(([header, value]) => kind.set(header, value))
    if (losesHost) text = replaced(text, kind.lost)
    if (forwarded) text = kind.forwarded.reduce(replaced, text)
    text = replaced(text, [kind.anchor, [kind.anchor, ...lines].join('\n')])
    if (host !== undefined) text = replaced(text, [kind.host[0], kind.host[1](host)])
    this.directory = mkdtempSync(join(tmpdir(), `sanket-${name}-`))
    const site = write(this.directory, kind.file, Buffer.from((kind.head ?? '') + text, encoding))
    this.#output = ''
    const env = { ...process.env, HOME: this.directory, XDG_DATA_HOME: this.directory, XDG_CONFIG_HOME: this.directory }
    // A group of its own, so that it ends with its workers.
    this.child = spawn(file, kind.run(this.directory, site, port), { stdio: ['ignore', 'pipe', 'pipe'], env, detached: true })
    running.add(this)
    this.exited = once(this.child, 'exit')
    this.exited.catch(() => {})
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => { this.#output += text })
    }
  }

  /** What the proxy has said, for whoever has to find out why it failed. */
  get output () {
    const log = join(this.directory, 'log')
    return this.#output + (existsSync(log) ? readFileSync(log, 'utf8') : '')
  }

  get url () { return `http://127.0.0.1:${this.port}` }

  async #listens () {
    const gone = this.exited.then(([code, signal]) => { throw new Error(`${this.name} ended: ${code ?? signal}\n${this.output}`) })
    const listens = until(() => accepts(this.port), START_MS, () => `${this.name} to listen\n${this.output}`)
    await Promise.race([listens, gone])
  }

  async stop () {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      this.child.kill('SIGTERM')
      await deadline(this.exited, STOP_MS, `${this.name} to end`).catch(() => {})
    }
    this.kill()
    await this.exited.catch(() => {})
  }

  /** Ends what is left of it at once: workers, and files. */
  kill () {
    running.delete(this)
    try {
      process.kill(-this.child.pid, 'SIGKILL')
    } catch (error) {
      if (error.code !== 'ESRCH') throw error
    }
    rmSync(this.directory, { recursive: true, force: true, maxRetries: 5 })
  }
}

const accepts = (port) => new Promise((resolve) => {
  // Any answer will do, but it has to be one: Apache's port is open before Apache knows whether it can start.
  const request = get({ port, host: '127.0.0.1', agent: false }, (response) => { response.destroy(); resolve(true) })
  request.once('error', () => resolve(false))
})
