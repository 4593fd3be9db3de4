//! What hangs on what. Revoking a token, giving up a card or ending a login ends what came from it, down to the last: tokens
//! made with a token, cards claimed with it, logins that it approved; logins by a card; the token that a login gave. Logging
//! out, a token's time and making room for others end nothing else.

use std::collections::BTreeSet;

use crate::account::cards::State;
use crate::account::tokens::TokenId;
use crate::account::wallet::Wallet;
use crate::error::WalletError;
use crate::sql::{Reader, SqlError, Value};

/// Something that others may hang on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Thing {
    Token(String),
    Card(String),
    /// By its payment.
    Login(String),
}

/// Tokens and cards that are to end.
#[derive(Debug, Default)]
pub(crate) struct Ending {
    things: BTreeSet<Thing>,
    /// Cards that the caller's own token hangs on: they stay, and hang on the caller.
    kept: Vec<String>,
}

impl Ending {
    pub(crate) fn has_token(&self, id: &TokenId) -> bool {
        self.things.contains(&Thing::Token(id.as_str().to_owned()))
    }

    pub(crate) fn has_card(&self, id: &str) -> bool {
        self.things.contains(&Thing::Card(id.to_owned()))
    }
}

impl Wallet<'_> {
    /// All that ends with some tokens.
    pub(crate) fn ending_with_tokens(&self, tokens: &[TokenId]) -> Result<Ending, WalletError> {
        self.ending(tokens.iter().map(|id| Thing::Token(id.as_str().to_owned())).collect())
    }

    /// Ends it.
    pub(crate) fn end(&mut self, ending: &Ending) -> Result<(), WalletError> {
        for thing in &ending.things {
            match thing {
                Thing::Token(id) => self.end_token(&id.clone().into())?,
                Thing::Card(id) => self.set_card_state(id, State::Releasing)?,
                Thing::Login(payment) => {
                    let update = "UPDATE logins SET state = 'ended' WHERE payment = ?";
                    self.sql.run(update, &[payment.as_str().into()])?;
                }
            }
        }
        let caller = self.caller_id().map(TokenId::as_str).map(str::to_owned);
        for card in &ending.kept {
            let update = "UPDATE cards SET token = ? WHERE id = ?";
            self.sql.run(update, &[caller.clone().into(), card.as_str().into()])?;
        }
        if !ending.things.is_empty() {
            self.touch();
        }
        Ok(self.forget_tokens()?)
    }

    /// Ends a login, and the token that it gave.
    pub(crate) fn end_login(&mut self, payment: &str) -> Result<(), WalletError> {
        let ending = self.ending(vec![Thing::Login(payment.to_owned())])?;
        self.end(&ending)
    }

    /// Ends the cards that a payment claimed, and the login by it.
    pub(crate) fn revoke_what_a_payment_gave(&mut self, payment: &str) -> Result<(), WalletError> {
        let mut roots = vec![Thing::Login(payment.to_owned())];
        roots.extend(self.column_of("SELECT id FROM cards WHERE payment = ?", payment)?.into_iter().map(Thing::Card));
        let ending = self.ending(roots)?;
        self.end(&ending)
    }

    /// Gives up a card, and ends the logins by it.
    pub(crate) fn revoke_card(&mut self, id: &str) -> Result<(), WalletError> {
        let ending = self.ending(vec![Thing::Card(id.to_owned())])?;
        self.end(&ending)
    }

    /// The caller's own token ends only where it was named.
    fn ending(&self, roots: Vec<Thing>) -> Result<Ending, WalletError> {
        let mut ending = Ending::default();
        let mut due: Vec<(Thing, bool)> = roots.into_iter().map(|root| (root, true)).collect();
        while let Some((thing, named)) = due.pop() {
            if !named && self.carries_caller(&thing)? {
                if let Thing::Card(id) = thing {
                    ending.kept.push(id);
                }
                continue;
            }
            if !ending.things.insert(thing.clone()) {
                continue;
            }
            due.extend(self.hanging_on(&thing)?.into_iter().map(|thing| (thing, false)));
        }
        Ok(ending)
    }

    /// Whether it is the caller's token, or the login or the card by which that came.
    fn carries_caller(&self, thing: &Thing) -> Result<bool, SqlError> {
        let Some(caller) = self.caller_id() else { return Ok(false) };
        let (select, name) = match thing {
            Thing::Token(id) => return Ok(id == caller.as_str()),
            Thing::Card(id) => ("SELECT 1 FROM logins WHERE card = ? AND token = ? AND state = 'taken'", id),
            Thing::Login(payment) => {
                ("SELECT 1 FROM logins WHERE payment = ? AND token = ? AND state = 'taken'", payment)
            }
        };
        Ok(!self.sql.run(select, &[name.as_str().into(), caller.as_str().into()])?.is_empty())
    }

    fn hanging_on(&self, thing: &Thing) -> Result<Vec<Thing>, SqlError> {
        let of = |select: &str, name: &str, kind: fn(String) -> Thing| -> Result<Vec<Thing>, SqlError> {
            Ok(self.column_of(select, name)?.into_iter().map(kind).collect())
        };
        Ok(match thing {
            Thing::Token(id) => [
                of("SELECT id FROM tokens WHERE made_by = ?", id, Thing::Token)?,
                of("SELECT id FROM cards WHERE token = ?", id, Thing::Card)?,
                of("SELECT payment FROM logins WHERE approved_by = ?", id, Thing::Login)?,
            ]
            .concat(),
            Thing::Card(id) => of("SELECT payment FROM logins WHERE card = ?", id, Thing::Login)?,
            Thing::Login(payment) => {
                of("SELECT token FROM logins WHERE payment = ? AND token IS NOT NULL", payment, Thing::Token)?
            }
        })
    }

    fn column_of(&self, select: &str, parameter: &str) -> Result<Vec<String>, SqlError> {
        let rows = self.sql.run(select, &[Value::from(parameter)])?;
        rows.into_iter().map(|row| Reader::new(row).text()).collect()
    }
}

