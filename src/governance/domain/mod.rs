//! The business domain of an asset: products, behaviour, transactions, advertising, supply chain, marketing, or another.
//!
//! Words of the asset's name and of its columns, and the columns' semantic types, each vote with a weight; the domain
//! with the most weight wins, and its share of all votes is the confidence. Votes with the same first word weigh half as
//! much each time they come again: fifty columns `price1..price50`, or ten that begin with `order`, are hardly more than
//! one fact.
//!
//! General words stand in tables of anything: `size` of a cell, `title` of a paper, `comment` of a survey. So a domain needs
//! more than a word: the asset's own name, several columns that agree each in its own way, or most of a small relation.
//! Where nobody has that, the domain is [`Domain::Other`], and so it is where columns speak of persons at work or of houses (see `subjects`).
//! The vocabulary is general trade language in English and Chinese (see `vocabulary`).

mod subjects;
mod vocabulary;

use std::collections::{BTreeMap, BTreeSet};

use super::grade::Privacy;
use super::naming::split_name;
use super::semantic_type::{ColumnVerdict, SemanticType as T};
use subjects::subjects;
use vocabulary::{phrases_in, types_vote};

/// Weight of a vote by the last word of the asset's own name, against a column's.
const ASSET_NAME_WEIGHT: f64 = 2.5;
/// Votes weaker than this in sum are not enough to name a domain.
const VOTES_MIN: f64 = 0.9;
/// A word of the asset's own name that is as strong as this names its domain by itself.
const NAME_WEIGHT_MIN: f64 = 0.9;
/// Where voters have to agree, the least sum of the strongest vote of each.
const AGREED_VOTES_MIN: f64 = 1.25;

/// Different words of stock and shipping that make a relation one of the supply chain, whatever else it tells.
const FLOW_WORDS_MIN: usize = 6;

/// What a list of places of trade is called, by the last word of its name.
const PLACES: [&str; 12] =
    ["store", "stores", "shop", "shops", "branch", "branches", "outlet", "outlets", "depot", "depots", "hub", "hubs"];
const PLACES_ZH: [&str; 4] = ["门店", "网点", "店铺", "分店"];

/// Words and types of columns that writings have as well as goods.
const WRITING_WORDS: [&str; 14] = [
    "title",
    "description",
    "author",
    "publisher",
    "category",
    "image",
    "标题",
    "描述",
    "分类",
    "图片",
    "product_title",
    "product_description",
    "image_path",
    "category_path",
];

/// A business domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Domain {
    /// Goods and their descriptions.
    Product,
    /// What users look at, click, search, rate.
    Behaviour,
    /// Orders and payments.
    Transaction,
    /// Impressions, clicks and cost of advertising.
    Ads,
    /// Stock, shipping, purchasing, demand.
    SupplyChain,
    /// Campaigns, coupons, customer segments.
    Marketing,
    /// None of these.
    Other,
}

impl Domain {
    /// Every domain.
    pub const ALL: [Domain; 7] =
        [Self::Product, Self::Behaviour, Self::Transaction, Self::Ads, Self::SupplyChain, Self::Marketing, Self::Other];

    /// The name in SQL.
    pub fn name(self) -> &'static str {
        match self {
            Self::Product => "product",
            Self::Behaviour => "behaviour",
            Self::Transaction => "transaction",
            Self::Ads => "ads",
            Self::SupplyChain => "supply_chain",
            Self::Marketing => "marketing",
            Self::Other => "other",
        }
    }

    /// The Chinese name.
    pub fn label_zh(self) -> &'static str {
        match self {
            Self::Product => "商品",
            Self::Behaviour => "用户行为",
            Self::Transaction => "交易",
            Self::Ads => "广告",
            Self::SupplyChain => "供应链",
            Self::Marketing => "营销",
            Self::Other => "其他",
        }
    }

    /// The domain called `name`.
    pub fn get(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|domain| domain.name().eq_ignore_ascii_case(name))
    }
}

/// A vote for a domain.
#[derive(Debug, Clone, PartialEq)]
pub struct DomainVote {
    /// The domain voted for.
    pub domain: Domain,
    /// Who voted: `asset`, or the column's name.
    pub voter: String,
    /// The word or semantic type that decided.
    pub because: String,
    /// The weight.
    pub weight: f64,
}

