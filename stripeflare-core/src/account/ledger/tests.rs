use super::*;
use crate::account::hold::HoldId;
use crate::account::line::moment_of;
use crate::account::scene::{NOW, Scene, dispute, lost, refund};
use crate::sql::{Sql, Value};

#[test]
fn an_entry_says_what_the_balance_was_after_it() {
    let scene = Scene::new(1, 100);
    let later = |act: &dyn Fn()| {
        scene.wait(1);
        act();
    };
    later(&|| scene.spend("a", 30));
    later(&|| scene.pay("more", 20));
    later(&|| scene.reverse("own", &refund("re", 15)));
    later(&|| scene.reverse("more", &lost(&dispute("du", 20))));
    later(&|| scene.spend("b", 5));
    let rows = scene.sql.run("SELECT balance / 10000 FROM entries ORDER BY place", &[]).unwrap();
    assert_eq!(rows, [100, 70, 90, 75, 55, 50].map(|cents| [Value::Integer(cents)]));
}

fn call(number: i64, kind: &'static str, label: &str, token: &str) -> Entry {
    let prefix = if kind == "charge" { CHARGE } else { "" };
    Entry {
        key: format!("{prefix}{:012x}{number:020x}", NOW - number),
        at: NOW,
        kind,
        amount: Cents::from_units(-number),
        detail: Some(label.to_owned()),
        token: Some(token.to_owned().into()),
    }
}

/// As it is stored, which releases and SQL of people read.
#[test]
fn a_group_is_one_row_of_json() {
    let entries = [
        call(10_000, "capture", "GET /\"a\"", "t"),
        call(7, "charge", "X-Price", "first"),
        call(8, "capture", "GET /\"a\"", "t"),
    ];
    let group = Group::of(&entries, Cents::from_units(5), place_of(NOW + 2) + 1);
    let [heads, lines] = group.texts();
    assert_eq!(heads, r#"[["capture","GET /\"a\"","t"],["charge","X-Price","first"]]"#);
    assert_eq!(
        lines,
        r#"[["00000000000000002710",10000,10002,2,0],["00000000000000000007",7,9,2,1],["00000000000000000008",8,10,2,0]]"#
    );
}

#[test]
fn what_one_command_enters_for_calls_is_one_row_and_the_view_shows_each() {
    let scene = Scene::new(1, 100);
    let entries = [
        call(10_000, "capture", "GET /\"a\"", "t"),
        call(7, "charge", "X-Price", "first"),
        call(8, "capture", "b", "t"),
    ];
    let entered = entries.clone();
    let enter = |entry: &Entry| {
        let entry = entry.clone();
        move |wallet: &mut Wallet<'_>| {
            wallet.enter(entry.kind, &entry.key, entry.amount, entry.detail.as_deref(), entry.token)
        }
    };
    scene.act(|wallet| {
        for entry in &entered {
            assert!(enter(entry)(wallet)?);
            assert!(!enter(entry)(wallet)?, "before it is written");
        }
        Ok(())
    });
    assert_eq!(scene.sql.run("SELECT COUNT(*) FROM entry_groups", &[]).unwrap(), [[Value::Integer(1)]]);
    for entry in &entries {
        assert!(!scene.act(enter(entry)), "once it is written");
        assert_eq!(scene.act(|wallet| wallet.made(&entry.key)), Some((entry.amount, NOW)));
    }
    let rows = scene.sql.run("SELECT key, at, kind, amount, balance, detail, token, calls FROM entries WHERE calls = 1 ORDER BY place, number", &[]);
    let mut balance = 1_000_000;
    let expected = entries.map(|entry| {
        balance += entry.amount.units();
        let token = entry.token.map(|token| token.to_string());
        let (at, amount) = (Value::Integer(entry.at), entry.amount.units().into());
        vec![
            entry.key.into(),
            at,
            entry.kind.into(),
            amount,
            balance.into(),
            entry.detail.into(),
            token.into(),
            Value::Integer(1),
        ]
    });
    assert_eq!(rows.unwrap(), expected);
}

