//! Words that stand for a semantic type wherever they appear: countries, places, colours, sizes, languages, and so on.
//!
//! A word may belong to several types ("m" is a size and a gender): the column decides. Facts of common knowledge; each
//! list is one string, words parted by `|`, or by spaces where no entry holds one.

use super::SemanticType as T;
use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

/// Bytes of the longest word in the lists; longer values are not looked up.
pub const WORD_BYTES_MAX: usize = 40;

/// The types a lower-case word may have.
pub fn types_of(word: &str) -> &'static [T] {
    WORDS.get(word).map_or(&[], |types| types.as_slice())
}

/// Whether a Chinese family name, of one or two characters, opens `name`; gives the bytes it takes.
pub fn surname_bytes(name: &str) -> Option<usize> {
    let mut ends = name.char_indices().skip(1).map(|(at, _)| at).chain([name.len()]);
    let (one, two) = (ends.next()?, ends.next());
    if let Some(two) = two
        && DOUBLE_SURNAMES.contains(name.get(..two)?)
    {
        return Some(two);
    }
    let first = name.chars().next()?;
    SURNAMES.contains(&first).then_some(one)
}

/// Whether `word`, in lower case, is a common given name of the Latin script.
pub fn is_given_name(word: &str) -> bool {
    GIVEN_NAMES.contains(word)
}

/// Common given names of the Latin script, in small letters.
pub fn given_names() -> impl Iterator<Item = &'static str> {
    GIVEN.split(' ')
}

/// Countries, states, provinces and great cities, in small letters.
pub fn places() -> impl Iterator<Item = &'static str> {
    COUNTRIES.split('|').chain(STATES.split('|')).chain(CITIES.split('|'))
}

/// Whether the text opens with the name of a Chinese province or prefecture, with or without its suffix.
pub fn opens_with_place(text: &str) -> bool {
    let mut ends = text.char_indices().map(|(at, _)| at).skip(2).take(4).chain([text.len()]);
    ends.any(|end| text.get(..end).is_some_and(|head| PLACES.contains(head)))
}

/// Whether two digits open a Chinese administrative code (GB/T 2260).
pub fn is_province_code(first: u8, second: u8) -> bool {
    matches!(
        (first, second),
        (b'1', b'1'..=b'5')
            | (b'2', b'1'..=b'3')
            | (b'3', b'1'..=b'7')
            | (b'4', b'1'..=b'6')
            | (b'5', b'0'..=b'4')
            | (b'6', b'1'..=b'5')
            | (b'7', b'1')
            | (b'8', b'1'..=b'3')
    )
}

/// Whether the two letters, in upper case, are an ISO 3166 country code.
pub fn is_country_code(code: &str) -> bool {
    code.len() == 2 && COUNTRY_CODES.split(' ').any(|known| known == code)
}

static WORDS: LazyLock<HashMap<&'static str, Vec<T>>> = LazyLock::new(|| {
    let lists: [(T, &str, char); 23] = [
        (T::Country, COUNTRIES, '|'),
        (T::Province, PROVINCES, ' '),
        (T::Province, STATES, '|'),
        (T::City, CITIES_ZH, ' '),
        (T::City, CITIES, '|'),
        (T::Colour, COLOURS, '|'),
        (T::Size, SIZES, '|'),
        (T::Currency, CURRENCIES, ' '),
        (T::Language, LANGUAGES, ' '),
        (T::Gender, GENDERS, ' '),
        (T::Boolean, BOOLEANS, ' '),
        (T::Month, MONTHS, ' '),
        (T::Weekday, WEEKDAYS, ' '),
        (T::MaritalStatus, MARITAL, '|'),
        (T::Ethnicity, ETHNICITIES, ' '),
        (T::Religion, RELIGIONS, ' '),
        (T::EventType, EVENTS, ' '),
        (T::OrderStatus, STATUSES, '|'),
        (T::Availability, AVAILABILITIES, '|'),
        (T::PaymentMethod, PAYMENTS, '|'),
        (T::ShippingMethod, SHIPPINGS, '|'),
        (T::Material, MATERIALS, '|'),
        (T::Brand, BRANDS, '|'),
    ];
    let mut words: HashMap<&'static str, Vec<T>> = HashMap::new();
    for (semantic_type, list, separator) in lists {
        for word in list.split(separator).filter(|word| !word.is_empty()) {
            let types = words.entry(word).or_default();
            if !types.contains(&semantic_type) {
                types.push(semantic_type);
            }
        }
    }
    words
});