impl DomainVote {
    /// The first word of the reason: votes of one stem are hardly more than one fact.
    fn stem(&self) -> &str {
        self.because.split([' ', '_']).next().unwrap_or_default()
    }
}

/// The domain of an asset, with everybody's vote.
#[derive(Debug, Clone, PartialEq)]
pub struct DomainVerdict {
    /// The winner; [`Domain::Other`] if too little was said.
    pub domain: Domain,
    /// The winner's share of all votes, less where few have voted; 0..1.
    pub confidence: f64,
    /// Every domain's sum of votes, highest first.
    pub sums: Vec<(Domain, f64)>,
    /// The votes, heaviest first.
    pub votes: Vec<DomainVote>,
}

/// The domain of an asset by its name, its form (`csv`, `image`, ...), the names of its columns and their verdicts;
/// `verdicts` may be empty or as many as `columns`.
pub fn domain_of(asset: &str, form: &str, columns: &[&str], verdicts: &[ColumnVerdict]) -> DomainVerdict {
    let mut votes = Vec::new();
    let phrases = phrases_in(&split_name(asset).words);
    let mut named: BTreeSet<Domain> =
        phrases.iter().filter(|(_, _, weight)| *weight >= NAME_WEIGHT_MIN).map(|(domain, ..)| *domain).collect();
    let last = phrases.last().map(|(_, word, _)| word.clone());
    for (domain, word, weight) in phrases {
        // The head of a name stands last: order_reviews are reviews.
        let times = if Some(&word) == last.as_ref() { ASSET_NAME_WEIGHT } else { ASSET_NAME_WEIGHT / 2.0 };
        votes.push(DomainVote { domain, voter: "asset".into(), because: word, weight: weight * times });
    }
    for (at, column) in columns.iter().enumerate() {
        let verdict = verdicts.get(at).filter(|verdict| verdict.confidence >= 0.5);
        // What a column tells of a person it does not tell of goods: a job title, the size of a household.
        let personal = verdict.is_some_and(|verdict| verdict.privacy_of_kind() > Privacy::None);
        for (domain, word, weight) in phrases_in(&split_name(column).words) {
            if domain != Domain::Product || !personal {
                votes.push(DomainVote { domain, voter: column.to_string(), because: word, weight });
            }
        }
        if let Some(semantic_type) = verdict.and_then(|verdict| verdict.semantic_type) {
            for (domain, weight) in types_vote(semantic_type) {
                votes.push(DomainVote {
                    domain: *domain,
                    voter: column.to_string(),
                    because: semantic_type.name().into(),
                    weight: weight * verdict.map_or(1.0, |verdict| verdict.confidence),
                });
            }
        }
    }
    if form == "image" {
        // A shop's pictures are of its goods unless the name says otherwise.
        named.insert(Domain::Product);
        votes.push(DomainVote {
            domain: Domain::Product,
            voter: "asset".into(),
            because: "pictures".into(),
            weight: 1.0,
        });
    }
    places(asset, verdicts, &mut votes);
    documents(&mut votes);
    combine(&mut votes, verdicts);
    nameless(columns, verdicts, &mut votes);
    subjects(asset, columns, verdicts, &mut votes);
    conclude(votes, &named, columns.len())
}

/// Where a file names no column its values must tell: two titles of goods, or one beside the path of its category, are of goods.
fn nameless(columns: &[&str], verdicts: &[ColumnVerdict], votes: &mut Vec<DomainVote>) {
    let is_number = |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit());
    let is_made = |name: &&str| name.strip_prefix("column").is_some_and(is_number);
    if columns.is_empty() || !columns.iter().all(is_made) {
        return;
    }
    let count = |semantic_type: T| {
        verdicts.iter().filter(|v| v.confidence >= 0.5 && v.semantic_type == Some(semantic_type)).count()
    };
    let titles = count(T::ProductTitle);
    if titles >= 2 || (titles == 1 && count(T::CategoryPath) > 0) {
        let because = "titles of goods in columns without names".into();
        votes.push(DomainVote { domain: Domain::Product, voter: "columns".into(), because, weight: 1.0 });
    }
}

