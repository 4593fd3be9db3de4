use super::*;
use crate::account::CALLERS_KEY;
use crate::account::hold::{Ending, HoldId, MAX_HOLD_MS, Outcome, Report, Settled};
use crate::account::scene::{NOW, SCHEMA, Scene};
use crate::identity::AccountId;
use crate::money::Cents;
use crate::schema::migrate;
use crate::sql::Sql;
use crate::tables::Role;
use crate::testing::database;

const FIRST: i64 = NOW.div_euclid(DAY_MS);
/// Of that day.
const DUE: Millis = (FIRST + KEPT_DAYS + 1) * DAY_MS;

/// A call by a token.
fn call(scene: &Scene, token: &str, route: &str, cents: i64) -> HoldId {
    let hold = HoldId::generate(scene.now.get());
    let spender = scene.by(token, |wallet| {
        wallet.reserve(&hold, Cents::new(9), 60)?.unwrap();
        Ok(wallet.spender())
    });
    let outcome = Outcome::Capture { amount: Cents::new(cents), detail: route.into() };
    scene.act(|wallet| wallet.settle(&Ending { hold: hold.clone(), outcome, key: None, token: spender }));
    hold
}

/// Folds as the alarm does, and answers for when it asks to be rung again.
fn fold(scene: &Scene, now: Millis, most: i64) -> Option<Millis> {
    scene.now.set(now);
    loop {
        let next = scene.act(|wallet| wallet.fold(most));
        if next != Some(now) {
            return next;
        }
    }
}

/// Kind, day, label, token, calls and cents of what there is beside credits, the oldest first.
fn entries(sql: &rusqlite::Connection) -> Vec<String> {
    let select = "SELECT kind || ' ' || (at / 86400000) || ' ' || detail || ' ' || COALESCE(token, '-') || ' ' ||
        COUNT(*) || ' ' || SUM(calls) || ' ' || (-SUM(amount) / 10000) FROM entries WHERE kind <> 'credit'
        GROUP BY kind, at / 86400000, detail, token ORDER BY MIN(place), detail, token";
    let rows = sql.run(select, &[]).unwrap();
    rows.into_iter().map(|row| Reader::new(row).text().unwrap()).collect()
}

#[test]
fn calls_older_than_ninety_days_become_one_sum_a_day_label_and_token() {
    let scene = Scene::new(1, 1_000);
    scene.mint("first", "agent");
    for minute in 0..40 {
        let token = if minute % 4 == 0 { "agent" } else { "first" };
        call(&scene, token, if minute % 2 == 0 { "GET /a" } else { "GET /b" }, 2);
        scene.wait(60_000);
    }
    // What keeps its key for good, what does so for a day, and what nobody named.
    scene.spend("job:monthly", 5);
    scene.spend(&format!("{CALLERS_KEY}{}", "0".repeat(64)), 4);
    scene.spend(HoldId::generate(scene.now.get()).as_str(), 3);
    scene.now.set((FIRST + 1) * DAY_MS);
    call(&scene, "first", "GET /a", 3);

    let money = scene.money();
    let kept = entries(&scene.sql);
    for early in [(FIRST + 1) * DAY_MS, DUE - 1] {
        assert_eq!(fold(&scene, early, BATCH), Some(DUE));
        assert_eq!(entries(&scene.sql), kept);
    }
    assert_eq!(fold(&scene, DUE, 7), Some(DUE + DAY_MS));
    let day = |day: i64, rest: &str| rest.replace("DAY", &(FIRST + day).to_string());
    assert_eq!(
        entries(&scene.sql),
        [
            day(0, "fold DAY GET / - 1 2 7"),
            day(0, "fold DAY GET /a agent 1 10 20"),
            day(0, "fold DAY GET /a first 1 10 20"),
            day(0, "fold DAY GET /b first 1 20 40"),
            day(0, "charge DAY GET / - 1 1 5"),
            day(1, "capture DAY GET /a first 1 1 3"),
        ]
    );
    assert_eq!(fold(&scene, DUE + DAY_MS, BATCH), None);
    let sum = scene.sql.run("SELECT SUM(amount), (SELECT balance FROM users) FROM entries", &[]).unwrap().remove(0);
    assert_eq!((&sum[0], scene.money()), (&sum[1], money), "nothing is lost");
    scene.pay("own", 1_000);
    assert_eq!(scene.money(), money, "a credit keeps its key for ever");
}

#[test]
fn a_day_that_is_folded_costs_the_deletion_of_its_groups_and_little_more() {
    let scene = Scene::new(1, 100_000);
    let (routes, groups) = (4, 60);
    for _ in 0..groups {
        // Each group has 20 calls.
        scene.act(|wallet| {
            for call in 0..20 {
                let hold = HoldId::generate(wallet.now);
                wallet.enter(
                    "capture",
                    hold.as_str(),
                    Cents::new(-1),
                    Some(&format!("GET /{}", call % routes)),
                    None,
                )?;
            }
            Ok(())
        });
        scene.wait(20);
    }
    let changes = || -> u64 { scene.sql.total_changes() };
    let (before, revision) = (changes(), scene.sql.run("SELECT revision FROM users", &[]).unwrap());
    // In three batches, each of which writes its sums and the row.
    assert_eq!(fold(&scene, DUE, 25), None);
    assert_eq!(changes() - before, groups + 3 * (routes as u64 + 1));
    assert_eq!(scene.sql.run("SELECT revision FROM users", &[]).unwrap(), revision, "nothing that others are told");
}

