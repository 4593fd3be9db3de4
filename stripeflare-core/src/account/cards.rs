//! Cards and Link accounts that open an account to whoever pays with them.
//!
//! Who owns an identity is for the directory to say. The account writes first what it is about to do (`claiming`,
//! `releasing`), then the directory is asked, then the row ends as `owned` or is gone: whatever a crash leaves half done is
//! there to be finished, by anybody, any number of times.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::account::tokens::TokenId;
use crate::account::wallet::Wallet;
use crate::clock::{Millis, pause};
use crate::error::WalletError;
use crate::money::Cents;
use crate::schema::{remember, remembered};
use crate::sql::{Named, Reader, Row, SqlError, Value, read_all};

/// Identities an account may have at once.
const MAX_CARDS: usize = 50;

const CARD: &str = "card:";
const LINK: &str = "link:";
/// Under which an account remembers the number of its last claim.
const CLAIMS: &str = "claims";
/// Under which it remembers when its row is to show more of a person.
const SHOWS_AT: &str = "the row shows more";

/// What a payment shows of its payer, and nobody else can: a card, or a Link account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Card {
    identity: String,
    /// For its owner's eyes: `visa •••• 4242`.
    pub label: String,
}

impl Card {
    /// A card, by the fingerprint that Stripe gives its number.
    pub fn of_fingerprint(fingerprint: &str, label: String) -> Self {
        Self { identity: format!("{CARD}{fingerprint}"), label }
    }

    /// A Link account, by its own email address. ASCII letters alone are the same, large or small: to Unicode a Kelvin sign
    /// is a `k`, and somebody else's address.
    pub fn of_link(email: &str, label: String) -> Self {
        Self { identity: format!("{LINK}{}", email.to_ascii_lowercase()), label }
    }

    /// The id of a card as an operator has it: that id, its fingerprint, or the address of a Link account.
    pub fn id_of(text: &str) -> String {
        let is_id = text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        match text {
            id if is_id => id.to_owned(),
            email if email.contains('@') => Self::of_link(email, String::new()).id(),
            fingerprint => Self::of_fingerprint(fingerprint, String::new()).id(),
        }
    }

    /// What the directory knows it by.
    pub fn id(&self) -> String {
        let hash = Sha256::new().chain_update(b"stripeflare identity\0").chain_update(&self.identity).finalize();
        hex::encode(&hash[..16])
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    /// The directory has yet to say whose it is.
    Claiming,
    Owned,
    /// The directory has yet to forget it.
    Releasing,
}

impl Named for State {
    const ALL: &[Self] = &[Self::Claiming, Self::Owned, Self::Releasing];

    fn name(self) -> &'static str {
        match self {
            Self::Claiming => "claiming",
            Self::Owned => "owned",
            Self::Releasing => "releasing",
        }
    }
}

/// One row of `cards`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CardRow {
    pub id: String,
    pub card: Card,
    /// The token whose bearer claimed it.
    pub token: TokenId,
    /// The key of the payment that claimed it.
    pub payment: String,
    /// Counts the account's claims, so that a late message about an earlier one changes nothing.
    pub claim: i64,
    pub state: State,
    pub at: Millis,
    /// As in [`Homecoming`].
    pub shows_at: Millis,
}

/// A payer who came back from Stripe to the browser that left to pay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Homecoming {
    /// The key of the payment.
    pub payment: String,
    pub card: Option<Card>,
    /// From then on the account shows who paid: by then a payer whose browser somebody else pretends to be has come back, too.
    pub shows_at: Millis,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum HomecomingOutcome {
    /// Nothing is left to do.
    Done,
    /// The directory is to be asked, under this number of the claim.
    Claiming { claim: i64 },
}

const SELECT: &str = "SELECT id, identity, label, token, payment, claim, state, at, shows_at FROM cards";

