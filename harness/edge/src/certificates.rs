//! TLS of the zones: a certificate authority made at start, one certificate for each host, chosen by SNI.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
    PublicKeyData as _, SerialNumber,
};
use tokio_rustls::rustls::{
    self, ClientConfig, RootCertStore, ServerConfig,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};

/// The protocols the edge offers, the preferred one first.
const PROTOCOLS: [&[u8]; 3] = [b"h2", b"http/1.1", b"http/1.0"];

/// A throw-away certificate authority. Its key lives in this process only.
pub struct CertificateAuthority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    // All hosts share one key: making keys is what costs, and nothing here depends on them being different.
    leaf_key: KeyPair,
    provider: Arc<CryptoProvider>,
}

/// Why certificates could not be made.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A key or a certificate could not be made.
    #[error("a certificate could not be made")]
    Generation(#[from] rcgen::Error),
    /// rustls did not take what was made.
    #[error("TLS could not be set up")]
    Tls(#[from] rustls::Error),
}

impl CertificateAuthority {
    /// The authority all rigs of this process share, made at the first call.
    ///
    /// # Errors
    /// Where the key or its certificate cannot be made.
    pub fn of_process() -> Result<Arc<Self>, CertificateError> {
        static SHARED: OnceLock<Arc<CertificateAuthority>> = OnceLock::new();
        if let Some(authority) = SHARED.get() {
            return Ok(Arc::clone(authority));
        }
        let made = Arc::new(Self::new()?);
        Ok(Arc::clone(SHARED.get_or_init(|| made)))
    }

    /// A new authority.
    ///
    /// # Errors
    /// Where the key or its certificate cannot be made.
    pub fn new() -> Result<Self, CertificateError> {
        let mut parameters = CertificateParams::default();
        parameters
            .distinguished_name
            .push(DnType::CommonName, "edgeproof throw-away authority");
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        Ok(Self {
            issuer: CertifiedIssuer::self_signed(parameters, KeyPair::generate()?)?,
            leaf_key: KeyPair::generate()?,
            provider: Arc::new(rustls::crypto::ring::default_provider()),
        })
    }

    /// The authority's certificate, for clients that take a file of trusted roots.
    pub fn certificate_pem(&self) -> String {
        self.issuer.pem()
    }

    /// The SHA-256 of the authority's public key in base64, as Chromium's
    /// `--ignore-certificate-errors-spki-list` takes it.
    pub fn spki_sha256_base64(&self) -> String {
        let key = self.issuer.key().subject_public_key_info();
        STANDARD.encode(ring::digest::digest(&ring::digest::SHA256, &key))
    }

    /// The authority as the only trusted root.
    ///
    /// # Errors
    /// Where rustls does not take the authority's certificate.
    pub fn root_store(&self) -> Result<RootCertStore, CertificateError> {
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone())?;
        Ok(roots)
    }

    /// TLS for an HTTP client that trusts this authority and nobody else, and offers `protocols` by ALPN.
    ///
    /// # Errors
    /// Where rustls does not take the authority's certificate.
    pub fn client_config(&self, protocols: &[&[u8]]) -> Result<ClientConfig, CertificateError> {
        let mut config = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(self.root_store()?)
            .with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        Ok(config)
    }

    /// TLS for the edge: a certificate for every host that `serves` knows, a refused handshake for the others.
    pub(super) fn server_config(
        self: &Arc<Self>,
        serves: impl Fn(&str) -> bool + Send + Sync + 'static,
    ) -> Result<ServerConfig, CertificateError> {
        let mut config = ServerConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(Resolver {
                authority: Arc::clone(self),
                serves: Box::new(serves),
                made: Mutex::default(),
            }));
        config.alpn_protocols = PROTOCOLS.iter().map(|name| name.to_vec()).collect();
        Ok(config)
    }

    fn certificate_for(&self, host: &str) -> Result<CertifiedKey, CertificateError> {
        let mut parameters = CertificateParams::new([host.to_owned()])?;
        // Without one of its own it has that of its key, which all hosts share: Firefox refuses a second certificate then.
        parameters.serial_number = Some(SerialNumber::from(fastrand::u64(1..)));
        parameters.distinguished_name.push(DnType::CommonName, host);
        let leaf = parameters.signed_by(&self.leaf_key, &self.issuer)?;
        // Chromium looks for the pinned key among the certificates that were sent, so the authority's goes along.
        let chain: Vec<CertificateDer<'static>> =
            vec![leaf.der().clone(), self.issuer.der().clone()];
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(self.leaf_key.serialize_der()));
        Ok(CertifiedKey::from_der(chain, key, &self.provider)?)
    }
}

impl fmt::Debug for CertificateAuthority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CertificateAuthority")
            .finish_non_exhaustive()
    }
}

/// Makes certificates when their host is first asked for.
struct Resolver {
    authority: Arc<CertificateAuthority>,
    serves: Box<dyn Fn(&str) -> bool + Send + Sync>,
    made: Mutex<HashMap<String, Arc<CertifiedKey>>>,
}

impl ResolvesServerCert for Resolver {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let host = hello.server_name()?.to_ascii_lowercase();
        if !(self.serves)(&host) {
            return None;
        }
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = made.get(&host) {
            return Some(Arc::clone(key));
        }
        let key = Arc::new(self.authority.certificate_for(&host).ok()?);
        made.insert(host, Arc::clone(&key));
        Some(key)
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resolver").finish_non_exhaustive()
    }
}