/// An account with that many calls, at one moment.
fn many(lines: i64, now: Millis) -> Scene {
    let sql = database();
    migrate(&sql, Role::Account, &SCHEMA).unwrap();
    let id = AccountId::from_hash(&[1; 32]);
    let scene = Scene { id, sql, now: now.into(), moves: Default::default() };
    scene.pay("own", lines + 1);
    more(&scene, lines);
    scene
}

fn more(scene: &Scene, lines: i64) {
    scene.act(|wallet| {
        for number in 0..lines {
            let key = format!("{:012x}{number:020x}", wallet.now);
            // As if it was looked for: that is what others test.
            let entry = crate::account::pending::Entry {
                key,
                at: wallet.now,
                kind: "capture",
                amount: Cents::new(-1),
                detail: Some("GET /".into()),
                token: None,
            };
            wallet.account.balance = wallet.account.balance.checked_add(entry.amount).unwrap();
            wallet.known.pending.enter(entry);
        }
        wallet.touch();
        Ok(())
    });
}

fn lines(scene: &Scene) -> i64 {
    let kept = scene.act(|wallet| Ok(wallet.account.ledger.lines));
    let select = "SELECT COUNT(*) FROM grouped_entries";
    assert_eq!(scene.sql.run(select, &[]).unwrap(), [[Value::Integer(kept)]], "as the row counts them");
    kept
}

#[test]
fn more_lines_than_an_account_keeps_fold_by_whole_days_and_nothing_of_two_days_does() {
    let start = FIRST * DAY_MS;
    let scene = many(KEPT_LINES / 2, start);
    scene.now.set(start + DAY_MS);
    more(&scene, KEPT_LINES / 2);
    let young = start + 3 * DAY_MS;
    assert_eq!(fold(&scene, young, BATCH), Some(DUE), "as many as are kept");
    scene.now.set(start + 2 * DAY_MS);
    more(&scene, 1);
    assert_eq!(lines(&scene), KEPT_LINES + 1);
    assert_eq!(fold(&scene, young - 1, BATCH), Some(young), "the first day is not two days ago yet");
    assert_eq!(lines(&scene), KEPT_LINES + 1);
    assert_eq!(fold(&scene, young, 7), Some(DUE + DAY_MS), "all of that day, in many batches, and no other");
    assert_eq!(lines(&scene), KEPT_LINES / 2 + 1);
    let said = format!("fold {FIRST} GET / - 1 {} {}", KEPT_LINES / 2, KEPT_LINES / 2);
    assert_eq!(entries(&scene.sql)[0], said);
}

#[test]
fn an_ending_finds_its_entry_for_a_day_and_is_refused_from_then_on() {
    let scene = Scene::new(1, 100);
    let hold = call(&scene, "first", "GET /a", 2);
    let ended_never = HoldId::generate(NOW);
    scene.act(|wallet| wallet.reserve(&ended_never, Cents::new(9), 60)).unwrap();
    let end = |hold: &HoldId, now| {
        scene.now.set(now);
        let outcome = Outcome::Capture { amount: Cents::new(2), detail: "GET /a".into() };
        scene.act(|wallet| wallet.settle(&Ending { hold: hold.clone(), outcome, key: None, token: None }))
    };
    // However soon days fold.
    for now in [NOW, NOW + MAX_HOLD_MS - 1] {
        scene.now.set(now);
        scene.act(|wallet| {
            wallet.account.ledger.lines += KEPT_LINES;
            wallet.fold(BATCH)
        });
        assert_eq!(end(&hold, now), Settled::AlreadyCaptured);
    }
    assert_eq!(end(&hold, NOW + MAX_HOLD_MS), Settled::Gone);
    assert_eq!(end(&ended_never, NOW + MAX_HOLD_MS), Settled::Gone, "nor is it charged that late");
    assert_eq!(end(&ended_never, NOW + MAX_HOLD_MS - 1), Settled::Captured);
    assert_eq!(scene.money().0, 96);
}

#[test]
fn no_stream_is_held_for_longer_than_a_day() {
    let scene = Scene::new(1, 100);
    let hold = HoldId::generate(NOW);
    scene.act(|wallet| wallet.reserve(&hold, Cents::new(90), 3_600)).unwrap();
    let renew = |cents: i64| {
        let report = Report { amount: Cents::new(cents), detail: "GET /a".into() };
        scene.act(|wallet| wallet.renew(&hold, &report, 3_600))
    };
    for hour in 1..=48 {
        scene.wait(MAX_HOLD_MS / 48);
        assert_eq!(renew(hour), hour < 48, "{hour}");
    }
    assert_eq!(scene.money(), (53, 53), "what it had reported by then");
}

#[test]
fn a_day_of_ever_new_labels_folds_into_so_many_sums_and_loses_no_call() {
    let scene = Scene::new(1, 1_000);
    for label in 0..200 {
        call(&scene, "first", &format!("label {label}"), 1);
        call(&scene, "first", "GET /", 1);
    }
    assert_eq!(fold(&scene, DUE, 30), None);
    let sums = entries(&scene.sql);
    let calls = |label: &str| {
        let of = |sum: &&String| sum.starts_with(&format!("fold {FIRST} {label} first "));
        sums.iter().find(of).and_then(|sum| sum.split(' ').nth_back(1)?.parse::<i64>().ok())
    };
    // Those of the first batches by name, what was among them in every later one, too.
    assert!(sums.len() <= MOST + 1, "{sums:?}");
    assert_eq!((calls("GET /"), calls("label 7"), calls("label 199")), (Some(200), Some(1), None));
    let select = "SELECT SUM(calls) FROM entry_sums";
    assert_eq!(scene.sql.run(select, &[]).unwrap(), [[Value::Integer(400)]]);
}
