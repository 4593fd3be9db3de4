use crate::account::hold::{DELIVERY_MS, Ending, Hold, HoldId, MAX_HOLD_MS, MAX_HOLDS, Outcome, Report, Settled};
use crate::account::refusal::{NotReserved, Short};
use crate::account::tokens::Spender;
use crate::account::wallet::Wallet;
use crate::clock::Millis;
use crate::error::WalletError;
use crate::money::Cents;

impl Wallet<'_> {
    pub(crate) fn is_open(&self, hold: &str) -> bool {
        self.open_holds().any(|open| open.id.as_str() == hold)
    }

    pub(crate) fn open_holds(&self) -> impl Iterator<Item = &Hold> {
        self.account.holds.iter().filter(|hold| hold.expires_at > self.now)
    }

    /// What streams reported whose holds have expired, and the tokens that they are charged to.
    pub(crate) fn expired_reports(&self) -> impl Iterator<Item = (&HoldId, &Report, Option<&Spender>)> {
        let expired = self.account.holds.iter().filter(|hold| hold.expires_at <= self.now);
        expired.filter_map(|hold| Some((&hold.id, hold.reported.as_ref()?, hold.token.as_ref())))
    }

    /// Captures what streams reported whose holds have expired. Every command that writes does so first.
    pub fn expire(&mut self) -> Result<(), WalletError> {
        let expired =
            self.expired_reports().map(|(hold, report, token)| (hold.clone(), report.clone(), token.cloned()));
        for (hold, report, token) in expired.collect::<Vec<_>>() {
            if report.amount.is_positive() {
                self.capture(&hold, report.amount, &report.detail, token.as_ref())?;
            }
            self.close(&hold);
        }
        Ok(())
    }

    /// When the next hold with a report expires.
    pub fn next_expiry(&self) -> Option<Millis> {
        self.account.next_expiry()
    }

    /// Lets the hold of a stream live on for so many seconds from now, and remembers what the stream has cost so far.
    /// `false`: the hold has ended or expired. The same renewal twice, or an older one after it, takes nothing back.
    pub fn renew(&mut self, id: &HoldId, report: &Report, seconds: u32) -> Result<bool, WalletError> {
        self.expire()?;
        let now = self.now;
        let Some(hold) = self.account.holds.iter_mut().find(|hold| hold.id == *id && hold.expires_at > now) else {
            return Ok(false);
        };
        assert!(report.amount <= hold.amount, "a stream costs at most what was held");
        hold.expires_at = hold.expires_at.max(expiry(id, now, seconds));
        if hold.reported.as_ref().is_none_or(|known| known.amount < report.amount) {
            hold.reported = Some(report.clone());
        }
        self.changed = true;
        Ok(true)
    }

    /// Sets money aside for so many seconds: all of `amount`, or what there is of it, if that is `least` or more. Answers
    /// how much it is. A repeated request is the same hold. Nothing is written of a `brief` one for a second, unless it counts
    /// against a cap.
    ///
    /// Checked in this order: the id, the number of holds, the caps of the caller's token, the
    /// money.
    pub fn reserve_between(
        &mut self,
        id: &HoldId,
        least: Cents,
        amount: Cents,
        seconds: u32,
        brief: bool,
    ) -> Result<Result<Cents, NotReserved>, WalletError> {
        assert!(least.is_positive() && least <= amount, "a hold is for more than nothing");
        if let Some(hold) = self.open_holds().find(|hold| hold.id == *id) {
            let same = (least..=amount).contains(&hold.amount);
            return if same { Ok(Ok(hold.amount)) } else { Err(WalletError::HoldReused) };
        }
        let available = self.available()?;
        if self.open_holds().count() >= MAX_HOLDS {
            return Ok(Err(NotReserved::TooManyHolds { available }));
        }
        let under_caps = match self.under_caps(amount, least)? {
            Ok(amount) => amount,
            Err(short) => return Ok(Err(short.into())),
        };
        if available < least {
            return Ok(Err(Short::Insufficient { balance: self.spendable()?, available }.into()));
        }
        let (amount, expires_at) = (under_caps.min(available), expiry(id, self.now, seconds));
        let token = self.spender();
        let hold = Hold { id: id.clone(), amount, expires_at, token, reported: None };
        // An object that cannot write is replaced by one that woke up: that one writes at once, and so serves nobody.
        let capped = hold.token.as_ref().is_some_and(|spender| spender.capped);
        if brief && !capped && self.known.written > 0 {
            self.known.pending.open(hold.clone(), self.now);
        } else {
            self.changed = true;
        }
        self.account.holds.push(hold);
        Ok(Ok(amount))
    }

    /// The same, for all of it.
    #[cfg(test)]
    pub(crate) fn reserve(
        &mut self,
        id: &HoldId,
        amount: Cents,
        seconds: u32,
    ) -> Result<Result<(), NotReserved>, WalletError> {
        Ok(self.reserve_between(id, amount, amount, seconds, false)?.map(|_| ()))
    }

    /// Ends a hold, at most once. A hold that its caller's key names no more ends as nothing.
    pub fn settle(&mut self, ending: &Ending) -> Result<Settled, WalletError> {
        self.expire()?;
        if let Some(key) = &ending.key {
            if ending.outcome == Outcome::Release {
                self.free(key, &ending.hold)?;
            } else if !self.names(key, &ending.hold)? {
                return Ok(Settled::Gone);
            }
        }
        let open = self.open_holds().find(|hold| hold.id == ending.hold).cloned();
        match (&ending.outcome, open) {
            (Outcome::Release, Some(_)) => {
                self.close(&ending.hold);
                Ok(Settled::Released)
            }
            (Outcome::Release, None) => Ok(Settled::Released),
            (Outcome::Capture { amount, detail }, Some(held)) => {
                assert!(*amount <= held.amount, "a capture is at most what was held");
                let now = !amount.is_positive() || self.capture(&ending.hold, *amount, detail, held.token.as_ref())?;
                self.close(&ending.hold);
                Ok(if now { Settled::Captured } else { Settled::AlreadyCaptured })
            }
            // Nobody can say any more whether it was captured.
            (Outcome::Capture { .. }, None) if self.now - ending.hold.began() >= MAX_HOLD_MS => Ok(Settled::Gone),
            (Outcome::Capture { amount, detail }, None) => {
                if self.amount_of(ending.hold.as_str())?.is_some() {
                    return Ok(Settled::AlreadyCaptured);
                }
                if !amount.is_positive() {
                    // It left no entry, and may have been done before.
                    return Ok(Settled::Captured);
                }
                // Its time was over before the capture came.
                let token = ending.token.as_ref();
                if self.available()? < *amount || !self.may_spend_late(token, *amount)? {
                    return Ok(Settled::Gone);
                }
                self.capture(&ending.hold, *amount, detail, token)?;
                Ok(Settled::Captured)
            }
        }
    }

    /// The entry that a hold becomes, counted against the caps of its token. `false`: it is there already, and a reserve that
    /// came again after its capture has opened the hold anew.
    pub(crate) fn capture(
        &mut self,
        hold: &HoldId,
        amount: Cents,
        detail: &str,
        token: Option<&Spender>,
    ) -> Result<bool, WalletError> {
        let id = token.map(|token| token.id.clone());
        let now = self.enter("capture", hold.as_str(), -amount, Some(detail), id)?;
        if now {
            self.count_spent(token, amount)?;
        }
        Ok(now)
    }

    fn close(&mut self, id: &HoldId) {
        self.account.holds.retain(|hold| hold.id != *id);
        self.known.pending.end(id, self.now);
    }
}