/// As an object does that did not look on the disk when it was entered.
#[test]
fn what_has_its_entry_on_the_disk_is_taken_back_when_it_is_written() {
    let scene = Scene::new(1, 100);
    let twice = [call(10_000, "capture", "a", "t"), Entry { key: "charge:job".into(), ..call(5, "charge", "b", "t") }];
    let enter = |entries: &[Entry]| {
        scene.act(|wallet| {
            for entry in entries {
                wallet.account.balance = wallet.account.balance.checked_add(entry.amount).unwrap();
            }
            entries.iter().cloned().for_each(|entry| wallet.known.pending.enter(entry));
            wallet.touch();
            Ok(())
        });
    };
    enter(&twice);
    enter(&[twice[0].clone(), call(3, "capture", "c", "t"), twice[1].clone()]);
    let sum = scene.sql.run("SELECT COUNT(*), SUM(amount), MIN(balance) FROM entries", &[]).unwrap().remove(0);
    assert_eq!(sum, [4, 989_992, 989_992].map(Value::Integer));
    let (balance, usage) = scene.act(|wallet| Ok((wallet.balance(), wallet.account.usage.clone())));
    assert_eq!((balance.units(), usage.iter().map(|usage| usage.calls).sum::<u64>()), (989_992, 3));
}

/// A clock that went back leaves entries in the order they were written in, and where their calls look for them.
#[test]
fn an_entry_is_found_by_the_time_in_its_key_whatever_the_clock_says() {
    let scene = Scene::new(1, 100);
    let mut places = Vec::new();
    for (began, now) in [(NOW, NOW + 50), (NOW + 40, NOW - 3_600_000), (NOW + 9, NOW + 9), (NOW + 60, NOW + 60)] {
        let key = format!("{began:012x}{:020x}", places.len());
        scene.now.set(now);
        let write = |wallet: &mut Wallet<'_>| wallet.enter("capture", &key, Cents::new(-1), Some("a"), None);
        assert!(scene.act(write));
        assert!(!scene.act(write), "{began} {now}");
        places.push(scene.act(|wallet| Ok(wallet.account.ledger.last)));
    }
    assert!(places.is_sorted_by(|one, next| one < next), "{places:?}");
    assert_eq!(moment_of(places[3]), NOW + 60);
}

#[test]
fn the_two_sides_of_midnight_are_two_groups() {
    let scene = Scene::new(1, 100);
    let midnight = (NOW / DAY_MS + 1) * DAY_MS;
    scene.act(|wallet| {
        for now in [midnight - 2, midnight - 1, midnight] {
            wallet.now = now;
            wallet.enter("capture", &format!("{now:012x}{:020x}", 1), Cents::new(-1), Some("a"), None)?;
        }
        Ok(())
    });
    let rows = scene.sql.run("SELECT place / 1024, json_array_length(lines), balance / 10000 FROM entry_groups", &[]);
    assert_eq!(rows.unwrap(), [[midnight - 1, 2, 98], [midnight, 1, 97]].map(|row| row.map(Value::Integer)));
}

/// Of a busy account: what it costs to keep what a call cost.
#[test]
fn a_line_takes_few_bytes() {
    let bytes = |group: i64| {
        let scene = Scene::new(1, 1_000_000);
        let (lines, size) = (20_000, "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size");
        let size = || Reader::new(scene.sql.run(size, &[]).unwrap().remove(0)).integer().unwrap();
        let before = size();
        scene.act(|wallet| {
            for number in 0..lines {
                // A call of 35 ms, with an id as they are.
                let key = HoldId::generate(wallet.now - 35).as_str().to_owned();
                let (kind, at, amount, detail) =
                    ("capture", wallet.now, Cents::new(-1), Some("POST /reverse".to_owned()));
                let token = Some("abcdefghijklmnop".to_owned().into());
                wallet.account.balance = wallet.account.balance.checked_add(amount).unwrap();
                wallet.known.pending.enter(Entry { key, at, kind, amount, detail, token });
                if number % group == group - 1 {
                    wallet.write_entries()?;
                    wallet.now += 20;
                }
            }
            Ok(())
        });
        (size() - before) / lines
    };
    let sizes = [1, 20, 256].map(bytes);
    println!("bytes a line in groups of 1, 20 and 256: {sizes:?}");
    assert!(sizes[0] <= 115 && sizes[1] <= 55, "{sizes:?}");
}
