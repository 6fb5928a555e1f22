//! Each refusal stands beside its permitted twin.

use super::*;

fn role(name: &str) -> RoleFacts {
    RoleFacts { name: name.into(), ..RoleFacts::default() }
}

fn policy(name: &str) -> MaskingPolicy {
    MaskingPolicy {
        name: name.into(),
        argument_type: "text".into(),
        return_type: "text".into(),
        applies_to_owner: false,
    }
}

fn tag(name: &str, value: &str) -> TagOnColumn {
    TagOnColumn { tag: name.into(), value: value.into(), source: "manual".into() }
}

fn by_tag(name: &str, value: Option<&str>, policy_name: &str) -> MaskBinding {
    let target = MaskTarget::Tag { tag: name.into(), value: value.map(String::from) };
    MaskBinding { target, policy: policy(policy_name) }
}

/// `users(id, email tagged pii = 'email')`, owned by `boss`, read by `staff`, masked by the tag.
fn users() -> RelationAccess {
    let column = |name: &str, tags| ColumnAccess { name: name.into(), tags };
    RelationAccess {
        owner: "boss".into(),
        columns: vec![column("id", vec![]), column("email", vec![tag("pii", "email")])],
        grants: vec![Grant { grantee: "staff".into(), privilege: Privilege::Select, column_name: None }],
        masks: vec![by_tag("pii", None, "hide")],
        ..RelationAccess::default()
    }
}

fn mask(role: &RoleFacts, relation: &RelationAccess) -> Option<Mask> {
    decide(role, relation, Command::Select).column("email").and_then(|column| column.mask.clone())
}

#[test]
fn superuser_and_owner_see_plain_others_masked() {
    let relation = users();
    let superuser = RoleFacts { superuser: true, ..role("root") };
    assert!(decide(&superuser, &relation, Command::Select).is_plain());
    assert!(decide(&role("boss"), &relation, Command::Select).is_plain());
    let deputy = RoleFacts { member_of: vec!["boss".into()], ..role("deputy") };
    assert!(decide(&deputy, &relation, Command::Select).is_plain());
    assert_eq!(mask(&role("staff"), &relation), Some(Mask::Policy("hide".into())));
    assert!(decide(&role("stranger"), &relation, Command::Select).is_denied());
}

#[test]
fn a_policy_may_bind_its_owner() {
    let mut relation = users();
    relation.masks[0].policy.applies_to_owner = true;
    assert_eq!(mask(&role("boss"), &relation), Some(Mask::Policy("hide".into())));
    let superuser = RoleFacts { superuser: true, ..role("root") };
    assert_eq!(mask(&superuser, &relation), None);
}

#[test]
fn column_grants_open_one_column() {
    let mut relation = users();
    relation.grants =
        vec![Grant { grantee: PUBLIC.into(), privilege: Privilege::Select, column_name: Some("id".into()) }];
    let decision = decide(&role("anybody"), &relation, Command::Select);
    decision.require("users", ["id"]).unwrap();
    assert_eq!(decision.require("users", ["id", "email"]).unwrap_err().kind(), Kind::Privilege);
    assert_eq!(decision.require("users", ["no_such"]).unwrap_err().kind(), Kind::Privilege);
    assert!(decide(&role("anybody"), &relation, Command::Update).is_denied());
}

#[test]
fn rights_to_write_may_be_on_columns() {
    let mut relation = users();
    relation.grants = vec![
        Grant { grantee: "staff".into(), privilege: Privilege::Update, column_name: Some("email".into()) },
        Grant { grantee: "staff".into(), privilege: Privilege::Insert, column_name: None },
    ];
    let may_do = |name: &str, privilege, columns: &[&str]| may(&role(name), &relation, privilege, columns);
    assert!(may_do("staff", Privilege::Update, &["email"]));
    assert!(may_do("staff", Privilege::Update, &[]), "on some column");
    assert!(!may_do("staff", Privilege::Update, &["id"]));
    assert!(!may_do("staff", Privilege::Update, &["email", "id"]));
    assert!(may_do("staff", Privilege::Insert, &["email", "id"]));
    assert!(!may_do("staff", Privilege::Delete, &[]));
    assert!(!may_do("stranger", Privilege::Update, &["email"]) && !may_do("stranger", Privilege::Update, &[]));
    assert!(may_do("boss", Privilege::Update, &["id"]) && may_do("boss", Privilege::References, &["id"]));
}

#[test]
fn unmask_by_tag_or_policy_and_by_no_other() {
    let relation = users();
    let with = |right| RoleFacts { unmask: vec![right], ..role("staff") };
    assert_eq!(mask(&with(Unmask::Tag("pii".into())), &relation), None);
    assert_eq!(mask(&with(Unmask::Policy("hide".into())), &relation), None);
    assert!(mask(&with(Unmask::Tag("other".into())), &relation).is_some());
}

