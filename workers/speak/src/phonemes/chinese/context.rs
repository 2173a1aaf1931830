//! Readings that depend on the context: characters that jieba leaves by themselves (还 in 还钱 and 还没). The phrase
//! dictionary is consulted across word boundaries first (还 | 钱), then these rules; all other characters get their most
//! frequent reading.

use super::{Syllable, pinyin};

/// A word as jieba cut it: its text and part of speech.
pub(super) struct Cut<'t> {
    pub(super) text: &'t str,
    pub(super) tag: &'t str,
}

/// Characters that make a phrase with the word after them when the dictionary knows one. Function words (都 会, 只 是)
/// are not among them: 都会 is also a metropolis.
const JOINS_NEXT: &str = "还系数种重长调转分降弹传露盛扎倒晕薄量削压咽称空处切卷铺炸钻涨折塞磨漂藏喝哄横嚼剥抹埋挣背缝撒相冲奔参乘畜供冠划结尽禁几间间扫丧散省吐钻载脏落强难曲宿血应中兴轧";
/// Titles after a surname. Some characters have a reading of their own as a surname.
const CALLED: &[&str] = &[
    "先生",
    "小姐",
    "女士",
    "老师",
    "经理",
    "总",
    "教授",
    "医生",
    "太太",
    "主任",
    "董事长",
    "局长",
    "校长",
    "同学",
    "师傅",
    "某",
    "氏",
    "律师",
    "博士",
    "警官",
    "导演",
    "秘书",
    "总监",
    "院长",
    "部长",
    "同志",
    "大夫",
    "法官",
];
const SURNAMES: &[(char, &str)] = &[
    ('曾', "zeng1"),
    ('任', "ren2"),
    ('单', "shan4"),
    ('区', "ou1"),
    ('查', "zha1"),
    ('仇', "qiu2"),
    ('解', "xie4"),
    ('华', "hua4"),
    ('朴', "piao2"),
    ('乐', "yue4"),
    ('葛', "ge3"),
    ('宁', "ning4"),
    ('翟', "zhai2"),
    ('缪', "miao4"),
    ('黑', "he4"),
    ('折', "she2"),
    ('燕', "yan1"),
    ('召', "shao4"),
    ('秘', "bi4"),
    ('员', "yun4"),
    ('盛', "sheng4"),
    ('那', "na1"),
    ('应', "ying1"),
    ('洗', "xian3"),
    ('车', "che1"),
    ('曲', "qu1"),
    ('尉', "wei4"),
    ('卜', "bu3"),
    ('柏', "bai3"),
    ('晁', "chao2"),
    ('万', "wan4"),
    ('石', "shi2"),
    ('薄', "bo2"),
    ('藏', "zang1"),
];

/// Surnames that begin a person's name more often than any other word that the dictionary lacks.
const BEGIN_NAMES: &str = "曾任单区查仇解华朴葛宁翟缪燕卜柏晁";

