//! Tokens, their rights and caps.

use std::collections::BTreeSet;

use super::{Account, Token, is_hex, is_spent};

/// Tokens an account may have.
const MAX_TOKENS: usize = 100;

impl Account {
    pub(super) fn check_tokens(&self, wrong: &mut Vec<String>) {
        let mut seen = BTreeSet::new();
        for Token { id, hash, manage, caps, spent_day, spent_total, .. } in &self.tokens {
            match hash {
                Some(hash) if !is_hex(hash, 64) => wrong.push(format!("the token {id} has no hash but {hash}")),
                Some(hash) if !seen.insert(hash) => wrong.push(format!("the token {id} has another one's secret")),
                // Of a login: what hangs on it still does.
                None if id != "first" && !self.tokens.iter().any(|token| token.made_by.as_ref() == Some(id)) => {
                    wrong.push(format!("the token {id} has ended and is still there"));
                }
                _ => {}
            }
            let capped = caps.iter().flatten().count() > 0;
            if capped && *manage || caps.iter().flatten().any(|cap| *cap <= 0) {
                wrong.push(format!("the token {id} has a cap that is none: {caps:?}"));
            }
            for (cap, spent) in caps.iter().zip([spent_day, spent_total]) {
                if let Some(cap) = cap.filter(|cap| spent > cap) {
                    wrong.push(format!("the token {id} has spent {spent} of its {cap}"));
                }
            }
            if *spent_day < 0 || spent_day > spent_total || (!capped && *spent_total != 0) {
                wrong.push(format!("the token {id} has spent {spent_day} of {spent_total} in a day"));
            }
        }
        let spends = self.entries.iter().filter(|entry| is_spent(entry));
        let charged: i64 = spends.map(|entry| -entry.amount).sum();
        let spent: i64 = self.tokens.iter().map(|token| token.spent_total).sum();
        if spent > charged {
            wrong.push(format!("its tokens have spent {spent} of {charged} charged"));
        }
        let living = self.tokens.iter().filter(|token| token.hash.is_some() || token.id == "first").count();
        if living > MAX_TOKENS {
            wrong.push(format!("it has {living} tokens"));
        }
    }
}
