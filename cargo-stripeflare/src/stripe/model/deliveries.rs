//! Which webhooks are to be sent, and how each stands.

use std::collections::HashMap;
use std::time::Duration;

/// How webhooks arrive. The default is as quick and orderly as a network allows.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// How many times each is sent beyond the first, at the same time.
    pub duplicates: u32,
    /// Each waits up to this long, so that they overtake each other.
    pub reorder: Duration,
    /// Each waits this long before its first try.
    pub delay: Duration,
    /// How long an endpoint may take to answer.
    pub timeout: Duration,
    /// Between the first and the second try; doubles with each try.
    pub retry: Duration,
    /// Tries before it is given up.
    pub tries: u32,
    /// Kinds of events that never arrive, as if the endpoint had been down for days; `*` is every kind. They can still
    /// be looked up, and sent by hand.
    pub lost: Vec<String>,
    /// Decides what reordering leaves to chance.
    pub seed: u64,
}

impl Default for Delivery {
    fn default() -> Self {
        Self {
            duplicates: 0,
            reorder: Duration::ZERO,
            delay: Duration::ZERO,
            timeout: Duration::from_secs(20),
            retry: Duration::from_secs(1),
            tries: 16,
            lost: Vec::new(),
            seed: 0,
        }
    }
}

impl Delivery {
    fn loses(&self, kind: &str) -> bool {
        self.lost.iter().any(|lost| lost == "*" || lost == kind)
    }
}

/// One event on its way to one endpoint.
#[derive(Debug, Clone)]
pub struct DeliveryRecord {
    /// `evt_…`
    pub event: String,
    /// Such as `checkout.session.completed`.
    pub kind: String,
    /// `we_…`
    pub endpoint: String,
    /// 0, and more for duplicates.
    pub copy: u32,
    /// What became of each try: the status of the answer, or what went wrong.
    pub tries: Vec<Result<u16, String>>,
    /// How it stands.
    pub progress: Progress,
}

/// How a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Will be tried, perhaps again.
    Pending,
    /// Answered with a 2xx.
    Delivered,
    /// The endpoint never answered with a 2xx, or is gone; or the webhook was lost on purpose.
    GivenUp,
}

/// All deliveries, and those that nobody has started yet.
#[derive(Debug, Default)]
pub(crate) struct Deliveries {
    records: Vec<DeliveryRecord>,
    by_event: HashMap<String, Vec<usize>>,
    queued: Vec<Queued>,
    pending: usize,
}

#[derive(Debug, Clone, Copy)]
struct Queued {
    index: usize,
    by_hand: bool,
}

impl Deliveries {
    pub(crate) fn queue(&mut self, event: &str, kind: &str, endpoint: &str) {
        self.add(Self::first(event, kind, endpoint), false);
    }

    /// As the dashboard's button does: this one is not lost.
    pub(crate) fn queue_by_hand(&mut self, event: &str, kind: &str, endpoint: &str) {
        self.add(Self::first(event, kind, endpoint), true);
    }

    fn first(event: &str, kind: &str, endpoint: &str) -> DeliveryRecord {
        DeliveryRecord {
            event: event.to_owned(),
            kind: kind.to_owned(),
            endpoint: endpoint.to_owned(),
            copy: 0,
            tries: Vec::new(),
            progress: Progress::Pending,
        }
    }

    /// What to start now, with its duplicates.
    pub(crate) fn take_queued(&mut self, delivery: &Delivery) -> Vec<usize> {
        for Queued { index, by_hand } in std::mem::take(&mut self.queued) {
            if !by_hand && delivery.loses(&self.records[index].kind) {
                self.give_up(index);
                continue;
            }
            self.queued.push(Queued { index, by_hand });
            for copy in 1..=delivery.duplicates {
                self.add(DeliveryRecord { copy, ..self.records[index].clone() }, by_hand);
            }
        }
        std::mem::take(&mut self.queued).into_iter().map(|queued| queued.index).collect()
    }

    pub(crate) fn all(&self) -> &[DeliveryRecord] {
        &self.records
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.pending == 0
    }

    pub(crate) fn of_event(&self, event: &str) -> impl Iterator<Item = &DeliveryRecord> {
        self.by_event.get(event).into_iter().flatten().map(|index| &self.records[*index])
    }

    fn add(&mut self, record: DeliveryRecord, by_hand: bool) {
        let index = self.records.len();
        self.by_event.entry(record.event.clone()).or_default().push(index);
        self.queued.push(Queued { index, by_hand });
        self.records.push(record);
        self.pending += 1;
    }

    pub(crate) fn tried(&mut self, index: usize, outcome: Result<u16, String>, most: usize) -> Progress {
        let record = &mut self.records[index];
        record.progress = match outcome {
            Ok(200..=299) => Progress::Delivered,
            _ if record.tries.len() + 1 >= most => Progress::GivenUp,
            _ => Progress::Pending,
        };
        record.tries.push(outcome);
        self.pending -= usize::from(record.progress != Progress::Pending);
        record.progress
    }

    pub(crate) fn give_up(&mut self, index: usize) {
        self.records[index].progress = Progress::GivenUp;
        self.pending -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delivery_ends_with_a_2xx_or_the_last_try() {
        let mut deliveries = Deliveries::default();
        deliveries.queue("evt_1", "charge.succeeded", "we_1");
        let twice = Delivery { duplicates: 1, ..Delivery::default() };
        assert_eq!(deliveries.take_queued(&twice), [0, 1]);
        assert_eq!(deliveries.tried(0, Ok(302), 3), Progress::Pending);
        assert_eq!(deliveries.tried(0, Err("refused".to_owned()), 3), Progress::Pending);
        assert_eq!(deliveries.tried(0, Ok(500), 3), Progress::GivenUp);
        assert!(!deliveries.is_idle());
        assert_eq!(deliveries.tried(1, Ok(204), 3), Progress::Delivered);
        assert!(deliveries.is_idle());
        assert!(deliveries.take_queued(&twice).is_empty());
    }

    #[test]
    fn what_is_lost_can_be_sent_by_hand() {
        let mut deliveries = Deliveries::default();
        let delivery = Delivery { lost: vec!["refund.created".to_owned()], ..Delivery::default() };
        deliveries.queue("evt_1", "refund.created", "we_1");
        deliveries.queue("evt_2", "refund.updated", "we_1");
        assert_eq!(deliveries.take_queued(&delivery), [1]);
        assert_eq!(deliveries.all()[0].progress, Progress::GivenUp);
        deliveries.queue_by_hand("evt_1", "refund.created", "we_1");
        assert_eq!(deliveries.take_queued(&delivery), [2]);
    }
}
