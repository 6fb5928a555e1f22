//! A WITH query that has the name of one around it, and hides it: the engine has no two of one name.

use super::super::names;
use super::super::parser::fold;
use datafusion::sql::sqlparser::ast::{
    Ident, ObjectName, Query, TableAlias, TableFactor, Visit, VisitMut, Visitor, VisitorMut,
};
use std::ops::ControlFlow;

/// Gives such queries names of their own.
pub fn rename(query: &mut Query) {
    let _ = VisitMut::visit(query, &mut Renaming { scopes: Vec::new(), renamed: 0 });
}

/// The WITH queries of one query: their names, and those that they have now.
type Scope = Vec<(String, Option<String>)>;

struct Renaming {
    scopes: Vec<Scope>,
    renamed: usize,
}

impl VisitorMut for Renaming {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        let mut scope = Scope::new();
        if let Some(with) = &mut query.with {
            let recursive = with.recursive;
            for at in 0..with.cte_tables.len() {
                let name = fold(&with.cte_tables[at].alias.name);
                let hides = self.scopes.iter().flatten().any(|(other, _)| *other == name);
                // One that reads the outer one of its name is left as it is.
                let reads = with.cte_tables[..=at].iter().any(|cte| names_relation(&cte.query, &name));
                if !hides || reads && !recursive {
                    scope.push((name, None));
                    continue;
                }
                let own = names::hidden(self.renamed, &name);
                self.renamed += 1;
                with.cte_tables[at].alias.name = Ident::with_quote('"', own.clone());
                scope.push((name, Some(own)));
            }
        }
        self.scopes.push(scope);
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.scopes.pop();
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        let TableFactor::Table { name, alias, args: None, .. } = factor else { return ControlFlow::Continue(()) };
        let Some(said) = only_part(name) else { return ControlFlow::Continue(()) };
        let meant = self.scopes.iter().rev().flatten().find(|(known, _)| *known == fold(&said));
        if let Some((_, Some(own))) = meant {
            *name = ObjectName::from(vec![Ident::with_quote('"', own.clone())]);
            // It is called so wherever its columns are.
            alias.get_or_insert_with(|| TableAlias { explicit: true, name: said, columns: Vec::new(), at: None });
        }
        ControlFlow::Continue(())
    }
}

fn only_part(name: &ObjectName) -> Option<Ident> {
    match name.0.as_slice() {
        [part] => part.as_ident().cloned(),
        _ => None,
    }
}

/// Whether a query reads a relation of this name.
fn names_relation(query: &Query, name: &str) -> bool {
    struct Reads<'a>(&'a str);
    impl Visitor for Reads<'_> {
        type Break = ();

        fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
            match factor {
                TableFactor::Table { name, .. } if only_part(name).is_some_and(|part| fold(&part) == self.0) => {
                    ControlFlow::Break(())
                }
                _ => ControlFlow::Continue(()),
            }
        }
    }
    Visit::visit(query, &mut Reads(name)).is_break()
}
