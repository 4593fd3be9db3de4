use crate::account::Snapshot;
use crate::aggregate::{unclaimed, usage};
use crate::clock::Millis;
use crate::identity::AccountId;
use crate::schema::Schema;
use crate::sql::{Sql, SqlError, Value};
/// In the aggregate: takes a message in, unless a newer one was there before.
pub fn mirror(sql: &dyn Sql, schema: &Schema, snapshot: &Snapshot, now: Millis) -> Result<(), SqlError> {
    let account = &snapshot.account;
    if account.layout != schema.layout() {
        // It comes again when both run the same deploy.
        return Err(SqlError("an account of another deploy's columns".into()));
    }
    let mut columns: Vec<(String, Value)> = [
        ("account_id", account.id.as_str().into()),
        ("registered_at", account.registered_at.into()),
        ("revision", account.revision.into()),
        ("balance", account.balance.units().into()),
        ("frozen", account.frozen.units().into()),
        ("name", account.name.clone().into()),
        ("email", account.email.clone().into()),
        ("card_fingerprint", account.card_fingerprint.clone().into()),
        ("verified_email", account.verified_email.clone().into()),
        ("locked", i64::from(account.locked).into()),
        ("closed", i64::from(account.closed).into()),
        ("is_full", i64::from(account.is_full).into()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    columns.extend(schema.quoted_names().zip(account.columns.iter().cloned()));
    let list = |part: fn(&str) -> String| columns.iter().map(|(name, _)| part(name)).collect::<Vec<_>>().join(", ");
    let insert = format!(
        "INSERT INTO users ({}) VALUES ({}) ON CONFLICT (account_id) DO UPDATE SET {} WHERE excluded.revision > users.revision",
        list(str::to_owned),
        list(|_| "?".to_owned()),
        list(|name| format!("{name} = excluded.{name}")),
    );
    let values: Vec<Value> = columns.into_iter().map(|(_, value)| value).collect();
    sql.run(&insert, &values)?;

    for payment in &snapshot.payments {
        sql.run(
            "INSERT INTO all_payments (key, account_id, payment_intent, amount, taken, frozen, open, at, revision,
             payer_name, payer_email, to_account, moved)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
             ON CONFLICT (key) DO UPDATE SET taken = excluded.taken, frozen = excluded.frozen, open = excluded.open,
             revision = excluded.revision, payer_name = excluded.payer_name, payer_email = excluded.payer_email,
             to_account = excluded.to_account, moved = excluded.moved WHERE excluded.revision > all_payments.revision",
            &[
                payment.key.as_str().into(),
                account.id.as_str().into(),
                payment.payment_intent.clone().into(),
                payment.amount.units().into(),
                payment.taken.units().into(),
                payment.frozen.units().into(),
                i64::from(payment.open).into(),
                payment.at.into(),
                payment.revision.into(),
                payment.payer.name.clone().into(),
                payment.payer.email.clone().into(),
                payment.to.as_ref().map(AccountId::as_str).into(),
                payment.moved.units().into(),
            ],
        )?;
        unclaimed::credited(sql, &payment.key, &account.id, payment.amount)?;
    }
    if account.closed {
        // It has forgotten who paid; a late message about one payment brings nobody back.
        let forget = "UPDATE all_payments SET payer_name = NULL, payer_email = NULL
            WHERE account_id = ? AND (payer_name IS NOT NULL OR payer_email IS NOT NULL)";
        sql.run(forget, &[account.id.as_str().into()])?;
    }
    usage::count(sql, &account.id, &account.usage, now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::scene::{Scene, dispute, refund};
    use crate::account::{Charge, Credit, Overdraft, Wallet};
    use crate::clock::DAY_MS;
    use crate::identity::AccountId;
    use crate::money::Cents;
    use crate::schema::{Schema, migrate};
    use crate::sql::Row;
    use crate::tables::Role;
    use crate::testing::database;

    const SCHEMA: Schema = Schema::of::<()>();
    const NOW: Millis = 1_800_000_000_000;

    fn at<T>(sql: &rusqlite::Connection, now: Millis, act: impl FnOnce(&mut Wallet<'_>) -> T) -> T {
        let mut wallet = Wallet::load_or_register(sql, &SCHEMA, now, &AccountId::from_hash(&[7; 32])).unwrap();
        let result = act(&mut wallet);
        wallet.save().unwrap();
        result
    }

    fn spend(sql: &rusqlite::Connection, now: Millis, key: &str) {
        let charge =
            Charge { key: key.into(), amount: Cents::new(1), overdraft: Overdraft::Deny, detail: "GET /".into() };
        at(sql, now, |wallet| wallet.charge(&charge).unwrap()).unwrap();
    }

    fn rows(sql: &rusqlite::Connection, select: &str) -> Vec<Row> {
        sql.run(select, &[]).unwrap()
    }

    #[test]
    fn the_aggregate_ends_where_the_account_is_whatever_was_lost_repeated_or_late() {
        let (account, aggregate) = (database(), database());
        migrate(&account, Role::Account, &SCHEMA).unwrap();
        migrate(&aggregate, Role::Aggregate, &SCHEMA).unwrap();
        let credit = |key: &str| Credit {
            account: AccountId::from_hash(&[7; 32]),
            key: key.into(),
            amount: Cents::new(100),
            paid: None,
            payment_intent: None,
            payer: Default::default(),
        };
        at(&account, NOW, |wallet| wallet.credit(&credit("a")).unwrap());
        let early = at(&account, NOW, |wallet| wallet.unsent().unwrap().unwrap());
        for key in ["1", "2", "3"] {
            spend(&account, NOW, key);
        }
        let later = at(&account, NOW, |wallet| wallet.unsent().unwrap().unwrap());
        for snapshot in [&later, &early, &later] {
            mirror(&aggregate, &SCHEMA, snapshot, NOW).unwrap();
        }
        assert_eq!(rows(&aggregate, "SELECT balance FROM users"), [[Value::Integer(970_000)]]);
        assert_eq!(
            rows(&aggregate, "SELECT calls, amount FROM all_usage"),
            [[Value::Integer(3), Value::Integer(30_000)]]
        );
        assert_eq!(rows(&aggregate, "SELECT amount FROM all_payments"), [[Value::Integer(1_000_000)]]);

        spend(&account, NOW, "4");
        at(&account, NOW, |wallet| wallet.sent(&later));
        assert!(at(&account, NOW, |wallet| wallet.unsent().unwrap()).is_some(), "only what was sent is done with");
        let tomorrow = NOW + DAY_MS;
        let newest = at(&account, tomorrow, |wallet| wallet.unsent().unwrap().unwrap());
        mirror(&aggregate, &SCHEMA, &newest, NOW).unwrap();
        at(&account, tomorrow, |wallet| wallet.sent(&newest));
        assert_eq!(at(&account, tomorrow, |wallet| wallet.unsent().unwrap()), None);
        assert_eq!(
            rows(&account, "SELECT usage FROM users"),
            [[Value::Blob(vec![1, 0])]],
            "yesterday is told and over"
        );
        assert_eq!(rows(&aggregate, "SELECT calls FROM all_usage"), [[Value::Integer(4)]]);
    }

    #[test]
    fn a_clock_that_goes_back_over_midnight_loses_no_call() {
        let (scene, aggregate) = (Scene::new(1, 100), database());
        migrate(&aggregate, Role::Aggregate, &SCHEMA).unwrap();
        let midnight = (NOW / DAY_MS + 1) * DAY_MS;
        let spend = |number: i64, at: Millis| {
            scene.now.set(at);
            scene.spend(&number.to_string(), 1);
            let snapshot = scene.act(|wallet| Ok(wallet.unsent()?.unwrap()));
            mirror(&aggregate, &SCHEMA, &snapshot, NOW).unwrap();
            scene.act(|wallet| {
                wallet.sent(&snapshot);
                Ok(())
            });
        };
        for (number, from_midnight) in (1..).zip([-1_000, 1_000, -1_000, 59 * 60_000, -1]) {
            spend(number, midnight + from_midnight);
        }
        spend(9, midnight + DAY_MS);
        let day = NOW / DAY_MS;
        let expected = [(day, 3), (day + 1, 2), (day + 2, 1)];
        let expected = expected.map(|(day, calls)| [Value::Integer(day), Value::Integer(calls)]);
        assert_eq!(rows(&aggregate, "SELECT day, calls FROM all_usage ORDER BY day"), expected);
        let kept = scene.act(|wallet| Ok(wallet.account.usage.iter().map(|usage| usage.day).collect::<Vec<_>>()));
        assert_eq!(kept, [day + 1, day + 2], "what is told and over for an hour is not kept");
    }

    #[test]
    fn unclaimed_money_that_was_credited_after_all_is_done_with() {
        let (account, aggregate) = (database(), database());
        migrate(&account, Role::Account, &SCHEMA).unwrap();
        migrate(&aggregate, Role::Aggregate, &SCHEMA).unwrap();
        let unclaimed = unclaimed::Unclaimed {
            key: "cs".into(),
            reason: "it was paid in another currency".into(),
            amount: 500,
            currency: "eur".into(),
            client_reference_id: None,
            payment_intent: None,
            payment_link: None,
        };
        unclaimed::record_unclaimed(&aggregate, &unclaimed, NOW).unwrap();
        let (key, amount) = ("cs".to_owned(), Cents::new(400));
        let credit = Credit {
            account: AccountId::from_hash(&[7; 32]),
            key,
            amount,
            payment_intent: None,
            paid: None,
            payer: Default::default(),
        };
        at(&account, NOW, |wallet| wallet.credit(&credit).unwrap());
        let snapshot = at(&account, NOW, |wallet| wallet.unsent().unwrap().unwrap());
        mirror(&aggregate, &SCHEMA, &snapshot, NOW).unwrap();
        let stored = rows(&aggregate, "SELECT assigned_to, assigned_amount, done FROM unclaimed");
        assert_eq!(stored, [[credit.account.as_str().into(), Value::Integer(4_000_000), Value::Integer(1)]]);
    }

    #[test]
    fn a_row_of_another_deploy_is_not_taken_for_one_of_this() {
        let (account, aggregate) = (database(), database());
        migrate(&account, Role::Account, &SCHEMA).unwrap();
        migrate(&aggregate, Role::Aggregate, &SCHEMA).unwrap();
        let credit = Credit {
            account: AccountId::from_hash(&[7; 32]),
            key: "a".into(),
            amount: Cents::new(100),
            paid: None,
            payment_intent: None,
            payer: Default::default(),
        };
        at(&account, NOW, |wallet| wallet.credit(&credit).unwrap());
        let mut snapshot = at(&account, NOW, |wallet| wallet.unsent().unwrap().unwrap());
        snapshot.account.layout ^= 1;
        assert!(mirror(&aggregate, &SCHEMA, &snapshot, NOW).is_err());
        assert_eq!(rows(&aggregate, "SELECT balance FROM users"), Vec::<Row>::new());
    }

    #[test]
    fn many_payments_go_in_several_messages() {
        let (account, aggregate) = (database(), database());
        migrate(&account, Role::Account, &SCHEMA).unwrap();
        migrate(&aggregate, Role::Aggregate, &SCHEMA).unwrap();
        for number in 0..250 {
            let (key, amount) = (format!("cs{number}"), Cents::new(1));
            let credit = Credit {
                account: AccountId::from_hash(&[7; 32]),
                key,
                amount,
                payment_intent: None,
                paid: None,
                payer: Default::default(),
            };
            at(&account, NOW, |wallet| wallet.credit(&credit).unwrap());
        }
        let mut messages = 0;
        while let Some(snapshot) = at(&account, NOW, |wallet| wallet.unsent().unwrap()) {
            mirror(&aggregate, &SCHEMA, &snapshot, NOW).unwrap();
            at(&account, NOW, |wallet| wallet.sent(&snapshot));
            messages += 1;
        }
        assert_eq!(messages, 3);
        assert_eq!(rows(&aggregate, "SELECT COUNT(*) FROM all_payments"), [[Value::Integer(250)]]);
    }

    #[test]
    fn who_paid_is_forgotten_with_the_account_whatever_comes_late() {
        let (scene, aggregate) = (Scene::new(7, 10), database());
        migrate(&aggregate, Role::Aggregate, &SCHEMA).unwrap();
        let snapshot = || scene.act(|wallet| Ok(wallet.unsent()?.unwrap()));
        let payers =
            || rows(&aggregate, "SELECT key FROM all_payments WHERE payer_name IS NOT NULL OR payer_email IS NOT NULL");
        let first = snapshot();
        mirror(&aggregate, &SCHEMA, &first, NOW).unwrap();
        assert_eq!(payers().len(), 1);
        scene.pay("lost", 5);
        let lost = snapshot();
        scene.act(|wallet| {
            wallet.sent(&first);
            Ok(())
        });
        scene.by("first", |wallet| wallet.close_account(&SCHEMA, "k", true)).unwrap();
        scene.pay("later", 5);
        for snapshot in [&snapshot(), &lost, &first, &snapshot()] {
            mirror(&aggregate, &SCHEMA, snapshot, NOW).unwrap();
            assert_eq!(payers(), Vec::<Row>::new());
        }
        assert_eq!(rows(&aggregate, "SELECT COUNT(*) FROM all_payments"), [[Value::Integer(3)]]);
    }

    #[test]
    fn the_aggregate_follows_what_moved_and_what_was_taken() {
        let (scene, aggregate) = (Scene::new(1, 10), database());
        migrate(&aggregate, Role::Aggregate, &SCHEMA).unwrap();
        let other = Scene::new(2, 1).id;
        let payment = || {
            let snapshot = scene.act(|wallet| Ok(wallet.unsent()?.unwrap()));
            mirror(&aggregate, &SCHEMA, &snapshot, NOW).unwrap();
            scene.act(|wallet| {
                wallet.sent(&snapshot);
                Ok(())
            });
            rows(&aggregate, "SELECT to_account, moved / 10000, taken / 10000, frozen / 10000 FROM all_payments")
                .remove(0)
        };
        let row = |to: Option<&AccountId>, figures: [i64; 3]| {
            let mut row = vec![to.map(AccountId::as_str).into()];
            row.extend(figures.map(Value::Integer));
            row
        };
        assert_eq!(payment(), row(None, [0, 0, 0]));
        scene.act(|wallet| wallet.head_for("own", &other));
        assert_eq!(payment(), row(Some(&other), [0, 0, 0]));
        scene.reverse("own", &refund("re", 1));
        assert_eq!(payment(), row(Some(&other), [0, 1, 0]));
        scene.act(|wallet| wallet.move_payment("own"));
        assert_eq!(payment(), row(Some(&other), [9, 1, 0]));
        scene.reverse("own", &dispute("du", 4));
        assert_eq!(payment(), row(Some(&other), [9, 1, 4]));
    }
}