static SURNAMES: LazyLock<HashSet<char>> = LazyLock::new(|| SINGLE_SURNAMES.chars().collect());
static DOUBLE_SURNAMES: LazyLock<HashSet<&'static str>> = LazyLock::new(|| COMPOUND_SURNAMES.split(' ').collect());
static GIVEN_NAMES: LazyLock<HashSet<&'static str>> = LazyLock::new(|| GIVEN.split(' ').collect());
static PLACES: LazyLock<HashSet<String>> = LazyLock::new(|| {
    let bare = PROVINCES.split(' ').chain(CITIES_ZH.split(' ')).filter(|name| !name.is_empty());
    bare.flat_map(|name| [name.to_string(), format!("{name}省"), format!("{name}市")]).collect()
});

const PROVINCES: &str = "\
    北京 天津 河北 山西 内蒙古 辽宁 吉林 黑龙江 上海 江苏 浙江 安徽 福建 江西 山东 河南 湖北 湖南 广东 广西 \
    海南 重庆 四川 贵州 云南 西藏 陕西 甘肃 青海 宁夏 新疆 台湾 香港 澳门 内蒙古自治区 广西壮族自治区 \
    西藏自治区 宁夏回族自治区 新疆维吾尔自治区 香港特别行政区 澳门特别行政区 beijing tianjin hebei shanxi \
    liaoning jilin heilongjiang shanghai jiangsu zhejiang anhui fujian jiangxi shandong henan hubei hunan \
    guangdong guangxi hainan chongqing sichuan guizhou yunnan shaanxi gansu qinghai ningxia xinjiang";
const STATES: &str = "\
    alabama|alaska|arizona|arkansas|california|colorado|connecticut|delaware|florida|georgia|hawaii|idaho|\
    illinois|indiana|iowa|kansas|kentucky|louisiana|maine|maryland|massachusetts|michigan|minnesota|mississippi|\
    missouri|montana|nebraska|nevada|new hampshire|new jersey|new mexico|new york|north carolina|north dakota|\
    ohio|oklahoma|oregon|pennsylvania|rhode island|south carolina|south dakota|tennessee|texas|utah|vermont|\
    virginia|washington|west virginia|wisconsin|wyoming|ontario|quebec|british columbia|alberta|new south wales|\
    queensland|victoria|tasmania|bavaria|hesse|saxony|al|ak|az|ar|ca|co|ct|de|fl|ga|hi|ia|id|il|in|ks|ky|la|ma|\
    md|me|mi|mn|mo|ms|mt|nc|nd|ne|nh|nj|nm|nv|ny|oh|ok|or|pa|ri|sc|sd|tn|tx|ut|va|vt|wa|wi|wv|wy|dc|pr|sp|rj|mg|\
    rs|pr|ba|nsw|qld|vic|sa|wa|act|nt|tas";
const CITIES: &str = "\
    new york|new york city|los angeles|chicago|houston|philadelphia|phoenix|san antonio|san diego|dallas|\
    san jose|austin|jacksonville|columbus|charlotte|seattle|denver|boston|detroit|memphis|portland|las vegas|\
    baltimore|milwaukee|atlanta|miami|oakland|minneapolis|tulsa|tampa|new orleans|cleveland|san francisco|\
    pittsburgh|cincinnati|london|paris|berlin|madrid|rome|vienna|munich|hamburg|cologne|frankfurt|amsterdam|\
    brussels|lisbon|dublin|stockholm|oslo|copenhagen|helsinki|warsaw|prague|budapest|athens|moscow|\
    saint petersburg|kyiv|istanbul|ankara|cairo|lagos|nairobi|johannesburg|cape town|dubai|abu dhabi|riyadh|\
    tehran|karachi|lahore|mumbai|delhi|new delhi|bangalore|bengaluru|chennai|kolkata|hyderabad|pune|dhaka|\
    bangkok|jakarta|manila|hanoi|ho chi minh city|singapore|kuala lumpur|tokyo|osaka|kyoto|nagoya|seoul|busan|\
    taipei|hong kong|sydney|melbourne|brisbane|perth|auckland|toronto|montreal|vancouver|calgary|ottawa|\
    mexico city|guadalajara|bogota|lima|santiago|buenos aires|sao paulo|são paulo|rio de janeiro|belo horizonte|\
    brasilia|curitiba|porto alegre|salvador|recife|fortaleza|guangzhou|shenzhen|hangzhou|nanjing|wuhan|chengdu|\
    xi'an|suzhou|qingdao|dalian|xiamen|ningbo|tianjin|beijing|shanghai|chongqing|manchester|birmingham|\
    liverpool|leeds|glasgow|edinburgh|bristol|lyon|marseille|toulouse|milan|naples|turin|barcelona|valencia|\
    seville|zurich|geneva|basel|quito|guayaquil|москва|санкт-петербург|екатеринбург|новосибирск|краснодар|\
    казань|самара|омск|челябинск|нижний новгород|ростов-на-дону|уфа|пермь|волгоград|воронеж|саратов|красноярск|\
    тюмень";
