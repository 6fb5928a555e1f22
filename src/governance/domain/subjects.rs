//! Relations about what is no business domain of trade, though their columns sound like goods: persons at work, and houses.
//!
//! A table of employees has titles and photographs, one of houses styles, conditions and prices. Several words that speak of such a subject alone, each
//! in another column, tell it; then what sounds like goods there is none.

use std::collections::BTreeSet;

use super::{Domain, DomainVote};
use crate::governance::naming::split_name;
use crate::governance::semantic_type::{ColumnVerdict, SemanticType as T};

/// The vote of a rule that knows the subject; it outweighs single words.
const SUBJECT_WEIGHT: f64 = 4.0;
/// Different words of work that columns must have, where the relation is not called after persons at work.
const WORK_WORDS_MIN: usize = 2;
/// Different words of houses that columns must have, one less where the relation is called after them.
const HOUSE_WORDS_MIN: usize = 3;

/// What a relation of persons at work is called, by the last word of its name.
const STAFF: [&str; 12] = [
    "employee",
    "employees",
    "staff",
    "personnel",
    "worker",
    "workers",
    "payroll",
    "payrolls",
    "hr",
    "emp",
    "workforce",
    "attrition",
];
const STAFF_ZH: [&str; 7] = ["员工", "职工", "雇员", "职员", "人事", "工资", "考勤"];
/// What columns say of persons at work, and hardly of anything else.
const WORK: [&str; 24] = [
    "hire date",
    "hired",
    "date hired",
    "hired on",
    "hire",
    "reports to",
    "manager id",
    "supervisor",
    "salary",
    "wage",
    "monthly income",
    "job title",
    "job role",
    "job level",
    "employee id",
    "employee number",
    "employee name",
    "emp no",
    "emp id",
    "title of courtesy",
    "termination date",
    "years at company",
    "work experience",
    "overtime",
];
const WORK_ZH: [&str; 16] = [
    "工号",
    "入职",
    "离职",
    "岗位",
    "职位",
    "职务",
    "薪资",
    "薪酬",
    "工资",
    "工龄",
    "部门经理",
    "员工",
    "考勤",
    "绩效",
    "社保",
    "劳动合同",
];
/// What a relation of houses is called, by a word of its name.
const HOUSES: [&str; 12] = [
    "house",
    "houses",
    "housing",
    "home",
    "homes",
    "apartment",
    "apartments",
    "property",
    "properties",
    "estate",
    "realty",
    "rentals",
];
const HOUSES_ZH: [&str; 6] = ["房屋", "房价", "房源", "二手房", "租房", "楼盘"];
/// What columns say of houses.
const HOUSE: [&str; 34] = [
    "bedroom",
    "bedrooms",
    "beds",
    "bathroom",
    "bathrooms",
    "bath",
    "baths",
    "rooms",
    "garage",
    "porch",
    "kitchen",
    "basement",
    "bsmt",
    "fireplace",
    "fireplaces",
    "sqft",
    "square feet",
    "living area",
    "lot",
    "lot area",
    "lot size",
    "roof",
    "floors",
    "year built",
    "yr built",
    "waterfront",
    "house",
    "housing",
    "parking",
    "furnishing",
    "furnishingstatus",
    "mainroad",
    "pool",
    "neighborhood",
];
const HOUSE_ZH: [&str; 14] = [
    "户型",
    "建筑面积",
    "套内面积",
    "楼层",
    "朝向",
    "装修",
    "小区",
    "房屋",
    "房间",
    "卧室",
    "租金",
    "产权",
    "楼龄",
    "电梯",
];

/// Votes for no domain of trade where the relation is about persons at work or houses, and takes away what sounds like goods.
pub fn subjects(asset: &str, columns: &[&str], verdicts: &[ColumnVerdict], votes: &mut Vec<DomainVote>) {
    let because = if are_staff(asset, columns, verdicts) {
        "persons at work"
    } else if are_houses(asset, columns, verdicts) {
        "houses"
    } else {
        return;
    };
    votes.retain(|vote| vote.domain != Domain::Product || vote.voter == "asset");
    votes.push(DomainVote {
        domain: Domain::Other,
        voter: "columns".into(),
        because: because.into(),
        weight: SUBJECT_WEIGHT,
    });
}

fn are_staff(asset: &str, columns: &[&str], verdicts: &[ColumnVerdict]) -> bool {
    let words = split_name(asset).words;
    let head = words.last().map(String::as_str).unwrap_or_default();
    let called = STAFF.contains(&head) || STAFF_ZH.iter().any(|word| asset.contains(word));
    let persons =
        has(verdicts, &[T::GivenName, T::Surname, T::PersonName, T::PersonNameZh, T::Age, T::BirthDate, T::Gender])
            || columns.iter().any(|column| column.contains("姓名"));
    let traded = has(verdicts, &[T::OrderId, T::Sku, T::ProductId, T::AdId, T::Coupon]);
    let work = different(columns, &WORK, &WORK_ZH);
    !traded && (persons && (called || work >= WORK_WORDS_MIN) || called && work >= 1)
}

