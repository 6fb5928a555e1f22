//! Sensitivity, privacy category and the grade of GB/T 43697-2024, with the rule table that derives a grade.
//!
//! Classify first, grade second: a [`SemanticType`](super::SemanticType) brings its privacy category and sensitivity; the
//! first rule that fits gives the grade. Where several grades meet (a table over its columns, derived data over its
//! sources) the higher one wins, which is what `Ord` on these types is for.

use crate::error::{Error, Kind, Result};

macro_rules! levels {
    ($(#[$doc:meta])* $name:ident, $what:literal { $($(#[$level_doc:meta])* $level:ident $text:literal $zh:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$level_doc])* $level),* }

        impl $name {
            /// Every level, lowest first.
            pub const ALL: &'static [$name] = &[$($name::$level),*];

            /// The name used in SQL.
            pub fn name(self) -> &'static str {
                match self { $($name::$level => $text),* }
            }

            /// The Chinese name.
            pub fn label_zh(self) -> &'static str {
                match self { $($name::$level => $zh),* }
            }

            /// The level called `name`; an unknown one is [`Kind::InvalidParameter`].
            pub fn parse(name: &str) -> Result<Self> {
                Self::ALL.iter().copied().find(|level| level.name().eq_ignore_ascii_case(name)).ok_or_else(|| {
                    let known: Vec<_> = Self::ALL.iter().map(|level| level.name()).collect();
                    Error::new(Kind::InvalidParameter, format!("\"{name}\" is no {}", $what))
                        .with_hint(format!("One of: {}.", known.join(", ")))
                })
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }
    };
}

levels! {
    /// How much harm a leak does to the person or the business.
    Sensitivity, "sensitivity" {
        /// May be shown to anybody.
        None "none" "无",
        /// Says little alone; narrows a person down with others.
        Low "low" "低",
        /// Personal information (个人信息) or inner business figures.
        Medium "medium" "中",
        /// Sensitive personal information (敏感个人信息) or a secret.
        High "high" "高",
    }
}

levels! {
    /// What a value says about a person.
    Privacy, "privacy category" {
        /// Nothing.
        None "none" "非个人信息",
        /// Narrows a person down together with others (age, city, gender).
        QuasiIdentifier "quasi_identifier" "准标识符",
        /// Names a person alone (telephone, e-mail, identity number).
        Identifier "identifier" "直接标识符",
        /// Hurts when known of a named person (health, accounts, belief, secrets).
        Sensitive "sensitive" "敏感信息",
    }
}

levels! {
    /// The grade of GB/T 43697-2024; general data in four steps.
    Grade, "grade" {
        /// Public data.
        General1 "general_1" "一般1级",
        /// Inner data.
        General2 "general_2" "一般2级",
        /// Personal information.
        General3 "general_3" "一般3级",
        /// Sensitive personal information and secrets.
        General4 "general_4" "一般4级",
        /// Important data (重要数据): harm to public interest. Given by a person, never guessed.
        Important "important" "重要",
        /// Core data (核心数据). Given by a person, never guessed.
        Core "core" "核心",
    }
}

/// A row of `steward.grading_rules`: all conditions that are given must hold; the first rule that holds decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GradingRule {
    /// The semantic type's name, if the rule asks for one.
    pub semantic_type: Option<String>,
    /// The least privacy category.
    pub privacy: Option<Privacy>,
    /// The least sensitivity.
    pub sensitivity: Option<Sensitivity>,
    /// The grade given.
    pub grade: Grade,
    /// Why, for the report.
    pub basis: String,
}

impl GradingRule {
    fn holds(&self, semantic_type: &str, privacy: Privacy, sensitivity: Sensitivity) -> bool {
        self.semantic_type.as_deref().is_none_or(|name| name == semantic_type)
            && self.privacy.is_none_or(|least| privacy >= least)
            && self.sensitivity.is_none_or(|least| sensitivity >= least)
    }
}

/// The rules a new database starts with; the user edits them.
pub fn default_grading_rules() -> Vec<GradingRule> {
    let rule = |privacy, sensitivity, grade, basis: &str| GradingRule {
        semantic_type: None,
        privacy,
        sensitivity,
        grade,
        basis: basis.into(),
    };
    vec![
        rule(None, Some(Sensitivity::High), Grade::General4, "敏感个人信息或口令 (PIPL art. 28)"),
        rule(Some(Privacy::Identifier), None, Grade::General3, "个人信息, names a person alone (PIPL art. 4)"),
        rule(None, Some(Sensitivity::Medium), Grade::General3, "个人信息 or inner figures of weight"),
        rule(None, Some(Sensitivity::Low), Grade::General2, "准标识符 or inner data"),
        rule(None, None, Grade::General1, "no harm when public"),
    ]
}

/// The grade that `rules` give, and the basis of the rule that decided; [`Grade::General2`] if none holds.
pub fn grade_by<'a>(
    rules: &'a [GradingRule],
    semantic_type: &str,
    privacy: Privacy,
    sensitivity: Sensitivity,
) -> (Grade, &'a str) {
    rules
        .iter()
        .find(|rule| rule.holds(semantic_type, privacy, sensitivity))
        .map_or((Grade::General2, "no rule fits"), |rule| (rule.grade, rule.basis.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn higher_grade_wins_by_order() {
        assert!(Grade::Core > Grade::Important && Grade::Important > Grade::General4);
        assert_eq!([Grade::General2, Grade::General4, Grade::General1].into_iter().max(), Some(Grade::General4));
        assert!(Sensitivity::High > Sensitivity::None);
    }

    #[test]
    fn a_users_rule_goes_before_the_default() {
        let mut rules = default_grading_rules();
        assert_eq!(grade_by(&rules, "email", Privacy::Identifier, Sensitivity::Medium).0, Grade::General3);
        assert_eq!(grade_by(&rules, "colour", Privacy::None, Sensitivity::None).0, Grade::General1);
        rules.insert(
            0,
            GradingRule {
                semantic_type: Some("email".into()),
                privacy: None,
                sensitivity: None,
                grade: Grade::Important,
                basis: "ours".into(),
            },
        );
        assert_eq!(grade_by(&rules, "email", Privacy::Identifier, Sensitivity::Medium), (Grade::Important, "ours"));
    }

    #[test]
    fn names_read_back() {
        for grade in Grade::ALL {
            assert_eq!(Grade::parse(grade.name()).unwrap(), *grade);
        }
        assert_eq!(Sensitivity::parse("HIGH").unwrap(), Sensitivity::High);
        assert_eq!(Privacy::parse("secret").unwrap_err().kind(), Kind::InvalidParameter);
    }
}