/// A list of the places where goods are held or handed over, called so and with addresses, is of the chain that brings them
/// there; a store named in a row of sales is not.
fn places(asset: &str, verdicts: &[ColumnVerdict], votes: &mut Vec<DomainVote>) {
    let words = split_name(asset).words;
    let head = words.last().map(String::as_str).unwrap_or_default();
    let called = PLACES.contains(&head) || PLACES_ZH.iter().any(|place| head.ends_with(place));
    let of_places = [T::Address, T::AddressZh, T::City, T::PostalCode, T::Latitude, T::GeoPoint];
    let addressed =
        verdicts.iter().any(|v| v.confidence > 0.5 && v.semantic_type.is_some_and(|t| of_places.contains(&t)));
    if called && addressed {
        let because = "places of trade with addresses".to_string();
        votes.push(DomainVote { domain: Domain::SupplyChain, voter: "columns".into(), because, weight: 1.5 });
    }
}

/// An asset called after writings (`articles`, `help_pages`, 公告) speaks for no domain of trade, as far as its columns tell
/// only what writings have: goods have prices, brands and sizes too. Columns called so mean nothing. Nor do columns that
/// only tell what writings have make goods of an asset that is not called so: papers have titles, authors and publishers.
fn documents(votes: &mut Vec<DomainVote>) {
    let of_writings = |vote: &DomainVote| WRITING_WORDS.contains(&vote.because.as_str());
    let of_goods = |vote: &DomainVote| vote.domain == Domain::Product;
    let goods = votes.iter().any(|vote| of_goods(vote) && vote.voter != "asset" && !of_writings(vote));
    let called_goods = votes.iter().any(|vote| of_goods(vote) && vote.voter == "asset" && !of_writings(vote));
    votes.retain(|vote| vote.domain != Domain::Other || (vote.voter == "asset" && !goods));
    if !goods && !called_goods {
        votes.retain(|vote| !of_goods(vote));
    }
}

/// Rules that need several columns at once.
fn combine(votes: &mut Vec<DomainVote>, verdicts: &[ColumnVerdict]) {
    // Orders tell of goods and payment too; the flow of goods is what few others tell of at length.
    let flow =
        votes.iter().filter(|vote| vote.domain == Domain::SupplyChain && vote.voter != "asset" && vote.weight >= 0.75);
    let flow: BTreeSet<&str> = flow.map(|vote| vote.because.as_str()).collect();
    if flow.len() >= FLOW_WORDS_MIN {
        let because = format!("{} different words of stock and shipping", flow.len());
        votes.push(DomainVote { domain: Domain::SupplyChain, voter: "columns".into(), because, weight: 6.0 });
    }
    let writings = votes.iter().any(|vote| vote.domain == Domain::Other);
    let has = |types: &[T]| {
        verdicts.iter().any(|v| v.confidence > 0.5 && v.semantic_type.is_some_and(|t| types.contains(&t)))
    };
    let mut vote = |domain, because: &str, weight| {
        votes.push(DomainVote { domain, voter: "columns".into(), because: because.into(), weight });
    };
    let user = has(&[T::UserId, T::SessionId]);
    let event = has(&[T::EventType]);
    if user && event {
        vote(Domain::Behaviour, "a user and what was done", 3.5);
    }
    let product = has(&[T::ProductId, T::ProductTitle, T::Sku]);
    let order = has(&[T::OrderId]);
    if user && product && !order && (event || has(&[T::Timestamp, T::Rating, T::Geohash])) {
        vote(Domain::Behaviour, "user, product and moment or rating, without an order", 1.2);
    }
    if order && has(&[T::Price, T::Amount, T::Quantity, T::PaymentMethod, T::OrderStatus]) {
        vote(Domain::Transaction, "order with amount, quantity or payment", 1.2);
    }
    if !writings
        && !user
        && !order
        && has(&[T::ProductTitle, T::Brand])
        && has(&[T::Price, T::Category, T::ProductDescription])
    {
        vote(Domain::Product, "title or brand with price, category or description, without user or order", 1.0);
    }
    if has(&[T::Click]) && !has(&[T::Rating, T::EventType]) {
        vote(Domain::Ads, "a click as label", 0.6);
    }
}

