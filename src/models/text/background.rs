//! The middle of the embedding space, which every comparison starts from.
//!
//! The encoder puts all texts into a narrow cone: two unrelated product titles have a cosine near 0.8. What tells
//! texts apart is the small rest after the common direction is taken away. That direction is the mean embedding of
//! the ordinary shop texts below, half Chinese and half English, spread over goods, opinions and notices; a mean over
//! one user's table would make a text's verdict depend on its neighbours. The mean is kept in
//! `assets/encoder/background.f32` so that the first statement need not compute it; a test computes it again.

use std::borrow::Cow;
use std::sync::OnceLock;

use crate::models::encoder::{Encoder, Role};
use crate::{Result, fail};

/// The mean as little-endian f32 numbers.
static MEAN_BYTES: &[u8] = include_bytes!("../../../assets/encoder/background.f32");

/// The mean embedding, role [`Role::Query`], of ordinary shop texts; not of unit
/// length. Of the built-in encoder it is kept; any other reads the texts when it is first asked.
pub fn mean(encoder: &Encoder) -> Result<Cow<'static, [f32]>> {
    static MEAN: OnceLock<Vec<f32>> = OnceLock::new();
    if !encoder.is_builtin() {
        let embeddings = encoder.encode(&TEXTS, Role::Query, &|| false)?;
        let sum = |place: usize| embeddings.iter().filter_map(|one| one.get(place)).sum::<f32>();
        return Ok((0..encoder.dimension()).map(|place| sum(place) / TEXTS.len() as f32).collect::<Vec<_>>().into());
    }
    let mean =
        MEAN.get_or_init(|| MEAN_BYTES.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect());
    if mean.len() != encoder.dimension() {
        fail!(Internal, "the background mean has {} numbers, the encoder {}", mean.len(), encoder.dimension());
    }
    Ok(Cow::Borrowed(mean))
}

/// The texts whose mean is kept.
const TEXTS: [&str; 80] = [
    "纯棉短袖T恤 男士圆领夏季新款",
    "女士羊毛大衣 中长款 驼色",
    "儿童运动鞋 透气网面 防滑",
    "真皮钱包 头层牛皮 短款",
    "不锈钢保温杯 500毫升",
    "智能手机 128G 双卡双待",
    "笔记本电脑 14英寸 轻薄商务",
    "无线蓝牙耳机 降噪 长续航",
    "机械键盘 青轴 背光",
    "空气炸锅 大容量 家用",
    "全自动滚筒洗衣机 10公斤",
    "电热水壶 1.5升 自动断电",
    "有机大米 5公斤 东北",
    "高钙纯牛奶 整箱",
    "红富士苹果 5斤装",
    "龙井绿茶 礼盒 250克",
    "坚果零食大礼包",
    "保湿面霜 敏感肌可用",
    "洗发水 去屑控油 750毫升",
    "婴儿纸尿裤 L码",
    "实木书桌 学生写字台",
    "四件套 全棉 床上用品",
    "LED吸顶灯 客厅 简约",
    "瑜伽垫 加厚 防滑",
    "山地自行车 21速",
    "猫粮 成猫 全价 2公斤",
    "长篇小说 精装版",
    "小学数学练习册 三年级",
    "积木玩具 益智 6岁以上",
    "汽车机油 全合成 4升",
    "多功能螺丝刀套装",
    "体温计 电子 家用",
    "酒店标准间 含双早",
    "质量不错，物流很快，满意",
    "和描述不一样，要求退货",
    "味道一般，价格偏贵",
    "客服态度很好，耐心解答",
    "用了一个月就坏了",
    "满三百减五十 限时优惠",
    "七天无理由退换货",
    "men's cotton crew neck t-shirt, short sleeve",
    "women's wool coat, mid length, camel",
    "kids running shoes, breathable mesh",
    "genuine leather wallet, slim",
    "stainless steel water bottle 500 ml",
    "smartphone 128GB dual SIM unlocked",
    "14 inch laptop, lightweight, 16GB RAM",
    "wireless earbuds with noise cancelling",
    "mechanical keyboard with backlight",
    "air fryer, large capacity, 1500 W",
    "front load washing machine 10 kg",
    "electric kettle 1.5 L auto shut-off",
    "organic basmati rice 5 kg",
    "whole milk, pack of 6",
    "fresh red apples, 1 kg",
    "green tea bags, 25 pieces",
    "mixed nuts and dried fruit snack",
    "moisturising face cream for sensitive skin",
    "anti-dandruff shampoo 400 ml",
    "baby diapers size L, 60 count",
    "solid wood study desk",
    "cotton bed sheet set, queen",
    "LED ceiling light, modern",
    "yoga mat, extra thick, non-slip",
    "mountain bike, 21 speed",
    "dry cat food for adult cats 2 kg",
    "hardcover novel",
    "mathematics workbook for grade 3",
    "building blocks toy for ages 6 and up",
    "fully synthetic engine oil 4 L",
    "screwdriver set, multi-purpose",
    "digital thermometer",
    "standard hotel room with breakfast",
    "good quality and fast delivery, satisfied",
    "not as described, I want a refund",
    "taste is average and it is expensive",
    "customer service was patient and helpful",
    "it broke after one month",
    "limited offer, 20% off all orders over $50",
    "free returns within 7 days",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kept_mean_is_the_mean_of_the_texts() {
        let encoder = Encoder::builtin().unwrap();
        let embeddings = encoder.encode(&TEXTS, Role::Query, &|| false).unwrap();
        let kept = mean(encoder).unwrap();
        for (place, kept) in kept.iter().enumerate() {
            let sum: f32 = embeddings.iter().map(|e| e[place]).sum();
            assert!((sum / TEXTS.len() as f32 - kept).abs() < 1e-5, "number {place}");
        }
    }
}