/// The reading of the word at `n`, when its surroundings decide it.
pub(super) fn read(cuts: &[Cut<'_>], n: usize) -> Option<Vec<Syllable>> {
    let mut characters = cuts[n].text.chars();
    let (single, None) = (characters.next()?, characters.next()) else { return full_name(&cuts[n]) };
    let reading = rule(single, &Near { cuts, n }).or_else(|| surname(single, cuts, n));
    match reading {
        Some(reading) => Some(pinyin::numbered(reading).into_iter().collect()),
        None => JOINS_NEXT.contains(single).then(|| joined(cuts, n)).flatten(),
    }
}

/// The character's part of a phrase that it makes with the next word, or the one before.
fn joined(cuts: &[Cut<'_>], n: usize) -> Option<Vec<Syllable>> {
    let phrase = |from: usize, to: usize| {
        let text: String = cuts.get(from..to)?.iter().map(|cut| cut.text).collect();
        (text.chars().count() <= 4).then(|| pinyin::phrase(&text)).flatten()
    };
    if let Some(syllables) = phrase(n, n + 3).or_else(|| phrase(n, n + 2)) {
        return Some(syllables[..1].to_vec());
    }
    let before = n.checked_sub(1)?;
    phrase(before, n + 1).map(|syllables| syllables[syllables.len() - 1..].to_vec())
}

/// A person's name that no dictionary has: 曾小贤 is Zēng, and 曾 by itself céng.
fn full_name(cut: &Cut<'_>) -> Option<Vec<Syllable>> {
    let first = cut.text.chars().next().filter(|first| BEGIN_NAMES.contains(*first))?;
    let doubled = cut.text.chars().all(|c| c == first);
    if !cut.tag.starts_with("nr") || doubled || pinyin::phrase(cut.text).is_some() {
        return None;
    }
    let (_, reading) = SURNAMES.iter().find(|(name, _)| *name == first)?;
    let mut syllables = pinyin::read(cut.text);
    *syllables.first_mut()? = pinyin::numbered(reading)?;
    Some(syllables)
}

fn surname(single: char, cuts: &[Cut<'_>], n: usize) -> Option<&'static str> {
    let (_, reading) = SURNAMES.iter().find(|(name, _)| *name == single)?;
    let next = cuts.get(n + 1)?.text;
    let begins = n == 0 || !cuts[n - 1].tag.starts_with(['m', 'q']);
    (begins && CALLED.iter().any(|called| next.starts_with(called))).then_some(reading)
}

/// The words around a character.
struct Near<'t> {
    cuts: &'t [Cut<'t>],
    n: usize,
}

impl Near<'_> {
    fn before(&self) -> &str {
        self.n.checked_sub(1).map_or("", |n| self.cuts[n].text)
    }

    fn tag_before(&self) -> &str {
        self.n.checked_sub(1).map_or("", |n| self.cuts[n].tag)
    }

    fn after(&self) -> &str {
        self.cuts.get(self.n + 1).map_or("", |cut| cut.text)
    }

    fn tag_after(&self) -> &str {
        self.cuts.get(self.n + 1).map_or("", |cut| cut.tag)
    }

    fn second_tag_after(&self) -> &str {
        self.cuts.get(self.n + 2).map_or("", |cut| cut.tag)
    }

    fn ends_with(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.before().ends_with(word))
    }

    fn goes_on(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.after().starts_with(word))
    }

    /// Whether one of these words stands earlier in the clause.
    fn earlier(&self, words: &[&str]) -> bool {
        self.cuts[..self.n].iter().any(|cut| words.contains(&cut.text))
    }

    fn is_last(&self) -> bool {
        self.n + 1 == self.cuts.len()
    }

    /// Whether a number or a demonstrative stands before, so that the character may be a measure word.
    fn is_counted(&self) -> bool {
        self.tag_before().starts_with('m')
            || self.ends_with(&[
                "一", "二", "两", "三", "四", "五", "六", "七", "八", "九", "十", "百", "千", "几", "半", "数", "这",
                "那", "每", "各", "某", "哪", "何", "多", "此", "第",
            ])
    }
}

const DEGREES: &[&str] = &[
    "很", "太", "真", "更", "最", "多", "不", "这么", "那么", "有点", "够", "挺", "非常", "特别", "好", "越", "比较",
    "还", "极", "么",
];

