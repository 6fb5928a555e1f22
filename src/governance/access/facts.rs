//! The plain facts that decisions are made from.

/// The grantee that stands for every role.
pub const PUBLIC: &str = "public";

/// Who asks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RoleFacts {
    /// The role's name.
    pub name: String,
    /// Whether it is a superuser.
    pub superuser: bool,
    /// Whether row policies do not apply to it (`BYPASSRLS`).
    pub bypass_row_security: bool,
    /// Every role it has, directly or through others.
    pub member_of: Vec<String>,
    /// `UNMASK` rights of it and of the roles it has.
    pub unmask: Vec<Unmask>,
}

impl RoleFacts {
    /// Whether it is `role` or has it.
    pub fn is_member_of(&self, role: &str) -> bool {
        self.name == role || self.member_of.iter().any(|member| member == role)
    }
}

/// A right to see what a mask hides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unmask {
    /// What is masked by this tag.
    Tag(String),
    /// What this policy masks.
    Policy(String),
}

/// A table privilege that reading or writing needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Privilege {
    /// Read.
    Select,
    /// Add rows.
    Insert,
    /// Change rows.
    Update,
    /// Remove rows.
    Delete,
    /// Remove all rows.
    Truncate,
    /// Refer to it by a foreign key.
    References,
    /// Put triggers on it.
    Trigger,
}

impl Privilege {
    /// The name in SQL.
    pub fn name(self) -> &'static str {
        match self {
            Self::Select => "SELECT",
            Self::Insert => "INSERT",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
            Self::Truncate => "TRUNCATE",
            Self::References => "REFERENCES",
            Self::Trigger => "TRIGGER",
        }
    }
}

/// What is about to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Command {
    /// Read.
    Select,
    /// Add rows.
    Insert,
    /// Change rows.
    Update,
    /// Remove rows.
    Delete,
}

impl Command {
    /// The privilege it needs.
    pub fn privilege(self) -> Privilege {
        match self {
            Self::Select => Privilege::Select,
            Self::Insert => Privilege::Insert,
            Self::Update => Privilege::Update,
            Self::Delete => Privilege::Delete,
        }
    }
}

/// A privilege given on a relation or on one of its columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The role, or [`PUBLIC`].
    pub grantee: String,
    /// What it may do.
    pub privilege: Privilege,
    /// The one column it is about; `None` for the whole relation.
    pub column_name: Option<String>,
}

/// A tag on a column: set or confirmed by a person, put there by `auto_tag`, or come along with values. Policies follow all of them; what a
/// person has rejected is on no column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagOnColumn {
    /// The tag's name.
    pub tag: String,
    /// Its value.
    pub value: String,
    /// `manual`, `classifier` or `propagated`.
    pub source: String,
}

/// A masking policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MaskingPolicy {
    /// Its name.
    pub name: String,
    /// The SQL type of its first argument.
    pub argument_type: String,
    /// The SQL type it returns.
    pub return_type: String,
    /// Whether it masks for the relation's owner too.
    pub applies_to_owner: bool,
}

/// What a masking policy is bound to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MaskTarget {
    /// A column of the relation.
    Column(String),
    /// A tag, or one value of it.
    Tag {
        /// The tag's name.
        tag: String,
        /// The value; `None` for any.
        value: Option<String>,
    },
}

/// A masking policy bound to a column or a tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MaskBinding {
    /// What it is bound to.
    pub target: MaskTarget,
    /// The policy.
    pub policy: MaskingPolicy,
}

/// A row policy, as `CREATE POLICY` makes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowPolicy {
    /// Its name.
    pub name: String,
    /// `AS PERMISSIVE` (the default) or `AS RESTRICTIVE`.
    pub permissive: bool,
    /// The command it is for; `None` for all.
    pub command: Option<Command>,
    /// The roles it is for; empty for PUBLIC.
    pub roles: Vec<String>,
    /// `USING`: which rows may be seen, changed or removed.
    pub using: Option<String>,
    /// `WITH CHECK`: which rows may be written; `using` where it is not given.
    pub check: Option<String>,
}

/// A column and its tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnAccess {
    /// The column's name.
    pub name: String,
    /// The tags on it, inherited ones of the relation included.
    pub tags: Vec<TagOnColumn>,
}

/// A relation with everything that bears on who may see what of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RelationAccess {
    /// Its owner.
    pub owner: String,
    /// Its columns, in order.
    pub columns: Vec<ColumnAccess>,
    /// Privileges given.
    pub grants: Vec<Grant>,
    /// Masking policies bound to its columns or to tags.
    pub masks: Vec<MaskBinding>,
    /// `ENABLE ROW LEVEL SECURITY`.
    pub row_security: bool,
    /// `FORCE ROW LEVEL SECURITY`: for the owner too.
    pub force_row_security: bool,
    /// Row policies.
    pub row_policies: Vec<RowPolicy>,
}
