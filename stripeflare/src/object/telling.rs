//! Tells other objects what they are to hear of this one.

use stripeflare_core::clock::now;
use stripeflare_core::protocol::{Outgoing, acknowledged, outgoing};

use crate::js::log_error;
use crate::object::alarm::plan::Next;
use crate::object::class::Inner;

/// Told in one go; the rest follow.
const BATCH: usize = 20;

impl Inner {
    pub(super) async fn tell(&self) -> Result<Next, String> {
        for message in self.transaction(|| outgoing::due(self, BATCH, now()))? {
            if let Err(cause) = self.tell_one(&message).await {
                log_error(format_args!("{} is told again later: {cause}", message.recipient));
                self.transaction(|| message.failed(self, now()))?;
            }
        }
        self.transaction(|| outgoing::next_due(self))
    }

    async fn tell_one(&self, message: &Outgoing) -> Result<(), String> {
        let envelope = message.envelope().ok_or("a newer release wrote it; deploy that again")?;
        let reply = self.stubs.carry(&message.recipient, &envelope).await?;
        self.transaction(|| acknowledged(self, message, &envelope.command, &reply, now()))
    }
}
