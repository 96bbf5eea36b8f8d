/** A grey made-up camera picture: wall, lamps, a figure. Never shipped. */
import { encode } from 'jpeg-js'

export function picture(seed: number, figure: boolean): Buffer {
  const width = 480
  const height = 270
  const data = Buffer.alloc(width * height * 4)
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const horizon = 80 + (x / width) * 10
      const lamp = Math.exp(-((x - ((seed * 97) % 400) - 40) ** 2 + (y - 70) ** 2) / 2600) * 150
      const lamp2 = Math.exp(-((x - ((seed * 53) % 300) - 120) ** 2 + (y - 95) ** 2) / 1600) * 90
      let v =
        y < horizon
          ? 16
          : x / width > 0.38 + (y - horizon) / 900 && y < 190 - x / 12
            ? 92 + ((x * 7) % 17)
            : 44 + (y - horizon) / 7
      v += lamp + lamp2 + ((x * 13 + y * 29 + seed * 31) % 9) - 4
      if (figure && ((x - 392) / 9) ** 2 + ((y - 132) / 34) ** 2 < 1) v = 18
      const i = (y * width + x) * 4
      data[i] = data[i + 1] = data[i + 2] = Math.max(0, Math.min(255, v))
      data[i + 3] = 255
    }
  return encode({ data, width, height }, 72).data
}