/// Whether the votes for a domain, which come to `sum`, are evidence of it.
fn is_told(domain: Domain, sum: f64, votes: &[DomainVote], named: &BTreeSet<Domain>, columns: usize) -> bool {
    let of_domain = || votes.iter().filter(|vote| vote.domain == domain);
    let mut voters: BTreeMap<&str, f64> = BTreeMap::new();
    for vote in of_domain() {
        let strongest = voters.entry(&vote.voter).or_default();
        *strongest = strongest.max(vote.weight);
    }
    let stems: BTreeSet<&str> = of_domain().map(DomainVote::stem).collect();
    let of_name = voters.contains_key("asset");
    let agreed = voters.len() >= 2 && (stems.len() >= 2 || of_name) && voters.values().sum::<f64>() >= AGREED_VOTES_MIN;
    let most = 2 * voters.len() >= columns && !of_name;
    let rule = voters.contains_key("columns");
    sum >= VOTES_MIN && (named.contains(&domain) || rule || agreed || most)
}

fn conclude(mut votes: Vec<DomainVote>, named: &BTreeSet<Domain>, columns: usize) -> DomainVerdict {
    votes.sort_by(|a, b| b.weight.total_cmp(&a.weight).then_with(|| a.voter.cmp(&b.voter)));
    let mut repeated: BTreeMap<(Domain, &str), i32> = BTreeMap::new();
    let mut sums: BTreeMap<Domain, f64> = BTreeMap::new();
    for vote in &votes {
        let times = repeated.entry((vote.domain, vote.stem())).or_default();
        *sums.entry(vote.domain).or_default() += vote.weight * 0.5f64.powi(*times);
        *times += 1;
    }
    let mut sums: Vec<(Domain, f64)> = sums.into_iter().collect();
    sums.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    let total: f64 = sums.iter().map(|(_, sum)| sum).sum();
    match sums.first() {
        Some((domain, sum)) if is_told(*domain, *sum, &votes, named, columns) => {
            let confidence = sum / total * (sum / (sum + 0.6));
            DomainVerdict { domain: *domain, confidence, sums, votes }
        }
        _ => DomainVerdict { domain: Domain::Other, confidence: if votes.is_empty() { 0.5 } else { 0.3 }, sums, votes },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(asset: &str, columns: &str) -> Domain {
        let columns: Vec<&str> = columns.split(',').collect();
        domain_of(asset, "csv", &columns, &[]).domain
    }

    #[test]
    fn names_of_many_shops() {
        for (asset, columns, expected) in [
            ("products", "sku,title,brand,color,price,description", Domain::Product),
            ("t1", "商品ID,商品名称,品牌,类目,售价", Domain::Product),
            ("log", "user_id,item_id,behavior_type,user_geohash,item_category,time", Domain::Behaviour),
            ("t2", "用户ID,商品ID,行为类型,时间戳,浏览时长", Domain::Behaviour),
            ("x", "order_id,customer_id,order_status,order_purchase_timestamp,payment_type", Domain::Transaction),
            ("t3", "订单号,买家ID,支付方式,实付金额,下单时间", Domain::Transaction),
            ("x", "ad_id,campaign_id,impressions,clicks,cost,ctr", Domain::Ads),
            ("t4", "广告ID,曝光量,点击量,投放渠道", Domain::Ads),
            ("x", "warehouse,sku,stock_on_hand,reorder_point,supplier,lead_time", Domain::SupplyChain),
            ("t5", "仓库,供应商,库存量,发货日期,运单号", Domain::SupplyChain),
            ("shippers", "shipper_id,company_name,phone", Domain::SupplyChain),
            ("x", "coupon_code,discount,campaign,segment,redemption_date", Domain::Marketing),
            ("t6", "优惠券ID,活动名称,领取时间,核销时间,会员等级", Domain::Marketing),
            ("sensors", "t,x,y,z", Domain::Other),
        ] {
            assert_eq!(of(asset, columns), expected, "{columns}");
        }
    }

    #[test]
    fn a_general_word_is_no_evidence() {
        for (asset, columns) in [
            ("papers", "id,title,authors,venue,year"),
            ("citations", "address,author,editor,institution,month,note,pages,publisher,title,venue,volume"),
            ("cancer", "clump_thickness,uniformity_cell_size,cell_size,bare_nuclei,mitoses,class"),
            ("persons", "number,gender,title,given_name,surname,street,city,zip,card_type,age,occupation,blood_type"),
            ("survey", "timestamp,age,gender,country,self_employed,family_history,treatment,leave,comments,state"),
            ("adult", "age,workclass,education,maritalstatus,race,sex,hoursperweek,country,income"),
            ("honeypot", "datetime,host,proto,type,srcport,destport,country,locale,comment,latitude"),
            ("users", "id,login,created_at"),
            ("schools", "dbn,boro,ontrack,rate,quality_review_year,curriculum"),
        ] {
            assert_eq!(of(asset, columns), Domain::Other, "{asset}");
        }
        assert_eq!(of("comments", "label,review"), Domain::Behaviour, "most of a small relation");
        assert_eq!(of("books", "title,author,publisher,isbn,price"), Domain::Product);
        assert_eq!(of("catalogue", "title,author,publisher"), Domain::Product, "its name says so");
    }

    #[test]
    fn pictures_writings_and_audiences() {
        assert_eq!(domain_of("pictures", "image", &["path", "format", "width", "height"], &[]).domain, Domain::Product);
        assert_eq!(domain_of("p", "image", &["path", "bytes"], &[]).domain, Domain::Product);
        // What writings have as well, being called after what they are, says nothing against it.
        assert_eq!(domain_of("images", "image", &["path", "format"], &[]).domain, Domain::Product);
        let types = [(T::Identifier, 0.6), (T::Language, 0.9), (T::ProductTitle, 0.9), (T::ProductDescription, 0.9)];
        let verdicts = types.map(|(semantic_type, confidence)| ColumnVerdict {
            name: String::new(),
            semantic_type: Some(semantic_type),
            confidence,
            coverage: 1.0,
            sampled: 9,
            evidence: Vec::new(),
            alternates: Vec::new(),
            custom: None,
            carried: None,
        });
        for asset in ["articles", "articles_archive", "help_pages", "公告"] {
            let verdict = domain_of(asset, "table", &["article_id", "lang", "title", "body"], &verdicts);
            assert_eq!(verdict.domain, Domain::Other, "{asset}: {verdict:?}");
        }
        assert_eq!(of("articles", "article_id,title,colour,price"), Domain::Product);
        assert_eq!(of("pages", "path,name,brand,price,currency"), Domain::Product);
        assert_eq!(of("audiences", "audience_id,trait_1,trait_2"), Domain::Ads);
        assert_eq!(of("customers", "customer_id,name,email,phone"), Domain::Transaction);
    }

    #[test]
    fn places_and_prices_of_supply() {
        let address = ColumnVerdict {
            name: "address".into(),
            semantic_type: Some(T::Address),
            confidence: 0.9,
            coverage: 1.0,
            sampled: 9,
            evidence: Vec::new(),
            alternates: Vec::new(),
            custom: None,
            carried: None,
        };
        let blank = ColumnVerdict { semantic_type: None, confidence: 0.0, ..address.clone() };
        let title = ColumnVerdict { semantic_type: Some(T::ProductTitle), confidence: 0.5, ..address.clone() };
        let pairs = [title.clone(), title.clone(), blank.clone()];
        let nameless = |columns: &[&str]| domain_of("train", "csv", columns, &pairs).domain;
        assert_eq!(nameless(&["column0", "column1", "column2"]), Domain::Product);
        assert_eq!(nameless(&["heading", "caption", "column2"]), Domain::Other, "names that say nothing of goods");
        assert_eq!(domain_of("train", "csv", &["column0"], &[title]).domain, Domain::Other);
        let verdicts = [blank, address];
        for asset in ["stores", "our_branches", "门店"] {
            assert_eq!(domain_of(asset, "json", &["id", "address"], &verdicts).domain, Domain::SupplyChain, "{asset}");
        }
        assert_eq!(domain_of("persons", "json", &["id", "address"], &verdicts).domain, Domain::Other);
        assert_eq!(of("t", "商品编号,商品名称,供货价,零售价,起订量,供应商"), Domain::SupplyChain);
        assert_eq!(of("price_list", "sku,product_name,brand,list_price,colour"), Domain::Product);
    }

    #[test]
    fn votes_explain_the_winner() {
        let verdict = domain_of("orders", "table", &["order_id", "amount"], &[]);
        assert_eq!(verdict.domain, Domain::Transaction);
        assert!(verdict.confidence > 0.5 && verdict.confidence < 1.0);
        assert!(verdict.votes.iter().any(|vote| vote.voter == "asset" && vote.because == "order"));
        assert_eq!(domain_of("", "", &[], &[]).domain, Domain::Other);
        for domain in Domain::ALL {
            assert_eq!(Domain::get(domain.name()), Some(domain));
        }
    }
}