const COUNTRIES: &str = "\
    afghanistan|albania|algeria|argentina|armenia|australia|austria|azerbaijan|bangladesh|belarus|belgium|\
    bolivia|bosnia and herzegovina|brazil|bulgaria|cambodia|cameroon|canada|chile|china|colombia|costa rica|\
    croatia|cuba|cyprus|czech republic|czechia|denmark|dominican republic|ecuador|egypt|el salvador|estonia|\
    ethiopia|finland|france|georgia|germany|ghana|greece|guatemala|honduras|hong kong|hungary|iceland|india|\
    indonesia|iran|iraq|ireland|israel|italy|ivory coast|jamaica|japan|jordan|kazakhstan|kenya|kuwait|\
    kyrgyzstan|laos|latvia|lebanon|libya|lithuania|luxembourg|macau|madagascar|malaysia|malta|mauritius|mexico|\
    moldova|mongolia|montenegro|morocco|mozambique|myanmar|namibia|nepal|netherlands|the netherlands|\
    new zealand|nicaragua|niger|nigeria|north korea|north macedonia|norway|oman|pakistan|panama|paraguay|peru|\
    philippines|poland|portugal|puerto rico|qatar|romania|russia|russian federation|rwanda|saudi arabia|senegal|\
    serbia|singapore|slovakia|slovenia|somalia|south africa|south korea|korea|spain|sri lanka|sudan|sweden|\
    switzerland|syria|taiwan|tajikistan|tanzania|thailand|tunisia|turkey|turkmenistan|uganda|ukraine|\
    united arab emirates|united kingdom|uk|great britain|england|scotland|wales|united states|\
    united states of america|usa|uruguay|uzbekistan|venezuela|vietnam|yemen|zambia|zimbabwe|estados unidos|\
    méxico|brasil|españa|alemania|francia|reino unido|italia|deutschland|angola|benin|botswana|haiti|mali|chad|\
    congo|gabon|togo|fiji|samoa|tonga|bahamas|barbados|belize|guyana|suriname|bahrain|brunei|bhutan|maldives|\
    andorra|monaco|liechtenstein|san marino|中国|美国|英国|法国|德国|日本|韩国|俄罗斯|印度|加拿大|澳大利亚|\
    意大利|西班牙|荷兰|巴西|墨西哥|新加坡|马来西亚|泰国|越南|菲律宾|印度尼西亚|瑞士|瑞典|挪威|丹麦|芬兰|波兰|\
    土耳其|埃及|南非|新西兰|葡萄牙|比利时|奥地利|爱尔兰|希腊|以色列|沙特阿拉伯|阿联酋|阿根廷|智利|cn|us|gb|jp|\
    kr|fr|it|ru|chn|deu|fra|gbr|jpn|kor|ita|esp|bra|ind|rus|aus|mex";
const COUNTRY_CODES: &str = "\
    AD AE AF AG AL AM AO AR AT AU AZ BA BB BD BE BF BG BH BI BJ BN BO BR BS BT BW BY BZ CA CD CF CG CH CI CL CM \
    CN CO CR CU CV CY CZ DE DJ DK DM DO DZ EC EE EG ER ES ET FI FJ FR GA GB GD GE GH GL GM GN GQ GR GT GW GY HK \
    HN HR HT HU ID IE IL IN IQ IR IS IT JM JO JP KE KG KH KM KP KR KW KZ LA LB LI LK LR LS LT LU LV LY MA MC MD \
    ME MG MK ML MM MN MO MR MT MU MV MW MX MY MZ NA NE NG NI NL NO NP NZ OM PA PE PG PH PK PL PR PT PY QA RO RS \
    RU RW SA SC SD SE SG SI SK SL SM SN SO SR SS SV SY SZ TD TG TH TJ TL TM TN TO TR TT TW TZ UA UG US UY UZ VE \
    VN VU WS YE ZA ZM ZW";
