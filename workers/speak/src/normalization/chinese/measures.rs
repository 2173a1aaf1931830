//! Measure words: before these, 2 is 两.

/// Measure words and units, by their first character. Not among them are those whose 2 is a name or an ordinal: 月 号 日
/// 楼 级 线 手 环 等 班 路 维 战 审 胎 婚 中 队 区 度 两.
const COUNTED: &str = "个只条张人名位件台次周天年辆架艘座家所间套部本册篇首种类样项款份把块片颗粒滴瓶杯碗盘箱包袋盒双对副组批层代届岁倍分秒刻点\
米公吨斤克升里元角毛美欧英港日韩新台海多万亿千百小支枚门头匹棵株朵场轮阵堂课句段声口步遍趟番下方大国省市县站斗股笔则期回合成半起\
根罐页集节栋幢户封扇盏串排列行枝束卷筒桶壶锅勺匙盆缸坛篮筐篓捆扎打叠摞堆团球滩汪道丝缕绺撮抹幅帧顶床席尊挺杆管具柄面领袭身出曲阕季\
通桩宗例剂帖味服针贴丸餐顿桌盅碟客任拨伙帮群窝族员尾蹄发梭拳脚掌巴眼寸尺丈厘毫顷亩垧石升合平立厢圈局抱捧掬章幕折爿畦垄茬炷注\
晚堵招关辈拍笼炉撇捺垛函帙羽锭铢瓢屉茶\
星礼昼夜字词格步码版款尊樽簇团瓣绞沓摊块坨泡滴轮档栏格字局盘出齣担挑车船架梯爿进重跳泓弯眼口腔丘洼样项级";

/// Read as an ordinal or a name after 2 though they begin like a measure word.
const NAMES: &[&str] = &[
    "日",
    "级",
    "月",
    "年级",
    "代身份",
    "代居民",
    "代机",
    "代产品",
    "代目",
    "代移民",
    "期工程",
    "期项目",
    "期临床",
    "次元",
    "次方",
    "次函数",
    "次曲",
    "次项",
    "次世界",
    "次开发",
    "次创业",
    "次污染",
    "次加工",
    "次利用",
    "次传播",
    "次感染",
    "次供水",
    "次电池",
    "次革命",
    "元一次",
    "元二次",
    "元方程",
    "元论",
    "元结构",
    "元对立",
    "人世界",
    "人转",
    "把手",
    "分之",
    "分法",
    "分查找",
    "分音符",
    "方面军",
    "重奏",
    "重唱",
    "道贩子",
    "面角",
    "点五",
    "本院校",
    "本线",
    "本大学",
    "百五",
    "季度",
    "车间",
    "台电视",
    "中",
    "合一",
    "进制",
    "进一",
    "进宫",
    "档次",
    "台上",
    "叠",
    "大爷",
    "挡",
    "层次",
    "条腿走",
    "星级",
    "字头",
    "路",
    "组长",
    "部长",
    "排长",
    "连长",
    "团长",
    "次会议",
    "国产",
    "关节",
    "辈分",
    "晚期",
];

/// Whether this text begins with what a number counts.
pub(super) fn is_measured(after: &str) -> bool {
    let after = after.trim_start_matches(' ');
    let building =
        after.starts_with(['栋', '幢', '座']) && after.chars().nth(1).is_some_and(|c| c.is_ascii_digit() || c == '单');
    let yen = after.starts_with("日元");
    yen || (after.chars().next().is_some_and(|c| COUNTED.contains(c))
        && !building
        && !NAMES.iter().any(|name| after.starts_with(name)))
}

/// Whether what follows a code can only be its quantity: "订单500个", but not "卡号1234个人账户".
pub(super) fn is_quantity(after: &str) -> bool {
    const SURE: &[&str] = &[
        "个", "位", "元", "块", "人", "次", "笔", "件", "张", "条", "台", "部", "套", "家", "名", "天", "年", "小时",
        "分钟", "秒", "米", "公里", "吨", "公斤", "万", "亿", "千", "百", "倍", "多", "余", "页", "份", "箱", "项",
        "种", "辆", "单", "只", "字", "人次", "美元",
    ];
    const OTHER: &[&str] = &[
        "个人", "位于", "本人", "件人", "部门", "名为", "名称", "条件", "家人", "家庭", "家属", "项目", "次日", "天津",
        "年底", "人工", "人员", "单位", "单元", "多次", "多少", "只需", "只要", "只能", "只有", "台北", "台湾", "张先",
        "张女", "百度", "字样",
    ];
    SURE.iter().any(|word| after.starts_with(word)) && !OTHER.iter().any(|word| after.starts_with(word))
}

/// The measure word that ends this text right after a number: "5天", "第3章", "20元".
pub(super) fn ends_counted(before: &str) -> bool {
    let mut characters = before.chars();
    let Some(last) = characters.next_back() else { return false };
    if matches!(last, '℃' | '℉' | '%' | '％' | '‰' | '°' | '㎡') {
        return true;
    }
    let number = |c: char| c.is_ascii_digit() || "一二三四五六七八九十百千万两零半".contains(c);
    let unit = |c: char| COUNTED.contains(c) || "月号日楼级度班路时钟斤里年".contains(c);
    let rest = characters.as_str();
    unit(last)
        && (rest.ends_with(number)
            || [
                "小时", "分钟", "公里", "公斤", "千克", "毫升", "厘米", "毫米", "千米", "平米", "星期", "美元", "欧元",
                "日元", "英镑", "个月", "个人", "周岁",
            ]
            .iter()
            .any(|word| before.strip_suffix(word).is_some_and(|rest| rest.ends_with(number))))
}
