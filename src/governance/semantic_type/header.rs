//! What a column's name promises.
//!
//! The head of a name decides: in English the last words (`user_email` is an e-mail, `email_count` a count), in Chinese
//! the last characters (`用户手机号`, `手机号归属地`). `X of Y` and `X for Y` have their head in front. The dictionary
//! is general trade vocabulary, both languages side by side.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::SemanticType as T;
use crate::governance::naming::{joined, split_name};

/// A promise of the name: the type, how strong (0..1), and the words that made it.
#[derive(Debug, Clone, PartialEq)]
pub struct HeaderVote {
    /// The type promised.
    pub semantic_type: T,
    /// 1 for an unmistakable name, less for a vague one.
    pub weight: f32,
    /// The words of the header that decided.
    pub word: String,
}

/// What the name of a column promises, strongest first.
pub fn header_votes(name: &str) -> Vec<HeaderVote> {
    let mut words = split_name(name).words;
    // Counters behind a word say nothing: address_1, price11, phone_no, 地址 2.
    while words.len() > 1 && words.last().is_some_and(|last| is_neutral(last)) {
        words.pop();
    }
    // The head of "number of pages" or "date for delivery" stands in front, unless the phrase is known as a whole.
    let head =
        words.iter().position(|word| matches!(word.as_str(), "of" | "for" | "per" | "by" | "in" | "to" | "from"));
    let mut votes = Vec::new();
    if !known_phrase(&words, 0.0, &mut votes)
        && let Some(at) = head
        && at > 0
    {
        // "Number of" counts, and is no number.
        if !known_phrase(&words[..=at], 0.1, &mut votes) {
            known_phrase(&words[..at], 0.1, &mut votes);
        }
        known_phrase(&words[at + 1..], 0.6, &mut votes);
    }
    if votes.is_empty() {
        inner_words(&words, &mut votes);
    }
    flag(&words, &mut votes);
    votes.sort_by(|a, b| b.weight.total_cmp(&a.weight));
    votes.dedup_by(|later, first| later.semantic_type == first.semantic_type);
    votes
}

/// Adds the vote of the longest known phrase that ends the words; says whether there was one.
fn known_phrase(words: &[String], penalty: f32, votes: &mut Vec<HeaderVote>) -> bool {
    let chinese = words.iter().any(|word| !word.is_ascii());
    let found = if chinese { ending_characters(words) } else { None }.or_else(|| ending_words(words));
    let Some((phrase, semantic_type, weight)) = found else { return false };
    votes.push(HeaderVote { semantic_type, weight: weight - penalty, word: phrase });
    true
}

/// The longest known phrase of whole words at the end.
fn ending_words(words: &[String]) -> Option<(String, T, f32)> {
    (0..words.len()).find_map(|start| {
        let phrase = joined(&words[start..]);
        let singular = phrase.strip_suffix('s').unwrap_or(&phrase);
        let squeezed = words[start..].concat();
        let known =
            PHRASES.get(phrase.as_str()).or_else(|| PHRASES.get(singular)).or_else(|| PHRASES.get(squeezed.as_str()));
        let partly = if start == 0 { 0.0 } else { 0.03 };
        known.map(|(semantic_type, weight)| (phrase.clone(), *semantic_type, weight - partly))
    })
}

/// The longest known word at the end of a name in Chinese, which has no spaces; a Latin tail as in 类目ID included.
fn ending_characters(words: &[String]) -> Option<(String, T, f32)> {
    let text = words.concat();
    let mut word_starts: Vec<usize> = Vec::with_capacity(words.len());
    let mut at = 0;
    for word in words {
        word_starts.push(at);
        at += word.len();
    }
    let may_start = |at: usize, c: char| !c.is_ascii() || word_starts.contains(&at);
    text.char_indices().filter(|(at, c)| may_start(*at, *c)).find_map(|(at, _)| {
        let (semantic_type, weight) = PHRASES.get(&text[at..])?;
        Some((text[at..].to_string(), *semantic_type, *weight))
    })
}

/// Weak votes of words inside the name, where its head is unknown.
fn inner_words(words: &[String], votes: &mut Vec<HeaderVote>) {
    for word in words.iter().rev() {
        let singular = word.strip_suffix('s').unwrap_or(word);
        if let Some((semantic_type, weight)) = PHRASES.get(word.as_str()).or_else(|| PHRASES.get(singular)) {
            votes.push(HeaderVote { semantic_type: *semantic_type, weight: weight * 0.4, word: word.clone() });
        }
    }
}

