/**
 * ZIP files (APPNOTE 6.3) as far as evidence needs them: written with stored or deflated members and UTF-8 names, read
 * back with every length checked. No ZIP64, no encryption: a bundle is bounded well below four gigabytes.
 */
import { promisify } from 'node:util'
import { crc32, deflateRaw, inflateRawSync } from 'node:zlib'
import { WardwatchError } from '#model/errors.ts'

const deflate = promisify(deflateRaw)

export interface ZipMember {
  path: string
  data: Buffer
}

const LOCAL = 0x04034b50
const CENTRAL = 0x02014b50
const END = 0x06054b50
const UTF8 = 0x0800
/** What one bundle may unfold to: a small file must not fill the memory of whoever verifies it. */
const MAX_UNFOLDED = 512 * 2 ** 20

export async function writeZip(members: readonly ZipMember[], modifiedAt: number): Promise<Buffer> {
  const parts: Buffer[] = []
  const central: Buffer[] = []
  const [time, date] = dosTime(modifiedAt)
  let offset = 0
  for (const { path, data } of members) {
    const name = Buffer.from(path)
    // Pictures are compressed already.
    const packed = path.endsWith('.jpg') ? data : await deflate(data)
    const stored = packed.length >= data.length
    const body = stored ? data : packed
    const head = Buffer.alloc(30)
    head.writeUInt32LE(LOCAL, 0)
    const common = Buffer.alloc(26)
    common.writeUInt16LE(20, 0)
    common.writeUInt16LE(UTF8, 2)
    common.writeUInt16LE(stored ? 0 : 8, 4)
    common.writeUInt16LE(time, 6)
    common.writeUInt16LE(date, 8)
    common.writeUInt32LE(crc32(data), 10)
    common.writeUInt32LE(body.length, 14)
    common.writeUInt32LE(data.length, 18)
    common.writeUInt16LE(name.length, 22)
    common.copy(head, 4)
    parts.push(head, name, body)
    const entry = Buffer.alloc(46)
    entry.writeUInt32LE(CENTRAL, 0)
    entry.writeUInt16LE(20, 4)
    common.copy(entry, 6)
    entry.writeUInt32LE(offset, 42)
    central.push(entry, name)
    offset += head.length + name.length + body.length
  }
  const directory = Buffer.concat(central)
  const end = Buffer.alloc(22)
  end.writeUInt32LE(END, 0)
  end.writeUInt16LE(members.length, 8)
  end.writeUInt16LE(members.length, 10)
  end.writeUInt32LE(directory.length, 12)
  end.writeUInt32LE(offset, 16)
  return Buffer.concat([...parts, directory, end])
}

/** @throws WardwatchError `bad-payload` with what is wrong. */
export function readZip(bytes: Buffer): Map<string, Buffer> {
  const bad = (what: string) => new WardwatchError('bad-payload', `the file is no readable ZIP: ${what}`)
  const end = bytes.lastIndexOf(Buffer.from([0x50, 0x4b, 5, 6]))
  if (end < 0 || end + 22 > bytes.length) throw bad('its end is missing')
  const count = bytes.readUInt16LE(end + 10)
  let at = bytes.readUInt32LE(end + 16)
  let unfolded = 0
  const members = new Map<string, Buffer>()
  for (let i = 0; i < count; i++) {
    if (at + 46 > end || bytes.readUInt32LE(at) !== CENTRAL) throw bad('its directory is damaged')
    const method = bytes.readUInt16LE(at + 10)
    const [crc, packed, size] = [16, 20, 24].map((o) => bytes.readUInt32LE(at + o)) as [number, number, number]
    const [nameLength, extra, comment] = [28, 30, 32].map((o) => bytes.readUInt16LE(at + o)) as [number, number, number]
    const offset = bytes.readUInt32LE(at + 42)
    const name = bytes.subarray(at + 46, at + 46 + nameLength).toString()
    at += 46 + nameLength + extra + comment
    if (offset + 30 > bytes.length || bytes.readUInt32LE(offset) !== LOCAL)
      throw bad(`${name} is not where it should be`)
    const from = offset + 30 + bytes.readUInt16LE(offset + 26) + bytes.readUInt16LE(offset + 28)
    if (from + packed > end) throw bad(`${name} is cut off`)
    unfolded += size
    if (unfolded > MAX_UNFOLDED) throw bad('it unfolds to more than 512 MB')
    const data = unpacked(bytes.subarray(from, from + packed), method, size)
    if (data === null || data.length !== size || crc32(data) !== crc) throw bad(`${name} is damaged`)
    if (members.has(name)) throw bad(`${name} stands in it twice`)
    members.set(name, data)
  }
  return members
}

function unpacked(packed: Buffer, method: number, size: number): Buffer | null {
  if (method === 0) return Buffer.from(packed)
  if (method !== 8) return null
  try {
    return inflateRawSync(packed, { maxOutputLength: Math.max(size, 1) })
  } catch {
    return null
  }
}

/** Date and time as MS-DOS had them, in UTC; two seconds is their step. */
function dosTime(at: number): [time: number, date: number] {
  const t = new Date(at)
  const time = (t.getUTCHours() << 11) | (t.getUTCMinutes() << 5) | (t.getUTCSeconds() >> 1)
  return [time, ((t.getUTCFullYear() - 1980) << 9) | ((t.getUTCMonth() + 1) << 5) | t.getUTCDate()]
}