impl Wallet<'_> {
    /// The caller, who manages this account, has paid into it: its row is to show who, and the card is about to be claimed.
    pub fn come_home(&mut self, home: &Homecoming, token: &TokenId) -> Result<HomecomingOutcome, WalletError> {
        if self.is_disowned(&home.payment)? {
            return Ok(HomecomingOutcome::Done);
        }
        let update = "UPDATE payments SET shows_at = ? WHERE key = ?";
        self.sql.run(update, &[home.shows_at.into(), home.payment.as_str().into()])?;
        self.show_person()?;
        let Some(card) = home.card.as_ref().filter(|_| !self.account.locked) else {
            return self.is_home(&home.payment);
        };
        let id = card.id();
        match self.card(&id)? {
            Some(known) if known.state == State::Owned => return self.is_home(&home.payment),
            Some(known) if known.state == State::Claiming => {
                return Ok(HomecomingOutcome::Claiming { claim: known.claim });
            }
            _ if self.cards()?.len() >= MAX_CARDS => return self.is_home(&home.payment),
            _ => {}
        }
        let claim = self.next_claim()?;
        self.put(&CardRow {
            id,
            card: card.clone(),
            token: token.clone(),
            payment: home.payment.clone(),
            claim,
            state: State::Claiming,
            at: self.now,
            shows_at: home.shows_at,
        })?;
        Ok(HomecomingOutcome::Claiming { claim })
    }

    /// There is nothing to do about a payment any more but to go on.
    fn is_home(&self, payment: &str) -> Result<HomecomingOutcome, WalletError> {
        self.sql.run("UPDATE payments SET home = 1 WHERE key = ?", &[payment.into()])?;
        Ok(HomecomingOutcome::Done)
    }

    /// Whether the browser that paid came home, and nothing is left to ask.
    pub fn came_home(&self, payment: &str) -> Result<bool, WalletError> {
        let select = "SELECT 1 FROM payments WHERE key = ? AND home = 1";
        Ok(!self.sql.run(select, &[payment.into()])?.is_empty() || self.is_disowned(payment)?)
    }

    /// The directory has said whose it is.
    pub fn claimed(&mut self, id: &str, claim: i64, owned: bool) -> Result<(), WalletError> {
        let claiming = |row: &CardRow| row.claim == claim && row.state == State::Claiming;
        let Some(row) = self.card(id)?.filter(claiming) else { return Ok(()) };
        if !owned {
            return self.forget_card(id, claim);
        }
        self.set_card_state(id, State::Owned)?;
        self.show_person()?;
        self.is_home(&row.payment).map(drop)
    }

    /// Begins to give up a card, and ends the logins by it; `None`: there is no such card.
    pub fn release_card(&mut self, id: &str) -> Result<Option<CardRow>, WalletError> {
        if self.card(id)?.is_some() {
            self.revoke_card(id)?;
        }
        Ok(self.card(id)?)
    }

    /// The operator frees a card that somebody squats: as its holder would give it up, and on record in the ledger.
    pub fn free_card(&mut self, id: &str) -> Result<Option<CardRow>, WalletError> {
        let Some(row) = self.owned_card(id)? else { return Ok(None) };
        self.enter("card_freed", &format!("freed:{}", row.claim), Cents::ZERO, Some(id), None)?;
        self.release_card(id)
    }

    /// The directory has forgotten it.
    pub fn released(&mut self, id: &str, claim: i64) -> Result<(), WalletError> {
        match self.card(id)? {
            Some(row) if row.state == State::Releasing => self.forget_card(id, claim),
            _ => Ok(()),
        }
    }

    /// What this account owns.
    pub fn cards(&self) -> Result<Vec<CardRow>, WalletError> {
        self.select("WHERE state = 'owned' ORDER BY at, id", &[])
    }

    /// What its owner sees of that.
    pub fn shown_cards(&self) -> Result<Vec<CardRow>, WalletError> {
        self.select("WHERE state = 'owned' AND shows_at <= ? ORDER BY at, id", &[self.now.into()])
    }

    /// What this account owns, and what it is about to claim or to give up.
    pub(crate) fn all_cards(&self) -> Result<Vec<CardRow>, WalletError> {
        self.select("ORDER BY at, id", &[])
    }

    /// Some of the claims and releases that are to be finished by now. What waits longest comes first, so that what always fails
    /// keeps nothing else waiting.
    pub fn unfinished_cards(&self, most: usize) -> Result<Vec<CardRow>, WalletError> {
        let condition = "WHERE state <> 'owned' AND next_at <= ? ORDER BY next_at, at, id LIMIT ?";
        self.select(condition, &[self.now.into(), (most as i64).into()])
    }

    /// When more of them are to be finished; `None`: none are left.
    pub fn next_unfinished_card(&self) -> Result<Option<Millis>, WalletError> {
        let row = self.sql.run("SELECT MIN(next_at) FROM cards WHERE state <> 'owned'", &[])?.concat();
        Ok(Reader::new(row).optional_integer()?)
    }

    /// The directory could not be asked about a claim or release.
    pub fn card_failed(&self, row: &CardRow) -> Result<(), WalletError> {
        let found = [row.id.as_str().into(), row.claim.into()];
        let Some(failures) = self.sql.run("SELECT failures FROM cards WHERE id = ? AND claim = ?", &found)?.pop()
        else {
            return Ok(());
        };
        let failures = Reader::new(failures).integer()?;
        self.sql.run(
            "UPDATE cards SET failures = ?, next_at = ? WHERE id = ?",
            &[(failures + 1).into(), (self.now + pause(failures)).into(), row.id.as_str().into()],
        )?;
        Ok(())
    }

    /// A card that this account owns.
    pub(crate) fn owned_card(&self, id: &str) -> Result<Option<CardRow>, SqlError> {
        Ok(self.card(id)?.filter(|row| row.state == State::Owned))
    }

    /// The number of a new claim, past all that this account has seen.
    fn next_claim(&self) -> Result<i64, SqlError> {
        let claim = remembered(self.sql, CLAIMS)?.unwrap_or(0) + 1;
        remember(self.sql, CLAIMS, claim)?;
        Ok(claim)
    }

    fn card(&self, id: &str) -> Result<Option<CardRow>, SqlError> {
        self.sql.run(&format!("{SELECT} WHERE id = ?"), &[id.into()])?.pop().map(CardRow::read).transpose()
    }

    fn select(&self, condition: &str, parameters: &[Value]) -> Result<Vec<CardRow>, WalletError> {
        let rows = self.sql.run(&format!("{SELECT} {condition}"), parameters)?;
        Ok(read_all(rows, CardRow::read)?)
    }

    fn put(&mut self, row: &CardRow) -> Result<(), WalletError> {
        self.sql.run(
            "INSERT OR REPLACE INTO cards (id, identity, label, token, payment, claim, state, at, shows_at)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            &[
                row.id.as_str().into(),
                row.card.identity.as_str().into(),
                row.card.label.as_str().into(),
                row.token.as_str().into(),
                row.payment.as_str().into(),
                row.claim.into(),
                row.state.into(),
                row.at.into(),
                row.shows_at.into(),
            ],
        )?;
        self.show_person()
    }

    pub(crate) fn set_card_state(&self, id: &str, state: State) -> Result<(), SqlError> {
        let update = "UPDATE cards SET state = ?, failures = 0, next_at = 0 WHERE id = ?";
        self.sql.run(update, &[state.into(), id.into()]).map(drop)
    }

    fn forget_card(&mut self, id: &str, claim: i64) -> Result<(), WalletError> {
        self.sql.run("DELETE FROM cards WHERE id = ? AND claim = ?", &[id.into(), claim.into()])?;
        self.show_person()
    }

    /// Lets the row show whom the payments tell of that came home, the newest first, and the newest card and Link account that
    /// are owned. What may still turn out to be somebody else's is not shown yet, and what turned out so is no more.
    pub(crate) fn show_person(&mut self) -> Result<(), WalletError> {
        let told = |what: &str| -> Result<Option<String>, SqlError> {
            let select = format!(
                "SELECT {what} FROM payments WHERE shows_at <= ? AND {what} IS NOT NULL
                 AND NOT EXISTS (SELECT 1 FROM disowned WHERE payment = key) ORDER BY shows_at DESC, key DESC LIMIT 1"
            );
            self.sql.run(&select, &[self.now.into()])?.pop().map(|row| Reader::new(row).text()).transpose()
        };
        let (name, email) = (told("payer_name")?, told("payer_email")?);
        let cards = self.shown_cards()?;
        let newest =
            |kind: &str| cards.iter().rev().find_map(|row| row.card.identity.strip_prefix(kind)).map(str::to_owned);
        let (fingerprint, link) = (newest(CARD), newest(LINK));
        let later = "SELECT MIN(shows_at) FROM (SELECT shows_at FROM payments UNION ALL SELECT shows_at FROM cards)
            WHERE shows_at > ?";
        let later = self.sql.run(later, &[self.now.into()])?.pop().unwrap_or_default();
        remember(self.sql, SHOWS_AT, Reader::new(later).optional_integer()?.unwrap_or(0))?;
        self.sql.run(
            "UPDATE users SET name = ?, email = ?, card_fingerprint = ?, verified_email = ?",
            &[name.clone().into(), email.clone().into(), fingerprint.clone().into(), link.clone().into()],
        )?;
        let account = &mut self.account;
        (account.name, account.email, account.card_fingerprint, account.verified_email) =
            (name, email, fingerprint, link);
        self.touch();
        Ok(())
    }

    /// The same where its time has come. Answers when more is to be shown.
    pub fn show_what_is_due(&mut self) -> Result<Option<Millis>, WalletError> {
        let known = || Ok::<_, SqlError>(remembered(self.sql, SHOWS_AT)?.filter(|at| *at > 0));
        if known()?.is_some_and(|at| at <= self.now) {
            self.show_person()?;
        }
        Ok(known()?)
    }
}