const COLOURS: &str = "\
    red|green|blue|yellow|orange|purple|pink|brown|black|white|grey|gray|beige|ivory|gold|silver|navy|navy blue|\
    teal|turquoise|maroon|burgundy|olive|khaki|cream|tan|coral|peach|lavender|magenta|cyan|charcoal|rust|\
    mustard|mauve|nude|bronze|copper|multi|multicolor|multicolour|multicoloured|off white|light blue|dark blue|\
    royal blue|sky blue|light green|dark green|lime green|sea green|grey melange|rose gold|rose|mint|wine|\
    violet|indigo|skin|steel|metallic|taupe|mushroom brown|coffee brown|fluorescent green|space gray|midnight|\
    transparent|红色|绿色|蓝色|黄色|橙色|紫色|粉色|棕色|黑色|白色|灰色|米色|米白色|金色|银色|藏青色|深蓝色|\
    浅蓝色|天蓝色|酒红色|墨绿色|军绿色|卡其色|咖啡色|驼色|杏色|肤色|玫瑰金|香槟色|透明|彩色|玫红色|深灰色|\
    浅灰色|青色|橘色|象牙白|红|绿|蓝|黄|橙|紫|粉|棕|黑|白|灰|金|银";
const SIZES: &str = "\
    xxs|xs|s|m|l|xl|xxl|xxxl|xxxxl|2xl|3xl|4xl|5xl|small|medium|large|x-large|x-small|extra large|extra small|\
    one size|one-size|free size|os|均码|大码|小码|中码|加大|加大码|特大|小号|中号|大号|加大号|s码|m码|l码|xl码|\
    xxl码";
const CURRENCIES: &str = "\
    usd eur gbp cny rmb jpy krw inr rub brl cad aud nzd chf sek nok dkk hkd twd sgd myr thb vnd php idr try zar \
    mxn ars clp cop pen aed sar ils egp pln czk huf ron uah kzt pkr bdt lkr ngn kes 人民币 美元 欧元 英镑 日元 \
    港币 港元 韩元 卢布";
const LANGUAGES: &str = "\
    english chinese mandarin cantonese spanish french german italian portuguese russian japanese korean arabic \
    hindi bengali turkish vietnamese thai polish dutch swedish norwegian danish finnish greek hebrew czech \
    hungarian romanian ukrainian en zh es de ja ko pt ar hi zh-cn zh-tw zh-hans zh-hant en-us en-gb pt-br de-de \
    fr-fr es-es ja-jp ko-kr zh_cn en_us 中文 英语 英文 日语 日文 法语 德语 俄语 韩语 西班牙语 汉语 普通话 粤语";
const GENDERS: &str = "\
    m f male female man woman men women boys girls boy girl unisex 男 女 男性 女性 未知 保密 先生 女士 other u";
const BOOLEANS: &str = "\
    true false yes no y n t f 0 1 on off 是 否 有 无 对 错 真 假";
const MONTHS: &str = "\
    january february march april may june july august september october november december jan feb mar apr jun \
    jul aug sep sept oct nov dec 一月 二月 三月 四月 五月 六月 七月 八月 九月 十月 十一月 十二月 1月 2月 3月 \
    4月 5月 6月 7月 8月 9月 10月 11月 12月";
const WEEKDAYS: &str = "\
    monday tuesday wednesday thursday friday saturday sunday mon tue wed thu fri sat sun tues thurs 星期一 \
    星期二 星期三 星期四 星期五 星期六 星期日 星期天 周一 周二 周三 周四 周五 周六 周日";
const MARITAL: &str = "\
    married|single|divorced|widowed|separated|never-married|never married|unmarried|married-civ-spouse|\
    married-spouse-absent|married-af-spouse|domestic partner|已婚|未婚|离异|离婚|丧偶";
const ETHNICITIES: &str = "\
    汉族 蒙古族 回族 藏族 维吾尔族 苗族 彝族 壮族 布依族 朝鲜族 满族 侗族 瑶族 白族 土家族 哈尼族 哈萨克族 傣族 \
    黎族 傈僳族 佤族 畲族 高山族 拉祜族 水族 东乡族 纳西族 景颇族 caucasian hispanic latino african-american \
    asian-pac-islander amer-indian-eskimo";
