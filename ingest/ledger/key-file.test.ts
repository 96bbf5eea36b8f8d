import { expect, test } from 'vitest'
import type { KeyDisk } from './key-file.ts'
import { openPersonKeys, PERSON_KEYS_FILE } from './personal.ts'

class Cut extends Error {}

/**
 * A disk of one folder that may lose power before any step. What was not brought to the disk by then, bytes of a file or
 * a name of the folder, is there or not: each way is one bit of `fate`.
 */
class ModelDisk {
  #files: { bytes: Buffer; safe: Buffer }[] = []
  #names = new Map<string, number>()
  #safeNames = new Map<string, number>()
  #handles: (number | null)[] = []
  stepsToCut = Number.POSITIVE_INFINITY
  steps = 0

  #step(): void {
    this.steps++
    if (--this.stepsToCut < 0) throw new Cut()
  }

  afterCut(fate: number): ModelDisk {
    const next = new ModelDisk()
    const kept = (bit: number) => (fate >> bit) % 2 === 1
    next.#names = new Map(kept(0) ? this.#names : this.#safeNames)
    next.#safeNames = new Map(next.#names)
    next.#files = this.#files.map(({ bytes, safe }, i) => {
      const found = kept(1 + i) ? bytes : safe
      return { bytes: found, safe: found }
    })
    return next
  }

  text(name: string): string {
    return this.#files[this.#names.get(name) ?? -1]?.bytes.toString() ?? ''
  }

  readonly fs = {
    existsSync: (name: string) => this.#names.has(name),
    readFileSync: (name: string) => this.text(name),
    openSync: (name: string, flags: string) => {
      if (flags === 'r') return this.#handles.push(null) - 1
      this.#step()
      let file = this.#names.get(name)
      if (file === undefined) {
        if (flags === 'r+') throw new Error(`${name} does not exist`)
        file = this.#files.push({ bytes: Buffer.alloc(0), safe: Buffer.alloc(0) }) - 1
        this.#names.set(name, file)
      }
      if (flags === 'w') this.#files[file]!.bytes = Buffer.alloc(0)
      return this.#handles.push(file) - 1
    },
    writeSync: (handle: number, bytes: Buffer, from: number, length: number) => {
      this.#step()
      const file = this.#files[this.#handles[handle]!]!
      const zeros = bytes.every((byte) => byte === 0)
      file.bytes = zeros ? Buffer.from(bytes) : Buffer.concat([file.bytes, bytes.subarray(from, from + length)])
      return length
    },
    fsyncSync: (handle: number) => {
      this.#step()
      const file = this.#handles[handle]
      if (file === null || file === undefined) this.#safeNames = new Map(this.#names)
      else this.#files[file]!.safe = this.#files[file]!.bytes
    },
    renameSync: (from: string, to: string) => {
      this.#step()
      this.#names.set(to, this.#names.get(from)!)
      this.#names.delete(from)
    },
    fstatSync: (handle: number) => ({ size: this.#files[this.#handles[handle]!]!.bytes.length }),
    closeSync: () => {},
  } as unknown as KeyDisk
}

const KEY = 'c0ffee'.repeat(10)
const FILE = `/keys/${PERSON_KEYS_FILE}`
const open = (disk: ModelDisk) => openPersonKeys('/keys', KEY, 'aes-256-gcm', { disk: disk.fs })
const FATES = 16

/** Three persons of whom each has a sealed payload, all on the disk. */
function three() {
  const disk = new ModelDisk()
  const keys = open(disk)
  const sealed = ['P1', 'P2', 'P3'].map((person) => ({
    person,
    body: keys.seal(keys.idsOf([person]), `about ${person}`),
  }))
  keys.flush()
  return { disk, keys, sealed, id: keys.find('P2')! }
}

test('a power cut at any step of a forgetting costs nobody else his key, and the next start ends what was begun', () => {
  const whole = three()
  const before = whole.disk.steps
  whole.keys.destroy(whole.id)
  const steps = whole.disk.steps - before
  expect(steps).toBeGreaterThan(5)
  let cuts = 0
  for (let step = 0; step <= steps; step++)
    for (let fate = 0; fate < FATES; fate++) {
      const { disk, keys, sealed, id } = three()
      disk.stepsToCut = step
      try {
        keys.destroy(id)
      } catch (error) {
        if (!(error instanceof Cut)) throw error
        cuts++
      }
      const found = disk.afterCut(fate)
      const again = open(found)
      for (const { person, body } of sealed)
        if (person !== 'P2')
          expect(
            again.open(body, () => false),
            `${person}, cut before step ${step}, fate ${fate}`,
          ).toEqual({
            state: 'present',
            text: `about ${person}`,
          })
      // The ledger has recorded it by then.
      again.destroy(id)
      expect(again.open(sealed[1]!.body, () => false)).toEqual({ state: 'unreadable' })
      expect(found.text(FILE)).not.toContain(id)
    }
  expect(cuts).toBeGreaterThan(0)
})

test('a key that was brought to the disk is there after any power cut, also the first of a new file', () => {
  const { disk, sealed } = three()
  for (let fate = 0; fate < FATES; fate++) {
    const again = open(disk.afterCut(fate))
    for (const { person, body } of sealed)
      expect(again.open(body, () => false)).toEqual({ state: 'present', text: `about ${person}` })
  }
})

test('a key whose destruction failed on a full disk seals and opens nothing any more, and the next try ends it', () => {
  const { disk, keys, sealed, id } = three()
  disk.stepsToCut = 2
  expect(() => keys.destroy(id)).toThrow()
  expect(keys.open(sealed[1]!.body, () => false)).toEqual({ state: 'unreadable' })
  expect(keys.idsOf(['P2'])).not.toEqual([id])
  disk.stepsToCut = Number.POSITIVE_INFINITY
  keys.destroy(id)
  expect(disk.text(FILE)).not.toContain(id)
  expect(open(disk).find('P1')).not.toBeNull()
})
