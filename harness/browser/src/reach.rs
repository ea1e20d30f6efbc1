//! The part of the real network that visitors reach.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::net::TcpStream;

use crate::gateway::is_among;

/// The hosts of the real network that may be reached, and those that were asked for all the same. Clones share both.
#[derive(Clone, Debug, Default)]
pub struct Reach(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    hosts: BTreeSet<String>,
    /// Each with all names below it.
    others: Vec<String>,
    addresses: BTreeMap<String, SocketAddr>,
    refused: Mutex<BTreeSet<String>>,
}

impl Reach {
    /// Exactly these hosts, and these others with all names below them. A host with an address is reached there, whatever
    /// port is asked for; all others are looked up as any program of this machine looks them up.
    pub fn new(
        hosts: impl IntoIterator<Item = String>,
        others: Vec<String>,
        addresses: BTreeMap<String, SocketAddr>,
    ) -> Self {
        Self(Arc::new(Inner {
            hosts: hosts.into_iter().collect(),
            others,
            addresses,
            refused: Mutex::default(),
        }))
    }

    /// The same without the others, for those who are no browsers.
    #[must_use]
    pub fn without_others(&self) -> Self {
        let Inner {
            hosts, addresses, ..
        } = &*self.0;
        Self::new(hosts.iter().cloned(), Vec::new(), addresses.clone())
    }

    /// Opens a connection to a host.
    ///
    /// # Errors
    /// When it is none of those that may be reached, of which [`Reach::take_refused`] tells then, or cannot be reached.
    pub async fn connect(&self, host: &str, port: u16) -> io::Result<TcpStream> {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let others: Vec<&str> = self.0.others.iter().map(String::as_str).collect();
        if !self.0.hosts.contains(&host) && !is_among(&host, &others) {
            self.refusals().insert(host);
            let why = "it is none of the hosts that were named, so nothing was sent";
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
        }
        let stream = match self.0.addresses.get(&host) {
            Some(address) => TcpStream::connect(address).await?,
            None => TcpStream::connect((host.as_str(), port)).await?,
        };
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    /// The hosts that were asked for since the last time and may not be reached.
    pub fn take_refused(&self) -> BTreeSet<String> {
        std::mem::take(&mut *self.refusals())
    }

    fn refusals(&self) -> std::sync::MutexGuard<'_, BTreeSet<String>> {
        self.0
            .refused
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use tokio::net::TcpListener;

    use super::*;

    #[rstest]
    #[case("staging.shop.example", true)]
    #[case("Staging.Shop.example.", true)]
    #[case::below_a_named_host("api.staging.shop.example", false)]
    #[case::above("shop.example", false)]
    #[case::another("js.pay.example", true)]
    #[case::only_looks_like_it("notpay.example", false)]
    #[tokio::test]
    async fn only_named_hosts_are_reached_and_the_others_are_told(
        #[case] host: &str,
        #[case] is_reached: bool,
    ) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let all = ["staging.shop.example", "js.pay.example"];
        let reach = Reach::new(
            [all[0].to_owned()],
            vec!["pay.example".to_owned()],
            all.map(|name| (name.to_owned(), address)).into(),
        );
        let connected = reach.connect(host, 443).await;
        assert_eq!(connected.is_ok(), is_reached);
        let refused: Vec<String> = reach.take_refused().into_iter().collect();
        let expected: &[&str] = if is_reached { &[] } else { &[host] };
        assert_eq!(refused, expected);
        assert_eq!(reach.take_refused().len(), 0);
    }
}