/// Flags: `is_new`, `email_verified`, `是否会员`.
fn flag(words: &[String], votes: &mut Vec<HeaderVote>) {
    const FRONT: [&str; 7] = ["is", "has", "was", "can", "should", "allow", "enable"];
    const BACK: [&str; 22] = [
        "flag",
        "verified",
        "enabled",
        "disabled",
        "active",
        "deleted",
        "ind",
        "indicator",
        "confirmed",
        "subscribed",
        "valid",
        "required",
        "allowed",
        "checked",
        "bool",
        "boolean",
        "yesno",
        "opted",
        "published",
        "taxable",
        "available",
        "bounced",
    ];
    let front = words.first().is_some_and(|word| FRONT.contains(&word.as_str()) || word.starts_with("是否"));
    let back = words
        .last()
        .is_some_and(|word| BACK.contains(&word.as_str()) || word.ends_with("标志") || word.ends_with("标记"));
    if front || back {
        // The flag is about the thing that the other words name, so theirs are no promises any more.
        let known = votes.iter().any(|vote| matches!(vote.semantic_type, T::Click | T::Conversion));
        votes.iter_mut().for_each(|vote| vote.weight *= if known { 1.0 } else { 0.2 });
        if !known {
            votes.push(HeaderVote { semantic_type: T::Boolean, weight: 0.9, word: words.join(" ") });
        }
    }
}

/// Whether a last word only counts or repeats.
fn is_neutral(word: &str) -> bool {
    word.chars().all(|c| c.is_ascii_digit())
        || matches!(
            word,
            "value"
                | "val"
                | "text"
                | "str"
                | "info"
                | "raw"
                | "new"
                | "old"
                | "field"
                | "col"
                | "column"
                | "信息"
                | "值"
        )
}

static PHRASES: LazyLock<HashMap<&'static str, (T, f32)>> = LazyLock::new(|| {
    let mut phrases = HashMap::new();
    for (semantic_type, weight, list) in DICTIONARY {
        for phrase in list.split('|') {
            phrases.entry(phrase.trim()).or_insert((*semantic_type, *weight));
        }
    }
    phrases
});

