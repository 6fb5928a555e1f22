//! The built-in semantic types: one line each.

use crate::governance::grade::{Grade, Privacy, Sensitivity, default_grading_rules, grade_by};

/// Which values a type can have; decides whether a header's word for it is believable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Values must pass the type's own recogniser.
    Pattern,
    /// Words of a closed or nearly closed list; a header may add to it.
    Words,
    /// Names and short phrases.
    Phrase,
    /// Running text.
    Prose,
    /// Keys and codes: whole numbers or short texts without spaces.
    Code,
    /// Any number.
    Number,
    /// Whole numbers from zero on.
    Count,
    /// Dates and times, typed or written.
    Moment,
    /// Yes or no.
    Flag,
}

/// What is known of a semantic type.
#[derive(Debug, Clone, Copy)]
pub struct Info {
    /// The name in SQL.
    pub name: &'static str,
    /// The Chinese name.
    pub label_zh: &'static str,
    /// What it says about a person.
    pub privacy: Privacy,
    /// The harm of a leak.
    pub sensitivity: Sensitivity,
    /// Which values it can have.
    pub form: Form,
}

macro_rules! catalogue {
    ($($variant:ident $name:literal $zh:literal $privacy:ident $sensitivity:ident $form:ident;)*) => {
        /// A built-in semantic type. Its facts are in [`Info`].
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum SemanticType { $(#[doc = concat!("`", $name, "`: ", $zh, ".")] $variant),* }

        impl SemanticType {
            /// Every built-in type, in the catalogue's order.
            pub const ALL: &'static [SemanticType] = &[$(SemanticType::$variant),*];

            /// The facts of the type.
            pub const fn info(self) -> Info {
                match self {
                    $(SemanticType::$variant => Info {
                        name: $name,
                        label_zh: $zh,
                        privacy: Privacy::$privacy,
                        sensitivity: Sensitivity::$sensitivity,
                        form: Form::$form,
                    }),*
                }
            }
        }
    };
}

catalogue! {
    // Persons, and how to reach them.
    Email "email" "电子邮箱" Identifier Medium Pattern;
    CnMobile "cn_mobile" "手机号码" Identifier Medium Pattern;
    CnLandline "cn_landline" "固定电话" Identifier Medium Pattern;
    Phone "phone" "电话号码" Identifier Medium Pattern;
    CnIdCard "cn_id_card" "身份证号" Identifier High Pattern;
    Passport "passport" "护照号" Identifier High Pattern;
    TravelPermit "travel_permit" "通行证号" Identifier High Pattern;
    UsSsn "us_ssn" "美国社会保障号" Identifier High Pattern;
    NationalId "national_id" "国家身份证件号" Identifier High Code;
    CnPlate "cn_plate" "车牌号" Identifier Medium Pattern;
    PersonNameZh "person_name_zh" "中文姓名" Identifier Medium Phrase;
    PersonName "person_name" "姓名" Identifier Medium Phrase;
    GivenName "given_name" "名" QuasiIdentifier Medium Phrase;
    Surname "surname" "姓" QuasiIdentifier Medium Phrase;
    Username "username" "用户名" Identifier Medium Code;
    Password "password" "口令" Sensitive High Code;
    BirthDate "birth_date" "出生日期" QuasiIdentifier Medium Moment;
    Age "age" "年龄" QuasiIdentifier Low Number;
    Gender "gender" "性别" QuasiIdentifier Low Words;
    MaritalStatus "marital_status" "婚姻状况" QuasiIdentifier Medium Words;
    Education "education" "学历" QuasiIdentifier Low Phrase;
    Occupation "occupation" "职业" QuasiIdentifier Low Phrase;
    Income "income" "收入" Sensitive Medium Number;
    Ethnicity "ethnicity" "民族" Sensitive High Words;
    Religion "religion" "宗教信仰" Sensitive High Words;
    Health "health" "医疗健康信息" Sensitive High Phrase;
    Biometric "biometric" "生物识别信息" Sensitive High Code;
    AddressZh "address_zh" "中文地址" Identifier Medium Phrase;
    Address "address" "地址" Identifier Medium Phrase;
    // Money and companies.
    BankCard "bank_card" "银行卡号" Sensitive High Pattern;
    BankAccount "bank_account" "银行账号" Sensitive High Code;
    Iban "iban" "国际银行账号" Sensitive High Pattern;
    SwiftBic "swift_bic" "银行识别代码" None None Pattern;
    Cvv "cvv" "卡安全码" Sensitive High Code;
    CardExpiry "card_expiry" "卡有效期" QuasiIdentifier Medium Moment;
    CnUscc "cn_uscc" "统一社会信用代码" None Low Pattern;
    CompanyName "company_name" "企业名称" None None Phrase;
    // Machines and the web.
    Ip "ip" "IP 地址" QuasiIdentifier Medium Pattern;
    Ipv6 "ipv6" "IPv6 地址" QuasiIdentifier Medium Pattern;
    Mac "mac" "MAC 地址" QuasiIdentifier Medium Pattern;
    Imei "imei" "设备 IMEI" QuasiIdentifier Medium Pattern;
    DeviceId "device_id" "设备标识" QuasiIdentifier Medium Code;
    SessionId "session_id" "会话标识" QuasiIdentifier Low Code;
    UserAgent "user_agent" "浏览器标识" QuasiIdentifier Low Prose;
    Url "url" "网址" None None Pattern;
    DomainName "domain_name" "域名" None None Pattern;
    Uuid "uuid" "UUID" None None Pattern;
    Hash "hash" "哈希值" None None Pattern;
    ImagePath "image_path" "图片路径" None None Pattern;
    FilePath "file_path" "文件路径" None None Pattern;
    Json "json" "JSON" None None Pattern;
    Html "html" "HTML" None None Pattern;
    Xml "xml" "XML" None None Pattern;
    // Goods.
    Gtin "gtin" "商品条码" None None Pattern;
    Isbn "isbn" "国际标准书号" None None Pattern;
    Sku "sku" "SKU 编码" None None Code;
    Brand "brand" "品牌" None None Phrase;
    ModelNumber "model_number" "型号" None None Phrase;
    ProductTitle "product_title" "商品名称" None None Phrase;
    ProductDescription "product_description" "商品描述" None None Prose;
    CategoryPath "category_path" "类目路径" None None Pattern;
    Category "category" "类目" None None Phrase;
    Colour "colour" "颜色" None None Words;
    Size "size" "尺码" None None Words;
    Material "material" "材质" None None Phrase;
    Weight "weight" "重量" None None Number;
    Dimension "dimension" "尺寸" None None Number;
    ReviewText "review_text" "评论内容" None Low Prose;
    Rating "rating" "评分" None None Number;
    // Trade.
    Price "price" "价格" None None Number;
    Amount "amount" "金额" None Low Number;
    Cost "cost" "成本" None Medium Number;
    Profit "profit" "利润" None Medium Number;
    Tax "tax" "税额" None None Number;
    Discount "discount" "折扣" None None Number;
    Currency "currency" "货币代码" None None Words;
    Percentage "percentage" "百分比" None None Number;
    Quantity "quantity" "数量" None None Count;
    Stock "stock" "库存" None Low Count;
    Availability "availability" "供货状态" None None Words;
    Count "count" "计数" None None Count;
    OrderId "order_id" "订单号" None Low Code;
    TrackingNumber "tracking_number" "运单号" QuasiIdentifier Low Code;
    OrderStatus "order_status" "状态" None None Words;
    PaymentMethod "payment_method" "支付方式" None Low Words;
    ShippingMethod "shipping_method" "配送方式" None None Words;
    UserId "user_id" "用户标识" QuasiIdentifier Low Code;
    ProductId "product_id" "商品标识" None None Code;
    CategoryId "category_id" "类目标识" None None Code;
    ShopId "shop_id" "店铺标识" None None Code;
    ShopName "shop_name" "店铺名称" None None Phrase;
    Supplier "supplier" "供应商" None Low Phrase;
    Warehouse "warehouse" "仓库" None None Phrase;
    // Behaviour and advertising.
    EventType "event_type" "行为类型" None None Words;
    Click "click" "点击标记" None None Flag;
    Conversion "conversion" "转化标记" None None Flag;
    AdId "ad_id" "广告标识" None None Code;
    CampaignId "campaign_id" "活动标识" None None Code;
    Campaign "campaign" "营销活动" None None Phrase;
    Coupon "coupon" "优惠券" None None Code;
    Channel "channel" "渠道" None None Phrase;
    SearchQuery "search_query" "搜索词" QuasiIdentifier Low Phrase;
    Segment "segment" "客群" None None Phrase;
    // Places.
    Country "country" "国家" QuasiIdentifier None Words;
    Province "province" "省份" QuasiIdentifier None Words;
    City "city" "城市" QuasiIdentifier Low Words;
    District "district" "区县" QuasiIdentifier Low Phrase;
    PostalCode "postal_code" "邮政编码" QuasiIdentifier Low Pattern;
    AdminCode "admin_code" "行政区划代码" None None Pattern;
    Latitude "latitude" "纬度" QuasiIdentifier Medium Number;
    Longitude "longitude" "经度" QuasiIdentifier Medium Number;
    GeoPoint "geo_point" "经纬度" QuasiIdentifier Medium Pattern;
    Geohash "geohash" "地理哈希" QuasiIdentifier Medium Code;
    // Time.
    Date "date" "日期" None None Moment;
    Timestamp "timestamp" "时间戳" None None Moment;
    Time "time" "时刻" None None Moment;
    Year "year" "年份" None None Count;
    Month "month" "月份" None None Words;
    Weekday "weekday" "星期" None None Words;
    Duration "duration" "时长" None None Number;
    // The rest.
    Language "language" "语言" None None Words;
    Boolean "boolean" "布尔" None None Flag;
    Identifier "identifier" "标识符" None None Code;
    Measure "measure" "数值" None None Number;
    Label "label" "分类值" None None Phrase;
    Text "text" "文本" None Low Prose;
}

impl SemanticType {
    /// The name in SQL.
    pub fn name(self) -> &'static str {
        self.info().name
    }

    /// The Chinese name.
    pub fn label_zh(self) -> &'static str {
        self.info().label_zh
    }

    /// What it says about a person.
    pub fn privacy(self) -> Privacy {
        self.info().privacy
    }

    /// The harm of a leak.
    pub fn sensitivity(self) -> Sensitivity {
        self.info().sensitivity
    }

    /// The GB/T 43697 grade by the default rules.
    pub fn grade(self) -> Grade {
        grade_by(&default_grading_rules(), self.name(), self.privacy(), self.sensitivity()).0
    }

    /// Whether a value of it is personal information under PIPL.
    pub fn is_personal(self) -> bool {
        self.sensitivity() > Sensitivity::None && self.privacy() > Privacy::None
    }

    /// The type called `name`, if there is one.
    pub fn get(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|t| t.name().eq_ignore_ascii_case(name))
    }
}

impl std::fmt::Display for SemanticType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_read_back() {
        let names: std::collections::HashSet<_> = SemanticType::ALL.iter().map(|t| t.name()).collect();
        assert_eq!(names.len(), SemanticType::ALL.len());
        assert!(names.len() >= 60);
        for t in SemanticType::ALL {
            assert_eq!(SemanticType::get(t.name()), Some(*t));
            assert!(!t.label_zh().is_empty());
        }
    }

    #[test]
    fn grades_follow_sensitivity() {
        assert_eq!(SemanticType::CnIdCard.grade(), Grade::General4);
        assert_eq!(SemanticType::Email.grade(), Grade::General3);
        assert_eq!(SemanticType::Colour.grade(), Grade::General1);
        assert!(SemanticType::Email.is_personal());
        assert!(!SemanticType::Country.is_personal());
        assert!(!SemanticType::Cost.is_personal());
    }
}