const RELIGIONS: &str = "\
    buddhist buddhism christian christianity catholic catholicism protestant muslim islam hindu hinduism jewish \
    judaism sikh taoist taoism atheist 佛教 道教 基督教 天主教 伊斯兰教 无宗教信仰";
const EVENTS: &str = "\
    pv uv view click cart fav buy purchase favorite favourite addtocart add_to_cart add-to-cart impression \
    exposure browse search share like follow collect order pay transaction checkout remove_from_cart page_view \
    pageview 浏览 点击 加购 收藏 购买 下单 支付 曝光 搜索 分享";
const STATUSES: &str = "\
    pending|processing|shipped|delivered|cancelled|canceled|completed|complete|closed|paid|unpaid|refunded|\
    returned|on hold|on_hold|pending_payment|payment_review|suspected_fraud|invoiced|created|approved|\
    unavailable|shipping on time|late delivery|advance shipping|shipping canceled|active|inactive|待付款|待发货|\
    待收货|已发货|已签收|已完成|已取消|已退款|已关闭|退款中|已支付|交易成功|交易关闭";
const AVAILABILITIES: &str = "\
    in stock|out of stock|in_stock|out_of_stock|instock|outofstock|preorder|pre-order|backorder|back order|sold out|\
    discontinued|limited availability|有货|无货|现货|缺货|预售|售罄|上架|下架";
const PAYMENTS: &str = "\
    credit card|credit_card|creditcard|debit card|debit_card|paypal|alipay|wechat|wechat pay|wechatpay|unionpay|\
    apple pay|google pay|cash|cash on delivery|cod|bank transfer|transfer|boleto|voucher|visa|mastercard|\
    american express|amex|discover|checkmo|payment|debit|klarna|stripe|支付宝|微信|微信支付|银联|货到付款|花呗|\
    信用卡|储蓄卡|银行卡|余额支付|现金|云闪付|京东支付";
const SHIPPINGS: &str = "\
    standard class|second class|first class|same day|express|standard|overnight|ground|next day|economy|\
    regular air|delivery truck|express air|flatrate_flatrate|air|sea|rail|road|pickup|in-store pickup|顺丰|\
    顺丰速运|圆通|圆通速递|中通|中通快递|申通|申通快递|韵达|韵达快递|京东物流|邮政ems|ems|百世快递|极兔|\
    极兔速递|德邦|德邦快递|菜鸟|自提|包邮";
const MATERIALS: &str = "\
    cotton|polyester|wool|silk|linen|leather|denim|nylon|plastic|wood|metal|steel|stainless steel|glass|ceramic|\
    rubber|velvet|cashmere|spandex|viscose|rayon|suede|canvas|aluminium|aluminum|bamboo|纯棉|棉|涤纶|羊毛|羊绒|\
    真丝|亚麻|牛皮|真皮|牛仔布|尼龙|塑料|实木|不锈钢|玻璃|陶瓷|橡胶|雪纺|莫代尔|硅胶";
const BRANDS: &str = "\
    apple|samsung|huawei|xiaomi|oppo|vivo|honor|oneplus|realme|lenovo|dell|hp|asus|acer|sony|lg|panasonic|\
    philips|canon|nikon|microsoft|google|amazon|intel|amd|nvidia|logitech|bose|jbl|nike|adidas|puma|reebok|\
    new balance|under armour|asics|converse|vans|li-ning|anta|uniqlo|zara|h&m|gap|levi's|levis|gucci|prada|\
    chanel|dior|hermes|louis vuitton|burberry|l'oreal|loreal|nestle|unilever|coca-cola|pepsi|toyota|honda|ford|\
    bmw|audi|mercedes|volkswagen|nissan|hyundai|kia|lego|hasbro|mattel|fisher-price|hornby|华为|小米|苹果|三星|\
    联想|荣耀|一加|海尔|美的|格力|海信|茅台|五粮液|蒙牛|伊利|安踏|李宁|特步|耐克|阿迪达斯|优衣库|欧莱雅|\
    雅诗兰黛|兰蔻|农夫山泉|三只松鼠|良品铺子|比亚迪";