/// Phrases by type: strong ones first, vague ones with less weight. The first entry of a phrase counts.
#[rustfmt::skip]
const DICTIONARY: &[(T, f32, &str)] = &[
    (T::Email, 0.97, "email|e mail|mail|email address|e mail address|email addr|mailbox|contact email|邮箱|电子邮箱|电子邮件|邮箱地址|邮件地址|邮件"),
    (T::PersonName, 0.6, "contact"),
    (T::CnMobile, 0.9, "手机|手机号|手机号码|移动电话|联系手机|收货人手机"),
    (T::Phone, 0.93, "phone|telephone|tel|mobile|cell|cellphone|cell phone|mobile phone|phone number|telephone number|mobile number|phone no|tel no|mobile no|fax|fax number|msisdn|contact number|电话|电话号码|联系电话|联系方式|传真|客服电话"),
    (T::CnLandline, 0.9, "固定电话|座机|固话|landline"),
    (T::CnIdCard, 0.95, "身份证|身份证号|身份证号码|身份证编号|公民身份号码|id card|idcard|id card no|id card number|identity card|citizen id"),
    (T::NationalId, 0.85, "ssn|soc sec id|social security number|social security|national id|nationalid|national identity number|passport or id|tax id|tin|nin|证件号|证件号码|identity number|id number"),
    (T::Passport, 0.95, "passport|passport no|passport number|护照|护照号|护照号码"),
    (T::CnPlate, 0.95, "plate|licence plate|license plate|plate number|plate no|车牌|车牌号|车牌号码"),
    (T::PersonName, 0.9, "full name|fullname|customer name|user real name|real name|realname|contact name|contact person|reviewer|reviewer name|recipient|recipient name|receiver|receiver name|consignee|author|director|artist|employee name|buyer name|person|person name|passenger|cardholder|cardholder name|card holder|patient name|doctor|doctor name|physician|姓名|真实姓名|联系人|收货人|收件人|客户姓名|客户名称|作者|买家姓名|会员姓名|负责人|法人|法定代表人|演员|导演|寄件人"),
    (T::GivenName, 0.92, "first name|firstname|fname|given name|givenname|forename|middle name|middle initial|名"),
    (T::Surname, 0.92, "last name|lastname|lname|surname|family name|maiden name|mother maiden|mothers maiden|姓|姓氏"),
    (T::Username, 0.9, "username|user name|login|login name|nickname|nick name|screen name|account name|handle name|用户名|昵称|账号|账户名|登录名|会员名"),
    (T::Password, 0.97, "password|passwd|pwd|passphrase|pin code|secret|密码|口令"),
    (T::BirthDate, 0.95, "birth date|birthdate|birthday|birth day|date of birth|dateofbirth|dob|born|born on|birth|birth year|year of birth|yob|出生日期|出生日|生日|出生年月|出生年份|出生年|出生时间"),
    (T::Age, 0.93, "age|年龄"),
    (T::Gender, 0.95, "gender|sex|性别"),
    (T::MaritalStatus, 0.95, "marital|marital status|maritalstatus|婚姻|婚姻状况"),
    (T::Education, 0.9, "education|degree|edu|学历|教育程度|文化程度"),
    (T::Occupation, 0.88, "occupation|job|job title|job role|job position|position title|contact title|employee title|staff title|profession|职业|职位|职位名称|职务|职称|头衔|岗位|岗位名称|工种|工作"),
    (T::Income, 0.88, "income|salary|wage|annual income|yearly income|收入|工资|薪资|月收入|年收入"),
    (T::Ethnicity, 0.93, "ethnicity|ethnic|race|民族|种族"),
    (T::Religion, 0.95, "religion|宗教|宗教信仰"),
    (T::Health, 0.85, "diagnosis|diagnoses|diagnosis code|diagnosis name|icd|icd code|icd 10 code|disease|disease name|disease code|illness|blood type|bloodtype|blood group|blood pressure|medical history|medical record|medical records|medical record no|medical record number|mrn|medical condition|medical conditions|health condition|health status|health record|allergy|allergies|symptom|medication|medications|disability|lab result|hiv status|vaccination status"),
    (T::Health, 0.85, "诊断|诊断结果|诊断名称|诊断编码|疾病|疾病名称|疾病编码|病种|病情|病情描述|病史|既往史|过敏史|病历|病历号|病案号|住院号|门诊号|就诊记录|医疗记录|主诉|血型|血压|症状|用药|用药记录|处方|体检结果|健康状况|健康情况|残疾|残疾情况"),
    (T::Biometric, 0.9, "fingerprint|face id|face feature|iris|voiceprint|指纹|人脸|人脸特征|虹膜|声纹"),
    (T::Address, 0.92, "address|addr|street|street address|shipping address|billing address|home address|delivery address|address line|order street|customer street|address line 1|地址|住址|收货地址|家庭住址|详细地址|通讯地址|联系地址|街道地址|发货地址|注册地址"),
    (T::BankCard, 0.95, "bank card|bankcard|card number|card no|cc number|ccnumber|credit card|credit card number|creditcard|debit card|pan|银行卡|银行卡号|卡号|信用卡号|信用卡"),
    (T::BankAccount, 0.9, "bank account|account number|account no|银行账号|银行账户|收款账号"),
    (T::Iban, 0.97, "iban"),
    (T::SwiftBic, 0.95, "swift|bic|swift code|bic code"),
    (T::Cvv, 0.97, "cvv|cvv 2|cvc|security code|安全码"),
    (T::CardExpiry, 0.93, "cc expires|ccexpires|cc expiry|cc exp|card expires|card expiry|card exp|card expiration|card expiry date|card expiration date|卡有效期|信用卡有效期|银行卡有效期|卡到期日"),
    (T::CnUscc, 0.97, "统一社会信用代码|社会信用代码|信用代码|uscc|营业执照号|税号|纳税人识别号"),
    (T::CompanyName, 0.88, "company|company name|organization|organisation|employer|enterprise|公司|公司名称|企业|企业名称|单位|单位名称|开户行"),
    (T::Ip, 0.95, "ip|ip address|ipaddress|ip addr|client ip|remote addr|remote address|ip地址"),
    (T::Mac, 0.95, "mac|mac address|mac地址"),
    (T::Imei, 0.97, "imei"),
    (T::DeviceId, 0.93, "device id|deviceid|idfa|idfv|oaid|android id|udid|gaid|设备id|设备号|设备标识|设备编号"),
    (T::SessionId, 0.93, "session|session id|sessionid|visit id|cookie|cookie id|会话id|会话"),
    (T::UserAgent, 0.95, "user agent|useragent|ua|浏览器标识"),
    (T::Url, 0.93, "url|link|href|website|web site|homepage|uri|landing page|referrer|referer|permalink|网址|链接|网站|主页|链接地址"),
    (T::DomainName, 0.85, "domain|domain name|hostname|host|域名"),
    (T::Uuid, 0.9, "uuid|guid"),
    (T::Hash, 0.88, "hash|md5|sha1|sha256|checksum|digest|etag|哈希|摘要值"),
    (T::ImagePath, 0.92, "image|img|photo|picture|pic|thumbnail|image url|image src|image link|image path|main image|avatar|logo|图片|图片地址|图片链接|主图|头像|商品图片|缩略图"),
    (T::FilePath, 0.85, "path|file path|filepath|filename|file name|file|文件|文件名|文件路径|路径"),
    (T::Json, 0.9, "json|payload|attributes json|extra json"),
    (T::Html, 0.85, "html|html body|body html"),
    (T::Gtin, 0.95, "gtin|ean|upc|barcode|bar code|ean 13|upc code|coupon upc|条码|条形码|商品条码|国际条码"),
    (T::Isbn, 0.97, "isbn|isbn 10|isbn 13"),
    (T::Sku, 0.94, "sku|sku id|sku code|variant sku|stock code|stockcode|item code|product code|article number|mpn|part number|货号|sku编码|商品编码|商品货号|商家编码|款号"),
    (T::Brand, 0.94, "brand|brand name|manufacturer|vendor|maker|make|品牌|品牌名|品牌名称|厂商|制造商|生产商|生产厂家"),
    (T::ModelNumber, 0.85, "model|model number|model no|model name|型号|机型"),
    (T::ProductTitle, 0.9, "product name|product title|productname|item name|item title|goods name|goods title|product|title|product display name|book title|movie title|商品名|商品名称|商品标题|产品名称|产品名|标题|宝贝标题|货品名称|品名"),
    (T::ProductTitle, 0.5, "name|item|名称"),
    (T::ProductDescription, 0.9, "description|product description|item description|desc|long description|short description|body|detail|details|商品描述|描述|详情|产品描述|商品详情|简介|卖点"),
    (T::CategoryPath, 0.85, "category path|google product category|product type path|breadcrumb|类目路径|分类路径"),
    (T::CategoryId, 0.93, "category id|cat id|cate id|categoryid|类目id|分类id|品类id|类别id"),
    (T::Category, 0.9, "category|categories|category name|sub category|subcategory|product category|item category|master category|main category|department|department name|division|division name|class name|genre|article type|product type|product group|family|类目|类别|分类|品类|商品类别|商品分类|一级类目|二级类目|三级类目|商品类目|子类目"),
    (T::Category, 0.5, "type|class|kind|group|style|种类|类型"),
    (T::Colour, 0.95, "color|colour|base colour|base color|颜色|色彩|颜色分类"),
    (T::Size, 0.88, "size|clothing size|shoe size|尺码|尺寸|鞋码|规格|pack size|package size"),
    (T::Material, 0.9, "material|fabric|材质|面料|材料|成分"),
    (T::Weight, 0.9, "weight|net weight|gross weight|product weight|gram|weight g|weight kg|ounce|carat|重量|毛重|净重|克重"),
    (T::Dimension, 0.88, "length|width|height|depth|length cm|width cm|height cm|diameter|长度|宽度|高度|长|宽|高|直径"),
    (T::ReviewText, 0.92, "review|review title|review headline|review summary|comment title|评论标题|评价标题|review text|review body|review content|review comment message|comment|comments|comment text|feedback|remark|review message|评论|评价|评论内容|评价内容|买家评论|用户评论|留言|反馈"),
    (T::Rating, 0.93, "rating|score|review score|stars|star|star rating|overall|average review rating|ratings|评分|星级|得分|打分|评价分"),
    (T::Price, 0.95, "price|unit price|unitprice|sale price|sales price|list price|market price|retail price|special price|selling price|original price|item price|product price|msrp|fuel price|variant price|compare at price|单价|价格|售价|销售价|市场价|原价|标价|零售价|促销价|成交价|吊牌价|现价"),
    (T::Amount, 0.9, "amount|total|total amount|order amount|payment|payment value|pay amount|order total|order item total|subtotal|grand total|sales value|sales|revenue|gmv|turnover|spend|balance|freight|freight value|shipping fee|shipping cost|fee|weekly sales|sales per customer|金额|总额|总价|订单金额|实付金额|支付金额|实付款|销售额|营业额|成交额|运费|应付金额|退款金额|花费|消费金额|余额|费用|交易金额|应付|应付款"),
    (T::Cost, 0.92, "cost|unit cost|cost price|purchase price|wholesale price|成本|成本价|进价|进货价|采购价|supply price|供货价|供应价"),
    (T::Profit, 0.92, "profit|margin|gross profit|net profit|benefit per order|order profit per order|profit per order|利润|毛利|净利润|毛利润"),
    (T::Tax, 0.9, "tax|vat|tax amount|tariff|税|税额|税费|关税"),
    (T::Discount, 0.92, "discount|disc|coupon disc|retail disc|discount amount|discount value|order item discount|折扣|优惠|优惠金额|折扣金额|减免金额"),
    (T::Percentage, 0.88, "percent|percentage|pct|rate|ratio|share|tax rate|discount rate|discount pct|conversion rate|click rate|ctr|cvr|bounce rate|exit rate|percent off|propensity score|probability|abv|比例|占比|百分比|率|点击率|转化率|税率|折扣率|毛利率|退货率|好评率"),
    (T::Currency, 0.95, "currency|currency code|ccy|币种|货币|货币代码"),
    (T::Quantity, 0.93, "quantity|qty|order quantity|order item quantity|units|units sold|unit sales|pieces|item quantity|order qty|purchase quantity|demand|数量|件数|购买数量|销量|销售数量|订购数量|采购数量|需求量|订货量|起订量|最小起订量|moq|minimum order quantity"),
    (T::Stock, 0.93, "stock|inventory|stock quantity|inventory qty|inventory level|in stock quantity|on hand|quantity available|available stock|variant inventory qty|safety stock|number available in stock|units in stock|reorder level|库存|库存量|库存数量|可用库存|现货数量|安全库存|在库数量"),
    (T::Count, 0.9, "count|cnt|total ratings|number of reviews|num reviews|review count|positive feedback count|number of pages|num pages|pages|photos qty|transactions|impressions|impression|views|page views|clicks|click count|visits|votes|followers|likes|num|frequency|times|number of|次数|人数|计数|浏览量|点击量|曝光量|展现量|访问量|收藏数|评论数|点赞数|访客数|页数|个数|点击数|展示量|条数"),
    (T::OrderId, 0.95, "order id|orderid|order no|order number|ordernumber|order item id|invoice|invoice no|invoiceno|invoice id|invoice number|transaction id|transactionid|basket id|trade no|trade id|payment id|receipt id|订单号|订单编号|订单id|交易号|流水号|交易编号|发票号|发票号码|支付单号"),
    (T::TrackingNumber, 0.93, "tracking number|tracking no|tracking code|waybill|waybill no|express no|shipment id|快递单号|运单号|物流单号|物流编号"),
    (T::Availability, 0.9, "availability|availability status|stock status|stock availability|库存状态|供货状态|上架状态|上下架状态"),
    (T::OrderStatus, 0.88, "status|order status|delivery status|state code|payment status|order state|状态|订单状态|支付状态|发货状态|物流状态|交易状态"),
    (T::PaymentMethod, 0.93, "payment method|payment type|pay type|pay method|paymenttype|card type|cctype|cc type|支付方式|付款方式|支付类型"),
    (T::ShippingMethod, 0.93, "shipping method|ship mode|shipping mode|delivery method|carrier|courier|shipping type|ship via|配送方式|快递公司|物流公司|承运商|物流方式|发货方式"),
    (T::UserId, 0.95, "user id|userid|uid|customer id|customerid|customer unique id|member id|buyer id|visitor id|client id|household id|reviewer id|account id|order customer id|cust id|用户id|会员id|客户id|用户编号|客户编号|会员编号|买家id|会员号|用户标识|买家编号|顾客编号|顾客id"),
    (T::ProductId, 0.95, "product id|productid|item id|itemid|goods id|spu|spu id|asin|product card id|order item cardprod id|clothing id|movie id|book id|iid|pid|article id|商品id|商品编号|产品id|产品编号|宝贝id|物品id|item编号"),
    (T::ShopId, 0.93, "shop id|store id|storeid|seller id|store nbr|merchant id|vendor id|supplier id|warehouse id|brewery id|store number|店铺id|商家id|卖家id|门店id|商户号|门店编号|供应商id|店铺编号|商户id|供应商编号"),
    (T::ShopName, 0.88, "shop|store|shop name|store name|seller|seller name|merchant|merchant name|店铺|店铺名称|店铺名|商家|商家名称|卖家|门店|门店名称|商户名称|旗舰店"),
    (T::Supplier, 0.92, "supplier|supplier name|供应商|供应商名称|供货商"),
    (T::Warehouse, 0.92, "warehouse|warehouse name|depot|仓库|仓库名称|发货仓|仓"),
    (T::EventType, 0.93, "event|event type|eventtype|behavior|behaviour|behavior type|behaviour type|action|action type|activity type|event name|行为|行为类型|事件|事件类型|操作类型|动作"),
    (T::Click, 0.95, "click|clicked|is click|isclick|点击|是否点击|点击标志"),
    (T::Conversion, 0.9, "conversion|converted|is conversion|is buy|purchased|deposit|转化|是否转化|是否购买|转化标志"),
    (T::AdId, 0.93, "ad id|adid|aid|ad group id|adgroup id|adgroupid|creative id|adv id|advertiser id|placement id|广告id|计划id|创意id|推广计划id|广告位id|广告编号|广告计划id"),
    (T::CampaignId, 0.93, "campaign id|promotion id|activity id|活动id|活动编号|促销id"),
    (T::Campaign, 0.9, "campaign|campaign name|campaign type|promotion|promotion name|promo|推广计划|活动|活动名称|营销活动|促销活动|广告计划|活动类型"),
    (T::Coupon, 0.9, "coupon|coupon code|coupon id|voucher|voucher code|promo code|discount code|优惠券|优惠码|优惠券id|券码|优惠券编号|红包"),
    (T::Channel, 0.9, "channel|source|medium|traffic source|traffic type|utm source|utm medium|platform|src|渠道|来源|流量来源|平台|投放渠道|订单来源"),
    (T::SearchQuery, 0.9, "query|search query|keyword|search term|search word|search keyword|searchterm|关键词|搜索词|查询词|检索词|搜索关键词"),
    (T::Segment, 0.88, "segment|customer segment|history segment|user group|audience|customer type|user type|visitor type|客群|人群|用户分群|会员等级|客户类型|用户类型|用户等级|人群标签"),
    (T::Country, 0.95, "country|country name|country code|country or area|nation|nationality|order country|customer country|origin country|country of origin|国家|国籍|原产国|国家代码"),
    (T::Province, 0.92, "province|state|state full|region name|order state|customer state|seller state|省|省份|所在省|州"),
    (T::Province, 0.7, "region|area|地区|区域|大区"),
    (T::City, 0.95, "city|town|suburb|municipality|city name|order city|customer city|seller city|address locality|locality|市|城市|所在城市|城市名称"),
    (T::District, 0.9, "district|county|neighborhood|neighbourhood|borough|区|区县|县|区/县|县区|乡镇|街道"),
    (T::PostalCode, 0.95, "zip|zipcode|zip code|postal code|postalcode|postcode|post code|zip code prefix|zip prefix|邮编|邮政编码"),
    (T::AdminCode, 0.9, "admin code|area code|province code|city code|district code|行政区划代码|行政区划|区划代码|地区代码|城市代码"),
    (T::Latitude, 0.95, "lat|latitude|纬度"),
    (T::Longitude, 0.95, "lng|lon|long|longitude|经度"),
    (T::GeoPoint, 0.92, "geo|location coordinates|coordinates|coordinate|lat lng|latlng|lat lon|geo point|geolocation|经纬度|坐标|地理坐标"),
    (T::Geohash, 0.95, "geohash|geo hash|user geohash|item geohash|地理哈希"),
    (T::Timestamp, 0.93, "timestamp|datetime|date time|created at|updated at|create time|update time|created|updated|modified|last modified|created on|updated on|modified at|event time|time stamp|ts|order time|pay time|order date time|login time|order approved at|purchase timestamp|时间戳|创建时间|更新时间|修改时间|下单时间|支付时间|发货时间|付款时间|注册时间|登录时间|点击时间|交易时间|日期时间|成交时间|事件时间|操作时间"),
    (T::Date, 0.9, "date|day date|order date|ship date|shipping date|eventdate|event date|invoice date|start date|end date|due date|delivery date|release date|expiry date|report date|transaction date|creation date|posted date|sale date|日期|下单日期|发货日期|交易日期|生产日期|开始日期|结束日期|到期日|有效期|上架日期|订单日期|发布日期|统计日期"),
    (T::Date, 0.5, "day|dt|天"),
    (T::Time, 0.75, "time|time of day|hour|dep time|arr time|departure time|arrival time|时间|时刻|小时"),
    (T::Year, 0.95, "year|yr|year built|model year|release year|begin date|年|年份|年度|出版年"),
    (T::Month, 0.9, "month|mth|月|月份"),
    (T::Weekday, 0.92, "weekday|day of week|dow|星期|周几"),
    (T::Duration, 0.88, "duration|elapsed|elapsed time|lead time|dwell time|stay time|age in days|days|minutes|seconds|days for shipping|days for shipment|时长|停留时长|耗时|持续时间|天数|停留时间|交货周期|提前期"),
    (T::Language, 0.92, "language|lang|locale|语言|语种"),
    (T::Identifier, 0.85, "id|key|pk|code|no|nbr|number|record id|row id|index|rec id|tuple id|object id|unnamed|编号|编码|代码|序号|主键|标识|号码|号"),
    (T::Label, 0.5, "label|tag|level|grade|mode|标签|等级|级别"),
    (T::Text, 0.6, "content|message|note|notes|abstract|summary|sentence|memo|备注|内容|说明|文本|正文"),
    (T::Measure, 0.6, "temperature|humidity|speed|mileage|mpg|volume|index value|engine size|tax paid|feature|factor|温度|湿度|速度|里程"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn top(name: &str) -> Option<T> {
        header_votes(name).first().map(|vote| vote.semantic_type)
    }

    #[test]
    fn the_head_decides() {
        for (name, expected) in [
            ("user_email", T::Email),
            ("email_verified", T::Boolean),
            ("is_email", T::Boolean),
            ("email_count", T::Count),
            ("用户手机号", T::CnMobile),
            ("是否会员", T::Boolean),
            ("品牌ID", T::Identifier),
            ("买家编号", T::UserId),
            ("供货价", T::Cost),
            ("应付", T::Amount),
            ("起订量", T::Quantity),
            ("品牌", T::Brand),
            ("商品名称", T::ProductTitle),
            ("商品类目ID", T::CategoryId),
            ("售价", T::Price),
            ("时间戳", T::Timestamp),
            ("address_1", T::Address),
            ("price11", T::Price),
            ("Number of Pages", T::Count),
            ("date_of_birth", T::BirthDate),
            ("Customer Fname", T::GivenName),
            ("order_purchase_timestamp", T::Timestamp),
            ("seller_zip_code_prefix", T::PostalCode),
            ("收货地址", T::Address),
            ("Days for shipping (real)", T::Duration),
            ("zipcode", T::PostalCode),
            ("Image Src", T::ImagePath),
            ("统一社会信用代码", T::CnUscc),
            ("CCExpires", T::CardExpiry),
            ("信用卡有效期", T::CardExpiry),
            ("expiry_date", T::Date),
            ("g_availability", T::Availability),
            ("ContactTitle", T::Occupation),
            ("职务", T::Occupation),
            ("review_comment_title", T::ReviewText),
            ("patient_diagnosis", T::Health),
            ("icd10", T::Health),
            ("disease_name", T::Health),
            ("medical_record_number", T::Health),
            ("diagnosis_date", T::Date),
            ("病历号", T::Health),
            ("疾病诊断", T::Health),
        ] {
            assert_eq!(top(name), Some(expected), "{name}: {:?}", header_votes(name));
        }
    }

    #[test]
    fn unknown_names_promise_nothing() {
        for name in ["", "x", "C17", "_", "Unnamed: 0 xyz", "🙂"] {
            assert!(header_votes(name).iter().all(|vote| vote.weight < 0.6), "{name}");
        }
    }
}