/// The reading of a character by its neighbours. Each character is in one of the three tables.
fn rule(single: char, near: &Near<'_>) -> Option<&'static str> {
    particle_or_measure(single, near).or_else(|| verb(single, near)).or_else(|| other(single, near))
}

fn particle_or_measure(single: char, near: &Near<'_>) -> Option<&'static str> {
    match single {
        '还' => huan(near),
        '得' => dei(near),
        '地' => adverb(near),
        '长' => grown(near),
        '着' => zhao(near),
        '为' => wei(near),
        '数' => (near.goes_on(&["一", "数", "了", "着", "到", "星星", "钱", "不", "得", "过", "清", "人"])
            || near.ends_with(&["在", "请", "来", "从", "去", "没"]))
        .then_some("shu3"),
        '只' => {
            let particle =
                near.after() == "是" || near.tag_after().starts_with(['v', 'd']) && !near.tag_before().starts_with('m');
            (near.is_counted() && !near.ends_with(&["多", "不"]) && !particle).then_some("zhi1")
        }
        '种' => {
            let planted = near.goes_on(&[
                "了", "着", "过", "地", "田", "花", "树", "菜", "瓜", "草", "棉", "粮", "水稻", "下", "在", "上", "出",
                "满", "果", "玉米", "小麦",
            ]);
            Some(if near.is_counted() && !planted || near.is_last() && near.is_counted() {
                "zhong3"
            } else if planted || near.tag_before().starts_with(['r', 'd', 'v', 'n']) && !near.is_last() {
                "zhong4"
            } else {
                "zhong3"
            })
        }
        '系' => near
            .goes_on(&[
                "鞋",
                "安全带",
                "领带",
                "扣",
                "上",
                "好",
                "着",
                "围巾",
                "紧",
                "了",
                "腰带",
                "绳",
                "红绳",
                "蝴蝶结",
                "住",
            ])
            .then_some("ji4"),
        '盛' => (near
            .goes_on(&["饭", "汤", "水", "满", "着", "了", "一", "碗", "粥", "菜", "酒", "两", "出", "起", "在"])
            || near.tag_after().starts_with('m'))
        .then_some("cheng2"),
        '差' => {
            let errand = near.ends_with(&["出", "当", "当过", "当了", "出过", "出了"])
                || matches!(near.before(), "过" | "了") && near.earlier(&["当", "出"]);
            Some(if errand { "chai1" } else { "cha4" })
        }
        '教' => Some("jiao1"),
        '倒' => {
            let poured = near.goes_on(&[
                "水", "茶", "酒", "掉", "出", "进", "垃圾", "是", "车", "满", "退", "一", "杯", "不", "挂", "立", "着",
                "数",
            ]);
            Some(if poured || near.earlier(&["把", "将"]) { "dao4" } else { "dao3" })
        }
        '背' => {
            let carried = near.goes_on(&["着", "了", "起", "上", "个", "包", "孩子", "书包", "一", "债", "黑锅", "负"]);
            Some(if carried && !near.ends_with(&["的"]) { "bei1" } else { "bei4" })
        }
        '落' => {
            let left = near.goes_on(&["在", "下", "了"])
                && near.earlier(&["把", "忘", "东西", "手机", "钥匙", "伞", "书", "钱包", "包"]);
            left.then_some("la4")
        }
        '卡' => near.goes_on(&["在", "住", "喉"]).then_some("qia3"),
        _ => None,
    }
}

fn verb(single: char, near: &Near<'_>) -> Option<&'static str> {
    match single {
        '看' => near.goes_on(&["孩子", "家", "门", "店", "大门", "守", "场子", "小孩"]).then_some("kan1"),
        '转' => (near.earlier(&["绕", "围", "绕着", "围着"])
            || near.goes_on(&["圈", "悠", "动", "个不停", "来转去", "了一圈", "磨"]))
        .then_some("zhuan4"),
        '吐' => {
            (near.ends_with(&["想", "要", "呕", "又", "上"]) || near.goes_on(&["了", "得", "血"])).then_some("tu4")
        }
        '冲' => near.ends_with(&["很", "太", "真", "挺", "这么", "那么"]).then_some("chong4"),
        '干' => {
            let dry = near.ends_with(&[
                "衣服", "头发", "嘴", "口", "河", "地", "晒", "晾", "擦", "吹", "烘", "烤", "水", "很", "太", "了",
                "泪", "油漆", "墨", "喝", "舌", "皮肤", "毛巾", "土", "被子",
            ]);
            (dry && (near.is_last() || near.goes_on(&["了", "的", "燥", "吧", "透", "得", "裂", "掉"])))
                .then_some("gan1")
        }
        '空' => near.ends_with(&["有", "没", "没有", "抽", "填", "得", "哪有"]).then_some("kong4"),
        '量' => {
            near.goes_on(&["一下", "体温", "一", "血压", "了", "身高", "尺寸", "过", "得", "着"]).then_some("liang2")
        }
        '凉' => near.goes_on(&["一凉"]).then_some("liang4"),
        '分' => None,
        '弹' => (!near.ends_with(&["子", "炸", "导", "炮", "核", "氢", "原子"])).then_some("tan2"),
        '发' => near
            .ends_with(&["剪", "理", "烫", "染", "洗", "长", "短", "黑", "白", "秀", "美", "假", "银"])
            .then_some("fa4"),
        '和' => near.goes_on(&["面", "泥"]).then(|| {
            if near.is_last() || near.tag_before().is_empty() && near.after() == "面" { "huo2" } else { "he2" }
        }),
        '与' => None,
        '要' => None,
        '似' => near.goes_on(&["的"]).then_some("shi4"),
        _ => None,
    }
}

fn other(single: char, near: &Near<'_>) -> Option<&'static str> {
    match single {
        '重' => (near.goes_on(&[
            "新", "复", "来", "做", "写", "看", "建", "启", "回", "返", "逢", "装", "演", "申", "播", "组", "拍", "走",
            "开", "印", "修", "读",
        ]) && !near.ends_with(DEGREES))
        .then_some("chong2"),
        '行' => {
            let words = near.goes_on(&["字", "诗", "代码", "文字", "泪", "脚印", "大字", "小字"]);
            let line = near.is_counted() && !near.goes_on(&["了", "不"]) && !near.ends_with(&["多", "半", "这", "那"]);
            (line || words && near.tag_before().starts_with(['m', 'r'])).then_some("hang2")
        }
        '降' => (near.ends_with(&["投", "劝", "诈"])).then_some("xiang2"),
        '扎' => Some("zha1"),
        '血' => near.ends_with(&["点", "了", "出", "流"]).then_some("xie3"),
        '石' => near
            .ends_with(&["一", "两", "三", "几", "十", "百", "万"])
            .then(|| if near.goes_on(&["米", "粮", "谷"]) { "dan4" } else { "shi2" }),
        '担' => near.is_counted().then_some("dan4"),
        '服' => near.is_counted().then_some("fu4"),
        '场' => near.goes_on(&["大雨", "雨", "雪", "大雪", "大病", "病", "空"]).then_some("chang2"),
        '省' => None,
        '钻' => near.goes_on(&["进", "出", "到", "了", "入", "过", "孔", "来"]).then_some("zuan1"),
        '炸' => near.goes_on(&["鸡", "鱼", "酱", "薯", "油", "豆腐", "虾", "肉", "丸子"]).then_some("zha2"),
        '削' => Some("xiao1"),
        '缝' => near.goes_on(&["衣", "补", "了", "好", "上", "合"]).then_some("feng2"),
        '折' => Some(if near.goes_on(&["了"]) { "she2" } else { "zhe2" }),
        '剥' => Some("bao1"),
        '嚼' => Some("jiao2"),
        '逮' => Some("dai3"),
        '薄' => Some("bao2"),
        '散' => near.goes_on(&["开", "了", "会", "场"]).then_some("san4"),
        '肚' => near.ends_with(&["羊", "牛", "猪", "爆"]).then_some("du3"),
        '挣' => Some("zheng4"),
        '俩' => Some("lia3"),
        '占' => near.goes_on(&["卜", "星", "卦"]).then_some("zhan1"),
        '晕' => near.goes_on(&["车", "船", "机", "针"]).then_some("yun4"),
        '称' => near.ends_with(&["对", "匀", "相"]).then_some("chen4"),
        _ => None,
    }
}

/// 还 is huán when something is given back: 还你钱, 还了, 要还.
fn huan(near: &Near<'_>) -> Option<&'static str> {
    const OWED: &[&str] = &[
        "钱",
        "债",
        "款",
        "书",
        "清",
        "账",
        "贷",
        "给",
        "房贷",
        "车贷",
        "信用卡",
        "花呗",
        "人情",
        "礼",
        "愿",
        "本",
        "贷款",
        "利息",
        "手",
        "价",
        "原",
        "乡",
        "俗",
        "完",
        "车",
        "伞",
    ];
    let given = near.goes_on(OWED) && near.after() != "本来" && !near.goes_on(&["原来", "本来", "书写", "给力"]);
    let to_somebody = matches!(
        near.after(),
        "你" | "我" | "他" | "她" | "它" | "人" | "人家" | "您" | "银行" | "我们" | "你们" | "他们"
    ) && near.second_tag_after().starts_with(['n', 'm'])
        || matches!(near.after(), "他" | "她" | "你" | "我")
            && near.second_tag_after().is_empty()
            && near.ends_with(&["要", "去", "来", "该"]);
    let ends = near.is_last() && !near.before().is_empty() || matches!(near.after(), "了" | "吗" | "吧" | "得" | "不");
    let done = ends && near.after() != "不" && near.after() != "得" && !near.tag_before().starts_with('r');
    Some(if given || to_somebody || done { "huan2" } else { "hai2" })
}

/// 得 before a verb is "must" (děi), before a gain dé, and after a verb or adjective a particle.
fn dei(near: &Near<'_>) -> Option<&'static str> {
    let subject = near.tag_before().starts_with(['r', 't'])
        || near.tag_before().is_empty()
        || near.tag_before().starts_with("nr")
        || near.ends_with(&[
            "也", "就", "都", "还", "总", "可", "必", "又", "才", "只", "非", "咱", "人", "那", "事", "你们", "我们",
            "咱们", "大家", "今天", "明天",
        ]);
    let action = near.tag_after().starts_with(['v', 'd', 'p', 'a', 'r', 'z', 'l', 'i', 'n', 'm', 't']);
    if near.goes_on(&["了", "到", "过", "奖", "第", "分", "病", "冠军", "金牌", "癌", "手", "票"])
        && !near.tag_before().starts_with(['v', 'a'])
    {
        return Some("de2");
    }
    (subject && action && !near.is_last()).then_some("dei3")
}

/// 地 between an adverb and a verb is a particle.
fn adverb(near: &Near<'_>) -> Option<&'static str> {
    let before = near.before();
    let doubled = {
        let letters: Vec<char> = before.chars().collect();
        letters.len() >= 2 && letters[letters.len() - 1] == letters[letters.len() - 2]
    };
    let manner = near.tag_before().starts_with(['a', 'd', 'z', 'i', 'l', 'o'])
        || doubled
        || before.chars().count() >= 2 && near.tag_before().starts_with('v')
        || near.tag_before().starts_with("vn");
    let action = near.tag_after().starts_with(['v', 'd', 'p', 'a', 'i', 'l', 'z', 'm'])
        || near.tag_after().starts_with("nz")
        || near.ends_with(&["慢慢", "悄悄", "渐渐"]);
    (manner && action && !near.is_last() && before.chars().count() >= 2).then_some("de5")
}

/// 长 is zhǎng for growth and leadership.
fn grown(near: &Near<'_>) -> Option<&'static str> {
    let long = near.ends_with(DEGREES) || near.ends_with(&["时间", "头发", "太", "日子", "路", "腿", "寿命"]);
    let grows = near.goes_on(&[
        "得", "出", "满", "成", "着", "在", "大", "高", "胖", "个", "痘", "毛", "牙", "草", "叶", "虫", "相", "辈",
        "肉", "势",
    ]);
    let grew = near.goes_on(&["了"]) && !long;
    (grows && !near.ends_with(DEGREES) || grew).then_some("zhang3")
}

/// 着 is zháo for success or onset; else it is a particle.
fn zhao(near: &Near<'_>) -> Option<&'static str> {
    if near.goes_on(&["火", "凉", "急", "迷", "慌", "魔"]) {
        return Some("zhao2");
    }
    if near.goes_on(&["陆", "装", "手", "眼", "重", "想", "色", "力", "实", "落"])
        && !near.tag_before().starts_with('v')
    {
        return Some("zhuo2");
    }
    let reached = near.ends_with(&["睡", "找", "猜", "见", "点", "买", "碰", "够", "用", "怪", "抓", "逮", "梦"])
        && (near.is_last() || near.goes_on(&["了", "过"]));
    reached.then_some("zhao2")
}

/// 为 is wéi for "make" and "be": before a number, after a verb of making, and after 以.
fn wei(near: &Near<'_>) -> Option<&'static str> {
    const MADE: &[&str] = &[
        "选", "称", "评", "视", "作", "化", "变", "命名", "改", "定", "设", "列", "誉", "任命", "推选", "当选", "成",
        "认", "分", "称之", "被选", "更名", "转", "译", "简称", "统称", "合", "降", "升", "增", "减", "沦", "作之",
        "约", "均", "长度", "高度", "宽度", "面积", "温度", "价格", "地址", "时间", "年龄", "身高", "体重", "总数",
        "人数", "号码", "密码", "速度", "结果", "答案", "目标", "主题",
    ];
    let makes = near.tag_after().starts_with('m') && !near.goes_on(&["一些"])
        || near.ends_with(MADE)
        || near.earlier(&["以", "拜", "被选", "选"]);
    let asks = near
        .goes_on(&["什么", "何", "了", "此", "着", "啥", "人民", "你", "我", "他", "她", "您", "大家", "祖国", "孩子"])
        && !near.ends_with(&["成", "选", "称", "视", "作"]);
    (makes && !asks).then_some("wei2")
}
