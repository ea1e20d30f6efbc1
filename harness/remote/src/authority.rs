//! A certificate authority of the user's own, as browsers and clients take it.

use std::path::{Path, PathBuf};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use edgeproof_browser::Trust;
use ring::digest::{SHA256, digest};
use tokio_rustls::rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};

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
        let mut store = RootCertStore::empty();
        store.add(certificate).map_err(|error| error.to_string())?;
        let root = store.roots.first().ok_or("it has no certificate")?;
        let key = digest(&SHA256, &sequence(&root.subject_public_key_info));
        Ok(Self {
            file: file.to_owned(),
            trust: Trust {
                key: STANDARD.encode(key),
                certificate: pem,
            },
        })
    }
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
