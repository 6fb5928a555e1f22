//! Words of trade and the domains they speak for.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::Domain::{self, Ads, Behaviour, Marketing, Other, Product, SupplyChain, Transaction};
use super::T;

/// Words of a phrase at most.
const PHRASE_WORDS_MAX: usize = 3;
/// Characters of a Chinese word at most.
const PHRASE_CHARS_MAX: usize = 5;

/// The phrases of the vocabulary within the words of a name, longest first and none inside another: domain, phrase,
/// weight.
pub fn phrases_in(words: &[String]) -> Vec<(Domain, String, f64)> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < words.len() {
        let longest = (1..=PHRASE_WORDS_MAX.min(words.len() - at)).rev().find_map(|length| {
            let phrase = words[at..at + length].join(" ");
            Some((length, look_up(&phrase)?, phrase))
        });
        match longest {
            Some((length, votes, phrase)) => {
                let phrase = phrase.strip_suffix('s').filter(|stem| VOCABULARY.contains_key(stem)).unwrap_or(&phrase);
                found.extend(votes.iter().map(|(domain, weight)| (*domain, phrase.to_string(), *weight)));
                at += length;
            }
            None => {
                if !words[at].is_ascii() {
                    chinese_in(&words[at], &mut found);
                }
                at += 1;
            }
        }
    }
    found
}

/// The domains that a semantic type speaks for.
pub fn types_vote(semantic_type: T) -> &'static [(Domain, f64)] {
    match semantic_type {
        T::Sku | T::Gtin | T::Isbn | T::Brand | T::ProductDescription => &[(Product, 0.6)],
        T::ProductTitle | T::CategoryPath | T::Colour | T::Size | T::Material => &[(Product, 0.5)],
        T::ImagePath | T::ModelNumber => &[(Product, 0.3)],
        T::EventType => &[(Behaviour, 0.9)],
        T::SessionId | T::SearchQuery | T::ReviewText | T::UserAgent => &[(Behaviour, 0.7)],
        T::Rating => &[(Behaviour, 0.3), (Product, 0.15)],
        T::OrderId | T::PaymentMethod => &[(Transaction, 0.8)],
        T::OrderStatus | T::Amount => &[(Transaction, 0.3)],
        T::AdId | T::Click => &[(Ads, 0.8)],
        T::Stock | T::Supplier | T::Warehouse | T::TrackingNumber => &[(SupplyChain, 0.8)],
        T::ShippingMethod => &[(SupplyChain, 0.5)],
        T::Coupon | T::Campaign => &[(Marketing, 0.7)],
        T::CampaignId => &[(Marketing, 0.5), (Ads, 0.4)],
        T::Segment => &[(Marketing, 0.4)],
        _ => &[],
    }
}

fn look_up(phrase: &str) -> Option<&'static [(Domain, f64)]> {
    let stem = phrase.strip_suffix('s').unwrap_or(phrase);
    VOCABULARY.get(phrase).or_else(|| VOCABULARY.get(stem)).map(Vec::as_slice)
}

/// Known words within a run of Chinese, longest first from the left.
fn chinese_in(run: &str, found: &mut Vec<(Domain, String, f64)>) {
    let ends: Vec<usize> = run.char_indices().map(|(at, _)| at).chain([run.len()]).collect();
    let mut at = 0;
    while at + 1 < ends.len() {
        let longest = (1..=PHRASE_CHARS_MAX.min(ends.len() - 1 - at)).rev().find_map(|length| {
            let word = run.get(ends[at]..ends[at + length])?;
            Some((length, word, VOCABULARY.get(word)?))
        });
        match longest {
            Some((length, word, votes)) => {
                found.extend(votes.iter().map(|(domain, weight)| (*domain, word.to_string(), *weight)));
                at += length;
            }
            None => at += 1,
        }
    }
}

static VOCABULARY: LazyLock<HashMap<&'static str, Vec<(Domain, f64)>>> = LazyLock::new(|| {
    let mut words: HashMap<&'static str, Vec<(Domain, f64)>> = HashMap::new();
    for (domain, weight, list) in WORDS {
        for word in list.split('|') {
            words.entry(word.trim()).or_default().push((*domain, *weight));
        }
    }
    words
});

