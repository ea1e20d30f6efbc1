//! A certificate authority of the user's own, as browsers and clients take it.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use edgeproof_browser::{Reach, Trust};
use ring::digest::{SHA256, digest};
use tokio_rustls::{
    TlsConnector,
    rustls::{
        ClientConfig, RootCertStore,
        pki_types::{CertificateDer, ServerName, pem::PemObject},
    },
};

/// How long a host may take to show its certificate.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// An authority that is trusted besides those that the machine knows.
#[derive(Clone, Debug)]
pub(crate) struct Authority {
    /// The file it was read from.
    pub(crate) file: PathBuf,
    pub(crate) trust: Trust,
}

impl Authority {
    /// Reads a file with one certificate in PEM, or says why it is none.
    pub(crate) fn read(file: &Path) -> Result<Self, String> {
        let pem =
            std::fs::read_to_string(file).map_err(|error| format!("it cannot be read: {error}"))?;
        let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
        let mut all = all.map_err(|error| error.to_string())?;
        let (Some(certificate), true) = (all.pop(), all.is_empty()) else {
            return Err("it has not one certificate".to_owned());
        };
        Ok(Self {
            file: file.to_owned(),
            trust: Trust {
                key: key_of(certificate)?,
                certificate: pem,
            },
        })
    }

    /// What browsers trust because of it. Chromium takes keys, and looks for them among the certificates that a server sends,
    /// which need not send its authority's: so the key of each host is among them whose certificate is verified here.
    pub(crate) async fn trust_at(
        &self,
        hosts: impl Iterator<Item = &String>,
        reach: &Reach,
        trusted: &Arc<ClientConfig>,
    ) -> Trust {
        let mut trust = self.trust.clone();
        for host in hosts {
            // A host that cannot be reached, or has another certificate, is told of by the one who visits it.
            let asked = tokio::time::timeout(HANDSHAKE, key_at(host, reach, trusted)).await;
            if let Ok(Some(key)) = asked {
                trust.key.push(',');
                trust.key.push_str(&key);
            }
        }
        trust
    }
}

/// The key of a host whose certificate is trusted.
async fn key_at(host: &str, reach: &Reach, trusted: &Arc<ClientConfig>) -> Option<String> {
    let stream = reach.connect(host, 443).await.ok()?;
    let name = ServerName::try_from(host.to_owned()).ok()?;
    let connector = TlsConnector::from(Arc::clone(trusted));
    let stream = connector.connect(name, stream).await.ok()?;
    let (_, connection) = stream.get_ref();
    let certificate = connection.peer_certificates()?.first()?;
    key_of(certificate.clone().into_owned()).ok()
}

/// The SHA-256 of a certificate's public key, in base64.
fn key_of(certificate: CertificateDer<'_>) -> Result<String, String> {
    let mut store = RootCertStore::empty();
    store.add(certificate).map_err(|error| error.to_string())?;
    let root = store.roots.first().ok_or("it has no certificate")?;
    let key = digest(&SHA256, &sequence(&root.subject_public_key_info));
    Ok(STANDARD.encode(key))
}

/// A sequence with this content (X.690 §8.9); rustls keeps a key without it.
fn sequence(content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x30];
    let length = content.len().to_be_bytes();
    let length: Vec<u8> = length.into_iter().skip_while(|byte| *byte == 0).collect();
    match content.len() {
        0..0x80 => bytes.push(length.first().copied().unwrap_or_default()),
        _ => {
            // At most eight bytes.
            bytes.push(0x80 | length.len() as u8);
            bytes.extend(length);
        }
    }
    bytes.extend(content);
    bytes
}
