//! Some of each command and of each reply.

use serde::de::DeserializeOwned;

use super::account::*;
use super::aggregate::*;
use super::directory::*;
use super::{AnyCommand, Command, Right, Stats, account, aggregate};
use crate::account::line::Ledger;
use crate::account::{
    AccountRow, Cap, Caps, Card, CardOwner, CardRow, Change, Charge, Charged, Claim, Credit, Ending, Folded,
    HandedOver, Handover, Hold, HoldId, Homecoming, HomecomingOutcome, IdempotencyKey, KeptAnswer, Kind, LastToken,
    Line, LoginRequest, MovedPayment, NewToken, NoLogin, NotBegun, NotCharged, NotClosed, NotHandedOver, NotReserved,
    Operation, Outcome, Overdraft, Payer, PendingLogin, Report, Reversal, Rotated, SentPayment, Settled, Short,
    Snapshot, Spender, State, Taken, TokenId, TokenInfo, TooManyTokens, Update, Usage,
};
use crate::aggregate::{Assignment, Due, Page, Query, Unclaimed};
use crate::directory::{Arrival, Note, Owner};
use crate::identity::AccountId;
use crate::money::Cents;
use crate::read_only_sql::Table;
use crate::schema::{OrderBy, Statement};
use crate::sql::Value;

/// One command, and what is answered to one of its name.
pub(super) struct Sample {
    pub(super) name: &'static str,
    pub(super) right: Right,
    pub(super) commands: Vec<AnyCommand>,
    pub(super) replies: Vec<Vec<u8>>,
    /// Reads an answer, and writes it anew.
    pub(super) again: fn(&[u8]) -> Vec<u8>,
}

pub(super) trait Sampled: Command {
    fn commands() -> Vec<Self>;
    fn replies() -> Vec<Self::Reply>;
}

pub(super) fn add<C: Sampled>(name: &'static str, all: &mut Vec<Sample>) {
    fn again<R: serde::Serialize + DeserializeOwned>(bytes: &[u8]) -> Vec<u8> {
        super::codec::reply(&crate::bytes::read::<R>(super::codec::read_answer(bytes).unwrap().unwrap()).unwrap())
    }
    all.push(Sample {
        name,
        right: C::RIGHT,
        commands: C::commands().into_iter().map(Into::into).collect(),
        replies: C::replies().iter().map(super::codec::reply).collect(),
        again: again::<C::Reply>,
    });
}

macro_rules! sampled {
    ($($name:ty: [$($command:expr),* $(,)?] => [$($reply:expr),* $(,)?];)*) => {
        $(impl Sampled for $name {
            fn commands() -> Vec<Self> {
                vec![$($command),*]
            }
            fn replies() -> Vec<Self::Reply> {
                vec![$($reply),*]
            }
        })*
    };
}

pub(crate) fn id() -> AccountId {
    AccountId::from_hash(&[7; 32])
}

fn text(text: &str) -> String {
    text.to_owned()
}

pub(super) fn hold() -> HoldId {
    serde_json::from_str("\"01a3185c500000112233445566778899\"").unwrap()
}

fn operation() -> Operation {
    serde_json::from_str("\"0123456789ab00112233445566778899\"").unwrap()
}

fn statement() -> Statement {
    Statement { table: text("note"), layout: 7, sql: text("DELETE FROM note WHERE id = ?"), parameters: vec![1.into()] }
}

fn token() -> TokenId {
    TokenId::from(text("token"))
}

fn key() -> IdempotencyKey {
    IdempotencyKey { key: text("key"), fingerprint: text("print") }
}

fn report() -> Report {
    Report { amount: Cents::from_units(12), detail: text("GET /") }
}

pub(super) fn row() -> AccountRow {
    AccountRow {
        id: id(),
        registered_at: 1_800_000_000_000,
        revision: 3,
        sent_revision: 2,
        balance: Cents::new(5),
        frozen: Cents::new(-1),
        holds: vec![
            Hold { id: hold(), amount: Cents::new(1), expires_at: 1_800_000_090_000, token: None, reported: None },
            Hold {
                id: hold(),
                amount: Cents::new(2),
                expires_at: 1_800_000_090_000,
                token: Some(Spender { id: token(), capped: true }),
                reported: Some(report()),
            },
        ],
        usage: vec![Usage { day: 20_000, route: text("GET /"), calls: 2, amount: Cents::new(3) }],
        ledger: Ledger { lines: 2, last: 300, folded: 0 },
        kept_bytes: 0,
        name: Some(text("Zoë")),
        email: None,
        card_fingerprint: Some(text("print")),
        verified_email: Some(text("a@b.c")),
        locked: true,
        closed: false,
        is_full: true,
        pending_logins: 1,
        columns: vec![
            Value::Null,
            Value::Integer(-7),
            Value::Real(0.1),
            Value::Text(text("free")),
            Value::Blob(vec![0, 255]),
        ],
        layout: 9,
    }
}

