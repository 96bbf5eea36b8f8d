/**
 * Writes the table of products into docs/drivers.md from the model files: `node device-drivers/print-products.ts`.
 * Maturity is what the file itself says; nothing here may improve on it.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'

const PAGE = join(import.meta.dirname, '../docs/drivers.md')
const BEGIN = '<!-- products: printed from the model files by "npm run schemas" -->'
const END = '<!-- /products -->'

interface Product {
  name: { zh: string; en: string }
  maturity: string
}

export function productsTable(): string {
  const rows = ['mqtt', 'onvif', 'opcua'].flatMap((driver) => {
    const dir = join(import.meta.dirname, driver, 'models')
    return readdirSync(dir)
      .filter((file) => file.endsWith('.yaml'))
      .sort()
      .map((file) => {
        const { name, maturity } = parse(readFileSync(join(dir, file), 'utf8')) as Product
        return `| ${driver} | \`${file.slice(0, -5)}\` | ${name.zh} | ${name.en} | ${maturity} |`
      })
  })
  return ['| driver | model | 产品 | product | maturity |', '|---|---|---|---|---|', ...rows].join('\n')
}

/** The page with the table as the model files say it now. */
export function withProducts(page: string): string {
  const begin = page.indexOf(BEGIN)
  const end = page.indexOf(END)
  if (begin < 0 || end < begin) throw new Error(`docs/drivers.md has lost its marks ${BEGIN} … ${END}`)
  return `${page.slice(0, begin + BEGIN.length)}\n\n${productsTable()}\n\n${page.slice(end)}`
}

if (import.meta.main) writeFileSync(PAGE, withProducts(readFileSync(PAGE, 'utf8')))