/// A phrase may stand under several domains; its votes then go to each.
#[rustfmt::skip]
const WORDS: &[(Domain, f64, &str)] = &[
    (Product, 1.0, "product|catalog|catalogue|goods|sku|商品|产品|货品|宝贝"),
    (Product, 0.9, "product name|product title|product description|brand|manufacturer|gtin|upc|ean|isbn|barcode|vendor|品牌|商品名称|条码|货号|型号|材质|产地"),
    (Product, 0.7, "title|description|color|colour|size|material|category|categories|sub category|subcategory|article type|product type|style|weight|specification|model|genre|publisher|类目|品类|类别|分类|颜色|尺码|规格|标题|描述|详情|主图|上架|单品"),
    (Product, 0.4, "author|item|picture|photo|price|list price|market price|sale price|image|attribute|variant|handle|season|usage|price range|engine size|mileage|fuel type|transmission|carat|cut|clarity|价格|售价|标价|图片|照片|属性|款式|物品"),
    (Behaviour, 1.1, "behavior|behaviour|event|clickstream|session|page view|pageview|visit|visitor|browse|browser|dwell|bounce|bounce rate|exit rate|interaction|inter|行为|浏览|收藏|加购|会话|访问|停留|点击流|埋点"),
    (Behaviour, 0.9, "wishlist|wish list|search|query|view|favorite|favourite|cart|add to cart|rating|review|review text|comment|feedback|recommend|watch|session id|search id|timeframe|user agent|referrer|搜索|查询词|评论|评价|评分|关注|点赞|分享|足迹|好评|差评"),
    (Behaviour, 0.5, "user|user id|user feature|follow|score|用户|时长|页面"),
    (Transaction, 1.1, "order number|ordernumber|order|order id|order item|transaction|invoice|payment|basket|checkout|purchase|receipt|refund|sales order|trade|订单|交易|支付|发票|退款|付款|成交|下单|实付|流水"),
    (Transaction, 0.8, "order status|order date|payment type|payment method|total amount|order total|quantity|unit price|subtotal|sale|revenue|profit|gmv|amount|sales value|spend|discount amount|currency|tax|customer id|seller|seller id|installment|订单金额|支付方式|销售额|收入|利润|营业额|买家|卖家|实付金额|客单价|应付"),
    (Transaction, 0.35, "customer|buyer|store|客户|金额|数量|总价"),
    (Ads, 1.2, "ad|ads|advert|advertiser|advertisement|advertising|impression|ctr|cpc|cpm|cpa|roas|bid|creative|adgroup|ad group|ad id|aid|placement|propensity|propensity score|广告|曝光|展现|投放|出价|创意|推广计划|点击率|千次展示|竞价"),
    (Ads, 0.8, "audience|受众|click|clicked|conversion rate|lookalike|affinity|exposure|cvr|点击|点击量|转化率|素材"),
    (Ads, 0.4, "campaign id|conversion|position|label|channel|渠道|转化|推广"),
    (SupplyChain, 1.1, "inventory|stock|warehouse|supplier|shipment|shipping|logistics|delivery|supply|supply chain|replenishment|reorder|reorder point|lead time|purchase order|procurement|freight|carrier|courier|shipper|demand|forecast|safety stock|库存|仓库|供应商|物流|采购|运单|发货|入库|出库|补货|配送|承运|货运|快递|供应链|盘点|备货|到货|supply price|purchase price|minimum order quantity|moq|供货|供货价|进货|进货价|采购价|起订量|最小起订量"),
    (SupplyChain, 0.8, "ship date|ship mode|shipping date|days for shipping|days for shipment|late delivery|late delivery risk|delivery status|stock on hand|on hand|store sale|weekly sale|unit sale|fulfilment|fulfillment|sourcing|packing|on time|onpromotion|oil|fuel price|cpi|unemployment|运费|交货|签收|需求量|交期|调拨|周转"),
    (SupplyChain, 0.35, "store nbr|store|family|region|week|units|holiday|holiday flag"),
    (Marketing, 1.1, "campaign|coupon|promotion|promo|marketing|redemption|voucher|loyalty|newsletter|subscriber|uplift|mailer|email campaign|优惠券|促销|营销|活动|满减|红包|会员日|核销|领券|拉新|召回"),
    (Marketing, 0.9, "sales rule|price rule|catalog rule|cart rule|coupon type|promotion rule"),
    (Marketing, 0.8, "campaign id|segment|history segment|customer segment|poutcome|recency|newbie|lifetime value|ltv|churn|rfm|lead|discount code|display|deal|客群|人群|会员等级|会员|画像|标签|积分|折扣|留存|流失"),
    (Other, 1.0, "article|document|faq|help|help page|post|page|news|blog|manual|policy|knowledge base|文章|文档|帮助|公告|新闻|手册|常见问题"),
    (Marketing, 0.4, "offer|discount|demographic|household|income|contact|channel|previous|deposit|marital|education|age|triggered|优惠|领取|触达"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::governance::naming::split_name;

    #[test]
    fn longest_phrases_win() {
        let of =
            |name: &str| phrases_in(&split_name(name).words).into_iter().map(|(d, w, _)| (d, w)).collect::<Vec<_>>();
        assert_eq!(of("order_status"), [(Transaction, "order status".to_string())]);
        assert_eq!(of("Products"), [(Product, "product".to_string())]);
        assert_eq!(of("商品类目ID"), [(Product, "商品".to_string()), (Product, "类目".to_string())]);
        assert!(of("xyz").is_empty() && of("").is_empty());
    }
}
