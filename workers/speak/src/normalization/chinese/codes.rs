//! Numbers that count nothing: codes, the ends of card numbers, postcodes and telephone numbers are read digit by digit,
//! telephone numbers with 幺 for 1.

use std::sync::LazyLock;

use regex::Regex;

use super::{
    super::{Around, Rule},
    measures::{is_measured, is_quantity},
    numbers::{dialled, spelled},
};

/// Words before or after a code.
const CODES: &str = "末四位|后四位|末四码|后四码|末三码|末五码|末六位|后六位|验证码|校验码|动态码|识别码|确认码|授权码|激活码|兑换码|邀请码|取件码|提货码|取货码|提取码|核销码|安全码|口令|密码|密钥|邮编|邮政编码|邮递区号|邮码|尾号|尾数|卡号|账号|帐号|户号|编号|单号|号码|工号|学号|编码|代码|代号|机器码|序列号|条形码|条码|区号|取餐号|流水号|票号|考号|准考证号?|身份证号?码?|护照号?码?|车牌号?|牌照|会议号|会议ID|房间号|房号|门牌号?|门牌|航班号?|航班|车次|班次|订单号?|订位代号|订单编号|运单号?|快递单号?|发票号?|合同号?|股票代码|基金代码|统编|统一编号|QQ群?号?|qq群?号?|微信号?|ID|id|PIN码?|Pin码?|pin码?|WiFi密码|批号|型号|货号|执照号?|警号|档案号|会员号?|用户名|房卡号|保单号?|病历号|床号|试用码|代碼";
/// Words before or after a telephone number.
const PHONES: &str = "电话号?码?|手机号?码?|座机号?码?|固话|热线|专线|客服|传真|分机|短信|短信至|拨打|致电|来电|请拨|请打|拨通|拨|打|转接?|联系方式|联络|电联|查询|咨询|报警|市话|行动|tel|Tel|TEL|电話";
/// Words between the name of a code and its digits.
const LINK: &str = "(?:的?(?:后|末|前|最后)?[一二三四五六七八3468两]?位?(?:号码?|码|数字?|代码)?(?:分别)?(?:是|为|如下|乃|即|应为|改为|换成|变更为|重置为|设为|设置为|输入|请输入|发送|填写|请填写|至|到|叫做|叫|请记好|请拨打?|请打|请致电|可拨打?|拨打?)?[了：:\\s“”\"「『（(#＃＝=，,*•【\\[-]*)";

static CODE_BEFORE: LazyLock<Regex> = LazyLock::new(|| pattern(&format!("(?:{CODES}){LINK}$")));
static PHONE_BEFORE: LazyLock<Regex> = LazyLock::new(|| pattern(&format!("(?:{PHONES}){LINK}$")));
static CODE_AFTER: LazyLock<Regex> = LazyLock::new(|| {
    pattern(&format!(
        "^[”\"」』）)\\]】]?(?:是|为|作为|，?即)?(?:您|你|本次|我|他|她|该|此|这次)?们?的?(?:登录|注册|支付|动态|短信|本次|银行卡|手机|订单|邮政|取件|开机){{0,2}}(?:{CODES})|^[”\"」』]?(?:结尾|收尾|为尾|完成验证|进行验证|验证登录|登录验证|（(?:{CODES})|\\((?:{CODES}))"
    ))
});
/// Codes of two groups: a shelf and a parcel, a building and a room.
static PAIRED: LazyLock<Regex> = LazyLock::new(|| {
    pattern(&format!("(?:取件码|提货码|取货码|取餐码|包裹码|货架号?|房间号|房号|门牌号?|门牌|单元号|柜号|座号){LINK}$"))
});
/// What is named after the digits of a date or a number of its own, not counted by them.
static EVENT: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        "^(?:恐怖|特大|大|重大|反恐)?(?:事件|事变|惨案|运动(?:[^员会场鞋服]|$)|起义|晚会|大促|购物节|情人节|地震|洪水|爆炸案|空难|政变|讲话|工程(?:[^师队技人]|$)|计划(?:[^生]|$)|专案|枪击案|恐袭|袭击|大桥惨案|商圈|工作制)",
    )
});
static SPOKEN_OF: LazyLock<Regex> = LazyLock::new(|| pattern("(?:输入|回复|发送|编辑短信)[“\"「『]?$"));

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("the patterns are constants")
}