#[cfg(test)]
mod tests {
    use crate::account::refusal::NoLogin;
    use crate::account::tokens::MAX_TOKENS;
    use crate::account::{Card, LoginState};
    use crate::clock::DAY_MS;
    use crate::scene::{Scene, WAIT, visa};

    fn master() -> Card {
        Card::of_fingerprint("master", "master".into())
    }

    /// `laptop` has the card by which `phone` came, whom it approved; `phone` made `job`, and claimed another card.
    fn family() -> Scene {
        let b = Scene::with_card(2, 10);
        b.log_in("p", "phone", "laptop");
        b.mint("phone", "job");
        b.claim(&master(), "phone", "own");
        b
    }

    #[test]
    fn revoking_spreads_from_tokens_through_cards_and_logins_to_the_last_token() {
        let b = family();
        b.revoke("first", "laptop").unwrap();
        assert_eq!(b.tokens(), ["first"]);
        assert_eq!(b.cards(), [""; 0]);
        assert_eq!(b.state("p"), Some(LoginState::Ended));
    }

    #[test]
    fn an_approval_hangs_on_the_token_that_gave_it() {
        for taken in [false, true] {
            let b = Scene::with_card(2, 10);
            b.mint("first", "desk");
            b.begin("p").unwrap();
            b.decide("desk", "p", true).unwrap();
            if taken {
                b.take("p", "phone");
            }
            b.revoke("first", "desk").unwrap();
            assert_eq!(b.state("p"), Some(LoginState::Ended), "{taken}");
            assert_eq!((b.tokens(), b.cards()), (vec!["first".to_owned(), "laptop".into()], vec!["visa".to_owned()]));
        }
    }

