/** Readings of environment and power sensors. */
import { bool, entry, num, sample, state } from './type.ts'

const owner = 'equipment'
const env = sample(10, 60)

export const ENVIRONMENT_TYPES = [
  entry(
    'env.temperature',
    '温度',
    'Temperature',
    'L2',
    env,
    ['climate', 'smoke'],
    owner,
    [num('celsius', '°C', -60, 1200)],
    { mustVary: true },
  ),
  entry('env.humidity', '湿度', 'Humidity', 'L2', env, ['climate'], owner, [num('percent', '%', 0, 100)], {
    mustVary: true,
  }),
  entry('env.smoke', '烟雾', 'Smoke', 'L2', env, ['smoke'], owner, [num('percent_per_m', '%/m', 0, 100)]),
  entry('env.co', '一氧化碳', 'Carbon monoxide', 'L2', env, ['gas'], owner, [num('ppm', 'ppm', 0, 100_000)]),
  entry(
    'env.co2',
    '二氧化碳',
    'Carbon dioxide',
    'L2',
    env,
    ['climate', 'gas'],
    owner,
    [num('ppm', 'ppm', 0, 1_000_000)],
    { mustVary: true },
  ),
  entry('env.gas', '可燃气体', 'Combustible gas', 'L2', env, ['gas'], owner, [num('lel_percent', '%LEL', 0, 100)]),
  entry('env.noise', '噪声', 'Noise', 'L2', env, ['noise'], owner, [num('db', 'dB', 0, 200)], { mustVary: true }),
  entry('env.light', '照度', 'Light', 'L2', env, ['light'], owner, [num('lux', 'lx', 0, 200_000)]),
  entry('env.leak', '漏水', 'Water leak', 'L2', state, ['leak'], owner, [bool('active')]),
  entry('env.call-point', '手动报警按钮', 'Manual call point', 'L2', state, ['call-point'], owner, [bool('active')]),
  entry('power.mains', '市电', 'Mains power', 'L2', state, ['power'], owner, [bool('on')]),
  entry('power.ups', '不间断电源', 'UPS', 'L2', sample(60, 300), ['power'], owner, [num('percent', '%', 0, 100)]),
]