/// Rules that come before those of dates and amounts.
pub(super) fn rules() -> Vec<Rule> {
    vec![
        // 6222 0212 3456 7890
        Rule::whole(r"\d{4}(?:[\s-]\d{4}){2,4}(?:[\s-]\d{1,3})?", |found, _| Some(groups(&found[0], spelled))),
        // 13800138000, 138 0013 8000, +86 …, 010-62345678, (02)2345-6789, 0912-345-678, 400-820-8820, +886-2-2345-6789
        Rule::anywhere(
            r"\+\d{1,3}(?:[\s-]?\(?\d{1,5}\)?){1,5}|(?:86[-\s])?1[3-9]\d[-\s]?\d{4}[-\s]?\d{4}|[(（]0\d{1,3}[)）][\s-]?\d{3,4}[\s-]?\d{3,4}|0\d{1,3}[\s-]\d{3,4}[\s-]?\d{3,4}|0\d{1,3}[\s-]\d{6,8}|[48]00[\s-]?\d{3,4}[\s-]?\d{3,4}|09\d{8}",
            |found, around| {
                let joins = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '$' | '¥' | '￥');
                let decimals =
                    around.after.starts_with(['.', ',']) && around.after[1..].starts_with(|c: char| c.is_ascii_digit());
                let ends = decimals || around.after.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '%');
                let apart = !(around.before.ends_with(joins) || ends);
                let digits = found[0].chars().filter(char::is_ascii_digit).count();
                let money = is_measured(around.after)
                    && !found[0].contains(['-', ' ', '('])
                    && found[0].starts_with(['4', '8']);
                let named = CODE_BEFORE.is_match(&near_before(around)) && !PHONE_BEFORE.is_match(&near_before(around));
                let goes_on =
                    around.after.starts_with('-') && around.after[1..].starts_with(|c: char| c.is_ascii_digit());
                (apart && digits >= 7 && !money && !named && !goes_on).then(|| groups(&found[0], dialled))
            },
        ),
        Rule::anywhere(r"[*•xX]{2,}\s?(?P<n>\d{3,6})", |found, _| Some(spelled(&found["n"]))),
        // 取件码 3-2-1047, 阵型 4-3-3
        Rule::whole(r"\d{1,6}(?:-\d{1,6}){1,5}", |found, around| hyphenated(&found[0], around)),
        Rule::whole(r"\d{2,}(?:[\s-]\d{2,})*", |found, around| code(&found[0], around)),
        // 911事件, 918事变, 315晚会
        Rule::whole(r"\d{2,4}", |found, around| {
            EVENT.is_match(around.after).then(|| match &found[0] {
                "110" | "119" | "120" => dialled(&found[0]),
                date => spelled(date),
            })
        }),
        // 7-11便利店
        Rule::whole(r"7[-–—]11", |_, around| {
            let shop = ["便利", "超商", "店", "门店", "门市", "超市"].iter().any(|word| around.after.starts_with(word));
            let there = ["去", "在", "家", "到", "楼下", "楼下的", "逛", "附近的", "旁边的"];
            let visited = there.iter().any(|word| around.before.ends_with(word)) && !is_measured(around.after);
            (shop || visited && !around.after.starts_with(['月', '日', '号', '点', '时'])).then(|| dialled("711"))
        }),
    ]
}

/// A code in groups that hyphens join. Two groups are a range more often, unless the code is one that has two.
fn hyphenated(text: &str, around: &Around<'_>) -> Option<String> {
    let parts: Vec<&str> = text.split('-').collect();
    let before = near_before(around);
    let date = parts.len() == 3 && (parts[0].len() == 4 || parts[2].len() == 4) && parts[1].len() <= 2;
    let sum = around.after.trim_start().starts_with(['=', '＝', '+', '×', '÷']) || before.ends_with(['=', '+']);
    if is_quantity(around.after) || sum || before.ends_with(['-', '.', '/']) {
        return None;
    }
    let code = match parts.len() {
        2 => PAIRED.is_match(&before),
        _ => !date || parts[2].len() == 4 && CODE_BEFORE.is_match(&before),
    };
    code.then(|| groups(text, spelled))
}

fn code(text: &str, around: &Around<'_>) -> Option<String> {
    let digits = text.chars().filter(char::is_ascii_digit).count();
    let before = near_before(around);
    if digits < 3 || around.after.starts_with(['%', '％', '℃', '°']) || before.ends_with(['$', '¥', '￥', '€', '£'])
    {
        return None;
    }
    let hotline = matches!(
        text,
        "110" | "119" | "120" | "122" | "12345" | "12306" | "12315" | "12320" | "10086" | "10010" | "95588"
    );
    if hotline && ["热", "报", "急", "专", "电", "指", "客"].iter().any(|word| around.after.starts_with(word)) {
        return Some(dialled(text));
    }
    if is_quantity(around.after) {
        return None;
    }
    if CODE_AFTER.is_match(around.after) {
        return Some(groups(text, spelled));
    }
    if CODE_BEFORE.is_match(&before) || (digits > 3 && SPOKEN_OF.is_match(&before)) {
        let range =
            text.contains('-') && text.split('-').all(|part| part.len() < 4) && digits < 6 && before.ends_with("型号");
        return (!range).then(|| groups(text, spelled));
    }
    if PHONE_BEFORE.is_match(&before) && (!before.ends_with('打') || digits > 4 || before.ends_with("拨打") || hotline)
    {
        return Some(groups(text, dialled));
    }
    // Quantities of this length have commas or a unit.
    let long = digits > 8 && !text.contains(['-', ' ']) && !text.ends_with("000");
    (long && !is_measured(around.after)).then(|| spelled(text))
}

fn groups(text: &str, say: fn(&str) -> String) -> String {
    let groups = text.split(|c: char| !c.is_ascii_digit()).filter(|group| !group.is_empty());
    let plus = if text.starts_with('+') { "加" } else { "" };
    format!("{plus}{}", groups.map(say).collect::<Vec<_>>().join("，"))
}

/// The end of the text before, without blanks: "PIN 码" is "PIN码".
fn near_before(around: &Around<'_>) -> String {
    let start = around.before.len().saturating_sub(90);
    around.before[around.before.ceil_char_boundary(start)..].replace(' ', "")
}