    #[test]
    fn the_callers_own_token_and_what_carries_it_stay() {
        // It revokes the token that claimed its card and approved its login: the card is its own from then on.
        let b = family();
        b.revoke("phone", "laptop").unwrap();
        assert_eq!(b.tokens(), ["first", "job", "phone"]);
        assert_eq!(b.cards(), ["visa", "master"]);
        assert_eq!(b.state("p"), Some(LoginState::Taken), "a login that has ended has no token");
        b.revoke("first", "phone").unwrap();
        assert_eq!((b.tokens(), b.cards().len()), (vec!["first".to_owned()], 0));

        // Its card is removed, by itself: the login stays until somebody else says otherwise.
        let b = family();
        b.by("phone", |wallet| wallet.release_card(&visa().id()));
        assert_eq!((b.opens("phone"), b.state("p")), (true, Some(LoginState::Taken)));
        b.decide("first", "p", false).unwrap();
        assert_eq!(b.tokens(), ["first", "laptop"]);

        let b = family();
        b.by("phone", |wallet| wallet.log_out_everywhere("hash of fresh")).unwrap();
        assert_eq!((b.tokens(), b.opens("fresh")), (vec!["phone".to_owned()], true));
        assert_eq!((b.cards(), b.state("p")), (vec!["visa".to_owned(), "master".into()], Some(LoginState::Taken)));
        b.act(|wallet| wallet.disown("p"));
        assert_eq!(
            (b.tokens().len(), b.cards()),
            (0, vec![]),
            "not even that outlives its payment: both cards were its own"
        );
    }

    #[test]
    fn nobody_refuses_the_login_that_it_came_by() {
        let b = family();
        assert_eq!(b.decide("phone", "p", false), Err(NoLogin));
        assert_eq!((b.opens("phone"), b.state("p")), (true, Some(LoginState::Taken)));
        b.decide("job", "p", false).unwrap();
        assert_eq!((b.opens("phone"), b.state("p")), (false, Some(LoginState::Ended)));
    }

    #[test]
    fn logging_out_a_tokens_time_and_making_room_end_nothing_else_until_somebody_says_more() {
        let log_out = |b: &Scene| b.by("phone", |wallet| wallet.log_out(false)).unwrap();
        let make_room = |b: &Scene| {
            for number in b.tokens().len()..MAX_TOKENS {
                b.mint("first", &number.to_string());
            }
            b.begin("q").unwrap();
            b.wait(WAIT);
            b.take("q", "newest");
            assert!(b.opens("newest"));
        };
        for (way, leave) in [("log out", &log_out as &dyn Fn(&Scene)), ("make room", &make_room)] {
            let b = family();
            leave(&b);
            assert_eq!((b.opens("phone"), b.opens("job"), b.cards().len()), (false, true, 2), "{way}");
            b.wait(100 * DAY_MS);
            b.decide("first", "p", false).unwrap();
            assert_eq!((b.opens("job"), b.cards()), (false, vec!["visa".to_owned()]), "{way}");
        }
    }

    #[test]
    fn nobody_cuts_what_it_hangs_on_by_ending_what_is_between() {
        // A stranger comes by a login, makes a token with which it makes another, and that revokes the one between.
        let between = |b: &Scene| {
            b.mint("phone", "between");
            b.mint("between", "far");
            b.revoke("far", "between").unwrap();
        };
        // Or the token of the login made one that refuses the login.
        let refuse = |b: &Scene| {
            b.mint("phone", "far");
            b.decide("far", "p", false).unwrap();
        };
        let ends: [fn(&Scene); 4] = [
            |b| b.act(|wallet| wallet.disown("p")),
            |b| drop(b.by("first", |wallet| wallet.release_card(&visa().id()))),
            |b| b.revoke("first", "laptop").unwrap(),
            |b| b.revoke("first", "desk").unwrap(),
        ];
        for cut in [&between as &dyn Fn(&Scene), &refuse] {
            for (index, end) in ends.into_iter().enumerate() {
                let b = Scene::with_card(2, 10);
                b.mint("first", "desk");
                b.log_in("p", "phone", "desk");
                cut(&b);
                assert!(b.opens("far"));
                end(&b);
                assert!(!b.opens("far"), "{index}");
            }
        }
    }
}