pub(super) fn ending() -> Ending {
    Ending {
        hold: hold(),
        outcome: Outcome::Capture { amount: Cents::new(1), detail: text("GET /") },
        key: Some(text("key")),
        token: Some(Spender { id: token(), capped: false }),
    }
}

pub(super) fn release() -> Ending {
    Ending { hold: hold(), outcome: Outcome::Release, key: None, token: None }
}

fn kept() -> KeptAnswer {
    KeptAnswer { status: 200, headers: vec![(text("a"), text("b"))], body: b"body".to_vec() }
}

fn insufficient() -> Short {
    Short::Insufficient { balance: Cents::new(2), available: Cents::new(1) }
}

fn over_cap(cap: Cap) -> Short {
    Short::TokenCap { cap, limit: Cents::new(9), left: Cents::new(1) }
}

pub(super) fn reversal(kind: Kind) -> Reversal {
    Reversal {
        kind,
        id: text("re_1"),
        amount: Cents::new(4),
        taken: Cents::new(3),
        closed: false,
        moves: 1,
        at: 1_800_000_000,
        disowned: true,
    }
}

fn card() -> Card {
    Card::of_fingerprint("print", text("visa •••• 4242"))
}

fn card_row(state: State) -> CardRow {
    CardRow {
        id: card().id(),
        card: card(),
        token: token(),
        payment: text("cs"),
        claim: 7,
        state,
        at: 1_800_000_000_000,
        shows_at: 1_800_000_020_000,
    }
}

pub(super) fn home() -> Homecoming {
    Homecoming { payment: text("cs"), card: Some(card()), shows_at: 1_800_000_020_000 }
}

fn pending_login() -> PendingLogin {
    let json = format!(
        r#"{{"payment": "cs", "from": "{}", "card": "card", "claim": 7, "state": "Taken", "at": 1800000000000,
        "matures_at": 1800003600000, "expires_at": 1800090000000, "token": "token"}}"#,
        id()
    );
    serde_json::from_str(&json).unwrap()
}

fn payer() -> Payer {
    Payer { name: Some(text("Zoë")), email: None }
}

fn credit() -> Credit {
    let (amount, paid) = (Cents::new(5), Some(Cents::new(6)));
    Credit { account: id(), key: text("cs"), amount, paid, payment_intent: Some(text("pi")), payer: payer() }
}

fn place() -> Place {
    Place { credit: credit(), reversals: vec![reversal(Kind::Refund)] }
}

fn table() -> Table {
    Table { columns: vec![text("a")], rows: vec![vec![Value::Integer(1)], vec![Value::Null]], more: true }
}

fn query() -> Query {
    Query {
        condition: text("balance > ?"),
        values: vec![Value::Integer(1)],
        order: vec![OrderBy { column: text("balance"), descending: true }],
        after: Some(vec![Value::Integer(2), "a".into()]),
        limit: 50,
    }
}

fn new_token() -> NewToken {
    NewToken {
        id: token(),
        hash: text("00ff"),
        label: text("agent"),
        manage: false,
        login: true,
        caps: Caps { day: Some(Cents::new(3)), total: None },
        expires_at: Some(1_800_000_000_000),
    }
}

