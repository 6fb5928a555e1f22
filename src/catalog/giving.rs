//! Rights given and taken: who may, and what depends on it.
//!
//! As PostgreSQL keeps them: each right is given by somebody. The owner may give every right; who has one WITH GRANT OPTION may give
//! it on, and is then its giver. Who takes a right takes what they gave themselves. What was given on by a role that may do so no longer
//! depends on it: it stands in the way, or goes too (CASCADE).

use super::{Grant, ObjectId, PUBLIC, Privilege};
use crate::error::{Error, Kind, Result};

/// A right on an object or on one column of it.
pub type Right = (Privilege, Option<String>);

/// The rights on an object, each on the whole or on one column.
#[derive(Debug, Clone)]
pub struct Rights {
    owner: ObjectId,
    grants: Vec<Grant>,
}

impl Rights {
    /// Those of an object with this owner.
    pub fn new(owner: ObjectId, grants: &[Grant]) -> Self {
        let mut rights = Self { owner, grants: Vec::new() };
        for grant in grants {
            // Who has become the owner gave it as such.
            let grantor = grant.grantor.filter(|giver| *giver != owner);
            let of_one = |columns| Grant { columns, grantor, ..grant.clone() };
            match &grant.columns {
                None => rights.put(of_one(None)),
                Some(columns) => columns.iter().for_each(|column| rights.put(of_one(Some(vec![column.clone()])))),
            }
        }
        rights
    }

    /// They as the object keeps them.
    pub fn done(self) -> Vec<Grant> {
        self.grants
    }

    fn put(&mut self, grant: Grant) {
        let same = |other: &&mut Grant| {
            (other.role, other.grantor, other.privilege, &other.columns)
                == (grant.role, grant.grantor, grant.privilege, &grant.columns)
        };
        match self.grants.iter_mut().find(same) {
            Some(there) => there.option |= grant.option,
            None => self.grants.push(grant),
        }
    }

    /// Whether the role itself may give the right: by an option on it, or on the object as a whole.
    fn may_give(&self, role: ObjectId, (privilege, column): &Right) -> bool {
        role == self.owner
            || self.grants.iter().any(|grant| {
                let on = grant.columns.is_none() || column.as_ref().is_some_and(|column| grant.is_on(column));
                grant.role == role && grant.option && grant.privilege == *privilege && on
            })
    }

    /// As whom one of these roles gives or takes rights (none for the owner), and which of them it may: the first of `roles` that may do most.
    pub fn giver(&self, roles: &[ObjectId], wanted: &[Right]) -> (Option<ObjectId>, Vec<Right>) {
        if roles.contains(&self.owner) {
            return (None, wanted.to_vec());
        }
        let mut best: (Option<ObjectId>, Vec<Right>) = (roles.first().copied(), Vec::new());
        for &role in roles.iter().filter(|role| **role != PUBLIC) {
            let may: Vec<Right> = wanted.iter().filter(|right| self.may_give(role, right)).cloned().collect();
            if may.len() > best.1.len() {
                best = (Some(role), may);
            }
        }
        best
    }

    /// Whether one of these roles has any right on the object.
    pub fn has_any(&self, roles: &[ObjectId]) -> bool {
        self.grants.iter().any(|grant| roles.contains(&grant.role))
    }

    /// Gives a right. `InvalidGrant` where everybody could give it on, or who gave it to the giver would get it back so.
    pub fn give(&mut self, giver: Option<ObjectId>, role: ObjectId, right: &Right, option: bool) -> Result<()> {
        if option && role == PUBLIC {
            return Err(Error::new(Kind::InvalidGrant, "grant options can only be granted to roles"));
        }
        if option && let Some(giver) = giver {
            // Without what the role has, and what comes of that, the giver must still be able to.
            let mut without = self.clone();
            without.forget(role, right);
            if role == giver || !without.may_give(giver, right) {
                let message = "grant options cannot be granted back to your own grantor";
                return Err(Error::new(Kind::InvalidGrant, message));
            }
        }
        let (privilege, column) = right.clone();
        self.put(Grant { role, privilege, columns: column.map(|column| vec![column]), option, grantor: giver });
        Ok(())
    }

    /// Takes away all that a role has, and all that it gave on.
    pub fn leave(&mut self, role: ObjectId) {
        let before = self.grants.len();
        self.grants.retain(|grant| grant.role != role && grant.grantor != Some(role));
        // Who had it of that role may have given it on in turn.
        while self.grants.len() < before {
            let lost = self.grants.iter().position(|grant| {
                let column = grant.columns.as_ref().and_then(|columns| columns.first().cloned());
                grant.grantor.is_some_and(|giver| !self.may_give(giver, &(grant.privilege, column)))
            });
            match lost {
                Some(lost) => drop(self.grants.remove(lost)),
                None => return,
            }
        }
    }

    /// Takes away all options on a right that a role has, and all that depends on them.
    fn forget(&mut self, role: ObjectId, right: &Right) {
        let mut had = false;
        for grant in self.grants.iter_mut().filter(|grant| grant.role == role && is_of(grant, right)) {
            had |= std::mem::take(&mut grant.option);
        }
        if had {
            // They are all gone: nothing is refused.
            let _ = self.settle(role, right, true);
        }
    }

