// EIO=3's binary payload, byte by byte: 0 for text or 1 for binary, the length as one byte for each decimal digit, 255, data.
// A packet is a string or, with its type as the first byte, a Buffer.

export function encodeBinary (packets) {
  return Buffer.concat(packets.flatMap((packet) => {
    const data = Buffer.from(packet)
    return [Buffer.from([Buffer.isBuffer(packet) ? 1 : 0, ...String(data.length).split('').map(Number), 255]), data]
  }))
}

export function decodeBinary (bytes) {
  const packets = []
  while (bytes.length > 0) {
    const end = bytes.indexOf(255)
    const length = Number([...bytes.subarray(1, end)].join(''))
    const data = bytes.subarray(end + 1, end + 1 + length)
    if (bytes[0] > 1 || !(data.length === length)) throw new Error(`not a binary payload: ${bytes.toString('hex')}`)
    packets.push(bytes[0] === 0 ? data.toString() : data)
    bytes = bytes.subarray(end + 1 + length)
  }
  return packets
}
