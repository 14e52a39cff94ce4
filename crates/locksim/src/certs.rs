//! Certificates for a broker with TLS: an authority made for one test, and a server certificate signed by it.

use std::net::{IpAddr, Ipv4Addr};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType};

use crate::Error;

/// An authority and a server certificate for `localhost` and 127.0.0.1, all in PEM.
#[derive(Debug, Clone)]
pub struct TestCertificates {
    /// The authority, to be trusted by clients.
    pub ca: String,
    /// The server's certificate.
    pub server: String,
    /// The server's private key.
    pub key: String,
}

impl TestCertificates {
    /// Makes a fresh set.
    pub fn make() -> Result<Self, Error> {
        let mut authority = CertificateParams::default();
        authority.distinguished_name.push(DnType::CommonName, "locksim test authority");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let authority_key = KeyPair::generate()?;
        let ca = authority.self_signed(&authority_key)?.pem();
        let issuer = Issuer::new(authority, authority_key);

        let mut server = CertificateParams::new(vec!["localhost".to_owned()])?;
        server.distinguished_name.push(DnType::CommonName, "localhost");
        server.subject_alt_names.push(SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST)));
        let key = KeyPair::generate()?;
        let signed = server.signed_by(&key, &issuer)?;
        Ok(Self { ca, server: signed.pem(), key: key.serialize_pem() })
    }
}