fn expiry(id: &HoldId, now: Millis, seconds: u32) -> Millis {
    (now + Millis::from(seconds) * 1_000 + DELIVERY_MS).min(id.began() + MAX_HOLD_MS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::charge::{Charge, Charged, Overdraft};
    use crate::account::payment::Credit;
    use crate::account::refusal::NotCharged;
    use crate::identity::AccountId;
    use crate::schema::{Schema, migrate};
    use crate::sql::{Sql, Value};
    use crate::tables::Role;
    use crate::testing::database;

    const SCHEMA: Schema = Schema::of::<()>();
    const NOW: Millis = 1_800_000_000_000;

    fn account(balance: i64) -> rusqlite::Connection {
        let sql = database();
        migrate(&sql, Role::Account, &SCHEMA).unwrap();
        if balance > 0 {
            at(&sql, NOW, |wallet| wallet.credit(&credit("first", balance)).unwrap());
        }
        sql
    }

    fn credit(key: &str, cents: i64) -> Credit {
        Credit {
            account: AccountId::from_hash(&[7; 32]),
            key: key.into(),
            amount: Cents::new(cents),
            paid: None,
            payment_intent: Some(format!("pi_{key}")),
            payer: Default::default(),
        }
    }

    fn charge(key: &str, cents: i64, overdraft: Overdraft) -> Charge {
        Charge { key: key.into(), amount: Cents::new(cents), overdraft, detail: "GET /".into() }
    }

    fn capture(hold: &HoldId, cents: i64) -> Ending {
        Ending {
            hold: hold.clone(),
            outcome: Outcome::Capture { amount: Cents::new(cents), detail: "GET /".into() },
            key: None,
            token: None,
        }
    }

    fn release(hold: &HoldId) -> Ending {
        Ending { hold: hold.clone(), outcome: Outcome::Release, key: None, token: None }
    }

    /// One transaction at one moment, then the rules that always hold.
    fn at<T>(sql: &rusqlite::Connection, now: Millis, act: impl FnOnce(&mut Wallet<'_>) -> T) -> T {
        let mut wallet = Wallet::load_or_register(sql, &SCHEMA, now, &AccountId::from_hash(&[7; 32])).unwrap();
        let result = act(&mut wallet);
        let account = wallet.save().unwrap();
        let sum = sql.run("SELECT COALESCE(SUM(amount), 0) FROM entries", &[]).unwrap().pop().unwrap();
        assert_eq!(sum, [Value::Integer(account.balance.units())], "the balance is the sum of the entries");
        result
    }

    fn state(sql: &rusqlite::Connection, now: Millis) -> (Cents, Cents) {
        at(sql, now, |wallet| (wallet.balance(), wallet.available().unwrap()))
    }

    #[test]
    fn a_hold_takes_what_there_is_between_two_bounds() {
        let sql = account(10);
        let (most, first, second) = (Cents::new(50), HoldId::generate(NOW), HoldId::generate(NOW));
        let between = |id: &HoldId, least, most| {
            at(&sql, NOW, |wallet| wallet.reserve_between(id, Cents::new(least), most, 60, false).unwrap())
        };
        let (balance, available) = state(&sql, NOW);
        let short = Short::Insufficient { balance, available };
        assert_eq!(between(&first, 11, most), Err(short.into()));
        assert_eq!(between(&first, 1, Cents::new(4)), Ok(Cents::new(4)));
        for _ in 0..2 {
            assert_eq!(between(&second, 6, most), Ok(Cents::new(6)), "and the same when it is asked again");
        }
        assert_eq!(state(&sql, NOW).1, Cents::ZERO);
    }

    #[test]
    fn a_hold_ends_once() {
        let sql = account(10);
        let id = HoldId::generate(NOW);
        for _ in 0..2 {
            assert_eq!(at(&sql, NOW, |wallet| wallet.reserve(&id, Cents::new(4), 60).unwrap()), Ok(()));
            assert_eq!(state(&sql, NOW), (Cents::new(10), Cents::new(6)));
        }
        assert_eq!(at(&sql, NOW, |wallet| wallet.settle(&capture(&id, 3)).unwrap()), Settled::Captured);
        assert_eq!(at(&sql, NOW, |wallet| wallet.settle(&capture(&id, 3)).unwrap()), Settled::AlreadyCaptured);
        assert_eq!(at(&sql, NOW, |wallet| wallet.settle(&release(&id)).unwrap()), Settled::Released);
        assert_eq!(state(&sql, NOW), (Cents::new(7), Cents::new(7)));
    }

    #[test]
    fn a_released_hold_is_free_at_once_and_released_again_is_so_still() {
        let sql = account(10);
        let id = HoldId::generate(NOW);
        at(&sql, NOW, |wallet| wallet.reserve(&id, Cents::new(4), 60).unwrap()).unwrap();
        for _ in 0..2 {
            assert_eq!(at(&sql, NOW, |wallet| wallet.settle(&release(&id)).unwrap()), Settled::Released);
            assert_eq!(state(&sql, NOW), (Cents::new(10), Cents::new(10)));
        }
    }

    #[test]
    fn an_expired_hold_counts_as_released_without_anybody_coming_by() {
        let sql = account(10);
        let id = HoldId::generate(NOW);
        at(&sql, NOW, |wallet| wallet.reserve(&id, Cents::new(10), 60).unwrap()).unwrap();
        let last = NOW + 60_000 + DELIVERY_MS - 1;
        assert_eq!(state(&sql, last), (Cents::new(10), Cents::ZERO));
        assert_eq!(state(&sql, last + 1), (Cents::new(10), Cents::new(10)));
        assert_eq!(at(&sql, last + 1, |wallet| wallet.settle(&capture(&id, 10)).unwrap()), Settled::Captured);
        assert_eq!(at(&sql, last + 1, |wallet| wallet.settle(&capture(&id, 10)).unwrap()), Settled::AlreadyCaptured);
        assert_eq!(state(&sql, last + 1), (Cents::ZERO, Cents::ZERO));
    }

    #[test]
    fn a_late_capture_takes_no_money_that_is_gone() {
        let sql = account(10);
        let (late, quick) = (HoldId::generate(NOW), HoldId::generate(NOW));
        at(&sql, NOW, |wallet| wallet.reserve(&late, Cents::new(10), 1).unwrap()).unwrap();
        let after = NOW + 1_000 + DELIVERY_MS;
        at(&sql, after, |wallet| wallet.reserve(&quick, Cents::new(5), 60).unwrap()).unwrap();
        assert_eq!(at(&sql, after, |wallet| wallet.settle(&capture(&late, 10)).unwrap()), Settled::Gone);
        assert_eq!(state(&sql, after), (Cents::new(10), Cents::new(5)));
    }

    #[test]
    fn holds_are_refused_in_order_of_count_then_money() {
        let sql = account(300);
        for _ in 0..MAX_HOLDS {
            at(&sql, NOW, |wallet| wallet.reserve(&HoldId::generate(NOW), Cents::new(1), 60).unwrap()).unwrap();
        }
        let available = Cents::new(300 - MAX_HOLDS as i64);
        let one_more = at(&sql, NOW, |wallet| wallet.reserve(&HoldId::generate(NOW), Cents::new(1), 60).unwrap());
        assert_eq!(one_more, Err(NotReserved::TooManyHolds { available }));

        let sql = account(3);
        let too_much = at(&sql, NOW, |wallet| wallet.reserve(&HoldId::generate(NOW), Cents::new(4), 60).unwrap());
        assert_eq!(too_much, Err(Short::Insufficient { balance: Cents::new(3), available: Cents::new(3) }.into()));
    }

    fn report(cents: i64) -> Report {
        Report { amount: Cents::new(cents), detail: "GET /".into() }
    }

    #[test]
    fn a_renewed_hold_lives_on_and_its_expiry_captures_what_was_reported() {
        let sql = account(10);
        let id = HoldId::generate(NOW);
        at(&sql, NOW, |wallet| wallet.reserve(&id, Cents::new(8), 60).unwrap()).unwrap();
        let half = NOW + 30_000;
        // Repeated, and an older one after it.
        for cents in [3, 3, 2] {
            assert!(at(&sql, half, |wallet| wallet.renew(&id, &report(cents), 60).unwrap()));
        }
        let last = half + 60_000 + DELIVERY_MS - 1;
        assert_eq!(state(&sql, last), (Cents::new(10), Cents::new(2)), "held as it was");
        // Nobody has written it yet, and it counts.
        let account = Wallet::load(&sql, &SCHEMA, last + 1).unwrap().unwrap();
        assert_eq!((account.balance(), account.available().unwrap()), (Cents::new(10), Cents::new(7)));
        assert_eq!(account.account.next_expiry(), Some(last + 1));
        let too_much = at(&sql, last + 1, |wallet| wallet.reserve(&HoldId::generate(NOW), Cents::new(8), 60).unwrap());
        assert_eq!(too_much, Err(Short::Insufficient { balance: Cents::new(7), available: Cents::new(7) }.into()));
        // Whatever writes first writes it; nothing that comes later adds to it or takes it back.
        assert_eq!(at(&sql, last + 1, |wallet| wallet.settle(&capture(&id, 5)).unwrap()), Settled::AlreadyCaptured);
        assert_eq!(at(&sql, last + 1, |wallet| wallet.settle(&release(&id)).unwrap()), Settled::Released);
        assert!(!at(&sql, last + 1, |wallet| wallet.renew(&id, &report(4), 60).unwrap()));
        assert_eq!(state(&sql, last + 1), (Cents::new(7), Cents::new(7)));
        let entry = sql.run("SELECT amount, kind, detail FROM entries WHERE key = ?", &[id.as_str().into()]).unwrap();
        assert_eq!(entry, [[Value::Integer(-30_000), "capture".into(), "GET /".into()]]);
    }

    #[test]
    fn a_renewed_hold_is_captured_or_released_as_any_other() {
        let sql = account(10);
        let (captured, released) = (HoldId::generate(NOW), HoldId::generate(NOW));
        for id in [&captured, &released] {
            at(&sql, NOW, |wallet| wallet.reserve(id, Cents::new(5), 60).unwrap()).unwrap();
            assert!(at(&sql, NOW, |wallet| wallet.renew(id, &report(3), 60).unwrap()));
        }
        assert_eq!(at(&sql, NOW, |wallet| wallet.settle(&capture(&captured, 4)).unwrap()), Settled::Captured);
        assert_eq!(at(&sql, NOW, |wallet| wallet.settle(&release(&released)).unwrap()), Settled::Released);
        for id in [&captured, &released] {
            assert!(!at(&sql, NOW, |wallet| wallet.renew(id, &report(3), 60).unwrap()), "a hold that has ended");
        }
        assert_eq!(state(&sql, NOW + 1_000_000), (Cents::new(6), Cents::new(6)));
    }

    #[test]
    fn a_stream_that_reported_nothing_is_free_when_its_hold_expires() {
        let sql = account(10);
        let id = HoldId::generate(NOW);
        at(&sql, NOW, |wallet| wallet.reserve(&id, Cents::new(8), 60).unwrap()).unwrap();
        assert!(at(&sql, NOW, |wallet| wallet.renew(&id, &report(0), 60).unwrap()));
        let after = NOW + 60_000 + DELIVERY_MS;
        at(&sql, after, |wallet| wallet.expire().unwrap());
        assert_eq!(state(&sql, after), (Cents::new(10), Cents::new(10)));
        assert_eq!(sql.run("SELECT holds FROM users", &[]).unwrap(), [[Value::Blob(vec![1, 0])]]);
    }

    /// A try that was given up may arrive after another one was answered, and its hold has ended.
    #[test]
    fn a_reserve_that_comes_again_after_its_capture_charges_nothing_more_and_stops_nobody() {
        for reported in [None, Some(2)] {
            let sql = account(10);
            let id = HoldId::generate(NOW);
            let reserve = || at(&sql, NOW, |wallet| wallet.reserve(&id, Cents::new(4), 60).unwrap()).unwrap();
            reserve();
            at(&sql, NOW, |wallet| wallet.settle(&capture(&id, 3)).unwrap());
            reserve();
            if let Some(cents) = reported {
                assert!(at(&sql, NOW, |wallet| wallet.renew(&id, &report(cents), 60).unwrap()));
            } else {
                let again = at(&sql, NOW, |wallet| wallet.settle(&capture(&id, 3)).unwrap());
                assert_eq!(again, Settled::AlreadyCaptured);
                reserve();
            }
            let after = NOW + 60_000 + DELIVERY_MS;
            at(&sql, after, |wallet| wallet.expire().unwrap());
            assert_eq!(state(&sql, after), (Cents::new(7), Cents::new(7)));
        }
    }

    #[test]
    fn a_call_that_costs_nothing_is_done_however_often_and_late_it_ends() {
        let sql = account(10);
        let id = HoldId::generate(NOW);
        at(&sql, NOW, |wallet| wallet.reserve(&id, Cents::new(4), 1).unwrap()).unwrap();
        for now in [NOW, NOW, NOW + 100_000] {
            assert_eq!(at(&sql, now, |wallet| wallet.settle(&capture(&id, 0)).unwrap()), Settled::Captured);
        }
        assert_eq!(sql.run("SELECT key FROM entries", &[]).unwrap().len(), 1, "the credit alone");
    }

    #[test]
    fn one_id_is_never_two_holds() {
        let sql = account(10);
        let id = HoldId::generate(NOW);
        at(&sql, NOW, |wallet| wallet.reserve(&id, Cents::new(4), 60).unwrap()).unwrap();
        assert!(matches!(at(&sql, NOW, |wallet| wallet.reserve(&id, Cents::new(5), 60)), Err(WalletError::HoldReused)));
    }

    #[test]
    fn a_charge_key_charges_once_and_names_its_conflict() {
        let sql = account(10);
        let act = |charge: &Charge| at(&sql, NOW, |wallet| wallet.charge(charge).unwrap());
        assert_eq!(act(&charge("job", 4, Overdraft::Deny)), Ok(Charged { already: false, available: Cents::new(6) }));
        assert_eq!(act(&charge("job", 4, Overdraft::Deny)), Ok(Charged { already: true, available: Cents::new(6) }));
        assert_eq!(act(&charge("job", 5, Overdraft::Deny)), Err(NotCharged::KeyReused));
    }

    #[test]
    fn overdraft_goes_below_zero_once() {
        let sql = account(1);
        let act = |charge: &Charge| at(&sql, NOW, |wallet| wallet.charge(charge).unwrap());
        let refused =
            |balance| Err(Short::Insufficient { balance: Cents::new(balance), available: Cents::new(balance) }.into());
        assert_eq!(act(&charge("a", 5, Overdraft::Deny)), refused(1));
        assert_eq!(act(&charge("a", 5, Overdraft::Allow)), Ok(Charged { already: false, available: Cents::new(-4) }));
        assert_eq!(act(&charge("b", 5, Overdraft::Allow)), refused(-4));
    }

    #[test]
    fn a_payment_is_credited_once() {
        let sql = account(0);
        assert!(at(&sql, NOW, |wallet| wallet.credit(&credit("cs", 5)).unwrap()));
        assert!(!at(&sql, NOW, |wallet| wallet.credit(&credit("cs", 5)).unwrap()));
        assert_eq!(state(&sql, NOW), (Cents::new(5), Cents::new(5)));
    }

    #[test]
    fn a_dispute_whose_amount_is_raised_to_what_it_took_before_takes_it_again() {
        use crate::account::{Kind, Reversal};
        let sql = account(20);
        for (moves, (amount, taken, left)) in
            (1..).zip([(10, 10, 10), (10, 6, 14), (14, 10, 10), (14, 10, 10), (14, 0, 20)])
        {
            let fact = Reversal {
                kind: Kind::Dispute,
                id: "du".into(),
                amount: Cents::new(amount),
                taken: Cents::new(taken),
                closed: true,
                moves,
                at: 1,
                disowned: false,
            };
            at(&sql, NOW, |wallet| wallet.reverse("pi_first", &fact).unwrap());
            assert_eq!(state(&sql, NOW).0, Cents::new(left));
        }
    }

    #[test]
    fn a_sum_past_the_bound_is_an_error_and_changes_nothing() {
        let sql = account(0);
        let all = Credit { amount: Cents::MAX, ..credit("all", 1) };
        at(&sql, NOW, |wallet| wallet.credit(&all).unwrap());
        assert!(matches!(at(&sql, NOW, |wallet| wallet.credit(&credit("more", 1))), Err(WalletError::Overflow)));
        assert_eq!(state(&sql, NOW), (Cents::MAX, Cents::MAX));
    }
}
