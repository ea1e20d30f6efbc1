//! TLS with an application.

use std::{io, sync::Arc};

use hyper_rustls::ConfigBuilderExt;
use tokio_rustls::{
    TlsConnector,
    rustls::{
        self, ClientConfig, DigitallySignedStruct, SignatureScheme,
        client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        crypto::{self, CryptoProvider},
        pki_types::{CertificateDer, ServerName, UnixTime},
    },
};

use super::Certificate;

/// HTTP/2 and HTTP/1.1 as ALPN calls them.
pub(super) const HTTP_2: &[u8] = b"h2";
const HTTP_1: &[u8] = b"http/1.1";

/// Which versions of HTTP the edge offers to an application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Offered {
    /// HTTP/2, or else HTTP/1.1: what Cloudflare offers by default.
    Both,
    /// A change to another protocol, such as a WebSocket, goes over HTTP/1.1.
    Http1,
}

/// How handshakes with one application are made.
pub(super) struct Tls {
    both: TlsConnector,
    http1: TlsConnector,
}

impl Tls {
    pub(super) fn new(certificate: Certificate) -> Result<Self, rustls::Error> {
        let provider = Arc::new(crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()?;
        let mut config = match certificate {
            Certificate::Valid => builder.with_webpki_roots(),
            Certificate::Any => builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider))),
        }
        .with_no_client_auth();
        config.alpn_protocols = vec![HTTP_1.to_vec()];
        let http1 = TlsConnector::from(Arc::new(config.clone()));
        config.alpn_protocols = vec![HTTP_2.to_vec(), HTTP_1.to_vec()];
        Ok(Self {
            both: TlsConnector::from(Arc::new(config)),
            http1,
        })
    }

    pub(super) fn connector(&self, offered: Offered) -> &TlsConnector {
        match offered {
            Offered::Both => &self.both,
            Offered::Http1 => &self.http1,
        }
    }
}

/// Whether a handshake failed because the edge did not take the application's certificate.
pub(super) fn is_about_certificate(error: &io::Error) -> bool {
    let inner = error.get_ref();
    let error = inner.and_then(|error| error.downcast_ref::<rustls::Error>());
    matches!(error, Some(rustls::Error::InvalidCertificate(_)))
}

/// Takes every certificate; the application must still have its key.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.0.signature_verification_algorithms;
        crypto::verify_tls12_signature(message, certificate, signed, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.0.signature_verification_algorithms;
        crypto::verify_tls13_signature(message, certificate, signed, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