    /// Takes a right away that the giver gave, or only the option to give it on. A right on the whole is taken from the columns as well.
    /// `Dependent` where it was given on, unless that goes too.
    pub fn take(
        &mut self,
        giver: Option<ObjectId>,
        role: ObjectId,
        right: &Right,
        (option_only, cascade): (bool, bool),
    ) -> Result<()> {
        let mine = |grant: &Grant| grant.role == role && grant.grantor == giver && is_of(grant, right);
        let mut had_option = false;
        for grant in self.grants.iter_mut().filter(|grant| mine(grant)) {
            had_option |= std::mem::take(&mut grant.option);
        }
        if !option_only {
            self.grants.retain(|grant| !mine(grant));
        }
        if had_option { self.settle(role, right, cascade) } else { Ok(()) }
    }

    /// What a role gave on and may give no longer goes, or is refused to.
    fn settle(&mut self, role: ObjectId, right: &Right, cascade: bool) -> Result<()> {
        loop {
            let lost = self.grants.iter().position(|grant| {
                let column = grant.columns.as_ref().and_then(|columns| columns.first().cloned());
                grant.grantor == Some(role) && is_of(grant, right) && !self.may_give(role, &(grant.privilege, column))
            });
            let Some(lost) = lost else { return Ok(()) };
            if !cascade {
                return Err(Error::new(Kind::Dependent, "dependent privileges exist")
                    .with_hint("Use CASCADE to revoke them too."));
            }
            let gone = self.grants.remove(lost);
            if gone.option {
                self.settle(gone.role, right, true)?;
            }
        }
    }
}

/// Whether a grant is of a right, or on a column of what the right is on as a whole.
fn is_of(grant: &Grant, (privilege, column): &Right) -> bool {
    grant.privilege == *privilege && column.as_ref().is_none_or(|column| grant.columns.is_some() && grant.is_on(column))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWNER: ObjectId = 1;
    const ANN: ObjectId = 2;
    const BOB: ObjectId = 3;
    const EVE: ObjectId = 4;

    fn select() -> Right {
        (Privilege::Select, None)
    }

    fn on(column: &str) -> Right {
        (Privilege::Select, Some(column.to_owned()))
    }

    fn chain() -> Rights {
        let mut rights = Rights::new(OWNER, &[]);
        rights.give(None, ANN, &select(), true).unwrap();
        rights.give(Some(ANN), BOB, &select(), true).unwrap();
        rights.give(Some(BOB), EVE, &select(), false).unwrap();
        rights
    }

    fn has(rights: &Rights) -> Vec<(ObjectId, Option<ObjectId>)> {
        rights.grants.iter().map(|grant| (grant.role, grant.grantor)).collect()
    }

    #[test]
    fn what_is_given_on_depends() {
        let mut rights = chain();
        let error = rights.clone().take(None, ANN, &select(), (false, false)).unwrap_err();
        assert_eq!((error.kind(), error.message()), (Kind::Dependent, "dependent privileges exist"));
        rights.take(None, ANN, &select(), (true, true)).unwrap();
        assert_eq!(has(&rights), [(ANN, None)], "the right stays, what came of the option goes");
        let mut rights = chain();
        rights.give(None, BOB, &select(), true).unwrap();
        rights.take(None, ANN, &select(), (false, true)).unwrap();
        assert_eq!(has(&rights), [(EVE, Some(BOB)), (BOB, None)], "who has it of another keeps it");
    }

    #[test]
    fn who_may_give_and_as_whom() {
        let rights = chain();
        assert_eq!(rights.giver(&[OWNER, ANN], &[select()]), (None, vec![select()]));
        assert_eq!(rights.giver(&[EVE, BOB, PUBLIC], &[select()]), (Some(BOB), vec![select()]));
        assert_eq!(rights.giver(&[EVE, PUBLIC], &[select()]), (Some(EVE), vec![]));
        assert_eq!(rights.giver(&[ANN], &[on("a"), (Privilege::Insert, None)]), (Some(ANN), vec![on("a")]));
        assert!(rights.has_any(&[EVE]) && !rights.has_any(&[9]));
    }

    #[test]
    fn who_leaves_takes_along_what_came_of_it() {
        let mut rights = chain();
        rights.give(None, 7, &select(), false).unwrap();
        rights.leave(ANN);
        assert_eq!(has(&rights), [(7, None)]);
        let mut rights = chain();
        rights.leave(9);
        assert_eq!(rights.grants.len(), 3);
    }

    #[test]
    fn no_circles() {
        let mut rights = chain();
        for role in [ANN, BOB] {
            let error = rights.give(Some(BOB), role, &select(), true).unwrap_err();
            assert_eq!(error.message(), "grant options cannot be granted back to your own grantor");
        }
        rights.give(Some(BOB), ANN, &select(), false).unwrap();
        assert_eq!(rights.give(None, PUBLIC, &select(), true).unwrap_err().kind(), Kind::InvalidGrant);
    }

    #[test]
    fn columns_go_with_the_whole() {
        let both = Grant::new(ANN, Privilege::Select, Some(vec!["a".to_owned(), "b".to_owned()]));
        let mut rights = Rights::new(OWNER, &[both]);
        rights.take(None, ANN, &on("a"), (false, false)).unwrap();
        assert_eq!(rights.clone().done(), [Grant::new(ANN, Privilege::Select, Some(vec!["b".to_owned()]))]);
        rights.give(None, ANN, &select(), false).unwrap();
        rights.take(None, ANN, &on("c"), (false, false)).unwrap();
        assert_eq!(rights.grants.len(), 2, "a right on the whole is none on a column that could be taken");
        rights.take(None, ANN, &select(), (false, false)).unwrap();
        assert_eq!(rights.done(), []);
    }
}
