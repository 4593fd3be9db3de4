use std::fmt::Write;
use std::path::Path;

use super::account::Settle;
use super::codec::PROTOCOL;
use super::samples::{self, Sample};
use super::{AccountCommand, AggregateCommand, DirectoryCommand, Envelope, NotDone, codec};
use crate::account::{Denied, Kind};
use crate::identity::Proof;
use crate::sql::Value;
use crate::stored::store;
use crate::tables::Role;

/// The message of an envelope, which reads as the same again.
fn message(envelope: &Envelope) -> String {
    let message = PROTOCOL.message(1, envelope).unwrap();
    let (read, number) = PROTOCOL.read_message(&message).unwrap();
    assert_eq!(PROTOCOL.message(number, &read).as_ref(), Some(&message));
    hex::encode(message)
}

/// What travels, byte for byte. What was released is read for one release more: whoever changes a line of that makes a new
/// number, and keeps the old one.
#[test]
fn what_travels_is_as_it_was() {
    let mut text = String::new();
    let token = Some(Proof { hash: "00ff".into(), first: true });
    let endings = vec![samples::ending(), samples::release()];
    let whole = Envelope { endings, token, command: Settle.into() };
    writeln!(text, "envelope\n  asks {}", message(&whole)).unwrap();
    for why in [
        NotDone::Denied(Denied::Wrong),
        NotDone::Denied(Denied::Expired),
        NotDone::Denied(Denied::Rights),
        NotDone::Unregistered,
        NotDone::Failed("why".into()),
        NotDone::Misconfigured("why".into()),
    ] {
        let answer = codec::not_done(&why);
        assert_eq!(codec::read_answer(&answer), Ok(Err(why)));
        writeln!(text, "  answers {}", hex::encode(answer)).unwrap();
    }
    for (role, all) in [
        ("account", AccountCommand::samples()),
        ("directory", DirectoryCommand::samples()),
        ("aggregate", AggregateCommand::samples()),
    ] {
        for Sample { name, right, commands, replies, again } in all {
            writeln!(text, "{role} {name} {right:?}").unwrap();
            for command in commands {
                let envelope = Envelope { endings: Vec::new(), token: None, command };
                writeln!(text, "  asks {}", message(&envelope)).unwrap();
            }
            // The number goes before each.
            for reply in replies {
                assert_eq!(again(&reply), reply, "{name}");
                writeln!(text, "  answers {}", hex::encode(reply)).unwrap();
            }
        }
    }
    is_as_it_was("protocol/1.txt", &text);
}

/// What columns have, byte for byte. What was released is read for one release more, too.
#[test]
fn what_is_stored_is_as_it_was() {
    let row = samples::row();
    let columns = [
        ("users.holds", row.holds_value()),
        ("users.usage", row.usage_value()),
        ("users.ledger", row.ledger_value()),
        ("parked.fact and unclaimed_reversals.fact", store(&samples::reversal(Kind::Dispute))),
    ];
    let mut text = String::new();
    for (column, value) in columns {
        let Value::Blob(bytes) = value else { panic!("no bytes") };
        writeln!(text, "{column}\n  {}", hex::encode(bytes)).unwrap();
    }
    is_as_it_was("stored/1.txt", &text);
}

/// A list of tables never changes once it was released: objects that have it would never get what it says now.
#[test]
fn tables_are_as_they_were() {
    for (role, name) in [(Role::Account, "account"), (Role::Directory, "directory"), (Role::Aggregate, "aggregate")] {
        for (number, statements) in (1..).zip(role.tables()) {
            is_as_it_was(&format!("tables/{name}-{number}.sql"), &(statements.join(";\n") + ";\n"));
        }
    }
}

fn is_as_it_was(file: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(file);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap();
    for (line, expected) in text.lines().zip(expected.lines()) {
        assert_eq!(line, expected, "{file}");
    }
    assert_eq!(text, expected, "{file}");
}