const SINGLE_SURNAMES: &str = "\
    王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余潘杜戴夏\
    钟汪田任姜范方石姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段雷钱汤尹黎易常武乔贺赖龚文庞樊兰殷施陶洪翟安颜\
    倪严牛温芦季俞章鲁葛伍韦申尤毕聂焦向柳邢岳齐梅莫庄辛管祝左涂谷祁时舒耿牟卜路詹关苗凌费纪靳盛童欧甄项曲成游阳裴\
    席卫查屈鲍位覃霍翁隋植甘景薄单包司柏宁柯阮桂闵解强柴华车冉房边辜吉饶刁瞿戚丘古米池滕晋苑邬臧畅宫来嵺苟全褚廉简\
    娄盖符奚木穆党燕郎邸冀谈姬屠连郜晏栾郁商蒙计喻揭窦迟宇敖糜鄢冷卓花仇艾蓝都巩稽井练仲乐虞卞封竺冼原官衣楚佟栗匡\
    宗应台巫鞠僧桑荆谌银扬明沙伏岑习胥保和蔺闫肖付代邝沐尚步";
const COMPOUND_SURNAMES: &str = "\
    欧阳 太史 端木 上官 司马 东方 独孤 南宫 万俟 闻人 夏侯 诸葛 尉迟 公羊 赫连 澹台 皇甫 宗政 濮阳 公冶 太叔 \
    申屠 公孙 慕容 仲孙 钟离 长孙 宇文 司徒 鲜于 司空 闾丘 子车 亓官 司寇 巫马 公西 颛孙 壤驷 公良 漆雕 乐正 \
    宰父 谷梁 拓跋 夹谷 轩辕 令狐 段干 百里 呼延 东郭 南门 羊舌 微生 左丘 西门 第五";
const GIVEN: &str = "\
    jane anne ellen tina james john robert michael william david richard joseph thomas charles christopher daniel matthew anthony \
    mark donald steven paul andrew joshua kenneth kevin brian george edward ronald timothy jason jeffrey ryan \
    jacob gary nicholas eric jonathan stephen larry justin scott brandon benjamin samuel gregory frank \
    alexander raymond patrick jack dennis jerry tyler aaron jose adam henry nathan douglas zachary peter kyle \
    walter ethan jeremy harold keith christian roger noah gerald carl terry sean austin arthur lawrence jesse \
    dylan bryan joe jordan billy bruce albert willie gabriel logan alan juan wayne roy ralph randy eugene \
    vincent russell elijah louis bobby philip johnny mary patricia jennifer linda elizabeth barbara susan \
    jessica sarah karen nancy lisa betty margaret sandra ashley kimberly emily donna michelle dorothy carol \
    amanda melissa deborah stephanie rebecca sharon laura cynthia kathleen amy shirley angela helen anna brenda \
    pamela nicole emma samantha katherine christine debra rachel catherine carolyn janet ruth maria heather \
    diane virginia julie joyce victoria olivia kelly christina lauren joan evelyn judith megan cheryl andrea \
    hannah martha jacqueline frances gloria ann teresa kathryn sara janice jean alice madison doris abigail \
    julia judy grace denise amber marilyn beverly danielle theresa sophia marie diana brittany natalie isabella \
    charlotte rose alexis kayla claire luis carlos pedro antonio francisco manuel miguel pablo sofia lucia ana \
    carmen pierre jacques michel hans klaus jurgen ivan dmitri sergei olga natasha mohammed muhammad ahmed ali \
    fatima omar yusuf aisha raj priya amit sanjay anil sunita wei ming li hiroshi yuki kenji sakura lucas liam \
    mia ava oliver harry leo max oscar felix tom tim ben sam dan mike dave steve chris nick alex kate lucy ella \
    amelia arthur clara daisy elena elsie emil esme evie finn florence freya freddie greta hazel hugo imogen isaac isla \
    ivy jonas leah leon lily lola lukas maisie mateo matilda maya millie nina nora phoebe poppy rosie ruby scarlett \
    sebastian sienna stella teddy theo theodore violet willow zoe chloe caitlin joel maxine tammy irene darren claire ken bill ted jim bob";