#[test]
fn column_before_tag_value_before_tag_and_conflicts_hide() {
    let mut relation = users();
    relation.masks.push(by_tag("pii", Some("email"), "mail_only"));
    relation.masks.push(by_tag("pii", Some("phone"), "phone_only"));
    assert_eq!(mask(&role("staff"), &relation), Some(Mask::Policy("mail_only".into())));
    relation.columns[1].tags.push(tag("secret", "yes"));
    relation.masks.push(by_tag("secret", None, "strict"));
    assert_eq!(mask(&role("staff"), &relation), Some(Mask::Hidden));
    relation.masks.push(MaskBinding { target: MaskTarget::Column("email".into()), policy: policy("direct") });
    assert_eq!(mask(&role("staff"), &relation), Some(Mask::Policy("direct".into())));
}

#[test]
fn rows_by_policies_as_in_postgresql() {
    let row = |name: &str, permissive, roles: &[&str], using: &str| RowPolicy {
        name: name.into(),
        permissive,
        command: None,
        roles: roles.iter().map(|role| role.to_string()).collect(),
        using: Some(using.into()),
        check: None,
    };
    let mut relation = users();
    relation.row_security = true;
    let rows = |relation: &RelationAccess, name: &str| decide(&role(name), relation, Command::Select).rows.sql();
    assert_eq!(rows(&relation, "staff").as_deref(), Some("false"), "no policy, no row");
    assert_eq!(rows(&relation, "boss"), None);
    relation.row_policies = vec![
        row("a", true, &[], "x = 1"),
        row("b", true, &["staff"], "x = 2"),
        row("c", true, &["others"], "x = 3"),
        row("d", false, &[], "y"),
    ];
    assert_eq!(rows(&relation, "staff").as_deref(), Some("((x = 1) OR (x = 2)) AND (y)"));
    relation.force_row_security = true;
    assert_eq!(rows(&relation, "boss").as_deref(), Some("((x = 1)) AND (y)"));
    let bypass = RoleFacts { bypass_row_security: true, ..role("staff") };
    assert_eq!(decide(&bypass, &relation, Command::Select).rows, RowFilter::All);
    relation.row_policies[0].check = Some("z".into());
    assert_eq!(relation.written_rows(&role("boss"), Command::Insert).sql().as_deref(), Some("((z)) AND (y)"));
    assert_eq!(relation.met_rows(&role("boss"), Command::Update).sql().as_deref(), Some("((x = 1)) AND (y)"));
}

#[test]
fn policies_of_a_command_count_for_it_alone() {
    let row = |name: &str, permissive, command, using: Option<&str>, check: Option<&str>| RowPolicy {
        name: name.into(),
        permissive,
        command,
        roles: Vec::new(),
        using: using.map(str::to_owned),
        check: check.map(str::to_owned),
    };
    let mut relation = users();
    relation.row_security = true;
    relation.row_policies = vec![
        row("read", true, Some(Command::Select), Some("seen"), None),
        row("add", true, Some(Command::Insert), None, Some("new")),
        row("change", true, Some(Command::Update), Some("old"), Some("new")),
        row("z", false, None, Some("y"), Some("x")),
        row("a", false, Some(Command::Insert), None, Some("w")),
    ];
    let staff = role("staff");
    let met = |command| relation.met_rows(&staff, command).sql();
    let written = |command| relation.written_rows(&staff, command).sql();
    assert_eq!(met(Command::Select).as_deref(), Some("((seen)) AND (y)"));
    assert_eq!(met(Command::Update).as_deref(), Some("((old)) AND (y)"));
    assert_eq!(met(Command::Delete).as_deref(), Some("false"), "none permissive");
    assert_eq!(met(Command::Insert).as_deref(), Some("false"), "one that says nothing of rows that are there");
    assert_eq!(written(Command::Insert).as_deref(), Some("((new)) AND (w) AND (x)"), "restrictive ones by name");
    assert_eq!(written(Command::Update).as_deref(), Some("((new)) AND (x)"));
    let checks = relation.written_rows(&staff, Command::Insert).checks();
    let named: Vec<_> = checks.iter().map(|check| (check.policy.as_deref(), check.condition.as_str())).collect();
    assert_eq!(named, [(None, "(new)"), (Some("a"), "w"), (Some("z"), "x")]);
    assert_eq!(relation.written_rows(&role("boss"), Command::Insert).checks(), [], "the owner");
    assert_eq!(relation.met_rows(&staff, Command::Delete).checks()[0].condition, "false");
}

#[test]
fn effective_policy_says_what_applies_and_why() {
    let rows = decide(&role("staff"), &users(), Command::Select).effective_policy();
    assert_eq!((rows[0].masked, rows[0].policy.as_deref()), (false, None));
    assert_eq!((rows[1].masked, rows[1].policy.as_deref()), (true, Some("hide")));
    assert_eq!(rows[1].via, "tag pii = 'email' (manual)");
    assert_eq!(rows[0].via, "SELECT on the table granted to staff");
}

#[test]
fn a_policy_of_another_type_is_refused() {
    check_binding(&policy("hide"), "email", "TEXT").unwrap();
    assert_eq!(check_binding(&policy("hide"), "age", "int4").unwrap_err().kind(), Kind::DatatypeMismatch);
}
