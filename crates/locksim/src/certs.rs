//! Certificates for a server with TLS: an authority made for one test, and a server certificate signed by it.

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose, date_time_ymd};

use crate::Error;

/// An authority and a server certificate, for `localhost` and 127.0.0.1 unless said otherwise, all in PEM.
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
        Self::made(&["localhost", "127.0.0.1"], None)
    }

    /// Makes a fresh set whose server certificate is for these names and addresses instead.
    pub fn make_for(names: &[&str]) -> Result<Self, Error> {
        Self::made(names, None)
    }

    /// Makes a fresh set whose server certificate ran out years ago.
    pub fn make_expired() -> Result<Self, Error> {
        Self::made(&["localhost", "127.0.0.1"], Some(2020))
    }

    fn made(names: &[&str], ended: Option<i32>) -> Result<Self, Error> {
        let mut authority = CertificateParams::default();
        authority.distinguished_name.push(DnType::CommonName, "locksim test authority");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let authority_key = KeyPair::generate()?;
        let ca = authority.self_signed(&authority_key)?.pem();
        let issuer = Issuer::new(authority, authority_key);

        let mut server = CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())?;
        server.distinguished_name.push(DnType::CommonName, "locksim test server");
        if let Some(year) = ended {
            (server.not_before, server.not_after) = (date_time_ymd(year - 1, 1, 1), date_time_ymd(year, 1, 1));
        }
        let key = KeyPair::generate()?;
        let signed = server.signed_by(&key, &issuer)?;
        Ok(Self { ca, server: signed.pem(), key: key.serialize_pem() })
    }
}
