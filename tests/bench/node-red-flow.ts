/**
 * The same job for Node-RED as somebody would build it by hand: MQTT in, one function with the rule, lines gathered and
 * written to InfluxDB in batches, alerts to a stream. No journal: what waits in it is lost when it ends.
 */
export function nodeRedFlow(options: { mqttPort: number; influxUrl: string | null }): object[] {
  const tab = { id: 'tab', type: 'tab', label: 'bench' }
  const at = { z: 'tab', x: 0, y: 0 }
  const broker = {
    id: 'broker',
    type: 'mqtt-broker',
    broker: '127.0.0.1',
    port: String(options.mqttPort),
    clientid: 'node-red',
    autoConnect: true,
    usetls: false,
    protocolVersion: '4',
    keepalive: '60',
    cleansession: true,
  }
  const rule = `
const [, , , , device, type] = msg.topic.split('/')
const readings = Array.isArray(msg.payload) ? msg.payload : [msg.payload]
if (type === 'tag.sos') {
  const known = context.get('known') || new Set()
  if (!known.has(device)) {
    known.add(device)
    context.set('known', known)
    const alert = { device, code: 'R39', evidence: [] }
    const text = 'event: alert\\ndata: ' + JSON.stringify({ change: 'raised', alert }) + '\\n\\n'
    for (const stream of global.get('streams') || []) stream.write(text)
  }
}
const lines = context.get('lines') || []
for (const { time, ...fields } of readings) {
  const parts = ['quality="good"']
  for (const name in fields) parts.push(name + '=' + (typeof fields[name] === 'string' ? JSON.stringify(fields[name]) : fields[name]))
  lines.push(type.replace('.', '_') + ',device=' + device + ' ' + parts.join(',') + ' ' + time + '000000')
}
if (lines.length < 1000) { context.set('lines', lines); return null }
context.set('lines', [])
return { payload: lines.join('\\n') }`
  const open = `
const stream = msg.res._res
stream.writeHead(200, { 'content-type': 'text/event-stream' })
stream.write(':\\n\\n')
const streams = global.get('streams') || []
streams.push(stream)
global.set('streams', streams)
return null`
  return [
    tab,
    broker,
    {
      ...at,
      id: 'in',
      type: 'mqtt in',
      topic: 'ww/v1/+/dev/+/+',
      qos: '1',
      datatype: 'json',
      broker: 'broker',
      wires: [['rule']],
    },
    { ...at, id: 'rule', type: 'function', func: rule, outputs: 1, wires: [options.influxUrl ? ['write'] : []] },
    {
      ...at,
      id: 'write',
      type: 'http request',
      method: 'POST',
      ret: 'txt',
      url: `${options.influxUrl}/write?db=bench`,
      wires: [[]],
    },
    { ...at, id: 'stream', type: 'http in', url: '/stream', method: 'get', wires: [['open']] },
    { ...at, id: 'open', type: 'function', func: open, outputs: 1, wires: [[]] },
  ]
}
