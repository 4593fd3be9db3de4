//! Writes what an account has pending when nothing else does.

use std::rc::Rc;
use std::time::Duration;

use stripeflare_core::clock::{Millis, now};
use stripeflare_core::protocol::account::write_group;
use wasm_bindgen::JsValue;

use crate::js::{log_error, promise, sleep};
use crate::object::class::Inner;

/// Before a group that could not be written is tried again. Until then each command tries, too, and fails with it.
const AGAIN_MS: Millis = 1_000;
/// One that is overdue for so long was lost to a panic.
const LOST_MS: Millis = 1_000;

impl Inner {
    /// Sees to it that what is pending is written in time.
    pub(super) fn arm(self: &Rc<Self>, now: Millis) {
        if let Some(due) = self.memory.due(now) {
            self.arm_for(due, now);
        }
    }

    fn arm_for(self: &Rc<Self>, due: Millis, now: Millis) {
        if self.timer.get().is_some_and(|at| at <= due && at > now - LOST_MS) {
            return;
        }
        self.timer.set(Some(due));
        let (this, wait) = (Rc::clone(self), (due - now).max(0));
        // Nobody waits for it.
        drop(promise(async move {
            sleep(Duration::from_millis(wait.unsigned_abs())).await;
            // Otherwise another one is due before.
            if this.timer.get() == Some(due) {
                this.timer.set(None);
                this.write();
            }
            Ok(JsValue::UNDEFINED)
        }));
    }

    fn write(self: &Rc<Self>) {
        // Something else may wait by now.
        let now = now();
        if self.memory.due(now).is_none_or(|due| due > now) {
            return self.arm(now);
        }
        match self.transaction(|| write_group(&**self, now)) {
            Ok(()) => self.arm(now),
            Err(cause) => {
                log_error(format_args!("what is pending could not be written yet: {cause}"));
                self.arm_for(now + AGAIN_MS, now);
            }
        }
    }
}
