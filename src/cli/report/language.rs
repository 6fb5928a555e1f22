//! English and Chinese: what a report says is written in both, side by side, where it is said.

use clap::ValueEnum;

/// The language of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Language {
    /// English
    En,
    /// 中文
    Zh,
}

impl Language {
    /// One of two wordings.
    pub fn say<'a>(self, english: &'a str, chinese: &'a str) -> &'a str {
        match self {
            Self::En => english,
            Self::Zh => chinese,
        }
    }

    /// A word of the catalogue's vocabulary; one that has no Chinese name here, such as a name of the user's, as it is.
    pub fn word(self, word: &str) -> String {
        let chinese = match word {
            _ if self == Self::En => return word.replace('_', " "),
            "table" => "表",
            "view" => "视图",
            "file" => "文件",
            "image" => "图片",
            "text" => "文本",
            "structured" => "结构化",
            "semi_structured" => "半结构化",
            "unstructured" => "非结构化",
            "high" => "高",
            "medium" => "中",
            "low" => "低",
            "none" => "无",
            "core" => "核心",
            "important" => "重要",
            "general_4" => "一般4级",
            "general_3" => "一般3级",
            "general_2" => "一般2级",
            "general_1" => "一般1级",
            "product" => "商品",
            "behaviour" => "用户行为",
            "transaction" => "交易",
            "ads" => "广告",
            "supply_chain" => "供应链",
            "marketing" => "营销",
            "other" => "其他",
            "completeness" => "完整性",
            "uniqueness" => "唯一性",
            "timeliness" => "及时性",
            "validity" => "有效性",
            "accuracy" => "准确性",
            "consistency" => "一致性",
            "select_into" => "建表查询",
            "insert" => "插入",
            "update" => "更新",
            "train" => "训练",
            "import" => "导入",
            "repair" => "修复",
            "suggested" => "待确认",
            "confirmed" => "已确认",
            other => other,
        };
        chinese.to_owned()
    }

    /// The code of the language in HTML.
    pub fn code(self) -> &'static str {
        self.say("en", "zh-CN")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_in_the_language_asked_for() {
        assert_eq!(Language::Zh.word("supply_chain"), "供应链");
        assert_eq!(Language::En.word("supply_chain"), "supply chain");
        assert_eq!(Language::Zh.word("my_own"), "my_own");
        assert_eq!((Language::En.say("a", "甲"), Language::Zh.say("a", "甲")), ("a", "甲"));
    }
}
