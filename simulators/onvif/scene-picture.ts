/**
 * Draws what a camera would see, simple but true: the place, by day or night, with as many persons, animals and vehicles
 * as the scene holds, the preset, and the camera's id and time burnt in.
 */
import jpeg from 'jpeg-js'
import { eachDot, GLYPH_HEIGHT, GLYPH_WIDTH } from './bitmap-font.ts'

export type ScenePlace = 'yard' | 'corridor' | 'fence' | 'gate' | 'cell' | 'room'

export interface Scene {
  place: ScenePlace
  persons: number
  animals: number
  vehicles: number
  drones: number
  night: boolean
  smoke: boolean
  covered: boolean
  defocused: boolean
}

export const EMPTY_SCENE: Scene = {
  place: 'yard',
  persons: 0,
  animals: 0,
  vehicles: 0,
  drones: 0,
  night: false,
  smoke: false,
  covered: false,
  defocused: false,
}

export const WIDTH = 480
export const HEIGHT = 270
type Colour = readonly [number, number, number]

class Canvas {
  readonly data = Buffer.alloc(WIDTH * HEIGHT * 4, 255)
  dim = 1

  dot(x: number, y: number, [r, g, b]: Colour): void {
    if (x < 0 || y < 0 || x >= WIDTH || y >= HEIGHT) return
    const i = (Math.floor(y) * WIDTH + Math.floor(x)) * 4
    this.data[i] = r * this.dim
    this.data[i + 1] = g * this.dim
    this.data[i + 2] = b * this.dim
  }

  box(x: number, y: number, w: number, h: number, colour: Colour): void {
    for (let j = y; j < y + h; j++) for (let i = x; i < x + w; i++) this.dot(i, j, colour)
  }

  disc(cx: number, cy: number, r: number, colour: Colour): void {
    for (let j = -r; j <= r; j++)
      for (let i = -r; i <= r; i++) if (i * i + j * j <= r * r) this.dot(cx + i, cy + j, colour)
  }

  line(x0: number, y0: number, x1: number, y1: number, colour: Colour, thick = 1): void {
    const steps = Math.max(Math.abs(x1 - x0), Math.abs(y1 - y0), 1)
    for (let s = 0; s <= steps; s++)
      this.box(Math.round(x0 + ((x1 - x0) * s) / steps), Math.round(y0 + ((y1 - y0) * s) / steps), thick, thick, colour)
  }

  text(x: number, y: number, text: string, colour: Colour, size: number): void {
    const dim = this.dim
    this.dim = 1
    this.box(x - 3, y - 3, text.length * GLYPH_WIDTH * size + 5, GLYPH_HEIGHT * size + 4, [12, 14, 18])
    eachDot(text, (dx, dy) => this.box(x + dx * size, y + dy * size, size, size, colour))
    this.dim = dim
  }
}

const SKY: Colour = [168, 196, 218]
const GRASS: Colour = [112, 132, 92]
const CONCRETE: Colour = [150, 150, 148]
const WALL: Colour = [182, 178, 168]
const STEEL: Colour = [84, 90, 98]
const SKIN: Colour = [214, 176, 148]

const PLACES: Record<ScenePlace, (c: Canvas) => void> = {
  yard(c) {
    c.box(0, 0, WIDTH, 90, SKY)
    c.box(0, 60, WIDTH, 40, WALL)
    for (let x = 20; x < WIDTH; x += 46) c.box(x, 70, 22, 16, [120, 132, 142])
    c.box(0, 100, WIDTH, HEIGHT - 100, CONCRETE)
    c.line(40, 250, 150, 110, [220, 220, 214], 2)
    c.line(440, 250, 330, 110, [220, 220, 214], 2)
    c.line(94, 180, 386, 180, [220, 220, 214], 2)
  },
  corridor(c) {
    c.box(0, 0, WIDTH, HEIGHT, WALL)
    for (let y = 170; y < HEIGHT; y++) c.box(240 - (y - 110) * 1.5, y, (y - 110) * 3, 1, CONCRETE)
    c.box(195, 80, 90, 90, [204, 202, 194])
    for (const side of [-1, 1])
      for (let n = 0; n < 3; n++) c.box(240 + side * (90 + n * 58) - 14, 84 - n * 14, 28 + n * 6, 110 + n * 30, STEEL)
    for (let n = 0; n < 3; n++) c.box(220 - n * 18, 14 + n * 20, 40 + n * 36, 5, [252, 250, 236])
  },
  fence(c) {
    c.box(0, 0, WIDTH, 120, SKY)
    c.box(0, 120, WIDTH, HEIGHT - 120, GRASS)
    c.box(0, 205, WIDTH, 22, [168, 156, 132])
    for (let x = 0; x < WIDTH; x += 60) c.box(x, 50, 6, 140, STEEL)
    for (let y = 60; y <= 180; y += 20) c.line(0, y, WIDTH - 1, y, [120, 126, 132])
    for (let x = -150; x < WIDTH; x += 15) {
      c.line(x, 180, x + 120, 60, [140, 146, 152])
      c.line(x, 60, x + 120, 180, [140, 146, 152])
    }
  },
  gate(c) {
    c.box(0, 0, WIDTH, 80, SKY)
    c.box(0, 80, WIDTH, 190, CONCRETE)
    c.box(30, 30, 60, 190, WALL)
    c.box(390, 30, 60, 190, WALL)
    for (let x = 95; x < 390; x += 18) c.box(x, 70, 5, 150, STEEL)
  },
  cell(c) {
    c.box(0, 0, WIDTH, 180, WALL)
    c.box(0, 180, WIDTH, 90, CONCRETE)
    c.box(30, 140, 150, 50, [104, 118, 138])
    c.box(300, 140, 150, 50, [104, 118, 138])
    c.box(205, 30, 70, 50, SKY)
    for (let x = 210; x < 275; x += 14) c.box(x, 30, 3, 50, STEEL)
  },
  room(c) {
    c.box(0, 0, WIDTH, 150, WALL)
    c.box(0, 150, WIDTH, 120, CONCRETE)
    for (let n = 0; n < 4; n++) c.box(50 + n * 105, 170, 70, 34, [142, 116, 88])
  },
}

