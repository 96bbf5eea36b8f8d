/** Made-up names, Chinese and English. No person, prison or place of this list exists. */
import type { Chance } from '../chance.ts'

const FAMILY = [
  ['赵', 'Zhao'],
  ['钱', 'Qian'],
  ['孙', 'Sun'],
  ['李', 'Li'],
  ['周', 'Zhou'],
  ['吴', 'Wu'],
  ['郑', 'Zheng'],
  ['王', 'Wang'],
  ['冯', 'Feng'],
  ['陈', 'Chen'],
  ['褚', 'Chu'],
  ['卫', 'Wei'],
  ['蒋', 'Jiang'],
  ['沈', 'Shen'],
  ['韩', 'Han'],
  ['杨', 'Yang'],
  ['朱', 'Zhu'],
  ['秦', 'Qin'],
  ['许', 'Xu'],
  ['何', 'He'],
  ['吕', 'Lyu'],
  ['施', 'Shi'],
  ['张', 'Zhang'],
  ['孔', 'Kong'],
  ['曹', 'Cao'],
  ['严', 'Yan'],
  ['华', 'Hua'],
  ['金', 'Jin'],
  ['魏', 'Wei'],
  ['陶', 'Tao'],
] as const
const GIVEN = [
  ['志远', 'Zhiyuan'],
  ['建平', 'Jianping'],
  ['文斌', 'Wenbin'],
  ['国强', 'Guoqiang'],
  ['晓东', 'Xiaodong'],
  ['海涛', 'Haitao'],
  ['立新', 'Lixin'],
  ['永胜', 'Yongsheng'],
  ['思源', 'Siyuan'],
  ['家栋', 'Jiadong'],
  ['明辉', 'Minghui'],
  ['春生', 'Chunsheng'],
  ['少华', 'Shaohua'],
  ['振宇', 'Zhenyu'],
  ['德福', 'Defu'],
  ['一鸣', 'Yiming'],
] as const

export interface MadeUpName {
  zh: string
  en: string
  /** As shown by default: family name and a cross. */
  initials: string
}

export function madeUpName(chance: Chance): MadeUpName {
  const [familyZh, familyEn] = chance.pick(FAMILY)
  const [givenZh, givenEn] = chance.pick(GIVEN)
  return { zh: familyZh + givenZh, en: `${familyEn} ${givenEn}`, initials: `${familyZh}×` }
}

const PLACES = [
  ['青岚', 'Qinglan'],
  ['云栖', 'Yunqi'],
  ['松泉', 'Songquan'],
  ['白鹭', 'Bailu'],
  ['石桥', 'Shiqiao'],
  ['长汀', 'Changting'],
  ['明溪', 'Mingxi'],
  ['柳庄', 'Liuzhuang'],
  ['东渡', 'Dongdu'],
  ['望湖', 'Wanghu'],
  ['竹林', 'Zhulin'],
  ['平安里', 'Pinganli'],
  ['双河', 'Shuanghe'],
  ['枫岭', 'Fengling'],
  ['银杏', 'Yinxing'],
  ['梅园', 'Meiyuan'],
  ['沙洲', 'Shazhou'],
] as const

export interface MadeUpFacility {
  id: string
  kind: 'prison' | 'detox'
  name: { zh: string; en: string }
}

/** The facilities of the make-believe province, in a fixed order; index from 0, at most 34. */
export function madeUpFacility(index: number): MadeUpFacility {
  const [zh, en] = PLACES[index % PLACES.length] as (typeof PLACES)[number]
  const kind = index % 3 === 2 ? 'detox' : 'prison'
  const second = index >= PLACES.length
  const name =
    kind === 'prison'
      ? { zh: `${zh}${second ? '第二' : ''}监狱`, en: `${en} ${second ? 'Second ' : ''}Prison` }
      : { zh: `${zh}${second ? '第二' : ''}强制隔离戒毒所`, en: `${en} ${second ? 'Second ' : ''}Detox Centre` }
  return { id: `js-${String(index + 3).padStart(2, '0')}`, kind, name }
}
