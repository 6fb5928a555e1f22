//! Kinds of personal data in text. Names are those of Presidio where it has the kind, so that rules written for it read on.

use crate::governance::semantic_type::SemanticType;

macro_rules! kinds {
    ($($variant:ident $name:literal $zh:literal $semantic:ident;)*) => {
        /// A kind of personal data.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum PiiType { $(#[doc = concat!("`", $name, "`: ", $zh, ".")] $variant),* }

        impl PiiType {
            /// Every kind.
            pub const ALL: &'static [PiiType] = &[$(PiiType::$variant),*];

            /// The name in SQL.
            pub const fn name(self) -> &'static str {
                match self { $(PiiType::$variant => $name),* }
            }

            /// The Chinese name.
            pub const fn label_zh(self) -> &'static str {
                match self { $(PiiType::$variant => $zh),* }
            }

            /// The semantic type of a column of such values.
            pub const fn semantic_type(self) -> SemanticType {
                match self { $(PiiType::$variant => SemanticType::$semantic),* }
            }
        }
    };
}

kinds! {
    EmailAddress "EMAIL_ADDRESS" "电子邮箱" Email;
    PhoneNumber "PHONE_NUMBER" "电话号码" Phone;
    CreditCard "CREDIT_CARD" "银行卡号" BankCard;
    IbanCode "IBAN_CODE" "国际银行账号" Iban;
    IpAddress "IP_ADDRESS" "IP 地址" Ip;
    MacAddress "MAC_ADDRESS" "MAC 地址" Mac;
    Imei "IMEI" "设备 IMEI" Imei;
    Url "URL" "网址" Url;
    CnIdCard "CN_ID_CARD" "身份证号" CnIdCard;
    CnUscc "CN_USCC" "统一社会信用代码" CnUscc;
    CnPlate "CN_PLATE" "车牌号" CnPlate;
    CnTravelPermit "CN_TRAVEL_PERMIT" "通行证号" TravelPermit;
    Passport "PASSPORT" "护照号" Passport;
    DriverLicense "DRIVER_LICENSE" "驾驶证号" NationalId;
    UsSsn "US_SSN" "美国社会保障号" UsSsn;
    UsItin "US_ITIN" "美国个人纳税人识别号" NationalId;
    UkNino "UK_NINO" "英国国民保险号" NationalId;
    UkNhs "UK_NHS" "英国医疗服务号" NationalId;
    EsNif "ES_NIF" "西班牙税号" NationalId;
    ItFiscalCode "IT_FISCAL_CODE" "意大利税号" NationalId;
    InAadhaar "IN_AADHAAR" "印度身份号" NationalId;
    InPan "IN_PAN" "印度税号" NationalId;
    PlPesel "PL_PESEL" "波兰身份号" NationalId;
    SgNric "SG_NRIC" "新加坡身份证号" NationalId;
    BrCpf "BR_CPF" "巴西税号" NationalId;
    KrRrn "KR_RRN" "韩国居民登录号" NationalId;
    Person "PERSON" "姓名" PersonName;
    Organization "ORGANIZATION" "机构名称" CompanyName;
    Location "LOCATION" "地点" City;
    StreetAddress "STREET_ADDRESS" "详细地址" Address;
    ZipCode "ZIP_CODE" "邮政编码" PostalCode;
    DateOfBirth "DATE_OF_BIRTH" "出生日期" BirthDate;
    DateTime "DATE_TIME" "日期时间" Date;
    Age "AGE" "年龄" Age;
    Nrp "NRP" "国籍、宗教、民族" Ethnicity;
}

impl PiiType {
    /// The kind called `name`, in any case.
    pub fn get(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.name().eq_ignore_ascii_case(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_read_back() {
        let names: std::collections::HashSet<_> = PiiType::ALL.iter().map(|kind| kind.name()).collect();
        assert_eq!(names.len(), PiiType::ALL.len());
        for kind in PiiType::ALL {
            assert_eq!(PiiType::get(&kind.name().to_lowercase()), Some(*kind));
            assert!(!kind.label_zh().is_empty());
        }
    }
}
