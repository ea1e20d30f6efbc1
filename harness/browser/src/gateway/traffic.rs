//! How many connections lead to each host.

use std::{collections::HashMap, sync::Arc};

use tokio::sync::watch;

/// The connections to each host. Clones share them.
#[derive(Clone, Debug)]
pub(crate) struct Traffic {
    hosts: Arc<watch::Sender<HashMap<String, Host>>>,
}

/// The connections to one host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Host {
    /// Those that are open.
    pub(crate) open: usize,
    /// All that there ever were.
    pub(crate) opened: u64,
}

impl Default for Traffic {
    fn default() -> Self {
        Self {
            hosts: Arc::new(watch::Sender::new(HashMap::new())),
        }
    }
}

impl Traffic {
    /// A connection to a host is open until what is returned is dropped.
    pub(crate) fn open(&self, host: String) -> Open {
        self.hosts.send_modify(|hosts| {
            let connections = hosts.entry(host.clone()).or_default();
            connections.open += 1;
            connections.opened += 1;
        });
        Open {
            host,
            traffic: self.clone(),
        }
    }

    /// The connections to a host.
    pub(crate) fn of(&self, host: &str) -> Host {
        self.hosts.borrow().get(host).copied().unwrap_or_default()
    }

    /// Tells when connections come and go.
    pub(crate) fn changes(&self) -> watch::Receiver<HashMap<String, Host>> {
        self.hosts.subscribe()
    }
}

/// An open connection.
#[derive(Debug)]
pub(crate) struct Open {
    host: String,
    traffic: Traffic,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.traffic.hosts.send_modify(|hosts| {
            if let Some(connections) = hosts.get_mut(&self.host) {
                connections.open -= 1;
            }
        });
    }
}
