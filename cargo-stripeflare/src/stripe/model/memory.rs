//! What the stand-in knows, as a file, for the next run.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::deliveries::Progress;
use super::state::{Remembered, State};

/// Everything but how deliveries went.
#[derive(Serialize, Deserialize)]
struct Memory {
    /// By kind, oldest first.
    objects: HashMap<String, Vec<Value>>,
    idempotency: HashMap<String, Remembered>,
    endpoint_secrets: HashMap<String, Vec<String>>,
    unsettled: BTreeMap<String, bool>,
    undelivered: Vec<Undelivered>,
}

#[derive(Serialize, Deserialize)]
struct Undelivered {
    event: String,
    kind: String,
    endpoint: String,
}

impl State {
    /// Takes up what an earlier run left, if it did.
    pub(crate) fn recall(&mut self, path: &Path) -> Result<()> {
        let text = match fs::read(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            text => text.with_context(|| format!("cannot read {}", path.display()))?,
        };
        let memory: Memory = serde_json::from_slice(&text)
            .with_context(|| format!("{} is of another version: --fresh drops it", path.display()))?;
        for object in memory.objects.into_values().flatten() {
            self.insert(object);
        }
        self.idempotency = memory.idempotency;
        self.endpoint_secrets = memory.endpoint_secrets;
        self.unsettled = memory.unsettled;
        for Undelivered { event, kind, endpoint } in memory.undelivered {
            self.deliveries.queue(&event, &kind, &endpoint);
        }
        Ok(())
    }

    /// As text for the file.
    pub(crate) fn memory(&self) -> Vec<u8> {
        let pending = self.deliveries.all().iter().filter(|it| it.progress == Progress::Pending && it.copy == 0);
        let memory = Memory {
            objects: self.kinds().map(|(kind, objects)| (kind.to_owned(), objects.to_vec())).collect(),
            idempotency: self.idempotency.clone(),
            endpoint_secrets: self.endpoint_secrets.clone(),
            unsettled: self.unsettled.clone(),
            undelivered: pending
                .map(|it| Undelivered { event: it.event.clone(), kind: it.kind.clone(), endpoint: it.endpoint.clone() })
                .collect(),
        };
        serde_json::to_vec(&memory).expect("JSON can be written")
    }
}

/// As a whole or not at all, for its owner alone: there are secrets in it.
pub(crate) fn write(path: &Path, memory: &[u8]) -> Result<()> {
    let draft = path.with_extension("draft");
    let write = || {
        fs::create_dir_all(path.parent().unwrap_or(path))?;
        File::options().create(true).write(true).truncate(true).mode(0o600).open(&draft)?.write_all(memory)?;
        fs::rename(&draft, path)
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}
