use std::cell::Cell;

use super::*;
use crate::account::CALLERS_KEY;
use crate::account::hold::HoldId;
use crate::account::scene::{NOW, SCHEMA, Scene, refund};
use crate::money::Cents;
use crate::sql::{Sql, SqlError};

fn page(scene: &Scene, before: Option<&Place>, count: usize) -> Result<Vec<Line>, Folded> {
    scene.act(|wallet| wallet.lines(before, count))
}

/// The whole statement, in pages of a size, each from the text that the one before gave.
fn all(scene: &Scene, size: usize) -> Vec<Line> {
    let (mut read, mut place) = (Vec::new(), None::<Place>);
    loop {
        let page = page(scene, place.as_ref(), size).unwrap();
        let Some(last) = page.last() else { return read };
        place = Some(last.place.to_string().parse().unwrap());
        read.extend(page);
    }
}

/// Calls in one group.
fn calls(scene: &Scene, count: i64) {
    scene.act(|wallet| {
        for number in 0..count {
            let hold = HoldId::generate(wallet.now - number);
            let (route, token) = (format!("GET /{}", number % 3), (number % 2 == 0).then(|| "agent".to_owned().into()));
            wallet.enter("capture", hold.as_str(), Cents::new(-1), Some(&route), token)?;
        }
        Ok(())
    });
}

/// Three days: groups of several sizes, and what keeps its key between them and in one millisecond with them.
fn busy() -> Scene {
    let scene = Scene::new(1, 10_000);
    for step in 0..30 {
        calls(&scene, step % 7);
        if step % 4 == 0 {
            scene.pay(&format!("more {step}"), 10);
        }
        if step % 5 == 0 {
            scene.spend(&format!("job:{step}"), 1);
            scene.spend(&format!("{CALLERS_KEY}{step}"), 1);
            scene.spend(HoldId::generate(scene.now.get()).as_str(), 1);
        }
        scene.wait(DAY_MS / 10);
    }
    scene.reverse("own", &refund("re", 50));
    scene
}

fn check(scene: &Scene) -> Vec<Line> {
    let whole = all(scene, MAX_PAGE);
    for size in [1, 2, 3, 7, 40] {
        assert_eq!(all(scene, size), whole, "{size} at a time");
    }
    assert!(whole.windows(2).all(|pair| pair[0].at.div_euclid(DAY_MS) >= pair[1].at.div_euclid(DAY_MS)));
    // From one line to the one before it, as long as nothing is folded.
    let (folded, mut balance) = (whole[0].place.folded, None);
    for line in whole.iter().filter(|line| line.place.place >= folded) {
        assert!(balance.is_none() || balance == line.balance, "{line:?}");
        balance = line.balance.and_then(|balance| balance.checked_sub(line.amount));
    }
    let sum: Cents = whole.iter().map(|line| line.amount).sum();
    assert_eq!(sum, scene.act(|wallet| Ok(wallet.balance())));
    let select = "SELECT key FROM entries ORDER BY place DESC, number DESC, detail DESC, token DESC";
    let keys: Vec<String> =
        scene.sql.run(select, &[]).unwrap().into_iter().map(|row| Reader::new(row).text().unwrap()).collect();
    assert_eq!(whole.iter().map(|line| line.key.clone()).collect::<Vec<_>>(), keys, "as the view has it");
    whole
}

#[test]
fn pages_of_any_size_are_the_whole_statement_the_newest_first() {
    let scene = busy();
    let whole = check(&scene);
    assert_eq!(whole.len(), 113);
    let calls: Vec<_> = whole.iter().filter(|line| line.kind == "capture").collect();
    assert_eq!((calls[0].calls, calls[0].detail.as_deref()), (Some(1), Some("GET /0")));
    assert!(calls.iter().any(|line| line.token.is_none()) && calls.iter().any(|line| line.token.is_some()));
    assert!(whole.iter().all(|line| line.balance.is_some()));
    let (credit, charge) = (&whole[whole.len() - 1], whole.iter().find(|line| line.kind == "charge").unwrap());
    assert_eq!((credit.kind.as_str(), credit.calls, charge.calls), ("credit", None, Some(1)));
}

#[test]
fn what_is_folded_by_any_part_stays_in_the_statement_as_sums() {
    let scene = busy();
    let calls = |lines: &[Line]| lines.iter().filter_map(|line| line.calls).sum::<i64>();
    let before = calls(&check(&scene));
    scene.now.set(NOW + 200 * DAY_MS);
    let mut sizes = Vec::new();
    loop {
        let next = scene.act(|wallet| wallet.fold(4));
        let whole = check(&scene);
        assert_eq!(calls(&whole), before);
        sizes.push(whole.len());
        if next.is_none() {
            break;
        }
    }
    assert!(sizes.len() > 5 && sizes.is_sorted_by(|more, fewer| more >= fewer), "{sizes:?}");
    let whole = check(&scene);
    let sum = whole.iter().find(|line| line.kind == "fold").unwrap();
    assert_eq!((sum.balance, sum.at % DAY_MS, sum.amount), (None, 0, Cents::new(-sum.calls.unwrap())));
    assert!(!whole.iter().any(|line| line.kind == "capture"));
}

