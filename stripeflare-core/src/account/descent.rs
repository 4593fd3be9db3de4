//! What came from what, and so hangs on it. Revoking a token, giving up a card or ending a login ends what came from it, down to the last: tokens
//! made with a token, cards claimed with it, logins that it approved; logins by a card; the token that a login gave. Logging
//! out, a token's time and making room for others end nothing else.

use std::collections::BTreeSet;

use crate::account::cards::State;
use crate::account::tokens::TokenId;
use crate::account::wallet::Wallet;
use crate::error::WalletError;
use crate::sql::{Reader, SqlError, Value, read_all};

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
    /// A token that goes without what hangs on it.
    pub(crate) fn of_token_alone(id: &TokenId) -> Self {
        Self { things: BTreeSet::from([Thing::Token(id.as_str().to_owned())]), kept: Vec::new() }
    }

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

    /// All that ends when no card opens the account any more.
    pub(crate) fn ending_with_cards(&self) -> Result<Ending, WalletError> {
        let cards = self.all_cards()?.into_iter().map(|card| Thing::Card(card.id));
        let logins = self.pending_logins()?.into_iter().map(|login| Thing::Login(login.payment));
        self.ending(cards.chain(logins).collect())
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
            self.show_person()?;
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
        read_all(rows, |row| Reader::new(row).text())
    }
}

#[cfg(test)]
mod tests;
