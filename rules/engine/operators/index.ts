/** Finds the operators: every other file of this folder exports one as `operator`. Adding one edits nothing. */
import { readdirSync } from 'node:fs'
import type { Operator } from '../operator.ts'

const files = readdirSync(import.meta.dirname)
  .filter((name) => name.endsWith('.ts') && name !== 'index.ts' && !name.endsWith('.test.ts'))
  .sort()

export const OPERATORS: ReadonlyMap<string, Operator> = new Map(
  await Promise.all(
    files.map(async (name) => {
      const { operator } = (await import(/* @vite-ignore */ `./${name}`)) as { operator?: Operator }
      if (!operator) throw new Error(`rules/engine/operators/${name} exports no "operator"`)
      if (`${operator.name}.ts` !== name)
        throw new Error(`operator "${operator.name}" must stand in ${operator.name}.ts`)
      return [operator.name, operator] as const
    }),
  ),
)
