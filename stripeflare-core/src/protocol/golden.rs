use std::fmt::Write;
use std::path::Path;

use super::account::Settle;
use super::codec::PROTOCOL;
use super::samples::{self, Sample};
use super::{AccountCommand, AggregateCommand, DirectoryCommand, Envelope, NotDone, codec};
use crate::account::Denied;
use crate::identity::Proof;

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
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/protocol/1.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &text).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap();
    for (line, expected) in text.lines().zip(expected.lines()) {
        assert_eq!(line, expected);
    }
    assert_eq!(text, expected);
}
