//! Cards that log in.

use super::Account;
use crate::audit::Audit;

impl Account {
    pub(super) fn check_cards(&self, wrong: &mut Vec<String>, audit: &mut Audit) {
        for card in &self.cards {
            if !matches!(card.state.as_str(), "claiming" | "owned" | "releasing") {
                wrong.push(format!("its card {} is {}", card.label, card.state));
            }
            if card.state == "owned" && self.disowned.contains(&card.payment) {
                wrong.push(format!("it owns {} by a payment that was disowned", card.label));
            }
            if card.state != "owned" {
                audit.unfinished(&self.id, format!("its card {} is {} still", card.label, card.state));
            }
        }
    }
}
