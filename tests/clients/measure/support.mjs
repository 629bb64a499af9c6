// What the measurements share: raw clients that cost little, and the server's own accounts.
import { readFileSync } from 'node:fs'
import WebSocket from 'ws'

/** A client of EIO=4 over WebSocket that answers pings and counts events by name. */
export class Raw {
  constructor (server) {
    this.counts = new Map()
    this.last = new Map()
    this.socket = new WebSocket(`${server.url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`)
    this.entered = new Promise((resolve, reject) => {
      this.socket.on('error', reject)
      this.socket.on('close', (code) => reject(new Error(`closed with ${code}`)))
      this.socket.on('message', (data) => {
        const text = data.toString()
        if (text[0] === '0') this.socket.send('40')
        else if (text === '2') this.socket.send('3')
        else if (text.startsWith('42[')) {
          const [name, argument] = JSON.parse(text.slice(2))
          this.counts.set(name, this.count(name) + 1)
          this.last.set(name, argument)
          if (name === 'initUser') resolve()
        }
      })
    })
  }

  count (name) { return this.counts.get(name) ?? 0 }

  say (description) { this.socket.send(`42["chat message",${JSON.stringify({ description })}]`) }

  close () { this.socket.terminate() }
}

/** Milliseconds of processor time that a process has used, in user and kernel mode. Linux only. */
export function cpuMillis (pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /, '').split(' ')
  return (Number(fields[11]) + Number(fields[12])) * 10 // USER_HZ is 100.
}

/** Resident memory in KiB. */
export function residentKib (pid) {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1])
}