/// Prefectures of the mainland, without their suffix (GB/T 2260).
const CITIES_ZH: &str = "\
    石家庄 唐山 秦皇岛 邯郸 邢台 保定 张家口 承德 沧州 廊坊 衡水 太原 大同 阳泉 长治 晋城 朔州 \
    晋中 运城 忻州 临汾 吕梁 呼和浩特 包头 乌海 赤峰 通辽 鄂尔多斯 呼伦贝尔 巴彦淖尔 乌兰察布 \
    兴安 锡林郭勒 阿拉善 沈阳 大连 鞍山 抚顺 本溪 丹东 锦州 营口 阜新 辽阳 盘锦 铁岭 朝阳 \
    葫芦岛 长春 吉林 四平 辽源 通化 白山 松原 白城 延边 哈尔滨 齐齐哈尔 鸡西 鹤岗 双鸭山 大庆 \
    伊春 佳木斯 七台河 牡丹江 黑河 绥化 大兴安岭 南京 无锡 徐州 常州 苏州 南通 连云港 淮安 盐城 \
    扬州 镇江 泰州 宿迁 杭州 宁波 温州 嘉兴 湖州 绍兴 金华 衢州 舟山 台州 丽水 合肥 芜湖 蚌埠 \
    淮南 马鞍山 淮北 铜陵 安庆 黄山 滁州 阜阳 宿州 六安 亳州 池州 宣城 福州 厦门 莆田 三明 \
    泉州 漳州 南平 龙岩 宁德 南昌 景德镇 萍乡 九江 新余 鹰潭 赣州 吉安 宜春 抚州 上饶 济南 \
    青岛 淄博 枣庄 东营 烟台 潍坊 济宁 泰安 威海 日照 临沂 德州 聊城 滨州 菏泽 郑州 开封 洛阳 \
    平顶山 安阳 鹤壁 新乡 焦作 濮阳 许昌 漯河 三门峡 南阳 商丘 信阳 周口 驻马店 武汉 黄石 十堰 \
    宜昌 襄阳 鄂州 荆门 孝感 荆州 黄冈 咸宁 随州 恩施 长沙 株洲 湘潭 衡阳 邵阳 岳阳 常德 \
    张家界 益阳 郴州 永州 怀化 娄底 湘西 广州 韶关 深圳 珠海 汕头 佛山 江门 湛江 茂名 肇庆 \
    惠州 梅州 汕尾 河源 阳江 清远 东莞 中山 潮州 揭阳 云浮 南宁 柳州 桂林 梧州 北海 防城港 \
    钦州 贵港 玉林 百色 贺州 河池 来宾 崇左 海口 三亚 三沙 儋州 成都 自贡 攀枝花 泸州 德阳 \
    绵阳 广元 遂宁 内江 乐山 南充 眉山 宜宾 广安 达州 雅安 巴中 资阳 阿坝 甘孜 凉山 贵阳 \
    六盘水 遵义 安顺 毕节 铜仁 黔西南 黔东南 黔南 昆明 曲靖 玉溪 保山 昭通 丽江 普洱 临沧 楚雄 \
    红河 文山 西双版纳 大理 德宏 怒江 迪庆 拉萨 日喀则 昌都 林芝 山南 那曲 阿里 西安 铜川 宝鸡 \
    咸阳 渭南 延安 汉中 榆林 安康 商洛 兰州 嘉峪关 金昌 白银 天水 武威 张掖 平凉 酒泉 庆阳 \
    定西 陇南 临夏 甘南 西宁 海东 海北 黄南 海南 果洛 玉树 海西 银川 石嘴山 吴忠 固原 中卫 \
    乌鲁木齐 克拉玛依 吐鲁番 哈密 昌吉 博尔塔拉 巴音郭楞 阿克苏 克孜勒苏 喀什 和田 伊犁 塔城 \
    阿勒泰";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_with_all_their_types() {
        assert_eq!(types_of("navy blue"), [T::Colour]);
        assert!(types_of("m").contains(&T::Size) && types_of("m").contains(&T::Gender));
        assert_eq!(types_of("杭州"), [T::City]);
        assert!(types_of("no such word").is_empty());
    }

    #[test]
    fn surnames_of_one_and_two_characters() {
        assert_eq!(surname_bytes("王小明"), Some(3));
        assert_eq!(surname_bytes("欧阳锋"), Some(6));
        assert_eq!(surname_bytes("蘑菇汤"), None);
        assert_eq!(surname_bytes(""), None);
    }

    #[test]
    fn places_open_addresses() {
        for right in ["浙江省杭州市西湖区", "深圳南山", "黑龙江"] {
            assert!(opens_with_place(right), "{right}");
        }
        assert!(!opens_with_place("手机") && !opens_with_place(""));
    }
}