/** Where the n-th figure stands: the same for the same camera and number. */
function stand(seed: number, n: number): { x: number; y: number } {
  const mixed = Math.imul(seed ^ (n * 0x9e3779b1), 0x85ebca6b) >>> 0
  return { x: 60 + (mixed % 360), y: 150 + ((mixed >>> 10) % 70) }
}

function person(c: Canvas, x: number, y: number, colour: Colour): void {
  const s = (y - 60) / 110
  c.disc(x, y - 34 * s, Math.round(6 * s), SKIN)
  c.box(x - 7 * s, y - 28 * s, 14 * s, 28 * s, colour)
  c.box(x - 6 * s, y, 5 * s, 24 * s, [52, 58, 70])
  c.box(x + 1 * s, y, 5 * s, 24 * s, [52, 58, 70])
}

function animal(c: Canvas, x: number, y: number): void {
  c.box(x - 12, y, 24, 9, [128, 92, 58])
  c.disc(x + 14, y - 2, 5, [128, 92, 58])
  for (const leg of [-10, -5, 6, 10]) c.box(x + leg, y + 9, 2, 7, [104, 74, 46])
}

function vehicle(c: Canvas, x: number, y: number): void {
  c.box(x - 40, y - 18, 80, 24, [176, 66, 52])
  c.box(x - 24, y - 34, 46, 18, [120, 142, 160])
  for (const wheel of [-24, 24]) c.disc(x + wheel, y + 8, 8, [28, 28, 30])
}

function drone(c: Canvas, x: number, y: number): void {
  c.box(x - 6, y - 2, 12, 5, [30, 30, 34])
  c.line(x - 18, y - 5, x + 18, y - 5, [30, 30, 34])
}

/** @param burntIn lines at the top left and bottom left. */
export function drawScene(
  scene: Scene,
  burntIn: { title: string; time: string; preset: string | null },
  seed: number,
): Uint8Array {
  const c = new Canvas()
  if (scene.covered) c.box(0, 0, WIDTH, HEIGHT, [16, 15, 14])
  else {
    c.dim = scene.night ? 0.38 : 1
    PLACES[scene.place](c)
    const coats: Colour[] = [
      [62, 92, 148],
      [58, 112, 106],
      [128, 128, 66],
      [60, 72, 126],
    ]
    const count = (n: number, most: number) => Math.max(0, Math.min(most, Math.round(n)))
    for (let n = 0; n < count(scene.vehicles, 4); n++) vehicle(c, stand(seed, n + 300).x, 220)
    for (let n = 0; n < count(scene.persons, 40); n++) {
      const { x, y } = stand(seed, n)
      person(c, x, y, coats[n % coats.length] as Colour)
    }
    for (let n = 0; n < count(scene.animals, 8); n++) animal(c, stand(seed, n + 100).x, 215)
    for (let n = 0; n < count(scene.drones, 3); n++) drone(c, stand(seed, n + 200).x, 36)
    if (scene.smoke)
      for (let n = 0; n < 26; n++) c.disc(stand(seed, n + 400).x, 40 + ((n * 37) % 120), 16, [188, 188, 190])
    if (scene.defocused) blur(c.data)
  }
  c.text(10, 10, burntIn.title, [240, 240, 236], 2)
  c.text(10, HEIGHT - 24, burntIn.time, [240, 240, 236], 2)
  if (burntIn.preset)
    c.text(WIDTH - 20 - burntIn.preset.length * GLYPH_WIDTH * 2, 10, burntIn.preset, [250, 214, 120], 2)
  return jpeg.encode({ data: c.data, width: WIDTH, height: HEIGHT }, 70).data
}

/** Box blur along rows: enough to look out of focus. */
function blur(data: Buffer): void {
  const copy = Buffer.from(data)
  const reach = 6
  for (let y = 0; y < HEIGHT; y++)
    for (let x = reach; x < WIDTH - reach; x++)
      for (let k = 0; k < 3; k++) {
        let sum = 0
        for (let d = -reach; d <= reach; d++) sum += copy[(y * WIDTH + x + d) * 4 + k] as number
        data[(y * WIDTH + x) * 4 + k] = sum / (2 * reach + 1)
      }
}