fn are_houses(asset: &str, columns: &[&str], verdicts: &[ColumnVerdict]) -> bool {
    let words = split_name(asset).words;
    let called =
        words.iter().any(|word| HOUSES.contains(&word.as_str())) || HOUSES_ZH.iter().any(|word| asset.contains(word));
    let traded = has(verdicts, &[T::OrderId, T::Sku, T::Gtin, T::Brand, T::Stock, T::Quantity]);
    !traded && different(columns, &HOUSE, &HOUSE_ZH) + usize::from(called) >= HOUSE_WORDS_MIN
}

fn has(verdicts: &[ColumnVerdict], types: &[T]) -> bool {
    verdicts.iter().any(|v| v.confidence > 0.5 && v.semantic_type.is_some_and(|t| types.contains(&t)))
}

/// How many of these words columns have, each column for one of them.
fn different(columns: &[&str], english: &[&'static str], chinese: &[&'static str]) -> usize {
    let told = columns.iter().filter_map(|column| {
        let name = format!(" {} ", split_name(column).words.join(" "));
        // The longest says most: "lot area" is one fact, and so is "lot".
        let within = english.iter().filter(|word| name.contains(&format!(" {word} "))).max_by_key(|word| word.len());
        within.or_else(|| chinese.iter().find(|word| column.contains(**word))).copied()
    });
    // Words of one stem are one fact: bath, baths and bathrooms.
    let stem = |word: &'static str| word.get(..4).filter(|_| word.is_ascii()).unwrap_or(word).trim_end();
    told.map(stem).collect::<BTreeSet<&str>>().len()
}

#[cfg(test)]
mod tests {
    use super::super::domain_of;
    use super::*;
    use crate::governance::semantic_type::{by_neighbours, detect_column};
    use arrow::datatypes::DataType;

    /// The domain by names, and by what these promise.
    fn of(asset: &str, columns: &str) -> Domain {
        let columns: Vec<&str> = columns.split(',').collect();
        let mut verdicts: Vec<ColumnVerdict> =
            columns.iter().map(|name| detect_column(name, &DataType::Utf8, &[], None)).collect();
        by_neighbours(&mut verdicts, |_, _| false);
        domain_of(asset, "table", &columns, &verdicts).domain
    }

    #[test]
    fn persons_at_work_are_no_goods() {
        for (asset, columns) in [
            (
                "employees",
                "employee_id,last_name,first_name,title,title_of_courtesy,birth_date,hire_date,photo,notes,reports_to,photo_path",
            ),
            ("t1", "LastName,FirstName,Title,HireDate,ReportsTo,Photo,PhotoPath"),
            ("staff", "name,title,description,image,salary"),
            ("员工表", "工号,姓名,职务,入职日期,照片,描述"),
            ("t2", "姓名,性别,岗位,薪资,入职时间,图片"),
            ("hr_attrition", "age,gender,marital_status,education,job_role,monthly_income,years_at_company"),
        ] {
            assert_eq!(of(asset, columns), Domain::Other, "{asset}: {columns}");
        }
    }

    #[test]
    fn houses_are_no_goods() {
        for (asset, columns) in [
            (
                "ames",
                "lot_area,house_style,overall_cond,year_built,roof_style,bedroom_abv_gr,kitchen,garage_type,sale_type,sale_price",
            ),
            ("t", "price,bedrooms,bathrooms,sqft_living,floors,view,condition,yr_built,zipcode"),
            (
                "housing",
                "longitude,latitude,total_rooms,total_bedrooms,median_income,ocean_proximity,style,material,type",
            ),
            ("链家", "小区,户型,建筑面积,朝向,楼层,装修,单价,图片,标题,描述"),
        ] {
            assert_eq!(of(asset, columns), Domain::Other, "{asset}: {columns}");
        }
    }

    #[test]
    fn goods_and_orders_stay_what_they_are() {
        for (asset, columns, expected) in [
            ("furniture", "sku,title,brand,material,color,room,price", Domain::Product),
            ("products", "name,description,price,image,category,bedroom_style", Domain::Product),
            ("orders", "order_id,employee_id,salary,customer_name,order_date,amount", Domain::Transaction),
            ("order_lines", "order_id,employee_name,hired,quantity,unit_price", Domain::Transaction),
            ("goods", "title,description,brand,house,price,pool,garage", Domain::Product),
            ("customers", "customer_id,first_name,last_name,job_title,email", Domain::Transaction),
        ] {
            assert_eq!(of(asset, columns), expected, "{asset}: {columns}");
        }
    }
}