sampled! {
    Settle: [Settle] => [()];
    Read: [Read { account: id() }] => [row()];
    Reserve: [
        Reserve { hold: hold(), amount: Cents::new(1), least: Cents::new(1), seconds: 60, brief: false, row: true, key: Some(key()) },
        Reserve { hold: hold(), amount: Cents::new(1), least: Cents::from_units(1), seconds: 60, brief: true, row: false, key: None },
    ] => [
        Ok(Reserved { held: Cents::new(1), available: Cents::new(1), token: None, key: None, row: None }),
        Ok(Reserved { held: Cents::new(1), available: Cents::new(1), token: Some(Spender { id: token(), capped: true }), key: Some(text("key t")), row: Some(row()) }),
        Err(NotReserved::Short(insufficient())),
        Err(NotReserved::Short(over_cap(Cap::Day))),
        Err(NotReserved::TooManyHolds { available: Cents::new(1) }),
        Err(NotReserved::Claimed(Claim::Free)),
        Err(NotReserved::Claimed(Claim::Running)),
        Err(NotReserved::Claimed(Claim::Other)),
        Err(NotReserved::Claimed(Claim::Answered(kept()))),
    ];
    Renew: [Renew { hold: hold(), report: report(), seconds: 60 }] => [true, false];
    End: [End { ending: ending(), answer: Some(kept()) }, End { ending: release(), answer: None }] => [
        Settled::Captured, Settled::AlreadyCaptured, Settled::Released, Settled::Gone,
    ];
    Update: [Update {
        id: text("update"),
        changes: vec![Change { column: text("tier"), old: Value::Null, new: "pro".into() }],
    }] => [Updated { made: true, row: row() }];
    Charge: [
        Charge { key: text("job"), amount: Cents::new(1), overdraft: Overdraft::Deny, detail: text("job") },
        Charge { key: text("job"), amount: Cents::new(1), overdraft: Overdraft::Allow, detail: text("job") },
    ] => [
        Ok(Charged { already: false, available: Cents::new(-1) }),
        Err(NotCharged::Short(insufficient())),
        Err(NotCharged::Short(over_cap(Cap::Total))),
        Err(NotCharged::KeyReused),
    ];
    Mint: [Mint { token: new_token() }] => [Ok(()), Err(TooManyTokens)];
    Tokens: [Tokens] => [vec![TokenInfo {
        id: token(),
        label: text("agent"),
        manage: true,
        login: false,
        made_by: Some(token()),
        caps: Caps { day: None, total: Some(Cents::new(3)) },
        spent_day: Cents::new(1),
        spent_total: Cents::new(2),
        spent_days: vec![(20_000, Cents::new(1))],
        created_at: 1_800_000_000_000,
        last_used_day: Some(20_000),
        expires_at: None,
        this: true,
    }]];
    Rotate: [Rotate { hash: text("00ff") }] => [Ok(()), Err(Rotated)];
    Revoke: [Revoke { id: token() }] => [Ok(()), Err(LastToken)];
    LogOut: [LogOut { forget: true }] => [Ok(()), Err(LastToken)];
    LogOutEverywhere: [LogOutEverywhere { hash: text("00ff") }] => [Ok(()), Err(Rotated)];
    Close: [Close { key: text("close"), forfeit: true }] => [
        Ok(()),
        Err(NotClosed::MoneyLeft { amount: Cents::new(1) }),
        Err(NotClosed::CallsRunning),
    ];
    Handover: [
        Handover { key: text("a"), to: id(), amount: None, reason: text("asked by mail") },
        Handover { key: text("a"), to: id(), amount: Some(Cents::new(3)), reason: text("asked by mail") },
    ] => [
        Ok(handed_over()),
        Err(NotHandedOver::NotClosed),
        Err(NotHandedOver::KeyReused),
        Err(NotHandedOver::TooLittle { available: Cents::new(1) }),
    ];
    HandedOver: [handed_over()] => [()];
    Lines: [
        Lines { before: None, count: 101 },
        Lines { before: "300.-2.200".parse().ok(), count: 101 },
    ] => [Err(Folded), Ok(vec![
        Line {
            place: "300.2.200".parse().unwrap(),
            key: text("charge:a"),
            at: 1_800_000_000_000,
            kind: text("charge"),
            amount: Cents::new(-1),
            balance: Some(Cents::new(4)),
            detail: Some(text("job")),
            token: Some(token()),
            calls: Some(1),
        },
    ])];
    Credit: [credit()] => [()];
    Reverse: [
        Reverse { payment_intent: text("pi"), reversal: reversal(Kind::Refund) },
        Reverse { payment_intent: text("pi"), reversal: reversal(Kind::Dispute) },
    ] => [()];
    ComeHome: [
        ComeHome { home: home() },
        ComeHome { home: Homecoming { payment: text("cs"), card: None, shows_at: 1_800_000_020_000 } },
    ] => [HomecomingOutcome::Done, HomecomingOutcome::Claiming { claim: 7 }];
    CameHome: [CameHome { payment: text("cs") }] => [true, false];
    FindCardOwner: [FindCardOwner { card: text("card"), wait: 3_600_000 }] => [None, Some(CardOwner {
        registered_at: 1_800_000_000_000,
        verified_email: Some(text("a@b.c")),
        cards: 1,
        tokens: 2,
        claim: 7,
    })];
    HeadFor: [HeadFor { payment: text("cs"), to: id() }] => [true, false];
    BeginLogin: [BeginLogin { request: LoginRequest {
        payment: text("cs"),
        from: id(),
        card: text("card"),
        claim: 7,
        wait: 3_600_000,
    } }] => [Ok(pending_login()), Err(NotBegun::NoLogin), Err(NotBegun::TooManyLogins)];
    ReadLogin: [ReadLogin { payment: text("cs") }] => [None, Some(pending_login())];
    PendingLogins: [PendingLogins] => [vec![pending_login()]];
    DecideLogin: [
        DecideLogin { payment: text("cs"), approve: true },
        DecideLogin { payment: text("cs"), approve: false },
    ] => [Ok(()), Err(NoLogin)];
    TakeLogin: [TakeLogin { payment: text("cs"), token: new_token() }] => [
        Taken::Token, Taken::NotYet, Taken::Used, Taken::Ended, Taken::TooManyTokens,
    ];
    MovePayment: [MovePayment { payment: text("cs") }] => [()];
    MovedPayment: [MovedPayment {
        payment: text("cs"),
        from: id(),
        moved: Cents::new(5),
        taken: Cents::new(1),
        frozen: Cents::ZERO,
        disowned: true,
        revision: 3,
    }] => [true, false];
    Disown: [Disown { payment: text("cs") }] => [()];
    Lock: [Lock { locked: true, kept: true }, Lock { locked: false, kept: false }] => [Ok(()), Err(LastToken)];
    CardClaimed: [CardClaimed { id: text("card"), claim: 7, owned: true }] => [()];
    Cards: [Cards] => [vec![card_row(State::Claiming), card_row(State::Owned), card_row(State::Releasing)]];
    ReleaseCard: [ReleaseCard { id: text("card") }] => [None, Some(card_row(State::Releasing))];
    FreeCard: [FreeCard { id: text("card") }] => [None, Some(card_row(State::Releasing))];
    CardReleased: [CardReleased { id: text("card"), claim: 7 }] => [()];
    account::Look: [account::Look { statement: text("SELECT ?"), parameters: vec!["a".into()], most: 9 }] => [
        Ok(table()),
        Err(text("no such table")),
    ];
    ChangeRow: [ChangeRow { operation: operation(), statement: statement() }] => [
        Ok(vec![vec![1.into()]]),
        Err(Full),
    ];
    ReadBySql: [
        ReadBySql { sql: text("SELECT ?"), parameters: vec!["a".into()], most: 9, table: None },
        ReadBySql { sql: text("SELECT 1"), parameters: Vec::new(), most: 9, table: Some((text("note"), 7)) },
    ] => [Ok(table()), Err(text("no such table"))];
    ReadStats: [ReadStats] => [Stats { commands: 300, rows_written: 70_000, unsettled: 2 }];

    ClaimCard: [ClaimCard { id: text("card"), account: id(), claim: 7 }] => [None, Some(id())];
    OwnerOf: [OwnerOf { id: text("card") }] => [None, Some(id())];
    ForgetCard: [ForgetCard { id: text("card"), account: id(), claim: 7 }] => [()];
    Arrive: [
        Arrive { session: text("cs"), mark: text("mark") },
        Arrive { session: text("cs"), mark: String::new() },
    ] => [
        Arrival { contested: false, account: None, is_payers: false, to: None, may_ask: true },
        Arrival { contested: true, account: Some(id()), is_payers: true, to: Some(id()), may_ask: false },
    ];
    Credited: [
        Credited { session: text("cs"), account: id(), mark: Some(text("mark")) },
        Credited { session: text("cs"), account: id(), mark: None },
    ] => [()];
    BeginAt: [BeginAt { session: text("cs"), to: id(), until: 1_800_000_000_000 }] => [true, false];
    MayTake: [MayTake { session: text("cs") }] => [true, false];
    Place: [place()] => [Placed { account: id(), reversals: vec![reversal(Kind::Refund)] }];
    Find: [Find { payment_intent: text("pi") }] => [None, Some(id())];
    FindOrPark: [FindOrPark { payment_intent: text("pi"), reversal: reversal(Kind::Refund) }] => [None, Some(id())];
    Waiting: [Waiting { payment_intent: text("pi") }] => [vec![reversal(Kind::Refund)]];
    ReadNote: [ReadNote { name: text("currency") }] => [None, Some(Note { at: 1_800_000_000_000, text: text("usd") })];
    KeepNote: [KeepNote { name: text("currency"), text: text("usd"), once: true }] => [Note {
        at: 1_800_000_000_000,
        text: text("usd"),
    }];
    ClaimValue: [
        ClaimValue { key: text("unique:a"), account: id(), instead_of: None },
        ClaimValue {
            key: text("unique:a"),
            account: id(),
            instead_of: Some(Owner { account: id(), at: 1_800_000_000_000, pending: false }),
        },
    ] => [Ok(1_800_000_000_000), Err(Owner { account: id(), at: 1_800_000_000_000, pending: true })];
    FreeValue: [FreeValue { key: text("unique:a"), account: id(), claim: 1_800_000_000_000 }] => [()];
    Guess: [Guess { source: text("192.0.2.1"), right: false }] => [None, Some(60)];

    Mirror: [Mirror { snapshot: Box::new(Snapshot {
        account: row(),
        payments: vec![SentPayment {
            key: text("cs"),
            payment_intent: Some(text("pi")),
            amount: Cents::new(5),
            taken: Cents::new(1),
            frozen: Cents::ZERO,
            open: true,
            at: 1_800_000_000_000,
            revision: 2,
            payer: payer(),
            to: Some(id()),
            moved: Cents::new(1),
        }],
        revision: 3,
    }) }] => [()];
    FindUsers: [FindUsers { query: query() }] => [
        Page { accounts: vec![row()], after: Some(vec!["a".into()]) },
        Page { accounts: Vec::new(), after: None },
    ];
    CountUsers: [CountUsers { query: query() }] => [300];
    RecordUnclaimed: [RecordUnclaimed { unclaimed: unclaimed() }] => [()];
    aggregate::Look: [aggregate::Look { statement: text("SELECT ?"), parameters: vec!["a".into()], most: 9 }] => [
        Ok(table()),
        Err(text("no such table")),
    ];
    Assign: [
        Assign { assignment: Assignment {
            key: text("cs"),
            account: id(),
            amount: Some(Cents::new(5)),
            currency: text("usd"),
        } },
        Assign { assignment: Assignment { key: text("cs"), account: id(), amount: None, currency: text("usd") } },
    ] => [
        Ok(place()),
        Err(text("no such payment")),
    ];
    Reversed: [Reversed { payment_intent: text("pi"), reversal: reversal(Kind::Dispute) }] => [()];
    ToJudge: [ToJudge { payment_link: text("plink"), currency: text("usd"), most: 20 }] => [vec![unclaimed()]];
    Unknown: [Unknown { keys: vec![text("a"), text("b")] }] => [vec![text("b")]];
    ReadSweep: [ReadSweep] => [sweep()];
    Swept: [Swept { sweep: sweep() }] => [()];
    ReadDue: [ReadDue { again: 5, open: 2 }] => [Due { again: vec![text("refund re_1")], open: vec![text("pi")] }];
    TryAgain: [TryAgain { what: text("refund re_1") }] => [()];
    NotAgain: [NotAgain { what: text("refund re_1") }] => [()];
}

fn handed_over() -> HandedOver {
    HandedOver { key: text("a"), from: id(), to: id(), amount: Cents::new(3), reason: text("asked by mail") }
}

fn unclaimed() -> Unclaimed {
    Unclaimed {
        key: text("cs"),
        reason: text("in another currency"),
        amount: 500,
        currency: text("eur"),
        client_reference_id: Some(text("abc")),
        payment_intent: None,
        payment_link: Some(text("plink")),
    }
}

fn sweep() -> crate::aggregate::Sweep {
    serde_json::from_str(
        r#"{"began": 1800000000, "runs": 3, "sessions": {"swept": null, "now": [1800000100, 1800000050], "done": 2},
            "events": {"swept": 1800000000, "now": null, "done": 0}}"#,
    )
    .unwrap()
}