#[test]
fn a_place_in_a_day_that_was_folded_since_is_refused_and_every_other_goes_on() {
    let scene = busy();
    let whole = all(&scene, MAX_PAGE);
    let after = |line: &Line| page(&scene, Some(&line.place), MAX_PAGE);
    let day_of = |line: &Line| line.at.div_euclid(DAY_MS);
    let first = day_of(&whole[whole.len() - 1]);
    // One batch of the first day, then all of it.
    scene.now.set((first + 91) * DAY_MS);
    for most in [2, 1_000] {
        scene.act(|wallet| wallet.fold(most));
        let folded = scene.act(|wallet| Ok(wallet.account.ledger.folded));
        let (mut refused, mut went_on) = (0, 0);
        for line in &whole {
            match after(line) {
                Err(Folded) => {
                    assert!(line.place.place < folded, "{line:?}");
                    refused += 1;
                }
                // Whoever has read until there and reads on has read all, once.
                Ok(rest) => {
                    assert!(line.place.place >= folded, "{line:?}");
                    let read: Cents = whole
                        .iter()
                        .take_while(|it| *it != line)
                        .chain([line])
                        .chain(&rest)
                        .map(|line| line.amount)
                        .sum();
                    assert_eq!(read, scene.act(|wallet| Ok(wallet.balance())), "{line:?}");
                    went_on += 1;
                }
            }
        }
        assert!(refused > 0 && went_on > 0, "{refused} {went_on}");
    }
    // What it said of a folded day holds while later days fold.
    let line = all(&scene, MAX_PAGE).into_iter().find(|line| day_of(line) == first).unwrap();
    let rest = after(&line).unwrap();
    scene.now.set((first + 95) * DAY_MS);
    while scene.act(|wallet| wallet.fold(1_000)).is_some() {}
    let again = after(&line).unwrap();
    let what = |lines: Vec<Line>| lines.into_iter().map(|line| (line.key, line.amount)).collect::<Vec<_>>();
    assert_eq!(what(again), what(rest));
}

/// Counts the rows that are answered.
struct Counting<'a>(&'a rusqlite::Connection, Cell<usize>);

impl Sql for Counting<'_> {
    fn run(&self, statement: &str, parameters: &[Value]) -> Result<Vec<Row>, SqlError> {
        let explained = self.0.run(&format!("EXPLAIN QUERY PLAN {statement}"), parameters)?;
        let plan: String = explained.iter().map(|row| format!("{:?}", row.last())).collect();
        let whole = plan.contains("SCAN") && !plan.contains("SCAN users");
        let steps_on = statement.contains("ORDER BY place DESC LIMIT") || statement.contains("ORDER BY day DESC");
        assert!((!whole || steps_on) && !plan.contains("TEMP B-TREE"), "{statement}: {plan}");
        let rows = self.0.run(statement, parameters)?;
        self.1.set(self.1.get() + rows.len());
        Ok(rows)
    }
}

#[test]
fn a_page_of_two_hundred_thousand_lines_is_read_without_a_look_at_the_rest() {
    let scene = Scene::new(1, 1_000_000);
    let mut read = Vec::new();
    for groups in [10_i64, 990, 9_000] {
        // They need not be looked for: each is new.
        scene.act(|wallet| {
            for number in 0..groups * 20 {
                let (at, key) = (wallet.now, format!("{:012x}{number:020x}", wallet.now));
                let (kind, amount, detail) = ("capture", Cents::new(-1), Some("GET /".to_owned()));
                wallet.account.balance = wallet.account.balance.checked_add(amount).unwrap();
                wallet.known.pending.enter(crate::account::pending::Entry {
                    key,
                    at,
                    kind,
                    amount,
                    detail,
                    token: None,
                });
                if number % 20 == 19 {
                    wallet.write_entries()?;
                    wallet.now += 20;
                }
            }
            scene.now.set(wallet.now);
            wallet.touch();
            Ok(())
        });
        let counting = Counting(&scene.sql, Cell::default());
        let mut wallet = Wallet::load(&counting, &SCHEMA, scene.now.get()).unwrap().unwrap();
        let newest = wallet.lines(None, 101).unwrap().unwrap();
        let middle =
            Place { place: newest[0].place.place / 2 + newest[100].place.place / 2, ..newest[0].place.clone() };
        assert_eq!(wallet.lines(Some(&middle), 101).unwrap().unwrap().len(), 101);
        read.push(counting.1.get());
    }
    let lines = scene.sql.run("SELECT COUNT(*) FROM grouped_entries", &[]).unwrap();
    assert_eq!(lines, [[Value::Integer(200_000)]]);
    assert!(read.iter().all(|rows| *rows <= 105) && read[1] == read[2], "{read:?}");
}

#[test]
fn a_place_that_nobody_gave_out_is_refused() {
    for text in
        ["", "1", "1.2", "1.2.3.4", "1.2.-3", "-1.2.3", "+1.2.3", "01.2.3", "1.2.x", " 1.2.3", "9007199254740992.0.0"]
    {
        assert!(text.parse::<Place>().is_err(), "{text}");
    }
}