impl CardRow {
    fn read(row: Row) -> Result<Self, SqlError> {
        let mut row = Reader::new(row);
        Ok(Self {
            id: row.text()?,
            card: Card { identity: row.text()?, label: row.text()? },
            token: row.text()?.into(),
            payment: row.text()?,
            claim: row.integer()?,
            state: row.named()?,
            at: row.integer()?,
            shows_at: row.integer()?,
        })
    }

    /// `card` or `link`.
    pub fn kind(&self) -> &'static str {
        if self.card.identity.starts_with(LINK) { "link" } else { "card" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::payment::{Credit, Payer};
    use crate::account::reversal::{Kind, Reversal};
    use crate::account::tokens::{Caps, NewToken};
    use crate::identity::AccountId;
    use crate::money::Cents;
    use crate::schema::{Schema, migrate};
    use crate::sql::Sql;
    use crate::tables::Role;
    use crate::testing::database;

    const SCHEMA: Schema = Schema::of::<()>();
    const NOW: Millis = 1_800_000_000_000;

    type Act = fn(&mut Wallet<'_>) -> Result<(), WalletError>;

    fn at<T>(sql: &rusqlite::Connection, act: impl FnOnce(&mut Wallet<'_>) -> Result<T, WalletError>) -> T {
        later(sql, NOW, act)
    }

    fn later<T>(
        sql: &rusqlite::Connection,
        now: Millis,
        act: impl FnOnce(&mut Wallet<'_>) -> Result<T, WalletError>,
    ) -> T {
        let mut wallet = Wallet::load_or_register(sql, &SCHEMA, now, &AccountId::from_hash(&[7; 32])).unwrap();
        let result = act(&mut wallet).unwrap();
        wallet.save().unwrap();
        result
    }

    /// An account that was paid for once.
    fn account() -> rusqlite::Connection {
        let sql = database();
        migrate(&sql, Role::Account, &SCHEMA).unwrap();
        pay(&sql, "first", Some("Petra"), Some("form@example.com"));
        sql
    }

    fn pay(sql: &rusqlite::Connection, key: &str, name: Option<&str>, email: Option<&str>) {
        let payer = Payer { name: name.map(str::to_owned), email: email.map(str::to_owned) };
        let (account, amount) = (AccountId::from_hash(&[7; 32]), Cents::new(5));
        let credit =
            Credit { account, key: key.into(), amount, payment_intent: Some(format!("pi_{key}")), paid: None, payer };
        at(sql, |wallet| wallet.credit(&credit));
    }

    fn browser() -> TokenId {
        "browser".to_owned().into()
    }

    fn mint(sql: &rusqlite::Connection) {
        let (label, caps, expires_at) = ("login".into(), Caps::default(), None);
        let token = NewToken { id: browser(), hash: "hash".into(), label, manage: true, login: true, caps, expires_at };
        at(sql, |wallet| wallet.mint(&token)).unwrap();
    }

    fn visa() -> Card {
        Card::of_fingerprint("print", "visa •••• 4242".into())
    }

    fn home(card: Option<Card>) -> Homecoming {
        Homecoming { payment: "first".into(), card, shows_at: NOW }
    }

    fn come_home(sql: &rusqlite::Connection, home: &Homecoming) -> HomecomingOutcome {
        at(sql, |wallet| wallet.come_home(home, &browser()))
    }

    fn claiming(claim: i64) -> HomecomingOutcome {
        HomecomingOutcome::Claiming { claim }
    }

    fn row(sql: &rusqlite::Connection) -> Vec<Option<String>> {
        let row =
            sql.run("SELECT name, email, card_fingerprint, verified_email FROM users", &[]).unwrap().pop().unwrap();
        let mut row = Reader::new(row);
        (0..4).map(|_| row.optional_text().unwrap()).collect()
    }

    fn owned(sql: &rusqlite::Connection) -> Vec<String> {
        let mut labels: Vec<String> = at(sql, |wallet| wallet.cards()).into_iter().map(|row| row.card.label).collect();
        labels.sort();
        labels
    }

    fn claim(sql: &rusqlite::Connection, card: &Card, number: i64) {
        assert_eq!(come_home(sql, &home(Some(card.clone()))), claiming(number));
        at(sql, |wallet| wallet.claimed(&card.id(), number, true));
    }

    #[test]
    fn a_card_is_owned_when_the_directory_said_so_and_not_before() {
        let sql = account();
        for _ in 0..2 {
            assert_eq!(come_home(&sql, &home(Some(visa()))), claiming(1), "a second visit joins the first");
            assert_eq!((owned(&sql).len(), row(&sql)[2].clone()), (0, None));
        }
        at(&sql, |wallet| wallet.claimed(&visa().id(), 2, false));
        for _ in 0..2 {
            at(&sql, |wallet| wallet.claimed(&visa().id(), 1, true));
            assert_eq!(owned(&sql), ["visa •••• 4242"]);
        }
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(row(&sql), [text("Petra"), text("form@example.com"), text("print"), None]);
        assert_eq!(come_home(&sql, &home(Some(visa()))), HomecomingOutcome::Done);
        assert!(at(&sql, |wallet| wallet.unfinished_cards(9)).is_empty());
        let link = Card::of_link("Petra@Link.Example", "Link p•••@link.example".into());
        claim(&sql, &link, 2);
        assert_eq!(row(&sql)[3].as_deref(), Some("petra@link.example"));
    }

    #[test]
    fn a_link_address_with_a_unicode_look_alike() {
        let id = |email: &str| Card::of_link(email, String::new()).id();
        assert_eq!(id("Kim@Link.Example"), id("kim@link.example"));
        assert_eq!(Card::id_of("Kim@Link.Example"), id("kim@link.example"));
        for text in ["print", &visa().id()] {
            assert_eq!(Card::id_of(text), visa().id());
        }
        for other in ["\u{212a}im@link.example", "k\u{130}m@link.example", "k\u{131}m@link.example"] {
            assert_ne!(id(other), id("kim@link.example"), "{other}");
        }
    }

    #[test]
    fn what_another_account_owns_leaves_only_who_paid() {
        let sql = account();
        come_home(&sql, &home(Some(visa())));
        at(&sql, |wallet| wallet.claimed(&visa().id(), 1, false));
        assert_eq!(row(&sql)[2..], [None, None]);
        assert!(at(&sql, |wallet| wallet.unfinished_cards(9)).is_empty());
    }

    fn texts(row: [Option<&str>; 4]) -> Vec<Option<String>> {
        row.map(|text| text.map(str::to_owned)).to_vec()
    }

    #[test]
    fn the_row_shows_who_came_home_last_as_far_as_the_payment_tells() {
        let sql = account();
        for (key, name, email) in [("second", Some("Zoë"), None), ("third", None, None), ("gift", Some("Eve"), None)] {
            pay(&sql, key, name, email);
        }
        assert_eq!(row(&sql), texts([None; 4]), "whoever paid has not come home");
        for (shows_at, key) in [(3, "third"), (2, "second"), (1, "first")] {
            come_home(&sql, &Homecoming { payment: key.into(), card: None, shows_at });
        }
        assert_eq!(row(&sql), texts([Some("Zoë"), Some("form@example.com"), None, None]));
    }

    #[test]
    fn a_relay_shows_nothing_before_the_payer_is_back_and_a_contest_takes_all_of_it_back() {
        for contested_at in [NOW + 19_999, NOW + 20_000] {
            let sql = account();
            claim(&sql, &visa(), 1);
            let before = row(&sql);
            pay(&sql, "relayed", Some("Victim"), Some("victim@example.com"));
            let other = Card::of_link("victim@link.example", "Link v•••@link.example".into());
            let relayed = Homecoming { payment: "relayed".into(), card: Some(other.clone()), shows_at: NOW + 20_000 };
            assert_eq!(come_home(&sql, &relayed), claiming(2));
            at(&sql, |wallet| wallet.claimed(&other.id(), 2, true));
            assert_eq!(owned(&sql).len(), 2, "it is claimed at once");
            let shown = |now| {
                let (due, cards) = later(&sql, now, |wallet| Ok((wallet.show_what_is_due()?, wallet.shown_cards()?)));
                (due, row(&sql), cards.len())
            };
            assert_eq!(shown(NOW + 19_999), (Some(NOW + 20_000), before.clone(), 1));
            if contested_at > NOW + 19_999 {
                let victim = [Some("Victim"), Some("victim@example.com"), Some("print"), Some("victim@link.example")];
                assert_eq!(shown(contested_at), (None, texts(victim), 2));
            }
            later(&sql, contested_at, |wallet| wallet.disown("relayed"));
            for now in [contested_at, NOW + 60_000] {
                assert_eq!(shown(now).1, before, "as it was");
                assert_eq!((owned(&sql).len(), shown(now).2), (1, 1));
            }
            come_home(&sql, &relayed);
            assert_eq!(shown(NOW + 60_000).1, before, "nor when it comes again");
        }
    }

    #[test]
    fn the_operator_frees_a_card_and_that_is_on_record() {
        let sql = account();
        claim(&sql, &visa(), 1);
        assert_eq!(at(&sql, |wallet| wallet.free_card("unknown")), None);
        for _ in 0..2 {
            at(&sql, |wallet| wallet.free_card(&visa().id()));
            assert_eq!(owned(&sql).len(), 0);
        }
        assert_eq!(at(&sql, |wallet| wallet.unfinished_cards(9))[0].state, State::Releasing);
        let lines = at(&sql, |wallet| wallet.lines(None, 9)).unwrap();
        let freed: Vec<_> = lines.iter().filter(|line| line.kind == "card_freed").collect();
        assert_eq!((freed.len(), freed[0].amount, freed[0].detail.clone()), (1, Cents::ZERO, Some(visa().id())));
    }

    #[test]
    fn a_card_goes_with_its_token_its_payment_or_by_itself() {
        fn dispute(disowned: bool) -> Reversal {
            let (kind, amount, taken) = (Kind::Dispute, Cents::new(5), Cents::ZERO);
            Reversal { kind, id: "du".into(), amount, taken, closed: false, moves: 0, at: 1, disowned }
        }
        let ways: [Act; 3] = [
            |wallet| wallet.release_card(&visa().id()).map(drop),
            |wallet| wallet.revoke(&browser()).map(drop),
            |wallet| wallet.reverse("pi_first", &dispute(true)),
        ];
        for (index, way) in ways.into_iter().enumerate() {
            let sql = account();
            mint(&sql);
            claim(&sql, &visa(), 1);
            at(&sql, |wallet| wallet.revoke(&"another token".to_owned().into())).unwrap();
            at(&sql, |wallet| wallet.reverse("pi_first", &dispute(false)));
            assert_eq!(owned(&sql).len(), 1);
            at(&sql, way);
            assert_eq!((owned(&sql).len(), row(&sql)[2].clone()), (0, None), "{index}");
            let unfinished = at(&sql, |wallet| wallet.unfinished_cards(9));
            assert_eq!((unfinished.len(), unfinished[0].state), (1, State::Releasing));
            at(&sql, |wallet| wallet.released(&visa().id(), 0));
            assert_eq!(at(&sql, |wallet| wallet.unfinished_cards(9)).len(), 1, "of an earlier claim");
            at(&sql, |wallet| wallet.released(&visa().id(), 1));
            assert!(at(&sql, |wallet| wallet.unfinished_cards(9)).is_empty());
            let again = come_home(&sql, &home(Some(visa())));
            assert_eq!(again, if index == 2 { HomecomingOutcome::Done } else { claiming(2) }, "{index}");
        }
    }

    #[test]
    fn claims_that_always_fail_keep_no_later_one_waiting() {
        let sql = account();
        let claim = |number: usize| {
            let card = Card::of_fingerprint(&number.to_string(), number.to_string());
            later(&sql, NOW + number as Millis, |wallet| wallet.come_home(&home(Some(card)), &browser()))
        };
        for number in 0..30 {
            claim(number);
        }
        let fail = |now| {
            let tried = later(&sql, now, |wallet| wallet.unfinished_cards(20));
            later(&sql, now, |wallet| tried.iter().try_for_each(|row| wallet.card_failed(row)));
            tried.into_iter().map(|row| row.card.label.parse::<usize>().unwrap()).collect::<Vec<_>>()
        };
        let first = NOW + 1_000;
        assert_eq!(fail(first), (0..20).collect::<Vec<_>>());
        assert_eq!(later(&sql, first, |wallet| wallet.next_unfinished_card()), Some(0), "the others, at once");
        assert_eq!(fail(first), (20..30).collect::<Vec<_>>());
        assert!(fail(first + 3_999).is_empty());
        claim(30);
        let again = [30].into_iter().chain(0..19).collect::<Vec<_>>();
        assert_eq!(fail(first + 4_000), again, "a new one is not behind those that fail");
        assert_eq!(fail(first + 4_000), (19..30).collect::<Vec<_>>());
        assert_eq!(
            later(&sql, first + 4_000, |wallet| wallet.next_unfinished_card()),
            Some(first + 8_000),
            "the new one"
        );
        // What becomes of a claim is no failure of its release.
        at(&sql, |wallet| wallet.release_card(&Card::of_fingerprint("7", String::new()).id()));
        assert_eq!(fail(first + 4_000), [7]);
    }

    #[test]
    fn a_claim_that_is_made_again_is_not_released_by_the_release_before_it() {
        let sql = account();
        claim(&sql, &visa(), 1);
        at(&sql, |wallet| wallet.release_card(&visa().id()));
        claim(&sql, &visa(), 2);
        at(&sql, |wallet| wallet.released(&visa().id(), 1));
        assert_eq!(owned(&sql).len(), 1);
    }

    #[test]
    fn a_locked_account_gives_up_its_cards_and_claims_none() {
        let sql = account();
        claim(&sql, &visa(), 1);
        at(&sql, |wallet| wallet.lock(true));
        assert_eq!(owned(&sql).len(), 0);
        assert_eq!(come_home(&sql, &home(Some(visa()))), HomecomingOutcome::Done);
        at(&sql, |wallet| wallet.lock(false));
        assert_eq!(come_home(&sql, &home(Some(visa()))), claiming(2));
    }
}
