//! An authority that signs certificates for the servers of tests.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, PublicKeyData,
};
use tokio_rustls::rustls::{
    ServerConfig,
    crypto::ring::default_provider,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
};

/// An authority.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    /// One with a new key.
    pub fn new(name: &str) -> Self {
        let mut parameters = CertificateParams::default();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        Self(CertifiedIssuer::self_signed(parameters, key).unwrap())
    }

    /// Its certificate.
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// Its public key, as certificates have it.
    pub fn public_key(&self) -> Vec<u8> {
        self.0.key().subject_public_key_info()
    }

    /// What a server of these hosts proves itself with, without the authority's own certificate.
    pub fn server(&self, hosts: &[&str]) -> ServerConfig {
        self.server_that_sends(hosts, &[])
    }

    /// The same with the authority's own certificate behind it, as Chromium wants it of one that it knows by its key alone.
    pub fn server_with_chain(&self, hosts: &[&str]) -> ServerConfig {
        self.server_that_sends(hosts, std::slice::from_ref(self.0.der()))
    }

    fn server_that_sends(
        &self,
        hosts: &[&str],
        behind: &[CertificateDer<'static>],
    ) -> ServerConfig {
        let hosts: Vec<String> = hosts.iter().map(|&host| host.to_owned()).collect();
        let mut parameters = CertificateParams::new(hosts).unwrap();
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let key = KeyPair::generate().unwrap();
        let certificate = parameters.signed_by(&key, &self.0).unwrap();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert([&[certificate.der().clone()], behind].concat(), key)
            .unwrap()
    }
}
