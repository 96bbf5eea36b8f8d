/**
 * Model files: a maker's product as data, `models/<name>.yaml` of its driver or of the site. A wrong file is refused with
 * file and line, and says what to do; it never stops a device of another model.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv } from 'ajv'
import { LineCounter, parseDocument } from 'yaml'
import { WardwatchError } from '#model/errors.ts'

const NAME = /^[a-z0-9][a-z0-9.-]*$/
const ajv = new Ajv({ allErrors: false, allowUnionTypes: true })

/**
 * @param schema JSON Schema of the driver's model files.
 * @throws WardwatchError `model-invalid` naming file, line and field.
 */
export function loadModelFile<T>(driver: string, name: string, siteDirs: readonly string[], schema: object): T {
  if (!NAME.test(name))
    throw new WardwatchError(
      'model-invalid',
      `model name "${name}" of driver ${driver}: use lower case letters, digits and "-"`,
    )
  const places = [...siteDirs.map((dir) => join(dir, driver)), join(import.meta.dirname, driver, 'models')]
  const file = places.map((dir) => join(dir, `${name}.yaml`)).find((path) => existsSync(path))
  if (!file)
    throw new WardwatchError(
      'model-invalid',
      `no model file "${name}.yaml" for driver ${driver}; looked in ${places.join(', ')}`,
    )
  const lines = new LineCounter()
  const document = parseDocument(readFileSync(file, 'utf8'), { lineCounter: lines })
  const broken = document.errors[0]
  if (broken)
    throw new WardwatchError(
      'model-invalid',
      `${file}:${broken.linePos?.[0].line ?? 1}: ${broken.message.split('\n')[0]}`,
    )
  let content: unknown
  try {
    content = document.toJS()
  } catch (error) {
    // Names that lead nowhere, or aliases that grow without end.
    throw new WardwatchError('model-invalid', `${file}: ${(error as Error).message.split('\n')[0]}; write it out`)
  }
  const validate = ajv.compile(schema)
  if (!validate(content)) {
    const error = validate.errors?.[0]
    const path = (error?.instancePath ?? '').split('/').slice(1)
    let node: unknown = document.contents
    for (const step of path)
      node =
        (node as { get?: (k: string | number, keep: boolean) => unknown })?.get?.(
          /^\d+$/.test(step) ? Number(step) : step,
          true,
        ) ?? node
    const offset = (node as { range?: [number, number, number] })?.range?.[0] ?? 0
    const extra =
      error?.params && 'additionalProperty' in error.params ? ` "${String(error.params.additionalProperty)}"` : ''
    throw new WardwatchError(
      'model-invalid',
      `${file}:${lines.linePos(offset).line}: ${path.join('.') || 'file'} ${error?.message ?? 'is not valid'}${extra}`,
    )
  }
  return content as T
}
