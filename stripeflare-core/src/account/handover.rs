//! Money that was left on a closed account, handed over to another one by the operator.

use serde::{Deserialize, Serialize};

use crate::account::refusal::NotHandedOver;
use crate::account::wallet::Wallet;
use crate::error::WalletError;
use crate::identity::AccountId;
use crate::money::{Cents, units};
use crate::sql::Reader;

/// What the operator wants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handover {
    /// Names it: the same one twice is made once.
    pub key: String,
    pub to: AccountId,
    /// Without it, all that is there.
    #[serde(with = "crate::money::optional_units")]
    pub amount: Option<Cents>,
    pub reason: String,
}

/// What the other account hears of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandedOver {
    pub key: String,
    pub from: AccountId,
    pub to: AccountId,
    #[serde(with = "units")]
    pub amount: Cents,
    pub reason: String,
}

impl Wallet<'_> {
    /// Takes the money out of this account, which is closed, and answers what the other one is to hear.
    ///
    /// Checked in this order: the key, that the account is closed, the money.
    pub fn hand_over(&mut self, wish: &Handover) -> Result<Result<HandedOver, NotHandedOver>, WalletError> {
        let (key, detail) = (format!("handover:to:{}", wish.key), detail(&wish.to, &wish.reason));
        let done = |amount| {
            let Handover { key, to, reason, .. } = wish.clone();
            HandedOver { key, from: self.account.id.clone(), to, amount, reason }
        };
        if let Some(row) =
            self.sql.run("SELECT amount, detail FROM keyed_entries WHERE key = ?", &[key.as_str().into()])?.pop()
        {
            let mut row = Reader::new(row);
            let (amount, before) = (row.cents()?, row.text()?);
            let same = before == detail && wish.amount.is_none_or(|wanted| wanted == -amount);
            return Ok(if same { Ok(done(-amount)) } else { Err(NotHandedOver::KeyReused) });
        }
        if !self.account.closed {
            return Ok(Err(NotHandedOver::NotClosed));
        }
        let available = self.available()?;
        let amount = wish.amount.unwrap_or(available);
        if !amount.is_positive() || amount > available {
            return Ok(Err(NotHandedOver::TooLittle { available }));
        }
        let done = done(amount);
        self.write("handover", &key, -amount, Some(&detail))?;
        Ok(Ok(done))
    }

    /// Enters what another account handed over, once. A closed account takes it, too: it can be handed on.
    pub fn take_over(&mut self, handed: &HandedOver) -> Result<(), WalletError> {
        let (key, detail) = (format!("handover:from:{}", handed.key), detail(&handed.from, &handed.reason));
        self.enter("handover", &key, handed.amount, Some(&detail), None).map(drop)
    }
}

/// The other account, and why.
fn detail(other: &AccountId, reason: &str) -> String {
    format!("{other} {reason}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::scene::{SCHEMA, Scene, dispute, refund};
    use crate::account::{Charge, NotCharged, Overdraft, Short};

    /// An account that its owner has closed with so much left.
    fn closed(number: u8, cents: i64) -> Scene {
        let scene = Scene::new(number, cents);
        scene.by("first", |wallet| wallet.close_account(&SCHEMA, "k", true)).unwrap();
        scene
    }

    fn wish(key: &str, to: &Scene, cents: Option<i64>) -> Handover {
        Handover { key: key.into(), to: to.id.clone(), amount: cents.map(Cents::new), reason: "asked by mail".into() }
    }

    fn balances(scenes: [&Scene; 2]) -> [Cents; 2] {
        scenes.map(|scene| scene.act(|wallet| Ok(wallet.balance())))
    }

    #[test]
    fn the_money_of_a_closed_account_goes_to_another_one_once_and_both_say_why() {
        let (from, to) = (closed(1, 10), Scene::new(2, 1));
        for _ in 0..2 {
            let handed = from.act(|wallet| wallet.hand_over(&wish("a", &to, Some(4)))).unwrap();
            for _ in 0..2 {
                to.act(|wallet| wallet.take_over(&handed));
            }
            assert_eq!(balances([&from, &to]), [6, 5].map(Cents::new));
        }
        for other in [wish("a", &to, Some(5)), wish("a", &from, Some(4))] {
            assert_eq!(from.act(|wallet| wallet.hand_over(&other)), Err(NotHandedOver::KeyReused));
        }
        let all = from.act(|wallet| wallet.hand_over(&wish("b", &to, None))).unwrap();
        assert_eq!(all.amount, Cents::new(6));
        assert_eq!(from.act(|wallet| wallet.hand_over(&wish("b", &to, None))).unwrap(), all, "and when asked again");
        to.act(|wallet| wallet.take_over(&all));
        assert_eq!(balances([&from, &to]), [0, 11].map(Cents::new));
        for (scene, other) in [(&from, &to), (&to, &from)] {
            let lines = scene.act(|wallet| wallet.lines(None, 9)).unwrap();
            let details = lines.iter().filter(|line| line.kind == "handover").map(|line| line.detail.clone().unwrap());
            assert_eq!(details.collect::<Vec<_>>(), [(); 2].map(|()| format!("{} asked by mail", other.id)));
        }
    }

    #[test]
    fn only_money_that_is_there_and_of_a_closed_account_is_handed_over() {
        let (from, to) = (closed(1, 10), Scene::new(2, 5));
        from.reverse("own", &dispute("du", 7));
        let ask = |scene: &Scene, cents| scene.act(|wallet| wallet.hand_over(&wish("a", &from, cents)));
        assert_eq!(ask(&to, None), Err(NotHandedOver::NotClosed));
        let available = Cents::new(3);
        for cents in [Some(0), Some(-1), Some(4)] {
            assert_eq!(ask(&from, cents), Err(NotHandedOver::TooLittle { available }), "{cents:?}");
        }
        let empty = closed(3, 10);
        empty.reverse("own", &refund("re", 10));
        assert_eq!(ask(&empty, None), Err(NotHandedOver::TooLittle { available: Cents::ZERO }));
    }

    #[test]
    fn what_is_left_on_a_closed_account_pays_for_nothing_and_can_be_refunded() {
        let scene = closed(1, 10);
        let charge = |overdraft| Charge { key: "job".into(), amount: Cents::new(1), overdraft, detail: String::new() };
        for overdraft in [Overdraft::Deny, Overdraft::Allow] {
            let nothing = Short::Insufficient { balance: Cents::ZERO, available: Cents::ZERO };
            assert_eq!(scene.act(|wallet| wallet.charge(&charge(overdraft))), Err(NotCharged::Short(nothing)));
        }
        scene.pay("later", 5);
        assert_eq!(scene.act(|wallet| Ok(wallet.balance())), Cents::new(15));
        for (payment, cents) in [("own", 10), ("later", 5)] {
            scene.reverse(payment, &refund(payment, cents));
        }
        assert_eq!(scene.act(|wallet| Ok(wallet.balance())), Cents::ZERO);
    }
}
